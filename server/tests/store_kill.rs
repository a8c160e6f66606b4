//! A server that is killed in the middle of its writes has lost nothing that it acknowledged.
//!
//! The test starts itself anew as the server, which appends as fast as it can and prints each acknowledged message; it
//! is killed with SIGKILL, and the next one finds everything.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use chat_core::ids::ClientMessageId;
use chat_core::ports::{Accounts as _, Appended, Clock as _, Conversations as _, IdSource as _, MessageLog as _};
use chat_core::ports::{NewConversation, NewUser, PageFrom};
use chat_core::{ConversationId, ConversationKind, Draft, Message, Role, Seq, UserId};
use rollcall_server::clock::{SystemClock, UuidSource};
use rollcall_server::store::{SqliteStore, StoreMetrics};

const FOLDER: &str = "ROLLCALL_TEST_KILLED_STORE";
const CONVERSATIONS: [&str; 3] = ["a", "b", "c"];
const CALLERS: usize = 32;
const ROUNDS: usize = 4;

async fn open(folder: &Path) -> SqliteStore {
    let path = folder.join("rollcall.db");
    SqliteStore::open(&path, &SystemClock, &UuidSource, StoreMetrics::noop())
        .await
        .unwrap()
}

/// The killed one. Without its folder it is no server, and a test that has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Arc::new(open(Path::new(&folder)).await);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let store = store.clone();
        callers.spawn(async move {
            for n in 0.. {
                let id = UuidSource.message_id();
                let draft = Draft {
                    client_message_id: Some(ClientMessageId::parse(id.as_str()).unwrap()),
                    id,
                    conversation_id: ConversationId::parse(CONVERSATIONS[(caller + n) % 3]).unwrap(),
                    sender_id: UserId::parse("alice").unwrap(),
                    content: Arc::from("x".repeat(n * 37 % 5000 + 1)),
                    reply_to: None,
                    at: SystemClock.now(),
                };
                let Appended::New(message) = store.append(draft).await.unwrap() else {
                    panic!("a fresh id was sent before")
                };
                let line = format!("ack {} {} {}\n", message.conversation_id, message.seq, message.id);
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    callers.join_all().await;
}

#[tokio::test]
async fn every_acknowledged_message_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    make_conversations(&open(folder.path()).await).await;
    let mut acknowledged = HashMap::new();
    for round in 0..ROUNDS {
        kill_under_load(folder.path(), 100 + round * 250, &mut acknowledged);
        assert_all_there(&open(folder.path()).await, &acknowledged).await;
    }
}

async fn make_conversations(store: &SqliteStore) {
    let alice = UserId::parse("alice").unwrap();
    let new = NewUser {
        id: alice.clone(),
        username: "alice".to_owned(),
        display_name: "Alice".to_owned(),
        role: Role::User,
        password_hash: None,
        at: SystemClock.now(),
    };
    store.create_user(new).await.unwrap();
    for id in CONVERSATIONS {
        let new = NewConversation {
            id: ConversationId::parse(id).unwrap(),
            kind: ConversationKind::Group,
            title: None,
            owner: Some(alice.clone()),
            created_by: Some(alice.clone()),
            participant_ids: vec![alice.clone()],
            at: SystemClock.now(),
        };
        store.create_conversation(new).await.unwrap();
    }
    store.close().await.unwrap();
}

/// Ends the child whatever the test does.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill(); // SIGKILL
        let _ = self.0.wait();
    }
}

/// Kills a server after so many acknowledgements, and notes all that it printed until then: id to (conversation, seq).
fn kill_under_load(folder: &Path, after: usize, acknowledged: &mut HashMap<String, (String, u64)>) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_server_that_is_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut seen = 0;
    while let Some(Ok(line)) = lines.next() {
        let Some((_, ack)) = line.split_once("ack ") else {
            continue;
        };
        let words: Vec<&str> = ack.split(' ').collect();
        let [conversation, seq, id] = words[..] else {
            panic!("{line}")
        };
        let place = (conversation.to_owned(), seq.parse().unwrap());
        assert_eq!(
            acknowledged.insert(id.to_owned(), place),
            None,
            "{id} was acknowledged twice"
        );
        seen += 1;
        if seen == after {
            child.0.kill().unwrap();
        }
    }
    assert!(seen >= after, "the server ended by itself after {seen}");
}

async fn assert_all_there(store: &SqliteStore, acknowledged: &HashMap<String, (String, u64)>) {
    let mut found = 0;
    for conversation in CONVERSATIONS {
        let id = ConversationId::parse(conversation).unwrap();
        let messages = all_messages(store, &id).await;
        for (n, message) in messages.iter().enumerate() {
            assert_eq!(message.seq, Seq(n as u64 + 1), "a gap or a double in {conversation}");
            if let Some(place) = acknowledged.get(message.id.as_str()) {
                assert_eq!(*place, (conversation.to_owned(), message.seq.0));
                found += 1;
            }
        }
        let last_seq = store.conversation(&id).await.unwrap().unwrap().last_seq;
        assert_eq!(last_seq, Seq(messages.len() as u64));
    }
    // Ids are unique, so each was found once.
    assert_eq!(found, acknowledged.len());
}

async fn all_messages(store: &SqliteStore, id: &ConversationId) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    loop {
        let after = all.last().map_or(Seq::ZERO, |message| message.seq);
        let page = store.page(id, PageFrom::After(after), 200).await.unwrap();
        all.extend(page.items);
        if !page.more {
            return all;
        }
    }
}
