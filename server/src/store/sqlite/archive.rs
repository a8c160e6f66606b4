//! Conversations as lines of text, out of a database and into another one.

use async_trait::async_trait;
use chat_core::ports::{MessageLog as _, PageFrom, StoreError};
use chat_core::{ConversationId, Message, Seq, UserId};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::errors::{Stop, unavailable};
use super::rows;
use super::writer::Change;

/// Messages read at a time.
const PAGE: u32 = 200;

/// A line of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first: what this is.
    Export {
        /// Of this format: 1.
        version: u32,
        /// The epoch of the database that it comes from.
        epoch: String,
    },
    /// Somebody who takes part, or did, or said something. Without what signs them in.
    User {
        /// Lasting id.
        id: UserId,
        /// Unique name.
        username: String,
        /// What others see.
        display_name: String,
        /// `user`, `service`, `observer` or `admin`.
        role: String,
        /// Milliseconds since 1970, as every time of these lines but those of messages.
        created_at: i64,
        /// Since when they may not sign in.
        disabled_at: Option<i64>,
    },
    /// A conversation, before its messages.
    Conversation {
        /// Lasting id.
        id: ConversationId,
        /// `direct` or `group`.
        kind: String,
        /// A group's.
        title: Option<String>,
        /// What makes a direct one unique.
        direct_key: Option<String>,
        /// When it began.
        created_at: i64,
        /// Who is in it.
        participants: Vec<Participant>,
    },
    /// A message, in rising seq.
    Message(Message),
}

/// Somebody in a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub user_id: UserId,
    /// `owner` or `member`.
    pub role: String,
    /// Since when.
    pub joined_at: i64,
    /// After which message.
    pub joined_seq: i64,
    /// Received up to here.
    pub received_seq: i64,
    /// Read up to here.
    pub read_seq: i64,
}

