//! Conversations that were imported while a server runs: noted by the import, taken by the server.

use async_trait::async_trait;
use chat_core::ConversationId;
use chat_core::ports::StoreError;
use sqlx::SqliteConnection;

use crate::store::SqliteStore;
use crate::store::sqlite::errors::{Stop, unavailable};
use crate::store::sqlite::rows;
use crate::store::sqlite::writer::Change;

/// Notes them.
pub(super) struct Arrived(pub(super) Vec<ConversationId>);

#[async_trait]
impl Change for Arrived {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        sqlx::query(
            "INSERT OR IGNORE INTO arrivals
             SELECT c.conversation_key FROM json_each(?1) AS asked JOIN conversations AS c ON c.id = asked.value",
        )
        .bind(rows::to_json(&self.0)?)
        .execute(db)
        .await?;
        Ok(())
    }
}

struct Take;

#[async_trait]
impl Change for Take {
    type Done = Vec<ConversationId>;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Vec<ConversationId>, Stop<StoreError>> {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT c.id FROM arrivals JOIN conversations AS c USING (conversation_key) ORDER BY 1")
                .fetch_all(&mut *db)
                .await?;
        sqlx::query("DELETE FROM arrivals").execute(db).await?;
        Ok(ids
            .into_iter()
            .filter_map(|id| ConversationId::parse(id).ok())
            .collect())
    }
}

/// Those that were noted, once. A server to which nothing comes writes nothing.
pub(in crate::store::sqlite) async fn take_arrivals(store: &SqliteStore) -> Result<Vec<ConversationId>, StoreError> {
    let any: bool = {
        let mut db = store.reader().await?;
        let any = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM arrivals)");
        any.fetch_one(&mut *db).await.map_err(|error| unavailable(&error))?
    };
    if any {
        store.writer.change(Take).await
    } else {
        Ok(Vec::new())
    }
}
