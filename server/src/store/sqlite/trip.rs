//! One way to the database's thread and back.
//!
//! The database works in a thread of its own. Whoever waits for it is woken for each row, for the end of each statement, and again
//! when nothing more will come; each time by a thread that still holds the lock of the channel between the two, so that the one that
//! is woken mostly has to wait once more. Where a message is saved now and then, that is a good part of what it costs.

use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteRow;
use sqlx::{Either, Executor as _, SqliteConnection};

use super::Asked;

/// Carries out a text of exactly so many statements, and returns their rows when the last one is through: its end is the end of all,
/// and nobody waits to hear so again.
pub(super) async fn carry_out(
    db: &mut SqliteConnection,
    asked: Asked<'_>,
    statements: usize,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let mut rows = Vec::new();
    let mut through = 0;
    let mut told = db.fetch_many(asked);
    while through < statements {
        match told.try_next().await? {
            Some(Either::Left(_)) => through += 1,
            Some(Either::Right(row)) => rows.push(row),
            // Not to be taken for the end: it would be a commit that never was.
            None => return Err(sqlx::Error::WorkerCrashed),
        }
    }
    Ok(rows)
}
