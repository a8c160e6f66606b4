//! `rollcall backup`, `export` and `import`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use chat_core::ports::Vitals as _;
use chat_core::{ConversationId, Seq};

use super::{CommandError, open_store};
use crate::identity::KnownHash;
use crate::settings::{Database, Storage, StorageArgs};
use crate::store::sqlite::archive::{ImportError, Line};
use crate::store::{self, SqliteStore};

/// Lines that are imported in one transaction.
const BATCH: usize = 500;

/// Of the format that is written and read.
const VERSION: u32 = 1;

/// `rollcall backup FILE`: a copy of the whole database, beside a running server.
pub async fn backup(storage: &StorageArgs, to: &Path) -> Result<String, CommandError> {
    let storage = Storage::parse(storage)?;
    let Database::Sqlite(from) = &storage.database;
    let bytes = store::backup(from, to).await?;
    Ok(format!(
        "{} holds the whole database in one consistent state: {bytes} bytes",
        to.display()
    ))
}

/// `rollcall export`: the conversation with this id, or all of them, as lines of JSON.
pub async fn export(storage: &StorageArgs, only: Option<&str>, out: &mut impl Write) -> Result<String, CommandError> {
    let only = only
        .map(ConversationId::parse)
        .transpose()
        .map_err(|error| CommandError::Refused(format!("conversation: {error}")))?;
    let storage = Storage::parse(storage)?;
    let store = open_store(&storage).await?;
    let written = write_all(&store, only.as_ref(), out).await;
    store.close().await?;
    let (conversations, messages) = written?;
    if conversations == 0 && only.is_some() {
        return Err(CommandError::Refused("there is no such conversation".to_owned()));
    }
    Ok(format!(
        "exported {conversations} conversations with {messages} messages"
    ))
}

async fn write_all(
    store: &SqliteStore,
    only: Option<&ConversationId>,
    out: &mut impl Write,
) -> Result<(usize, usize), CommandError> {
    let epoch = store.epoch().to_string();
    write(
        out,
        &Line::Export {
            version: VERSION,
            epoch,
        },
    )?;
    let ids = store.conversation_ids(only).await?;
    let mut count = 0;
    for id in &ids {
        for line in store.export_head(id).await? {
            write(out, &line)?;
        }
        let mut after = Seq::ZERO;
        loop {
            let page = store.export_messages(id, after).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            count += page.len();
            for message in page {
                write(out, &Line::Message(message))?;
            }
        }
    }
    out.flush().map_err(CommandError::Archive)?;
    Ok((ids.len(), count))
}

fn write(out: &mut impl Write, line: &Line) -> Result<(), CommandError> {
    serde_json::to_writer(&mut *out, line).map_err(|error| CommandError::Archive(error.into()))?;
    out.write_all(b"\n").map_err(CommandError::Archive)
}

/// `rollcall import`: what `export` wrote. Begun anew after a failure it says what is there already.
pub async fn import(storage: &StorageArgs, from: impl std::io::Read) -> Result<String, CommandError> {
    let storage = Storage::parse(storage)?;
    crate::settings::open_data_dir(&storage.data_dir)?;
    let store = open_store(&storage).await?;
    let mut taken = Taken::default();
    let read = read_all(&store, BufReader::new(from), &mut taken).await;
    // What came before a line that was refused is there, and a server that runs must know it.
    let told = store.imported(&taken.upto).await;
    store.close().await?;
    read?;
    told?;
    Ok(format!(
        "imported {} conversations with {} messages",
        taken.conversations, taken.messages
    ))
}

/// What is in the database by now.
#[derive(Default)]
struct Taken {
    conversations: usize,
    messages: usize,
    /// Of each conversation, up to which message.
    upto: BTreeMap<ConversationId, Seq>,
}

impl Taken {
    fn of(lines: &[Line]) -> Self {
        let mut taken = Self::default();
        for line in lines {
            match line {
                Line::Conversation { id, .. } => {
                    taken.conversations += 1;
                    taken.upto.entry(id.clone()).or_default();
                }
                Line::Message(message) => {
                    taken.messages += 1;
                    taken.upto.insert(message.conversation_id.clone(), message.seq);
                }
                Line::Export { .. } | Line::User { .. } => {}
            }
        }
        taken
    }

    fn add(&mut self, more: Self) {
        self.conversations += more.conversations;
        self.messages += more.messages;
        // Seqs rise from line to line.
        self.upto.extend(more.upto);
    }
}

