//! Conversations as lines of text, out of a database and into another one.

mod arrivals;
mod import;

use std::collections::BTreeMap;

use chat_core::ports::{MessageLog as _, PageFrom, StoreError};
use chat_core::{ConversationId, Message, Seq, UserId};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use self::arrivals::Arrived;
pub(super) use self::arrivals::{arrivals, welcomed};
use self::import::Import;
use super::SqliteStore;
use super::errors::unavailable;

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
    /// Somebody who takes part, or did, or said something. Exported without what signs them in.
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
        /// What signs them in, from another system; never exported. Checked by whoever reads the lines.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_hash: Option<String>,
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
        /// Who made it.
        #[serde(default)]
        created_by: Option<UserId>,
        /// Who is in it.
        participants: Vec<Participant>,
        /// Who may not be in it.
        #[serde(default)]
        bans: Vec<BanLine>,
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
    /// Since when it is muted.
    #[serde(default)]
    pub muted_at: Option<i64>,
}

/// Somebody who is banned from a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BanLine {
    /// Who.
    pub user_id: UserId,
    /// By whom.
    pub by: UserId,
    /// Since when.
    pub at: i64,
    /// Why.
    pub reason: Option<String>,
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
                 UNION SELECT b.user_key FROM bans AS b JOIN conversations AS c USING (conversation_key) WHERE c.id = ?1
                 UNION SELECT b.banned_by_key FROM bans AS b JOIN conversations AS c USING (conversation_key) WHERE c.id = ?1
                 UNION SELECT c.created_by_key FROM conversations AS c WHERE c.id = ?1
             ) ORDER BY u.user_key",
        )
        .bind(id.as_str())
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
        for row in &users {
            lines.push(user_line(row).map_err(|error| unavailable(&error))?);
        }
        let conversation = sqlx::query(
            "SELECT kind, title, direct_key, created_at, (SELECT id FROM users WHERE user_key = created_by_key)
             FROM conversations WHERE id = ?1",
        )
        .bind(id.as_str())
        .fetch_optional(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
        let Some(row) = conversation else { return Ok(Vec::new()) };
        let participants = sqlx::query(
            "SELECT u.id, p.role, p.joined_at, p.joined_seq, p.received_seq, p.read_seq, p.muted_at
             FROM participants AS p JOIN conversations AS c USING (conversation_key) JOIN users AS u USING (user_key)
             WHERE c.id = ?1 ORDER BY u.id",
        )
        .bind(id.as_str())
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
        let bans = sqlx::query(
            "SELECT u.id, banner.id, b.banned_at, b.reason FROM bans AS b JOIN conversations AS c USING (conversation_key)
             JOIN users AS u ON u.user_key = b.user_key JOIN users AS banner ON banner.user_key = b.banned_by_key
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
                created_by: row.try_get::<Option<String>, _>(4)?.map(user_id).transpose()?,
                participants: participants.iter().map(participant).collect::<Result<_, _>>()?,
                bans: bans.iter().map(ban).collect::<Result<_, _>>()?,
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

    /// An import has come to its end, and brought these conversations to these messages: a server that runs brings their participants in.
    pub async fn imported(&self, upto: &BTreeMap<ConversationId, Seq>) -> Result<(), StoreError> {
        if upto.is_empty() {
            return Ok(());
        }
        self.writer.change(Arrived(upto.clone().into_iter().collect())).await
    }
}

fn gone(what: &str) -> StoreError {
    StoreError::Inconsistent {
        table: "conversations",
        row: String::new(),
        detail: format!("{what} that is none"),
    }
}

fn user_id(id: String) -> Result<UserId, sqlx::Error> {
    UserId::parse(id).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn user_line(row: &sqlx::sqlite::SqliteRow) -> Result<Line, sqlx::Error> {
    Ok(Line::User {
        id: user_id(row.try_get(0)?)?,
        username: row.try_get(1)?,
        display_name: row.try_get(2)?,
        role: row.try_get(3)?,
        created_at: row.try_get(4)?,
        disabled_at: row.try_get(5)?,
        password_hash: None,
    })
}

fn participant(row: &sqlx::sqlite::SqliteRow) -> Result<Participant, sqlx::Error> {
    Ok(Participant {
        user_id: user_id(row.try_get(0)?)?,
        role: row.try_get(1)?,
        joined_at: row.try_get(2)?,
        joined_seq: row.try_get(3)?,
        received_seq: row.try_get(4)?,
        read_seq: row.try_get(5)?,
        muted_at: row.try_get(6)?,
    })
}

fn ban(row: &sqlx::sqlite::SqliteRow) -> Result<BanLine, sqlx::Error> {
    Ok(BanLine {
        user_id: user_id(row.try_get(0)?)?,
        by: user_id(row.try_get(1)?)?,
        at: row.try_get(2)?,
        reason: row.try_get(3)?,
    })
}
