//! The log of messages.

use async_trait::async_trait;
use chat_core::ids::ClientMessageId;
use chat_core::ports::{AppendError, Appending, MessageLog, Page, PageFrom, SearchQuery, StoreError};
use chat_core::{ConversationId, Draft, Message, MessageId, Seq, Timestamp, UserId};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::edits::{Delete, Edit};
use super::errors::unavailable;
use super::rows::{self, Columns, message_columns};
use super::writer::closed;
use super::{retention, search};

macro_rules! select_message {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages AS m JOIN conversations AS c USING (conversation_key)
              JOIN users AS s ON s.user_key = m.sender_key WHERE ",
            $condition
        )
    };
}

pub(super) const AFTER: &str = select_message!("c.id = ?1 AND m.seq > ?2 ORDER BY m.seq LIMIT ?3 + 0");
pub(super) const BEFORE: &str = select_message!("c.id = ?1 AND m.seq < ?2 ORDER BY m.seq DESC LIMIT ?3 + 0");
pub(super) const BY_ID: &str = select_message!("m.id = ?1");
pub(super) const BY_SEQ: &str = select_message!("m.conversation_key = ?1 AND m.seq = ?2");
pub(super) const BY_CLIENT_ID: &str = select_message!("c.id = ?1 AND s.id = ?2 AND m.client_message_id = ?3");

pub(super) fn read(row: &SqliteRow) -> Result<Message, StoreError> {
    rows::message(&mut Columns::of(row, "messages"))
}

/// The message with this seq, which is known to exist.
pub(super) async fn stored(db: &mut SqliteConnection, conversation: i64, seq: Seq) -> Result<Message, StoreError> {
    let row = sqlx::query(BY_SEQ)
        .bind(conversation)
        .bind(rows::stored(seq))
        .fetch_one(db)
        .await
        .map_err(|error| unavailable(&error))?;
    read(&row)
}

/// The message with this id.
pub(super) async fn find(db: &mut SqliteConnection, id: &MessageId) -> Result<Option<Message>, StoreError> {
    let row = sqlx::query(BY_ID)
        .bind(id.as_str())
        .fetch_optional(db)
        .await
        .map_err(|error| unavailable(&error))?;
    row.as_ref().map(read).transpose()
}

#[async_trait]
impl MessageLog for SqliteStore {
    async fn queue(&self, draft: Draft) -> Appending {
        let queued = self.writer.queue(draft).await;
        let metrics = self.metrics.clone();
        Box::pin(async move {
            let appended = match queued {
                Ok(answer) => answer.await.unwrap_or_else(|_| Err(closed().into())),
                Err(error) => Err(error.into()),
            };
            if let Err(AppendError::Store(error)) = &appended {
                metrics.failed(error);
            }
            appended
        })
    }

    async fn page(&self, id: &ConversationId, from: PageFrom, limit: u32) -> Result<Page<Message>, StoreError> {
        self.counted(async {
            let (sql, bound, newest_first) = match from {
                PageFrom::After(seq) => (AFTER, rows::stored(seq), false),
                PageFrom::Before(seq) => (BEFORE, rows::stored(seq), true),
                PageFrom::Newest => (BEFORE, i64::MAX, true),
            };
            let mut db = self.reader().await?;
            let found = sqlx::query(sql)
                .bind(id.as_str())
                .bind(bound)
                .bind(i64::from(limit) + 1) // one more than asked tells whether there are more
                .fetch_all(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            let kept = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut items = found.iter().take(kept).map(read).collect::<Result<Vec<_>, _>>()?;
            if newest_first {
                items.reverse();
            }
            let more = found.len() > kept;
            Ok(Page { items, more })
        })
        .await
    }

    async fn edit(&self, id: &MessageId, content: &str, at: Timestamp) -> Result<Option<Message>, StoreError> {
        let (id, content) = (id.clone(), content.to_owned());
        self.counted(self.writer.change(Edit { id, content, at })).await
    }

    async fn delete(&self, id: &MessageId, at: Timestamp) -> Result<Option<Message>, StoreError> {
        let id = id.clone();
        self.counted(self.writer.change(Delete { id, at })).await
    }

    async fn forget_messages(&self, before: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
        self.counted(retention::forget_some(self, before, at)).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>, StoreError> {
        self.counted(search::search(self, query)).await
    }

    async fn index_messages(&self, at_least: u32) -> Result<bool, StoreError> {
        self.counted(search::index_some(self, at_least)).await
    }

    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        self.counted(async { find(&mut *self.reader().await?, id).await }).await
    }

    async fn message_by_client_id(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let row = sqlx::query(BY_CLIENT_ID)
                .bind(conversation.as_str())
                .bind(sender.as_str())
                .bind(client_message_id.as_str())
                .fetch_optional(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            row.as_ref().map(read).transpose()
        })
        .await
    }
}