async fn read_all(store: &SqliteStore, from: impl BufRead, taken: &mut Taken) -> Result<(), CommandError> {
    let (mut batch, mut first_of_batch) = (Vec::new(), 1);
    for (at, line) in from.lines().enumerate() {
        let number = at + 1;
        let refused = |why: String| {
            let from = first_of_batch;
            CommandError::Refused(format!(
                "line {number}: {why}; from line {from} on nothing was imported"
            ))
        };
        let line = line.map_err(CommandError::Archive)?;
        if line.trim().is_empty() {
            continue;
        }
        let line: Line =
            serde_json::from_str(&line).map_err(|error| refused(format!("it is no line of an export: {error}")))?;
        match &line {
            Line::Export { version, .. } if *version != VERSION => {
                return Err(refused(format!("version {version} is not known here")));
            }
            Line::Export { .. } => {}
            _ if number == 1 => return Err(refused("expected {\"type\":\"export\",…}".to_owned())),
            Line::User {
                password_hash: Some(hash),
                ..
            } => {
                KnownHash::parse(hash).map_err(|error| refused(format!("password_hash: {error}")))?;
            }
            _ => {}
        }
        batch.push(line);
        if batch.len() >= BATCH {
            take_over(store, std::mem::take(&mut batch), first_of_batch, taken).await?;
            first_of_batch = number + 1;
        }
    }
    take_over(store, batch, first_of_batch, taken).await
}

async fn take_over(store: &SqliteStore, batch: Vec<Line>, from: usize, taken: &mut Taken) -> Result<(), CommandError> {
    let these = Taken::of(&batch);
    store.import(batch).await.map_err(|error| match error {
        ImportError::Refused(why) => CommandError::Refused(format!("from line {from} on nothing was imported: {why}")),
        ImportError::Store(error) => CommandError::Store(error),
    })?;
    taken.add(these);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use chat_core::ports::Conversations as _;

    use super::*;
    use crate::settings::{Command, command_line};

    fn storage(folder: &tempfile::TempDir) -> StorageArgs {
        let data = folder.path().join("data");
        let database = format!("sqlite://{}/rollcall.db", data.display());
        let words = [
            "rollcall".into(),
            "import".into(),
            "--data-dir".into(),
            data.into_os_string(),
            "--database-url".into(),
            OsString::from(database),
            "--redis-url=".into(),
        ];
        match command_line(words).unwrap().command {
            Command::Import(storage) => storage,
            other => panic!("{other:?}"),
        }
    }

    /// An export of so many lines, of which the last message has another seq than the one that follows.
    fn export(lines: u64, last: u64) -> String {
        let head = r#"{"type":"export","version":1,"epoch":"e"}
{"type":"user","id":"u","username":"uu","display_name":"u","role":"user","created_at":1}
{"type":"conversation","id":"c","kind":"group","title":null,"direct_key":null,"created_at":1,"participants":[]}
"#;
        let message = |n| {
            let seq = if n == lines - 3 { last } else { n };
            format!(
                r#"{{"type":"message","id":"m-{n}","conversation_id":"c","seq":{seq},"sender_id":"u","sender_name":"u","content":"x","created_at":"2020-01-01T00:00:00.000Z","client_message_id":null,"reply_to":null,"edited_at":null,"deleted_at":null}}"#
            )
        };
        let messages: Vec<String> = (1..=lines - 3).map(message).collect();
        format!("{head}{}\n", messages.join("\n"))
    }

    #[tokio::test]
    async fn what_came_before_a_refusal_is_told_and_the_rest_follows() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(&folder);
        let refused = import(&storage, export(600, 9_999).as_bytes())
            .await
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with("from line 501 on nothing was imported: "),
            "{refused}"
        );
        let upto = async || {
            let store = open_store(&Storage::parse(&storage).unwrap()).await.unwrap();
            let arrivals = store.arrivals().await.unwrap();
            store.close().await.unwrap();
            arrivals.iter().map(|arrival| arrival.upto.0).collect::<Vec<_>>()
        };
        assert_eq!(upto().await, [497]);
        // The rest, with no line of the conversation itself.
        let repaired = export(600, 597);
        let rest = repaired.lines().take(1).chain(repaired.lines().skip(500));
        let rest = rest.collect::<Vec<_>>().join("\n");
        assert_eq!(
            import(&storage, rest.as_bytes()).await.unwrap(),
            "imported 0 conversations with 100 messages"
        );
        assert_eq!(upto().await, [597]);
    }
}
