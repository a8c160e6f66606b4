//! Opening the database file: making it, its settings, its migrations.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chat_core::ports::{Clock, IdSource};
use chat_core::{Epoch, Timestamp};
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, SqliteConnection};
use tokio::time::Instant;

use super::append::one;
use super::{errors, standing};

/// The letters `RoCa`, as the first migration sets it.
const APPLICATION_ID: i64 = 1_383_023_457;

/// Between two tries at a lock that SQLite does not wait for.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Pages in the log file (WAL) between two checkpoints. The pages that the next commits write again need to be moved only once: 32 MiB
/// between two moves cost an eighth less CPU for each message than the default of 4.
const WAL_PAGES: u64 = 8_000;

/// Bytes in the log file when its pages are moved: each has a head of 24 bytes before its 4,096, and the file has one of 32.
pub(super) const WAL_BYTES: u64 = 32 + WAL_PAGES * (24 + 4_096);

/// Why the database cannot be opened. Each is a sentence for whoever started the server.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder.
    #[error("the database file {} cannot be opened for writing: {reason}", path.display())]
    File {
        /// The database file.
        path: PathBuf,
        /// The operating system's words.
        reason: io::Error,
    },
    /// The file is something else.
    #[error("{} is not a SQLite database; name another file or move this one away", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite file of another program.
    #[error("{} is a SQLite database of another program; name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error(
        "the database {} has migration {version}, which this version of Rollcall does not know: run the newer version \
         or restore a backup from before it",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first migration that is not known.
        version: i64,
    },
    /// A migration went wrong.
    #[error("the database {} cannot be migrated: {reason}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Which one and why.
        reason: MigrateError,
    },
    /// Anything else that SQLite says.
    #[error("the database {} cannot be opened: {reason}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        reason: sqlx::Error,
    },
    /// The file lacks its own identity.
    #[error("the database {} has no valid epoch; restore it from a backup", path.display())]
    NoEpoch {
        /// The file.
        path: PathBuf,
    },
}

/// Every migration, in order. `include_str!` and not sqlx's macro: no build script, no macro crate, and the test below
/// notices a file that is not listed.
fn migrator() -> Migrator {
    let simple = |version, description: &'static str, sql: &'static str| {
        let description = Cow::Borrowed(description);
        Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        simple(
            1,
            "accounts conversations messages",
            include_str!("../../../../migrations/sqlite/0001_accounts_conversations_messages.sql"),
        ),
        simple(
            2,
            "delivery evidence",
            include_str!("../../../../migrations/sqlite/0002_delivery_evidence.sql"),
        ),
        simple(
            3,
            "cursors of past memberships",
            include_str!("../../../../migrations/sqlite/0003_cursors_of_past_memberships.sql"),
        ),
        simple(
            4,
            "operators",
            include_str!("../../../../migrations/sqlite/0004_operators.sql"),
        ),
        simple(
            5,
            "search and upkeep",
            include_str!("../../../../migrations/sqlite/0005_search_and_upkeep.sql"),
        ),
        simple(
            6,
            "announcements",
            include_str!("../../../../migrations/sqlite/0006_announcements.sql"),
        ),
        simple(
            7,
            "standing",
            include_str!("../../../../migrations/sqlite/0007_standing.sql"),
        ),
        simple(
            8,
            "foreign hashes",
            include_str!("../../../../migrations/sqlite/0008_foreign_hashes.sql"),
        ),
        simple(
            9,
            "history that arrives",
            include_str!("../../../../migrations/sqlite/0009_history_that_arrives.sql"),
        ),
        simple(
            10,
            "messages by time",
            include_str!("../../../../migrations/sqlite/0010_messages_by_time.sql"),
        ),
    ])
}

/// Settings that every connection shares.
pub(super) fn options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(busy_timeout)
        // A line for each statement would drown the log; the metrics tell how long a message takes.
        .disable_statement_logging()
}

/// The writer's settings: what is committed survives a power cut.
pub(super) fn writer_options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    options(path, busy_timeout)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // 32 MiB keep the upper levels of the four trees in memory at a million messages.
        .pragma("cache_size", "-32768")
        .pragma("wal_autocheckpoint", WAL_PAGES.to_string())
        // After a burst the WAL shrinks back to 64 MiB.
        .pragma("journal_size_limit", "67108864")
}

/// A reader's settings.
pub(super) fn reader_options(path: &Path, busy_timeout: Duration) -> SqliteConnectOptions {
    options(path, busy_timeout)
        .read_only(true)
        .pragma("cache_size", "-8192")
}

/// Opens a database that is there and ours, to look at it.
pub(super) async fn existing(path: &Path, busy_timeout: Duration) -> Result<SqliteConnection, OpenError> {
    let told = |reason: sqlx::Error| told(path, reason);
    std::fs::metadata(path).map_err(|reason| OpenError::File {
        path: path.to_owned(),
        reason,
    })?;
    let mut db = options(path, busy_timeout).connect().await.map_err(told)?;
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut db)
        .await
        .map_err(told)?;
    if application_id == APPLICATION_ID {
        Ok(db)
    } else {
        Err(OpenError::Foreign { path: path.to_owned() })
    }
}

