//! SQLite: one file, one writer, a few readers.
//!
//! In WAL mode readers never wait for the writer nor it for them. Every write goes through [`writer`], which commits in
//! groups; every read is one statement, or one read transaction, on a connection of the pool. A write is answered after
//! its commit, so a read that begins after the answer sees it.

mod accounts;
mod announced;
mod append;
pub mod archive;
mod audit;
mod backup;
mod conversations;
mod delivery;
mod edits;
mod errors;
mod evidence;
mod identity;
mod mentions;
mod messages;
mod moderation;
mod open;
mod operators;
mod participants;
mod retention;
mod rows;
mod search;
mod standing;
#[cfg(test)]
mod tests;
mod tokens;
mod trip;
mod vitals;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_core::Epoch;
use chat_core::ports::operators::Listed;
use chat_core::ports::{Clock, IdSource, StoreError};
use sqlx::Sqlite;
use sqlx::pool::PoolConnection;
use sqlx::query::{Query, QueryScalar};
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqlitePoolOptions, SqliteRow};
use tokio::sync::Semaphore;

pub use self::backup::{BackupError, backup};
use self::errors::unavailable;
use self::identity::FileIdentity;
pub use self::open::OpenError;
use self::standing::OwnChanges;
use self::writer::Writer;
use super::StoreMetrics;

/// A question with its values.
type Asked<'q> = Query<'q, Sqlite, SqliteArguments>;
/// One that is answered by a number.
type AskedNumber<'q> = QueryScalar<'q, Sqlite, i64, SqliteArguments>;
/// What a row means.
type ReadRow<T> = fn(&SqliteRow) -> Result<T, StoreError>;

/// Connections that read: as many as may be busy with long reads while a short one still finds a free one.
const READERS: u32 = 4;

/// Searches that run at the same time; more wait. Half of the readers: a long search must not keep pages waiting.
const SEARCHES: usize = 2;

/// How long somebody else may hold the lock (another process: a backup, `rollcall user add`) before an operation fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The store in a SQLite file.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    identity: Arc<FileIdentity>,
    epoch: Epoch,
    searches: Semaphore,
    own_changes: OwnChanges,
    metrics: StoreMetrics,
}

impl SqliteStore {
    /// Opens the database at `path`, makes it if there is none, and brings its schema up to date. `clock` and `ids` make
    /// the epoch of a new one.
    pub async fn open(
        path: &Path,
        clock: &dyn Clock,
        ids: &dyn IdSource,
        metrics: StoreMetrics,
    ) -> Result<Self, OpenError> {
        Self::open_with(path, clock, ids, metrics, BUSY_TIMEOUT).await
    }

    /// As [`SqliteStore::open`], with another patience.
    async fn open_with(
        path: &Path,
        clock: &dyn Clock,
        ids: &dyn IdSource,
        metrics: StoreMetrics,
        busy_timeout: Duration,
    ) -> Result<Self, OpenError> {
        let mut db = open::first_connection(path, busy_timeout).await?;
        let epoch = open::epoch(&mut db, path, clock, ids).await?;
        let identity = FileIdentity::of(path).map_err(|reason| OpenError::File {
            path: path.to_owned(),
            reason,
        })?;
        let identity = Arc::new(identity);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // A file does not go away like a network does; `identity` notices when it does.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(busy_timeout)
            .connect_lazy_with(open::reader_options(path, busy_timeout));
        let writer = Writer::start(db, path.to_owned(), identity.clone(), busy_timeout, metrics.clone());
        Ok(Self {
            writer,
            readers,
            identity,
            epoch,
            searches: Semaphore::new(SEARCHES),
            own_changes: OwnChanges::default(),
            metrics,
        })
    }

    /// Finishes the writes that are queued, moves the WAL into the database file and closes every connection. Whatever
    /// comes afterwards is refused.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        self.writer.close().await
    }

    /// A connection that reads, of a file that is still the one at our path.
    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.identity.verify()?;
        self.readers.acquire().await.map_err(|error| unavailable(&error))
    }

    /// The rows that answer a question, each as `read` understands it.
    async fn read_all<T>(&self, asked: Asked<'_>, read: ReadRow<T>) -> Result<Vec<T>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let found = asked.fetch_all(&mut *db).await.map_err(|error| unavailable(&error))?;
            found.iter().map(read).collect()
        })
        .await
    }

    /// The same of a list that is shown in slices, with how much there is of it in all.
    async fn read_slice<T>(
        &self,
        slice: Asked<'_>,
        total: AskedNumber<'_>,
        read: ReadRow<T>,
    ) -> Result<Listed<T>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let found = slice.fetch_all(&mut *db).await.map_err(|error| unavailable(&error))?;
            let total = total.fetch_one(&mut *db).await.map_err(|error| unavailable(&error))?;
            Ok(Listed {
                items: found.iter().map(read).collect::<Result<_, _>>()?,
                total: u64::try_from(total).unwrap_or(0),
            })
        })
        .await
    }

    /// Counts the failure, if it is one.
    async fn counted<T>(&self, operation: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        operation.await.inspect_err(|error| self.metrics.failed(error))
    }
}

/// Brings the schema of the database at `path` up to date, making it if there is none: `rollcall migrate`.
pub async fn migrate(path: &Path) -> Result<(), OpenError> {
    let db = open::first_connection(path, BUSY_TIMEOUT).await?;
    sqlx::Connection::close(db).await.map_err(|reason| OpenError::Database {
        path: path.to_owned(),
        reason,
    })
}

/// Marks the database at `path` as restored from a copy: whoever opens it next begins a new epoch. For copies that were made by other
/// means than [`backup()`].
pub async fn renew_epoch(path: &Path) -> Result<(), OpenError> {
    let told = |reason| OpenError::Database {
        path: path.to_owned(),
        reason,
    };
    let mut db = open::first_connection(path, BUSY_TIMEOUT).await?;
    sqlx::query("UPDATE meta SET is_backup = 1")
        .execute(&mut db)
        .await
        .map_err(told)?;
    sqlx::Connection::close(db).await.map_err(told)
}
