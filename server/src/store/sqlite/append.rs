//! Appending messages: a whole run of drafts by three statements.
//!
//! The database works in a thread of its own, and to wake it and be woken by it costs as much as the statements themselves. So a
//! run that is a transaction of its own, which under load nearly every one is, goes there twice and not five times, and a message that
//! is alone goes there once ([`one`]).

pub(super) mod one;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use chat_core::ids::ClientMessageId;
use chat_core::ports::{AppendError, Appended, StoreError, StoreTrouble};
use chat_core::{Draft, Message, MessageId, Seq};
use sqlx::{Row as _, SqliteConnection};

use super::errors::unavailable;
use super::mentions;
use super::messages;
use super::rows;
use super::trip::carry_out;
use super::writer::{AppendAnswer, Failed, Job, command};

/// Drafts that queued next to each other.
#[derive(Default)]
pub(super) struct AppendRun {
    drafts: Vec<Draft>,
    answers: Vec<AppendAnswer>,
    outcomes: Vec<Result<Appended, AppendError>>,
    content_bytes: usize,
}

impl AppendRun {
    pub(super) fn push(&mut self, draft: Draft, answer: AppendAnswer) {
        self.content_bytes += draft.content.len();
        self.drafts.push(draft);
        self.answers.push(answer);
    }

    pub(super) fn content_bytes(&self) -> usize {
        self.content_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty()
    }
}

/// What of its transaction a run carries out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Neither begin nor end: others are in it too.
    Within,
    /// All of it.
    Whole,
}

