//! The store's own state.

use async_trait::async_trait;
use chat_core::Epoch;
use chat_core::ports::{StoreError, Vitals};
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::errors::Stop;
use super::writer::Change;

/// Flips a bit that means nothing. Only a change that is committed shows a full or read-only disk: one that is rolled
/// back stays in memory, and one that sets a value to what it is already writes no page.
struct Flip;

#[async_trait]
impl Change for Flip {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        sqlx::query("UPDATE meta SET heartbeat = 1 - heartbeat")
            .execute(db)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl Vitals for SqliteStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.counted(self.writer.change(Flip)).await
    }

    fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}
