//! A database that is full before its server starts: users, conversations and history, by `rollcall import`.
//!
//! Ten thousand accounts made over HTTP, or a million messages sent one by one, would take longer than everything that is
//! measured. What is imported lies in the same tables with the same indexes as what was sent.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::servers::{Programs, token};

/// When everything of the seed was made: 2026-01-01.
const BORN: i64 = 1_767_225_600_000;

/// People and conversations, as their clients know them.
#[derive(Debug)]
pub(crate) struct People {
    /// Ids of conversations.
    pub(crate) rooms: Vec<String>,
    /// Everybody.
    pub(crate) members: Vec<Member>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// What they give on connecting.
    pub(crate) auth: String,
    /// Their token.
    pub(crate) token: String,
    /// What they are in: indexes of the rooms.
    pub(crate) rooms: Vec<usize>,
}

/// Who is in what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Accounts.
    pub(crate) users: usize,
    /// Conversations.
    pub(crate) rooms: usize,
    /// Members of each: the accounts in turn.
    pub(crate) members: usize,
    /// Messages that each conversation holds already.
    pub(crate) history: usize,
}

impl Shape {
    /// The account that is member number `at` of a room.
    fn member(&self, room: usize, at: usize) -> usize {
        (room * self.members + at) % self.users
    }

    /// The same people and rooms as the clients know them.
    pub(crate) fn people(&self, receipts: bool) -> Result<People> {
        let mut members = Vec::with_capacity(self.users);
        for user in 0..self.users {
            let token = token(&user_id(user), "user")?;
            let auth = json!({ "token": token, "receipts": receipts }).to_string();
            members.push(Member {
                auth,
                token,
                rooms: Vec::new(),
            });
        }
        let mut rooms = Vec::with_capacity(self.rooms);
        for room in 0..self.rooms {
            for at in 0..self.members {
                members[self.member(room, at)].rooms.push(room);
            }
            rooms.push(room_id(room));
        }
        Ok(People { rooms, members })
    }

    /// Puts them into the data folder of a server that does not run yet.
    pub(crate) fn import(&self, programs: &Programs, folder: &Path) -> Result<()> {
        let program = programs.binaries.join("rollcall");
        let mut child = Command::new(&program)
            .arg("import")
            .env("ROLLCALL_DATA_DIR", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let pipe = child.stdin.take().context("a pipe was asked for")?;
        let written = self.write(BufWriter::with_capacity(1 << 20, pipe));
        let status = child.wait()?;
        ensure!(status.success(), "rollcall import failed: {status}");
        written
    }

    fn write(&self, mut out: impl Write) -> Result<()> {
        let mut line = |value: &Value| -> Result<()> {
            serde_json::to_writer(&mut out, value)?;
            Ok(out.write_all(b"\n")?)
        };
        line(&json!({ "type": "export", "version": 1, "epoch": "seed" }))?;
        for user in 0..self.users {
            let id = user_id(user);
            line(
                &json!({ "type": "user", "id": id, "username": id, "display_name": id, "role": "user",
                "created_at": BORN, "disabled_at": null }),
            )?;
        }
        for room in 0..self.rooms {
            let id = room_id(room);
            let history = i64::try_from(self.history)?;
            // They have read it all: what is unread is counted at each connect, and that is another matter.
            let member = |at| {
                json!({ "user_id": user_id(self.member(room, at)), "role": "member", "joined_at": BORN, "joined_seq": 0,
                "received_seq": history, "read_seq": history })
            };
            let participants: Vec<Value> = (0..self.members).map(member).collect();
            line(
                &json!({ "type": "conversation", "id": id, "kind": "group", "title": format!("Room {room}"),
                "direct_key": null, "created_at": BORN, "participants": participants }),
            )?;
            for seq in 1..=self.history {
                let sender = user_id(self.member(room, seq % self.members));
                line(
                    &json!({ "type": "message", "id": format!("seed-{room}-{seq}"), "conversation_id": id, "seq": seq,
                    "sender_id": sender, "sender_name": sender, "content": format!("{} says message {seq} of long ago, \
                    and the quick brown fox jumps over {} lazy dogs", WORDS[seq % WORDS.len()], seq % 97),
                    "created_at": "2026-01-01T00:00:00.000Z", "client_message_id": null, "reply_to": null,
                    "edited_at": null, "deleted_at": null }),
                )?;
            }
        }
        Ok(out.flush()?)
    }
}

/// So that the index of words has some.
const WORDS: [&str; 12] = [
    "alder", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel", "ivy", "juniper", "larch", "maple",
];

fn user_id(user: usize) -> String {
    format!("user-{user}")
}

fn room_id(room: usize) -> String {
    format!("room-{room}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_in_the_rooms_that_the_seed_says() {
        let shape = Shape {
            users: 5,
            rooms: 3,
            members: 2,
            history: 2,
        };
        let people = shape.people(false).unwrap();
        let rooms: Vec<_> = people.members.iter().map(|member| member.rooms.clone()).collect();
        assert_eq!(rooms, [vec![0, 2], vec![0], vec![1], vec![1], vec![2]]);
        let mut lines = Vec::new();
        shape.write(&mut lines).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        assert_eq!(lines.lines().count(), 1 + 5 + 3 * (1 + 2));
        assert!(lines.contains(r#""user_id":"user-4""#) && lines.contains(r#""seq":2"#));
    }
}
