//! Conversations as they are read.

use async_trait::async_trait;
use chat_core::conversation::ConversationOfUser;
use chat_core::limits::{UNREAD_MAX, UNREAD_SCAN_MAX};
use chat_core::ports::{Arrival, ConversationError, Conversations, Created, NewConversation, StoreError};
use chat_core::{Conversation, ConversationId, Timestamp, UserId};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::archive;
use super::errors::unavailable;
use super::participants::{Add, Create, Remove};
use super::rows::{self, Columns, message_columns, participants_column};
use super::{ReadRow, SqliteStore};

// One statement each, which sees one state of a conversation and of its participants.
macro_rules! conversation_columns {
    () => {
        concat!(
            "c.id, c.kind, c.title, c.created_at, (SELECT id FROM users WHERE user_key = c.created_by_key), c.last_seq, ",
            participants_column!()
        )
    };
}

pub(super) const WHOLE: &str = concat!(
    "SELECT ",
    conversation_columns!(),
    " FROM conversations AS c WHERE c.id = ?1"
);

/// The conversation with this id, as `db` sees it now.
pub(super) async fn find(db: &mut SqliteConnection, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
    let row = sqlx::query(WHOLE)
        .bind(id.as_str())
        .fetch_optional(db)
        .await
        .map_err(|error| unavailable(&error))?;
    row.map(|row| conversation(&mut Columns::of(&row, "conversations")))
        .transpose()
}

/// The next seven columns as a conversation.
fn conversation(columns: &mut Columns<'_>) -> Result<Conversation, StoreError> {
    Ok(Conversation {
        id: columns.parse()?,
        kind: rows::kind(columns)?,
        title: columns.take()?,
        created_at: columns.time()?,
        created_by: columns.parse_option()?,
        last_seq: columns.seq()?,
        participants: rows::participants(columns)?,
    })
}

// The messages after the read one are scanned up to a bound, and counted up to another.
macro_rules! select_of_user {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            conversation_columns!(),
            ", me.received_seq, me.read_seq,
                 (SELECT count(*) FROM (SELECT 1 FROM (
                     SELECT sender_key FROM messages AS x
                     WHERE x.conversation_key = c.conversation_key AND x.seq > max(me.read_seq, me.joined_seq)
                     ORDER BY x.seq LIMIT ?2 + 0
                 ) WHERE sender_key <> me.user_key LIMIT ?3 + 0)),
                 (SELECT count(*) FROM (
                     SELECT 1 FROM mentions AS n WHERE n.user_key = me.user_key
                     AND n.conversation_key = c.conversation_key AND n.seq > max(me.read_seq, me.joined_seq) LIMIT ?3 + 0
                 )), me.muted_at IS NOT NULL, m.id IS NOT NULL, ",
            message_columns!(),
            " FROM participants AS me JOIN conversations AS c USING (conversation_key)
              LEFT JOIN messages AS m ON m.conversation_key = c.conversation_key AND m.seq = c.last_seq
              LEFT JOIN users AS s ON s.user_key = m.sender_key
              WHERE me.user_key = (SELECT user_key FROM users WHERE id = ?1)",
            $condition
        )
    };
}

pub(super) const ALL_OF_USER: &str = select_of_user!(" ORDER BY coalesce(m.created_at, c.created_at) DESC, c.id DESC");
pub(super) const ONE_OF_USER: &str = select_of_user!(" AND c.id = ?4");

pub(super) const IDS_OF: &str = "SELECT u.id, c.id
    FROM json_each(?1) AS asked JOIN users AS u ON u.id = asked.value JOIN participants AS p USING (user_key)
    JOIN conversations AS c USING (conversation_key)";

fn of_user(row: &SqliteRow) -> Result<ConversationOfUser, StoreError> {
    let mut columns = Columns::of(row, "conversations");
    Ok(ConversationOfUser {
        conversation: conversation(&mut columns)?,
        received_seq: columns.seq()?,
        read_seq: columns.seq()?,
        unread: columns.seq()?.0,
        mentions: columns.seq()?.0,
        muted: columns.take()?,
        last_message: if columns.take()? {
            Some(rows::message(&mut columns)?)
        } else {
            None
        },
    })
}

fn bound(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[async_trait]
impl Conversations for SqliteStore {
    async fn create_conversation(&self, new: NewConversation) -> Result<Created, ConversationError> {
        let created = self.writer.change(Create(new)).await;
        created.inspect_err(|error| self.count_conversation_error(error))
    }

    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.counted(async { find(&mut *self.reader().await?, id).await }).await
    }

    async fn conversation_of(
        &self,
        id: &ConversationId,
        user: &UserId,
    ) -> Result<Option<ConversationOfUser>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let row = sqlx::query(ONE_OF_USER)
                .bind(user.as_str())
                .bind(bound(UNREAD_SCAN_MAX))
                .bind(bound(UNREAD_MAX))
                .bind(id.as_str())
                .fetch_optional(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            row.as_ref().map(of_user).transpose()
        })
        .await
    }

    async fn conversations_of(&self, user: &UserId) -> Result<Vec<ConversationOfUser>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let rows = sqlx::query(ALL_OF_USER)
                .bind(user.as_str())
                .bind(bound(UNREAD_SCAN_MAX))
                .bind(bound(UNREAD_MAX))
                .fetch_all(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            rows.iter().map(of_user).collect()
        })
        .await
    }

    async fn add_participants(
        &self,
        id: &ConversationId,
        user_ids: &[UserId],
        at: Timestamp,
    ) -> Result<Conversation, ConversationError> {
        let (id, user_ids) = (id.clone(), user_ids.to_vec());
        let added = self.writer.change(Add { id, user_ids, at }).await;
        added.inspect_err(|error| self.count_conversation_error(error))
    }

    async fn remove_participant(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Conversation, ConversationError> {
        let (id, user) = (id.clone(), user.clone());
        let removed = self.writer.change(Remove { id, user, at }).await;
        removed.inspect_err(|error| self.count_conversation_error(error))
    }

    async fn arrivals(&self) -> Result<Vec<Arrival>, StoreError> {
        self.counted(archive::arrivals(self)).await
    }

    async fn welcomed(&self, arrival: &Arrival) -> Result<(), StoreError> {
        self.counted(archive::welcomed(self, arrival)).await
    }

    async fn conversation_ids_of(&self, users: &[UserId]) -> Result<Vec<(UserId, ConversationId)>, StoreError> {
        let ids: Vec<&str> = users.iter().map(UserId::as_str).collect();
        let asked = serde_json::Value::from(ids).to_string();
        let membership: ReadRow<_> = |row| {
            let mut columns = Columns::of(row, "participants");
            Ok((columns.parse()?, columns.parse()?))
        };
        self.read_all(sqlx::query(IDS_OF).bind(asked), membership).await
    }
}

impl SqliteStore {
    pub(super) fn count_conversation_error(&self, error: &ConversationError) {
        if let ConversationError::Store(error) = error {
            self.metrics.failed(error);
        }
    }
}