impl AppendRun {
    async fn append(&mut self, db: &mut SqliteConnection, extent: Extent) -> Result<(), StoreError> {
        match append(db, &self.drafts, extent).await {
            Ok(outcomes) => {
                self.outcomes = outcomes;
                Ok(())
            }
            Err(error) => {
                self.outcomes = self.drafts.iter().map(|_| Err(error.clone().into())).collect();
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Job for AppendRun {
    fn operations(&self) -> usize {
        self.drafts.len()
    }

    async fn run(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        self.append(db, Extent::Within).await
    }

    async fn transact(&mut self, db: &mut SqliteConnection) -> Result<(), Failed> {
        if let [draft] = &*self.drafts
            && let Some(appended) = one::save(db, draft).await?
        {
            self.outcomes = vec![Ok(appended)];
            return Ok(());
        }
        match self.append(db, Extent::Whole).await {
            Ok(()) => Ok(()),
            // The lock was not had: no draft is to blame, and none would fare better alone.
            Err(error) if error.trouble() == StoreTrouble::Busy => Err(Failed::Group(error)),
            Err(error) => Err(Failed::Job(error)),
        }
    }

    fn apart(self: Box<Self>) -> Vec<Box<dyn Job>> {
        let pairs = self.drafts.into_iter().zip(self.answers);
        pairs
            .map(|(draft, answer)| {
                let mut run = AppendRun::default();
                run.push(draft, answer);
                Box::new(run) as Box<dyn Job>
            })
            .collect()
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        let this = *self;
        match committed {
            Ok(()) => {
                for (answer, outcome) in this.answers.into_iter().zip(this.outcomes) {
                    let _ = answer.send(outcome); // the caller may have gone; what is committed stays
                }
            }
            Err(error) => {
                for answer in this.answers {
                    let _ = answer.send(Err(error.clone().into()));
                }
            }
        }
    }
}

async fn append(
    db: &mut SqliteConnection,
    drafts: &[Draft],
    extent: Extent,
) -> Result<Vec<Result<Appended, AppendError>>, StoreError> {
    let found = look_up(db, drafts, extent).await?;
    let mut plan = Plan::default();
    let decisions: Vec<Decision> = drafts
        .iter()
        .zip(found)
        .map(|(draft, found)| plan.decide(draft, found))
        .collect();
    // What is stored already is read before the transaction ends.
    let reads = decisions
        .iter()
        .any(|decision| matches!(decision, Decision::RepeatStored(..)));
    let ends_with_write = extent == Extent::Whole && !reads && !plan.messages.is_empty();
    plan.write(db, ends_with_write).await?;
    let mut outcomes: Vec<Result<Appended, AppendError>> = Vec::with_capacity(drafts.len());
    for decision in decisions {
        outcomes.push(match decision {
            Decision::New(message) => Ok(Appended::New(message)),
            Decision::RepeatOf(message) => Ok(Appended::Repeat(message)),
            Decision::RepeatStored(conversation, seq) => {
                Ok(Appended::Repeat(messages::stored(db, conversation, seq).await?))
            }
            Decision::Refused(error) => Err(error),
        });
    }
    if extent == Extent::Whole && !ends_with_write {
        command(db, "COMMIT").await.map_err(Failed::into_error)?;
    }
    Ok(outcomes)
}

/// What the database knows about a draft.
#[derive(Clone, Default)]
struct Found {
    conversation: Option<(i64, Seq)>,
    sender: Option<(i64, Arc<str>)>,
    earlier: Option<Seq>,
    answered: bool,
}

macro_rules! look_up {
    () => {
        "
    SELECT d.key, c.conversation_key, c.last_seq, u.user_key, u.display_name, earlier.seq, answered.seq
    FROM json_each(?1) AS d
    LEFT JOIN conversations AS c ON c.id = d.value ->> 0
    LEFT JOIN users AS u ON u.id = d.value ->> 1
    LEFT JOIN messages AS earlier
        ON earlier.conversation_key = c.conversation_key AND earlier.sender_key = u.user_key
        AND earlier.client_message_id = d.value ->> 2
    LEFT JOIN messages AS answered ON answered.id = d.value ->> 3 AND answered.conversation_key = c.conversation_key"
    };
}

pub(super) const LOOK_UP: &str = look_up!();
const BEGIN_AND_LOOK_UP: &str = concat!("BEGIN IMMEDIATE;", look_up!());

async fn look_up(db: &mut SqliteConnection, drafts: &[Draft], extent: Extent) -> Result<Vec<Found>, StoreError> {
    let asked: Vec<_> = drafts
        .iter()
        .map(|d| (&d.conversation_id, &d.sender_id, &d.client_message_id, &d.reply_to))
        .collect();
    let (statement, statements) = match extent {
        Extent::Within => (LOOK_UP, 1),
        Extent::Whole => (BEGIN_AND_LOOK_UP, 2),
    };
    let looked_up = sqlx::query(statement).bind(rows::to_json(&asked)?);
    let rows = carry_out(db, looked_up, statements)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut found = vec![Found::default(); drafts.len()];
    for row in rows {
        let (at, known) = read_found(&row)?;
        if let Some(place) = usize::try_from(at).ok().and_then(|at| found.get_mut(at)) {
            *place = known;
        }
    }
    Ok(found)
}

fn read_found(row: &sqlx::sqlite::SqliteRow) -> Result<(i64, Found), StoreError> {
    let decode = || -> Result<_, sqlx::Error> {
        let conversation: Option<i64> = row.try_get(1)?;
        let last_seq: Option<i64> = row.try_get(2)?;
        let sender: Option<i64> = row.try_get(3)?;
        let name: Option<&str> = row.try_get(4)?;
        let earlier: Option<i64> = row.try_get(5)?;
        let answered: Option<i64> = row.try_get(6)?;
        Ok((
            row.try_get::<i64, _>(0)?,
            Found {
                conversation: conversation.zip(last_seq.map(rows::seq)),
                sender: sender.zip(name.map(Arc::from)),
                earlier: earlier.map(rows::seq),
                answered: answered.is_some(),
            },
        ))
    };
    decode().map_err(|error| unavailable(&error))
}

/// What a draft comes to.
enum Decision {
    New(Message),
    /// Of a message of this very run.
    RepeatOf(Message),
    /// Of a message by its conversation's key and seq.
    RepeatStored(i64, Seq),
    Refused(AppendError),
}

/// The messages of a run, their seqs given.
#[derive(Default)]
struct Plan {
    /// Conversation's key and sender's key beside each.
    messages: Vec<(i64, i64, Message)>,
    last_seqs: HashMap<i64, Seq>,
    by_client_id: HashMap<(i64, i64, ClientMessageId), usize>,
    ids: HashSet<(i64, MessageId)>,
}

impl Plan {
    fn decide(&mut self, draft: &Draft, found: Found) -> Decision {
        let Some((conversation, stored_seq)) = found.conversation else {
            return Decision::Refused(AppendError::NotFound);
        };
        let Some((sender, sender_name)) = found.sender else {
            return Decision::Refused(unknown_sender(draft).into());
        };
        if let Some(seq) = found.earlier {
            return Decision::RepeatStored(conversation, seq);
        }
        let client_key = draft.client_message_id.clone().map(|id| (conversation, sender, id));
        if let Some(first) = client_key.as_ref().and_then(|key| self.by_client_id.get(key))
            && let Some((_, _, message)) = self.messages.get(*first)
        {
            return Decision::RepeatOf(message.clone());
        }
        if let Some(answered) = &draft.reply_to
            && !found.answered
            && !self.ids.contains(&(conversation, answered.clone()))
        {
            return Decision::Refused(AppendError::BadReply);
        }
        let last_seq = self.last_seqs.entry(conversation).or_insert(stored_seq);
        *last_seq = last_seq.next();
        let message = draft.saved_as(*last_seq, sender_name);
        if let Some(key) = client_key {
            self.by_client_id.insert(key, self.messages.len());
        }
        self.ids.insert((conversation, message.id.clone()));
        self.messages.push((conversation, sender, message.clone()));
        Decision::New(message)
    }

    /// Writes the messages and moves the heads; with `commits` also ends the transaction.
    async fn write(&self, db: &mut SqliteConnection, commits: bool) -> Result<(), StoreError> {
        if self.messages.is_empty() {
            return Ok(());
        }
        // First: what is written below may end the transaction.
        mentions::note(db, &self.messages).await?;
        let (rows, contents) = self.as_parameters()?;
        let heads: Vec<_> = self.last_seqs.iter().collect();
        // The statements' parameters are numbered through: they are carried out one after the other, with one set of values.
        let (statement, statements) = if commits { (WRITE_AND_COMMIT, 3) } else { (WRITE, 2) };
        let written = sqlx::query(statement)
            .bind(rows)
            .bind(contents)
            .bind(rows::to_json(&heads)?);
        carry_out(db, written, statements)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(())
    }

    /// The rows as JSON, and all contents in one blob that the rows point into: SQLite's JSON functions end a string
    /// at its first NUL, and the contents need no escaping this way.
    fn as_parameters(&self) -> Result<(String, Vec<u8>), StoreError> {
        let mut contents = rows::Texts::new();
        let mut rows = Vec::with_capacity(self.messages.len());
        for (conversation, sender, m) in &self.messages {
            let (start, length) = contents.push(&m.content);
            let place = (conversation, m.seq, &m.id, sender);
            rows.push((
                place,
                start,
                length,
                m.created_at.as_millis(),
                &m.client_message_id,
                &m.reply_to,
            ));
        }
        Ok((rows::to_json(&rows)?, contents.into_blob()))
    }
}

macro_rules! write_messages {
    () => {
        "
    INSERT INTO messages (conversation_key, seq, id, sender_key, content, created_at, client_message_id, reply_to)
    SELECT m.value ->> '$[0][0]', m.value ->> '$[0][1]', m.value ->> '$[0][2]', m.value ->> '$[0][3]',
           CAST(substr(?2, m.value ->> 1, m.value ->> 2) AS TEXT),
           m.value ->> 3, m.value ->> 4, m.value ->> 5
    FROM json_each(?1) AS m;
    UPDATE conversations SET last_seq = h.value ->> 1 FROM json_each(?3) AS h
    WHERE conversation_key = h.value ->> 0;"
    };
}

const WRITE: &str = write_messages!();
const WRITE_AND_COMMIT: &str = concat!(write_messages!(), "COMMIT");

fn unknown_sender(draft: &Draft) -> StoreError {
    StoreError::Unavailable {
        trouble: StoreTrouble::Constraint,
        detail: format!("the sender {} is no account", draft.sender_id),
    }
}
