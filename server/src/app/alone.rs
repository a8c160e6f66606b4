//! One database is one server's: a second one would know nothing of the first one's sockets, and take it for dead.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

/// How long a server that is just stopping may take to let go.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is tried meanwhile.
const TRIED_EVERY: Duration = Duration::from_millis(50);

/// Held while a server runs. The system lets go of it when the process ends, whatever it ends of.
#[derive(Debug)]
pub(super) struct Alone {
    _locked: Option<File>,
}

/// Another server has it.
#[derive(Debug, thiserror::Error)]
#[error(
    "another rollcall serves the database {} (it holds {}); stop that one, or give this one a --data-dir of its own",
    database.display(), lock.display()
)]
pub struct Taken {
    /// The database's file.
    database: PathBuf,
    /// What is locked.
    lock: PathBuf,
}

impl Alone {
    /// Waits a moment for a server that is stopping. A file system that knows no locks is no reason not to serve.
    pub(super) async fn on(database: &Path) -> Result<Self, Taken> {
        // The same file by another name is the same database.
        let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
        let lock = beside(&database);
        let file = match open(&lock) {
            Ok(file) => file,
            Err(error) => return Ok(Self::unknown(&lock, &error)),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _locked: Some(file) }),
                Err(TryLockError::Error(error)) => return Ok(Self::unknown(&lock, &error)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => tokio::time::sleep(TRIED_EVERY).await,
                Err(TryLockError::WouldBlock) => return Err(Taken { database, lock }),
            }
        }
    }

    fn unknown(lock: &Path, error: &std::io::Error) -> Self {
        tracing::warn!(path = %lock.display(), %error, "whether another server has this database cannot be known");
        Self { _locked: None }
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.file_name().map(OsString::from).unwrap_or_default();
    name.push(".lock");
    database.with_file_name(name)
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_database_is_one_servers() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("rollcall.db");
        let first = Alone::on(&database).await.unwrap();
        let refused = Alone::on(&database).await.unwrap_err().to_string();
        assert!(
            refused.contains("rollcall.db.lock") && refused.contains("stop that one"),
            "{refused}"
        );
        let other = dir.path().join("other.db");
        Alone::on(&other).await.unwrap();
        drop(first);
        let _again = Alone::on(&database).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn another_name_of_it_is_no_other_database() {
        let dir = tempfile::tempdir().unwrap();
        let (database, link) = (dir.path().join("rollcall.db"), dir.path().join("link.db"));
        std::fs::write(&database, "").unwrap();
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let _first = Alone::on(&database).await.unwrap();
        Alone::on(&link).await.unwrap_err();
    }

    #[tokio::test]
    async fn one_that_is_stopping_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("rollcall.db");
        let first = Alone::on(&database).await.unwrap();
        let (second, ()) = tokio::join!(Alone::on(&database), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        second.unwrap();
    }
}
