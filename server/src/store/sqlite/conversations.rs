//! Conversations as they are read.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chat_core::conversation::ConversationOfUser;
use chat_core::limits::{UNREAD_MAX, UNREAD_SCAN_MAX};
use chat_core::ports::{Arrival, ConversationError, Conversations, Created, NewConversation, StoreError};
use chat_core::{Conversation, ConversationId, Participant, Timestamp, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, SqliteConnection};

use super::archive;
use super::errors::unavailable;
use super::participants::{Add, Create, Remove};
use super::rows::{self, Columns, message_columns, participant_columns};
use super::{ReadRow, SqliteStore};

/// The conversation and its participants in one statement, which sees one state of both.
pub(super) const WHOLE: &str = concat!(
    "SELECT c.id, c.kind, c.title, c.created_at, (SELECT id FROM users WHERE user_key = c.created_by_key), c.last_seq,
         u.id IS NOT NULL, ",
    participant_columns!(),
    " FROM conversations AS c LEFT JOIN participants AS p USING (conversation_key)
      LEFT JOIN users AS u ON u.user_key = p.user_key WHERE c.id = ?1 ORDER BY u.id"
);

/// The conversation with this id, as `db` sees it now.
pub(super) async fn find(db: &mut SqliteConnection, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
    let rows = sqlx::query(WHOLE)
        .bind(id.as_str())
        .fetch_all(db)
        .await
        .map_err(|error| unavailable(&error))?;
    let Some(first) = rows.first() else { return Ok(None) };
    let conversation = head(&mut Columns::of(first, "conversations"))?;
    let mut participants = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut columns = Columns::of(row, "participants");
        columns.skip(6);
        if columns.take()? {
            participants.push(rows::participant(&mut columns)?);
        }
    }
    Ok(Some(with(conversation, participants)))
}

/// The next six columns as a conversation that lacks its participants.
fn head(columns: &mut Columns<'_>) -> Result<Conversation, StoreError> {
    Ok(Conversation {
        id: columns.parse()?,
        kind: rows::kind(columns)?,
        title: columns.take()?,
        created_at: columns.time()?,
        created_by: columns.parse_option()?,
        last_seq: columns.seq()?,
        participants: Arc::from([]),
    })
}

fn with(mut conversation: Conversation, participants: Vec<Participant>) -> Conversation {
    conversation.participants = Arc::from(participants);
    conversation
}

// The messages after the read one are scanned up to a bound, and counted up to another.
macro_rules! select_of_user {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.kind, c.title, c.created_at, (SELECT id FROM users WHERE user_key = c.created_by_key),
                 c.last_seq, me.received_seq, me.read_seq,
                 (SELECT count(*) FROM (SELECT 1 FROM (
                     SELECT sender_key FROM messages AS x
                     WHERE x.conversation_key = c.conversation_key AND x.seq > max(me.read_seq, me.joined_seq)
                     ORDER BY x.seq LIMIT ?2
                 ) WHERE sender_key <> me.user_key LIMIT ?3)),
                 (SELECT count(*) FROM (
                     SELECT 1 FROM mentions AS n WHERE n.user_key = me.user_key
                     AND n.conversation_key = c.conversation_key AND n.seq > max(me.read_seq, me.joined_seq) LIMIT ?3
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

pub(super) const PARTICIPANTS_OF_ALL: &str = concat!(
    "SELECT c.id, ",
    participant_columns!(),
    " FROM participants AS me JOIN conversations AS c USING (conversation_key)
      JOIN participants AS p ON p.conversation_key = c.conversation_key JOIN users AS u ON u.user_key = p.user_key
      WHERE me.user_key = (SELECT user_key FROM users WHERE id = ?1) ORDER BY u.id"
);

pub(super) const IDS_OF: &str = "SELECT u.id, c.id
    FROM json_each(?1) AS asked JOIN users AS u ON u.id = asked.value JOIN participants AS p USING (user_key)
    JOIN conversations AS c USING (conversation_key)";

fn of_user(row: &SqliteRow) -> Result<ConversationOfUser, StoreError> {
    let mut columns = Columns::of(row, "conversations");
    Ok(ConversationOfUser {
        conversation: head(&mut columns)?,
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

async fn participants_by_conversation(
    db: &mut SqliteConnection,
    user: &UserId,
) -> Result<HashMap<ConversationId, Vec<Participant>>, StoreError> {
    let rows = sqlx::query(PARTICIPANTS_OF_ALL)
        .bind(user.as_str())
        .fetch_all(db)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut all: HashMap<ConversationId, Vec<Participant>> = HashMap::new();
    for row in &rows {
        let mut columns = Columns::of(row, "participants");
        let conversation = columns.parse()?;
        all.entry(conversation)
            .or_default()
            .push(rows::participant(&mut columns)?);
    }
    Ok(all)
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
            // Two statements, one snapshot.
            let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
            let row = sqlx::query(ONE_OF_USER)
                .bind(user.as_str())
                .bind(bound(UNREAD_SCAN_MAX))
                .bind(bound(UNREAD_MAX))
                .bind(id.as_str())
                .fetch_optional(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            let Some(row) = row else { return Ok(None) };
            let mut seen = of_user(&row)?;
            if let Some(whole) = find(&mut db, id).await? {
                seen.conversation = whole;
            }
            Ok(Some(seen))
        })
        .await
    }

    async fn conversations_of(&self, user: &UserId) -> Result<Vec<ConversationOfUser>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            // Two statements, one snapshot.
            let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
            let rows = sqlx::query(ALL_OF_USER)
                .bind(user.as_str())
                .bind(bound(UNREAD_SCAN_MAX))
                .bind(bound(UNREAD_MAX))
                .fetch_all(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            let mut participants = participants_by_conversation(&mut db, user).await?;
            let mut all = Vec::with_capacity(rows.len());
            for row in &rows {
                let mut seen = of_user(row)?;
                let own = participants.remove(&seen.conversation.id).unwrap_or_default();
                seen.conversation = with(seen.conversation, own);
                all.push(seen);
            }
            Ok(all)
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
