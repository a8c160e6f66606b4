//! Whether an account or a token may have changed, without a look at any of them.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use chat_core::ports::StoreError;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::errors::Stop;
use super::trip::carry_out;
use super::writer::Change;

/// Tells one connection of the writer from the next, whose count of what others wrote begins anew.
pub(super) const PREPARE: &str = "CREATE TEMP TABLE this_connection AS SELECT random() AS id";

// Another number when another connection than this one has committed (https://sqlite.org/pragma.html#pragma_data_version); ours is the only
// one of this process that does.
const ELSEWHERE: &str = "SELECT data_version, (SELECT id FROM temp.this_connection) FROM pragma_data_version";

/// Changes of accounts and tokens by this process.
#[derive(Debug, Default)]
pub(super) struct OwnChanges(AtomicI64);

/// A change that is being made.
pub(super) struct OwnChange<'a>(&'a OwnChanges);

impl OwnChanges {
    /// Counts when what is returned is dropped: after the commit, however it went, for what failed may have happened all the same; or when
    /// nobody waits for it any more.
    pub(super) fn one(&self) -> OwnChange<'_> {
        OwnChange(self)
    }
}

impl Drop for OwnChange<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Release);
    }
}

struct Elsewhere;

#[async_trait]
impl Change for Elsewhere {
    type Done = i64;
    type Refused = StoreError;

    const ONE_STATEMENT: bool = true;
    const ASKS: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<i64, Stop<StoreError>> {
        let rows = carry_out(db, sqlx::query(ELSEWHERE), 1).await?;
        let told = |row: &sqlx::sqlite::SqliteRow| -> Result<i64, sqlx::Error> {
            Ok(row.try_get::<i64, _>(0)?.wrapping_add(row.try_get(1)?))
        };
        Ok(rows.first().map_or(Ok(0), told)?)
    }
}

impl SqliteStore {
    /// [`standing`](chat_core::ports::Accounts::standing).
    pub(super) async fn standing_now(&self) -> Result<i64, StoreError> {
        // Ours first: what is committed after this is another number the next time.
        let ours = self.own_changes.0.load(Ordering::Acquire);
        Ok(self.writer.change(Elsewhere).await?.wrapping_add(ours))
    }
}
