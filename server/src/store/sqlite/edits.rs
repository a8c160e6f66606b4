//! Changing messages that are in the log. Their numbers stay, so that no page and no resume ever sees a gap.

use async_trait::async_trait;
use chat_core::ports::StoreError;
use chat_core::{Message, MessageId, Timestamp};
use sqlx::SqliteConnection;

use super::errors::Stop;
use super::writer::Change;
use super::{mentions, messages, search};

/// Replaces a content.
pub(super) struct Edit {
    pub(super) id: MessageId,
    pub(super) content: String,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Change for Edit {
    type Done = Option<Message>;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Option<Message>, Stop<StoreError>> {
        let edited = sqlx::query(EDIT)
            .bind(self.id.as_str())
            .bind(self.content.as_str())
            .bind(self.at.as_millis())
            .execute(&mut *db)
            .await?;
        if edited.rows_affected() == 0 {
            return Ok(None);
        }
        search::index_again(db, &self.id).await?;
        mentions::note_again(db, &self.id, &self.content).await?;
        Ok(messages::find(db, &self.id).await?)
    }
}

/// Empties a message.
pub(super) struct Delete {
    pub(super) id: MessageId,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Change for Delete {
    type Done = Option<Message>;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Option<Message>, Stop<StoreError>> {
        sqlx::query(DELETE)
            .bind(self.id.as_str())
            .bind(self.at.as_millis())
            .execute(&mut *db)
            .await?;
        search::index_again(db, &self.id).await?;
        mentions::note_again(db, &self.id, "").await?;
        Ok(messages::find(db, &self.id).await?)
    }
}

pub(super) const EDIT: &str = "UPDATE messages SET content = ?2, edited_at = ?3 WHERE id = ?1 AND deleted_at IS NULL";
pub(super) const DELETE: &str =
    "UPDATE messages SET content = '', deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL";
