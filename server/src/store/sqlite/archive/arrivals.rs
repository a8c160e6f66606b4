//! Conversations that were imported while a server runs: noted by the import, welcomed by the server.

use async_trait::async_trait;
use chat_core::ports::{Arrival, StoreError};
use chat_core::{ConversationId, Seq};
use sqlx::SqliteConnection;

use crate::store::SqliteStore;
use crate::store::sqlite::errors::{Stop, unavailable};
use crate::store::sqlite::rows::{self, Columns};
use crate::store::sqlite::writer::Change;

/// Notes them.
pub(super) struct Arrived(pub(super) Vec<(ConversationId, Seq)>);

#[async_trait]
impl Change for Arrived {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        sqlx::query(
            "INSERT INTO arrivals (conversation_key, upto)
             SELECT c.conversation_key, asked.value ->> 1
             FROM json_each(?1) AS asked JOIN conversations AS c ON c.id = asked.value ->> 0 WHERE true
             ON CONFLICT (conversation_key) DO UPDATE SET upto = max(upto, excluded.upto)",
        )
        .bind(rows::to_json(&self.0)?)
        .execute(db)
        .await?;
        Ok(())
    }
}

struct Welcomed(Arrival);

#[async_trait]
impl Change for Welcomed {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        // Not one that was noted anew since, with more.
        sqlx::query(
            "DELETE FROM arrivals
             WHERE upto <= ?2 AND conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1)",
        )
        .bind(self.0.conversation_id.as_str())
        .bind(rows::stored(self.0.upto))
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Those that were noted and not welcomed. A server to which nothing comes writes nothing.
pub(in crate::store::sqlite) async fn arrivals(store: &SqliteStore) -> Result<Vec<Arrival>, StoreError> {
    let mut db = store.reader().await?;
    let noted = sqlx::query(
        "SELECT c.id, a.upto FROM arrivals AS a JOIN conversations AS c USING (conversation_key) ORDER BY 1",
    )
    .fetch_all(&mut *db)
    .await
    .map_err(|error| unavailable(&error))?;
    let arrival = |row| {
        let mut columns = Columns::of(row, "arrivals");
        Ok(Arrival {
            conversation_id: columns.parse()?,
            upto: columns.seq()?,
        })
    };
    noted.iter().map(arrival).collect()
}

/// This one is in use.
pub(in crate::store::sqlite) async fn welcomed(store: &SqliteStore, arrival: &Arrival) -> Result<(), StoreError> {
    store.writer.change(Welcomed(arrival.clone())).await
}
