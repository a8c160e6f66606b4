//! Who came or went and was not told of yet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::UserId;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Users whose presence changed and was not told yet. Bounded by the number of users: each is in it once.
#[derive(Debug, Default)]
pub struct PresenceChanges {
    users: Mutex<HashMap<UserId, Moved>>,
    count: AtomicU64,
    notify: Notify,
}

/// The first and the last change of a user's presence that were not told yet, counted over all users from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl PresenceChanges {
    pub(super) fn note(&self, user: &UserId) {
        let number = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        let once = Moved {
            first: number,
            last: number,
        };
        self.users.lock().entry(user.clone()).or_insert(once).last = number;
        self.notify.notify_one();
    }

    /// How many changes there have been. Whoever asks who is online after this sees all of them, and perhaps later ones.
    pub fn so_far(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Waits for at least one change and takes all of them.
    pub async fn take(&self) -> HashMap<UserId, Moved> {
        loop {
            let taken = std::mem::take(&mut *self.users.lock());
            if !taken.is_empty() {
                return taken;
            }
            self.notify.notified().await;
        }
    }
}
