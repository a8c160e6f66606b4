//! The store's own state.

use async_trait::async_trait;
use chat_core::Epoch;
use chat_core::ports::{StoreError, Vitals};
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::errors::Stop;
use super::writer::Change;

/// Writes the epoch's row as it is. SQLite writes and syncs the page all the same, so a full or read-only disk shows;
/// a transaction that is rolled back would touch nothing but memory.
struct Touch;

#[async_trait]
impl Change for Touch {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        sqlx::query("UPDATE meta SET created_at = created_at")
            .execute(db)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Vitals for SqliteStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.counted(self.writer.change(Touch)).await
    }

    fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}
