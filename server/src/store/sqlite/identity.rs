//! Is the file at the database's path still the file that is open?
//!
//! On Unix an open file lives on after it was deleted or replaced. Commits to it succeed, and the next start knows
//! nothing of them. So nothing is acknowledged unless the path still names the open file.

use std::path::{Path, PathBuf};

use chat_core::ports::{StoreError, StoreTrouble};

/// Which file the database is, by what the file system calls it.
#[derive(Debug)]
pub(super) struct FileIdentity {
    path: PathBuf,
    file: FileNumber,
}

#[cfg(unix)]
type FileNumber = (u64, u64);
/// Elsewhere an open file cannot be deleted; that it exists is all there is to know.
#[cfg(not(unix))]
type FileNumber = ();

#[cfg(unix)]
fn number(path: &Path) -> std::io::Result<FileNumber> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn number(path: &Path) -> std::io::Result<FileNumber> {
    std::fs::metadata(path).map(drop)
}

impl FileIdentity {
    /// Of the file that is at `path` now.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: number(path)?,
        })
    }

    /// Fails unless the path still names that file. One `stat`, about a microsecond: not worth a thread.
    pub(super) fn verify(&self) -> Result<(), StoreError> {
        match number(&self.path) {
            Ok(file) if file == self.file => Ok(()),
            Ok(_) => Err(self.moved("is another file now; put the old one back or restart")),
            Err(error) => Err(self.moved(&format!("cannot be found: {error}"))),
        }
    }

    fn moved(&self, what: &str) -> StoreError {
        StoreError::Unavailable {
            trouble: StoreTrouble::Connection,
            detail: format!("the database file {} {what}", self.path.display()),
        }
    }
}
