//! Tokens that can be taken back.

use async_trait::async_trait;
use chat_core::ports::operators::{Listed, Slice};
use chat_core::ports::{KeptToken, KeptTokens, StoreError};
use chat_core::{Timestamp, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, SqliteConnection};

use super::SqliteStore;
use super::errors::{Stop, unavailable};
use super::rows::{self, Columns};
use super::writer::Change;

/// Those that are asked for; ?1 is the text.
macro_rules! wanted {
    () => {
        " FROM kept_tokens AS t JOIN users AS u USING (user_key)
          WHERE ?1 IS NULL OR instr(lower(u.username), ?1) > 0 OR instr(lower(t.name), ?1) > 0 OR instr(lower(t.id), ?1) > 0"
    };
}

/// Writes a token down.
pub(super) struct Keep(pub(super) KeptToken);

#[async_trait]
impl Change for Keep {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        let token = &self.0;
        sqlx::query(
            "INSERT INTO kept_tokens (id, user_key, name, role, created_at, expires_at)
             SELECT ?1, user_key, ?3, ?4, ?5, ?6 FROM users WHERE id = ?2",
        )
        .bind(token.id.as_str())
        .bind(token.user_id.as_str())
        .bind(token.name.as_str())
        .bind(token.role.as_str())
        .bind(token.created_at.as_millis())
        .bind(token.expires_at.as_millis())
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Takes a token back.
pub(super) struct Revoke {
    pub(super) id: String,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Change for Revoke {
    type Done = bool;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<bool, Stop<StoreError>> {
        let revoked = sqlx::query("UPDATE kept_tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")
            .bind(self.id.as_str())
            .bind(self.at.as_millis())
            .execute(db)
            .await?;
        Ok(revoked.rows_affected() > 0)
    }
}

/// Forgets those that ended long ago.
struct Forget {
    before: Timestamp,
}

#[async_trait]
impl Change for Forget {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        sqlx::query("DELETE FROM kept_tokens WHERE expires_at < ?1")
            .bind(self.before.as_millis())
            .execute(db)
            .await?;
        Ok(())
    }
}

const PAGE: &str = concat!(
    "SELECT t.id, u.id, u.username, t.name, t.role, t.created_at, t.expires_at, t.revoked_at",
    wanted!(),
    " ORDER BY t.created_at DESC, t.id DESC LIMIT ?2 + 0 OFFSET ?3"
);

const COUNTS: &str = concat!(
    "SELECT (SELECT count(*)",
    wanted!(),
    "), count(*), count(*) FILTER (WHERE revoked_at IS NULL AND expires_at > ?2) FROM kept_tokens"
);

const GOOD_AMONG: &str = "
    SELECT t.id FROM json_each(?1) AS asked JOIN kept_tokens AS t ON t.id = asked.value WHERE t.revoked_at IS NULL";

const DISABLED_AMONG: &str = "
    SELECT u.id FROM json_each(?1) AS asked JOIN users AS u ON u.id = asked.value WHERE u.disabled_at IS NOT NULL";

fn read(row: &SqliteRow) -> Result<KeptToken, StoreError> {
    let mut columns = Columns::of(row, "kept_tokens");
    Ok(KeptToken {
        id: columns.take()?,
        user_id: columns.parse()?,
        username: columns.take()?,
        name: columns.take()?,
        role: columns.parse()?,
        created_at: columns.time()?,
        expires_at: columns.time()?,
        revoked_at: columns.time_option()?,
    })
}

/// See [`chat_core::ports::Accounts::kept_tokens`].
pub(super) async fn list(
    store: &SqliteStore,
    text: Option<&str>,
    now: Timestamp,
    slice: Slice,
) -> Result<KeptTokens, StoreError> {
    let text = text.map(str::to_ascii_lowercase);
    let mut db = store.reader().await?;
    // Two statements, one snapshot.
    let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
    let page = sqlx::query(PAGE)
        .bind(text.as_deref())
        .bind(slice.limit)
        .bind(i64::try_from(slice.skip).unwrap_or(i64::MAX))
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
    let counts = sqlx::query_as(COUNTS)
        .bind(text.as_deref())
        .bind(now.as_millis())
        .fetch_one(&mut *db)
        .await;
    let (total, all, good): (i64, i64, i64) = counts.map_err(|error| unavailable(&error))?;
    let count = |rows| u64::try_from(rows).unwrap_or(0);
    Ok(KeptTokens {
        listed: Listed {
            items: page.iter().map(read).collect::<Result<_, _>>()?,
            total: count(total),
        },
        all: count(all),
        good: count(good),
    })
}

/// Forgets those that ended before. A server whose tokens are all young writes nothing.
pub(super) async fn forget(store: &SqliteStore, before: Timestamp) -> Result<(), StoreError> {
    let any: bool = {
        let mut db = store.reader().await?;
        let any = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM kept_tokens WHERE expires_at < ?1)");
        let any = any.bind(before.as_millis()).fetch_one(&mut *db).await;
        any.map_err(|error| unavailable(&error))?
    };
    if any {
        store.writer.change(Forget { before }).await?;
    }
    Ok(())
}

/// Those of `ids` that are good.
pub(super) async fn good_among(store: &SqliteStore, ids: &[String]) -> Result<Vec<String>, StoreError> {
    among(store, GOOD_AMONG, &ids).await
}

/// Those of `ids` whose accounts are disabled.
pub(super) async fn disabled_among(store: &SqliteStore, ids: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    let found = among(store, DISABLED_AMONG, &ids).await?;
    // What was asked for by these very ids.
    Ok(ids
        .iter()
        .filter(|id| found.iter().any(|found| found == id.as_str()))
        .cloned()
        .collect())
}

async fn among(
    store: &SqliteStore,
    sql: &'static str,
    ids: &(impl serde::Serialize + Sync),
) -> Result<Vec<String>, StoreError> {
    let asked = rows::to_json(ids)?;
    let mut db = store.reader().await?;
    let found = sqlx::query_scalar(sql).bind(asked).fetch_all(&mut *db).await;
    found.map_err(|error| unavailable(&error))
}
