//! From SQLite's result codes to the port's kinds of trouble.

use chat_core::ports::{StoreError, StoreTrouble};

/// Why an operation inside the writer's transaction stopped.
#[derive(Debug)]
pub(super) enum Stop<R> {
    /// A rule of the port says no. It was found before the operation's first write, or the operation has undone what it wrote.
    Refused(R),
    /// The database says no.
    Failed(StoreError),
}

impl<R> From<sqlx::Error> for Stop<R> {
    fn from(error: sqlx::Error) -> Self {
        Stop::Failed(unavailable(&error))
    }
}

impl<R> From<StoreError> for Stop<R> {
    fn from(error: StoreError) -> Self {
        Stop::Failed(error)
    }
}

/// The primary result codes of <https://sqlite.org/rescode.html> that mean something to an operator.
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const PROTOCOL: i32 = 15;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOTADB: i32 = 26;
}

/// The extended result code, if SQLite itself gave one.
fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Is this file no SQLite database at all?
pub(super) fn is_no_database(error: &sqlx::Error) -> bool {
    extended_code(error).is_some_and(|code| code & 0xff == code::NOTADB)
}

/// Does somebody else hold a lock?
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    extended_code(error).is_some_and(|code| trouble_of(code) == StoreTrouble::Busy)
}

/// The kind of trouble that a result code means.
fn trouble_of(extended_code: i32) -> StoreTrouble {
    // The low byte is the primary code; the rest says more precisely which of its cases it was.
    match extended_code & 0xff {
        // PROTOCOL is a lost race for the WAL's locks.
        code::BUSY | code::LOCKED | code::PROTOCOL => StoreTrouble::Busy,
        code::FULL => StoreTrouble::Full,
        code::READONLY | code::PERM => StoreTrouble::ReadOnly,
        code::CANTOPEN | code::IOERR => StoreTrouble::Connection,
        code::CONSTRAINT => StoreTrouble::Constraint,
        _ => StoreTrouble::Other,
    }
}

/// What the port says of an error of sqlx.
pub(super) fn unavailable(error: &sqlx::Error) -> StoreError {
    let trouble = match (extended_code(error), error) {
        (Some(code), _) => trouble_of(code),
        // Every reader is in use for longer than the pool waits.
        (None, sqlx::Error::PoolTimedOut) => StoreTrouble::Busy,
        (None, sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed) => StoreTrouble::Connection,
        (None, _) => StoreTrouble::Other,
    };
    StoreError::Unavailable {
        trouble,
        detail: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_count_as_their_primary_one() {
        let expected = [
            (5, StoreTrouble::Busy),
            (517, StoreTrouble::Busy),        // BUSY_SNAPSHOT
            (262, StoreTrouble::Busy),        // LOCKED_SHAREDCACHE
            (13, StoreTrouble::Full),         // FULL
            (1032, StoreTrouble::ReadOnly),   // READONLY_DBMOVED
            (4874, StoreTrouble::Connection), // IOERR_SHMSIZE
            (1034, StoreTrouble::Connection), // IOERR_FSYNC
            (14, StoreTrouble::Connection),   // CANTOPEN
            (2067, StoreTrouble::Constraint), // CONSTRAINT_UNIQUE
            (787, StoreTrouble::Constraint),  // CONSTRAINT_FOREIGNKEY
            (1, StoreTrouble::Other),
            (11, StoreTrouble::Other), // CORRUPT
        ];
        for (code, trouble) in expected {
            assert_eq!(trouble_of(code), trouble, "result code {code}");
        }
    }
}
