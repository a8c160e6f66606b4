//! `rollcall backup`, `export` and `import`.

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
    let told = store.imported(taken.arrived).await;
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
    arrived: Vec<ConversationId>,
}

impl Taken {
    fn of(lines: &[Line]) -> Self {
        let mut taken = Self::default();
        for line in lines {
            match line {
                Line::Conversation { id, .. } => {
                    taken.conversations += 1;
                    taken.arrived.push(id.clone());
                }
                Line::Message(_) => taken.messages += 1,
                Line::Export { .. } | Line::User { .. } => {}
            }
        }
        taken
    }

    fn add(&mut self, more: Self) {
        self.conversations += more.conversations;
        self.messages += more.messages;
        self.arrived.extend(more.arrived);
    }
}

async fn read_all(store: &SqliteStore, from: impl BufRead, taken: &mut Taken) -> Result<(), CommandError> {
    let (mut batch, mut first_of_batch) = (Vec::new(), 1);
    for (at, line) in from.lines().enumerate() {
        let number = at + 1;
        let refused = |why: String| {
            let from = first_of_batch;
            CommandError::Refused(format!("line {number}: {why}; from line {from} on nothing was imported"))
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
