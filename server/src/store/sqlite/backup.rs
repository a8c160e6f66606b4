//! Copies of the whole database, made while the server runs.

use std::io;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions as _, Connection as _};

use super::BUSY_TIMEOUT;
use super::open::{self, OpenError};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database that was to be copied.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Where the copy was to be.
    #[error("{} cannot be made: {reason}", path.display())]
    Target {
        /// The copy.
        path: PathBuf,
        /// The operating system's words.
        reason: io::Error,
    },
    /// While copying.
    #[error("the backup was given up, and {} removed: {reason}", path.display())]
    Copy {
        /// The copy.
        path: PathBuf,
        /// SQLite's words.
        reason: sqlx::Error,
    },
    /// The copy is no sound database.
    #[error("the backup was given up, and {} removed: the copy is not sound: {found}", path.display())]
    Unsound {
        /// The copy.
        path: PathBuf,
        /// What SQLite found.
        found: String,
    },
}

/// Copies the database at `from` into the new file `to`, in one consistent state, beside a running server. The copy has a mark: whoever
/// opens it as a database begins a new epoch. Returns its size.
pub async fn backup(from: &Path, to: &Path) -> Result<u64, BackupError> {
    let mut db = open::existing(from, BUSY_TIMEOUT).await?;
    // Made here and not by SQLite: for its owner only, and never over something that is there.
    open::new_file(to).map_err(|reason| BackupError::Target {
        path: to.to_owned(),
        reason,
    })?;
    let copied = copy(&mut db, to).await;
    let _closed = db.close().await;
    if copied.is_err() {
        let _removed = std::fs::remove_file(to);
    }
    copied
}

async fn copy(db: &mut sqlx::SqliteConnection, to: &Path) -> Result<u64, BackupError> {
    let told = |reason| BackupError::Copy {
        path: to.to_owned(),
        reason,
    };
    sqlx::query("VACUUM INTO ?1")
        .bind(to.to_string_lossy())
        .execute(db)
        .await
        .map_err(told)?;
    let mut copy = open::options(to, BUSY_TIMEOUT).connect().await.map_err(told)?;
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut copy)
        .await
        .map_err(told)?;
    if found != "ok" {
        return Err(BackupError::Unsound {
            path: to.to_owned(),
            found,
        });
    }
    sqlx::query("UPDATE meta SET is_backup = 1")
        .execute(&mut copy)
        .await
        .map_err(told)?;
    copy.close().await.map_err(told)?;
    let size = std::fs::metadata(to).map_err(|reason| BackupError::Target {
        path: to.to_owned(),
        reason,
    })?;
    Ok(size.len())
}
