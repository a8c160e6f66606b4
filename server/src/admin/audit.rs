//! The audit log: every change that is made in the admin, by whom.

use std::collections::VecDeque;

use async_trait::async_trait;
use chat_core::Timestamp;
use chat_core::ports::StoreError;
use parking_lot::Mutex;
use serde::Serialize;

/// Entries that the log in memory keeps: weeks of work by hand, under a megabyte.
pub const AUDIT_ENTRIES_MAX: usize = 2_000;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// The username of who did it.
    pub actor: String,
    /// `disconnect`, `join` or `leave`.
    pub action: &'static str,
    /// To what: a SID.
    pub target: String,
    /// The rest in words.
    pub detail: String,
}

/// Where changes are noted. Asynchronous and fallible, because it is to be stored.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Notes a change. It is called before the change is made: what cannot be noted is not done.
    async fn note(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// `limit` entries after the newest `skip`, the newest first, and how many there are.
    async fn newest(&self, skip: usize, limit: usize) -> Result<(Vec<AuditEntry>, usize), StoreError>;
}

/// The log in memory: the newest [`AUDIT_ENTRIES_MAX`] entries, gone with the process.
#[derive(Debug, Default)]
pub struct AuditRing {
    /// The newest last.
    entries: Mutex<VecDeque<AuditEntry>>,
}

#[async_trait]
impl AuditLog for AuditRing {
    async fn note(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let mut entries = self.entries.lock();
        if entries.len() == AUDIT_ENTRIES_MAX {
            entries.pop_front();
        }
        entries.push_back(entry);
        Ok(())
    }

    async fn newest(&self, skip: usize, limit: usize) -> Result<(Vec<AuditEntry>, usize), StoreError> {
        let entries = self.entries.lock();
        let page = entries.iter().rev().skip(skip).take(limit).cloned().collect();
        Ok((page, entries.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: usize) -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_millis(i64::try_from(n).unwrap()),
            actor: "admin".to_owned(),
            action: "disconnect",
            target: format!("sid-{n}"),
            detail: String::new(),
        }
    }

    #[tokio::test]
    async fn the_newest_come_first_and_the_oldest_go() {
        let ring = AuditRing::default();
        for n in 0..AUDIT_ENTRIES_MAX + 3 {
            ring.note(entry(n)).await.unwrap();
        }
        let (page, total) = ring.newest(1, 2).await.unwrap();
        assert_eq!(total, AUDIT_ENTRIES_MAX);
        assert_eq!(page, [entry(AUDIT_ENTRIES_MAX + 1), entry(AUDIT_ENTRIES_MAX)]);
        let (oldest, _) = ring.newest(AUDIT_ENTRIES_MAX - 1, 10).await.unwrap();
        assert_eq!(oldest, [entry(3)]);
    }
}
