//! Room in the log file (WAL) before it is needed.
//!
//! A commit that makes the file longer has the file system commit the new length too. One that writes where the file has been written
//! before does not, and its flush costs a fraction. SQLite writes the log from its beginning again after each checkpoint, so this is
//! how it is most of the time, but not from a start to the first checkpoint: there, zeros are appended ahead of it.
//!
//! SQLite takes the log to end at the first frame whose checksum is not the next one, which zeros have not
//! (<https://sqlite.org/fileformat2.html#the_write_ahead_log>). Nobody appends a frame meanwhile, because whoever does holds the
//! database's lock for writing, which [`Room::make`] is called under.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::sqlite::open::WAL_BYTES;

/// Zeros that are appended at a time: what some 150 messages take that come one by one, and a moment that a message can wait for on any
/// disk.
pub(in crate::store::sqlite) const BITE: u64 = 4 * 1024 * 1024;

/// Between two looks at the file's length.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Who opens a database and is done with it sooner, a command or a test, needs no room.
pub(in crate::store::sqlite) const FIRST_LOOK: Duration = Duration::from_secs(5);

/// After it was refused, which it will be again: by the file system, or by another process that holds the lock for long.
const AFTER_REFUSAL: Duration = Duration::from_mins(10);

/// What is known of the log's file.
pub(super) struct Room {
    /// SQLite puts it beside the file that a symbolic link leads to.
    wal: Option<PathBuf>,
    /// As long as it was when room was made last. Unchanged, there is some left.
    length: u64,
    next_look: Instant,
}

impl Room {
    /// Of the database file at `path`, which is open from `now` on.
    pub(super) fn of(path: &Path, now: Instant) -> Self {
        let wal = std::fs::canonicalize(path).ok().map(|path| {
            let mut wal = path.into_os_string();
            wal.push("-wal");
            PathBuf::from(wal)
        });
        Self {
            wal,
            length: 0,
            next_look: now + FIRST_LOOK,
        }
    }

    /// Has the log used up its room, as far as is known at `now`?
    pub(super) fn is_needed(&mut self, now: Instant) -> bool {
        if now < self.next_look {
            return false;
        }
        self.next_look = now + LOOK_EVERY;
        let length = self.wal.as_ref().and_then(|wal| std::fs::metadata(wal).ok());
        length.is_some_and(|file| file.len() != self.length && file.len() < WAL_BYTES)
    }

    /// Appends one bite. Only under the database's lock for writing.
    pub(super) async fn make(&mut self) -> io::Result<()> {
        let Some(wal) = self.wal.clone() else { return Ok(()) };
        let made = tokio::task::spawn_blocking(move || append(&wal)).await;
        self.length = made.unwrap_or_else(|error| Err(io::Error::other(error)))?;
        Ok(())
    }

    /// It was refused.
    pub(super) fn was_refused(&mut self) {
        self.next_look += AFTER_REFUSAL;
    }
}

/// Makes the file longer by one bite, or by what it lacks, and returns its length. Where that fails half-way, what there is of it is room
/// as well: nothing is ever cut off, which could be somebody's frames should the lock be gone by then.
pub(in crate::store::sqlite) fn append(wal: &Path) -> io::Result<u64> {
    // Not made here: without SQLite's own hand on it the file would be nobody's.
    let mut file = OpenOptions::new().append(true).open(wal)?;
    let before = file.metadata()?.len();
    let zeros = WAL_BYTES.saturating_sub(before).min(BITE);
    write_zeros(&mut file, zeros)?;
    file.sync_data()?;
    Ok(before + zeros)
}

/// Written and not only reserved: a reserved block's first writing is for the file system to note as much as a new one.
fn write_zeros(file: &mut File, mut bytes: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    while bytes > 0 {
        let part = usize::try_from(bytes).map_or(ZEROS.len(), |bytes| bytes.min(ZEROS.len()));
        file.write_all(&ZEROS[..part])?;
        bytes -= part as u64;
    }
    Ok(())
}