/// Why something was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The lines contradict each other or what is there.
    #[error("{0}")]
    Refused(String),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SqliteStore {
    /// Ids of all conversations, or the one that is asked for if it exists.
    pub async fn conversation_ids(&self, only: Option<&ConversationId>) -> Result<Vec<ConversationId>, StoreError> {
        let mut db = self.reader().await?;
        let found: Vec<String> =
            sqlx::query_scalar("SELECT id FROM conversations WHERE ?1 IS NULL OR id = ?1 ORDER BY conversation_key")
                .bind(only.map(ConversationId::as_str))
                .fetch_all(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
        found
            .into_iter()
            .map(|id| ConversationId::parse(id).map_err(|_| gone("an id")))
            .collect()
    }

    /// A conversation's head: everybody who is in it or said something, then the conversation.
    pub async fn export_head(&self, id: &ConversationId) -> Result<Vec<Line>, StoreError> {
        let mut db = self.reader().await?;
        let mut lines = Vec::new();
        let users = sqlx::query(
            "SELECT u.id, u.username, u.display_name, u.role, u.created_at, u.disabled_at FROM users AS u
             WHERE u.user_key IN (
                 SELECT p.user_key FROM participants AS p JOIN conversations AS c USING (conversation_key) WHERE c.id = ?1
                 UNION SELECT m.sender_key FROM messages AS m JOIN conversations AS c USING (conversation_key) WHERE c.id = ?1
             ) ORDER BY u.user_key",
        )
        .bind(id.as_str())
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
        for row in &users {
            lines.push(user_line(row).map_err(|error| unavailable(&error))?);
        }
        let conversation = sqlx::query("SELECT kind, title, direct_key, created_at FROM conversations WHERE id = ?1")
            .bind(id.as_str())
            .fetch_optional(&mut *db)
            .await
            .map_err(|error| unavailable(&error))?;
        let Some(row) = conversation else { return Ok(Vec::new()) };
        let participants = sqlx::query(
            "SELECT u.id, p.role, p.joined_at, p.joined_seq, p.received_seq, p.read_seq
             FROM participants AS p JOIN conversations AS c USING (conversation_key) JOIN users AS u USING (user_key)
             WHERE c.id = ?1 ORDER BY u.id",
        )
        .bind(id.as_str())
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
        let line = || -> Result<Line, sqlx::Error> {
            Ok(Line::Conversation {
                id: id.clone(),
                kind: row.try_get(0)?,
                title: row.try_get(1)?,
                direct_key: row.try_get(2)?,
                created_at: row.try_get(3)?,
                participants: participants.iter().map(participant).collect::<Result<_, _>>()?,
            })
        };
        lines.push(line().map_err(|error| unavailable(&error))?);
        Ok(lines)
    }

    /// The next messages of a conversation.
    pub async fn export_messages(&self, id: &ConversationId, after: Seq) -> Result<Vec<Message>, StoreError> {
        Ok(self.page(id, PageFrom::After(after), PAGE).await?.items)
    }

    /// Takes lines over, all or none of them. Users who are there stay as they are; a conversation that is there is refused.
    pub async fn import(&self, lines: Vec<Line>) -> Result<(), ImportError> {
        self.writer.change(Import(lines)).await
    }
}

fn gone(what: &str) -> StoreError {
    StoreError::Inconsistent {
        table: "conversations",
        row: String::new(),
        detail: format!("{what} that is none"),
    }
}

fn user_line(row: &sqlx::sqlite::SqliteRow) -> Result<Line, sqlx::Error> {
    let id: String = row.try_get(0)?;
    Ok(Line::User {
        id: UserId::parse(id).map_err(|error| sqlx::Error::Decode(error.into()))?,
        username: row.try_get(1)?,
        display_name: row.try_get(2)?,
        role: row.try_get(3)?,
        created_at: row.try_get(4)?,
        disabled_at: row.try_get(5)?,
    })
}

fn participant(row: &sqlx::sqlite::SqliteRow) -> Result<Participant, sqlx::Error> {
    let id: String = row.try_get(0)?;
    Ok(Participant {
        user_id: UserId::parse(id).map_err(|error| sqlx::Error::Decode(error.into()))?,
        role: row.try_get(1)?,
        joined_at: row.try_get(2)?,
        joined_seq: row.try_get(3)?,
        received_seq: row.try_get(4)?,
        read_seq: row.try_get(5)?,
    })
}

struct Import(Vec<Line>);

type Stopped = Stop<ImportError>;

#[async_trait]
impl Change for Import {
    type Done = ();
    type Refused = ImportError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stopped> {
        for line in &self.0 {
            match line {
                Line::Export { .. } => {}
                Line::User { .. } => import_user(db, line).await?,
                Line::Conversation { .. } => import_conversation(db, line).await?,
                Line::Message(message) => import_message(db, message).await?,
            }
        }
        Ok(())
    }
}

fn refused(why: String) -> Stopped {
    Stop::Refused(ImportError::Refused(why))
}

async fn import_user(db: &mut SqliteConnection, line: &Line) -> Result<(), Stopped> {
    let Line::User {
        id,
        username,
        display_name,
        role,
        created_at,
        disabled_at,
    } = line
    else {
        return Ok(());
    };
    let other: Option<String> = sqlx::query_scalar("SELECT id FROM users WHERE username = ?1 AND id <> ?2")
        .bind(username.as_str())
        .bind(id.as_str())
        .fetch_optional(&mut *db)
        .await?;
    if let Some(other) = other {
        return Err(refused(format!(
            "the username {username} of {id} belongs to {other} here"
        )));
    }
    sqlx::query(
        "INSERT INTO users (id, username, display_name, role, created_at, disabled_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(username.as_str())
    .bind(display_name.as_str())
    .bind(role.as_str())
    .bind(created_at)
    .bind(disabled_at)
    .execute(db)
    .await?;
    Ok(())
}

async fn import_conversation(db: &mut SqliteConnection, line: &Line) -> Result<(), Stopped> {
    let Line::Conversation {
        id,
        kind,
        title,
        direct_key,
        created_at,
        participants,
    } = line
    else {
        return Ok(());
    };
    let there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM conversations WHERE id = ?1 OR direct_key = ?2)")
            .bind(id.as_str())
            .bind(direct_key.as_deref())
            .fetch_one(&mut *db)
            .await?;
    if there {
        return Err(refused(format!(
            "conversation {id} is there already; export and import it alone, or remove its lines"
        )));
    }
    sqlx::query("INSERT INTO conversations (id, kind, title, direct_key, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(id.as_str())
        .bind(kind.as_str())
        .bind(title.as_deref())
        .bind(direct_key.as_deref())
        .bind(created_at)
        .execute(&mut *db)
        .await?;
    for one in participants {
        let added = sqlx::query(
            "INSERT INTO participants (conversation_key, user_key, role, joined_at, joined_seq, received_seq, read_seq)
             SELECT c.conversation_key, u.user_key, ?3, ?4, ?5, ?6, ?7 FROM conversations AS c, users AS u
             WHERE c.id = ?1 AND u.id = ?2",
        )
        .bind(id.as_str())
        .bind(one.user_id.as_str())
        .bind(one.role.as_str())
        .bind(one.joined_at)
        .bind(one.joined_seq)
        .bind(one.received_seq)
        .bind(one.read_seq)
        .execute(&mut *db)
        .await?;
        if added.rows_affected() == 0 {
            return Err(refused(format!(
                "participant {} of conversation {id} is no user here",
                one.user_id
            )));
        }
    }
    Ok(())
}

async fn import_message(db: &mut SqliteConnection, message: &Message) -> Result<(), Stopped> {
    let (id, seq) = (&message.conversation_id, message.seq);
    let last: Option<i64> = sqlx::query_scalar("SELECT last_seq FROM conversations WHERE id = ?1")
        .bind(id.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let last = last.ok_or_else(|| refused(format!("message {} comes before its conversation {id}", message.id)))?;
    if rows::stored(seq) != last + 1 {
        return Err(refused(format!(
            "conversation {id}: message {seq} does not follow message {last}"
        )));
    }
    let millis = |at: Option<chat_core::Timestamp>| at.map(chat_core::Timestamp::as_millis);
    let added = sqlx::query(
        "INSERT INTO messages (conversation_key, seq, id, sender_key, content, created_at, client_message_id, reply_to,
                               edited_at, deleted_at)
         SELECT c.conversation_key, ?2, ?3, u.user_key, ?5, ?6, ?7, ?8, ?9, ?10 FROM conversations AS c, users AS u
         WHERE c.id = ?1 AND u.id = ?4",
    )
    .bind(id.as_str())
    .bind(rows::stored(seq))
    .bind(message.id.as_str())
    .bind(message.sender_id.as_str())
    .bind(&*message.content)
    .bind(message.created_at.as_millis())
    .bind(
        message
            .client_message_id
            .as_ref()
            .map(chat_core::ids::ClientMessageId::as_str),
    )
    .bind(message.reply_to.as_ref().map(chat_core::MessageId::as_str))
    .bind(millis(message.edited_at))
    .bind(millis(message.deleted_at))
    .execute(&mut *db)
    .await?;
    if added.rows_affected() == 0 {
        return Err(refused(format!("the sender of message {} is no user here", message.id)));
    }
    sqlx::query("UPDATE conversations SET last_seq = ?2 WHERE id = ?1")
        .bind(id.as_str())
        .bind(rows::stored(seq))
        .execute(db)
        .await?;
    Ok(())
}