fn told(path: &Path, reason: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    if errors::is_no_database(&reason) {
        OpenError::NoDatabase { path }
    } else {
        OpenError::Database { path, reason }
    }
}

/// Makes the file, readable by its owner only, if there is none. SQLite gives its WAL the same mode.
fn make_file(path: &Path) -> io::Result<()> {
    match new_file(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes a file that is not there yet, readable by its owner only.
pub(super) fn new_file(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map(|_| ())
}

/// Opens the writer's connection at start: the file exists, is ours, and has every migration.
pub(super) async fn first_connection(path: &Path, busy_timeout: Duration) -> Result<SqliteConnection, OpenError> {
    make_file(path).map_err(|reason| OpenError::File {
        path: path.to_owned(),
        reason,
    })?;
    let told = |reason: sqlx::Error| told(path, reason);
    // Without the writer's settings: WAL would already write to a file that may not be ours.
    let mut looking = options(path, busy_timeout).connect().await.map_err(told)?;
    let ours = is_ours(&mut looking).await.map_err(told)?;
    looking.close().await.map_err(told)?;
    if !ours {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    let mut db = connect_writer(path, busy_timeout).await.map_err(told)?;
    // `run_direct` is what `run` calls; `run` itself cannot be part of a future that moves between threads.
    let migrator = migrator();
    let mut migrated = migrator.run_direct(None, &mut db, false).await;
    for _ in migrator.iter() {
        if migrated.is_ok() {
            break;
        }
        // Another process may be at it too; what it has done by now is then found done. It may come first once for each.
        migrated = migrator.run_direct(None, &mut db, false).await;
    }
    migrated.map_err(|reason| {
        let path = path.to_owned();
        match reason {
            MigrateError::VersionMissing(version) => OpenError::Newer { path, version },
            reason => OpenError::Migration { path, reason },
        }
    })?;
    prepare_writer(&mut db).await.map_err(told)?;
    Ok(db)
}

/// What the writer's statements need besides the tables. Of this connection alone and gone with it; after the migrations, which
/// it could be in the way of.
async fn prepare_writer(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(one::PREPARE).execute(&mut *db).await?;
    sqlx::raw_sql(standing::PREPARE).execute(db).await.map(drop)
}

/// The writer's connection, to a database that has every migration.
pub(super) async fn reconnect_writer(path: &Path, busy_timeout: Duration) -> Result<SqliteConnection, sqlx::Error> {
    let mut db = writer_options(path, busy_timeout).connect().await?;
    prepare_writer(&mut db).await?;
    Ok(db)
}

/// The writer's connection. Two who turn the same new file to WAL are told at once that it is locked, whatever their
/// patience.
async fn connect_writer(path: &Path, busy_timeout: Duration) -> Result<SqliteConnection, sqlx::Error> {
    let patient_until = Instant::now() + busy_timeout;
    loop {
        match writer_options(path, busy_timeout).connect().await {
            Err(error) if errors::is_busy(&error) && Instant::now() < patient_until => {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            connected => return connected,
        }
    }
}

/// Is the file empty, or made by us?
async fn is_ours(db: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // The tables first: another process that makes them now sets the id in the same transaction.
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name <> '_sqlx_migrations' AND type = 'table'")
            .fetch_one(&mut *db)
            .await?;
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *db).await?;
    Ok(application_id == APPLICATION_ID || (application_id == 0 && tables == 0))
}

/// The database's epoch, made now at its first opening.
pub(super) async fn epoch(
    db: &mut SqliteConnection,
    path: &Path,
    clock: &dyn Clock,
    ids: &dyn IdSource,
) -> Result<Epoch, OpenError> {
    let told = |reason| OpenError::Database {
        path: path.to_owned(),
        reason,
    };
    let (candidate, now): (_, Timestamp) = (ids.message_id(), clock.now());
    sqlx::query("INSERT INTO meta (only_row, epoch, created_at) VALUES (1, ?1, ?2) ON CONFLICT DO NOTHING")
        .bind(candidate.as_str())
        .bind(now.as_millis())
        .execute(&mut *db)
        .await
        .map_err(told)?;
    // A backup that is used as a database: clients may hold messages that came after it was made.
    sqlx::query("UPDATE meta SET epoch = ?1, is_backup = 0 WHERE is_backup = 1")
        .bind(candidate.as_str())
        .execute(&mut *db)
        .await
        .map_err(told)?;
    let epoch: String = sqlx::query_scalar("SELECT epoch FROM meta")
        .fetch_one(&mut *db)
        .await
        .map_err(told)?;
    Epoch::parse(epoch).map_err(|_| OpenError::NoEpoch { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_file_is_listed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/sqlite");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed: Vec<String> = migrator()
            .iter()
            .map(|m| format!("{:04}_{}.sql", m.version, m.description.replace(' ', "_")))
            .collect();
        assert_eq!(files, listed);
    }
}
