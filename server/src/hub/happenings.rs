//! Comings and goings, told in the order in which they happened to whoever follows them.
//!
//! Guarantees: while nobody follows, nothing is made; the follower's queue is bounded, and one that has missed something is told so
//! and looks at the live sockets again. What happened is history; what is true is read from the live rooms.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chat_core::Sid;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::telemetry::label::Label as _;
use crate::telemetry::labels::DisconnectReason;

/// Something that changed in who is where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The namespace.
    pub namespace: &'static str,
    /// Whose socket.
    pub sid: Sid,
    /// What.
    pub what: What,
}

/// What happened to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It came.
    Connected,
    /// It went.
    Disconnected(DisconnectReason),
    /// It is in this room now.
    Joined(String),
    /// It is not in this room any more.
    Left(String),
}

/// Where comings and goings are told.
#[derive(Debug, Default)]
pub struct Happenings {
    followed: AtomicBool,
    follower: Mutex<Option<mpsc::Sender<Happening>>>,
    lost: AtomicBool,
    opened: AtomicU64,
    // By reason; at most as many entries as there are reasons.
    closed: Mutex<BTreeMap<&'static str, u64>>,
}

impl Happenings {
    pub(super) fn connected(&self, namespace: &'static str, sid: &Sid) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.tell(namespace, sid, || What::Connected);
    }

    pub(super) fn disconnected(&self, namespace: &'static str, sid: &Sid, reason: DisconnectReason) {
        *self.closed.lock().entry(reason.as_str()).or_insert(0) += 1;
        self.tell(namespace, sid, || What::Disconnected(reason));
    }

    pub(super) fn joined(&self, namespace: &'static str, sid: &Sid, room: &str) {
        self.tell(namespace, sid, || What::Joined(room.to_owned()));
    }

    pub(super) fn left(&self, namespace: &'static str, sid: &Sid, room: &str) {
        self.tell(namespace, sid, || What::Left(room.to_owned()));
    }

    fn tell(&self, namespace: &'static str, sid: &Sid, what: impl FnOnce() -> What) {
        if !self.followed.load(Ordering::Relaxed) {
            return;
        }
        let follower = self.follower.lock();
        if let Some(follower) = &*follower {
            let happening = Happening {
                namespace,
                sid: sid.clone(),
                what: what(),
            };
            if follower.try_send(happening).is_err() {
                self.lost.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Connections that came since the start, and that went, by reason.
    pub fn totals(&self) -> (u64, BTreeMap<&'static str, u64>) {
        (self.opened.load(Ordering::Relaxed), self.closed.lock().clone())
    }

    /// Follows from now on, in place of whoever did before, until the reader is dropped.
    pub fn follow(self: &Arc<Self>, waiting_max: usize) -> HappeningsReader {
        let (sender, queue) = mpsc::channel(waiting_max.max(1));
        *self.follower.lock() = Some(sender);
        self.lost.store(false, Ordering::Relaxed);
        self.followed.store(true, Ordering::Relaxed);
        HappeningsReader {
            happenings: Arc::clone(self),
            queue,
        }
    }
}

/// Follows comings and goings.
#[derive(Debug)]
pub struct HappeningsReader {
    happenings: Arc<Happenings>,
    queue: mpsc::Receiver<Happening>,
}

impl HappeningsReader {
    /// Waits for the next one.
    pub async fn next(&mut self) -> Option<Happening> {
        self.queue.recv().await
    }

    /// The next one, if one waits.
    pub fn try_next(&mut self) -> Option<Happening> {
        self.queue.try_recv().ok()
    }

    /// Did it miss some, since it was last asked?
    pub fn take_lost(&self) -> bool {
        self.happenings.lost.swap(false, Ordering::Relaxed)
    }
}

impl Drop for HappeningsReader {
    fn drop(&mut self) {
        self.queue.close();
        let mut follower = self.happenings.follower.lock();
        // Somebody else may follow by now.
        if follower.as_ref().is_some_and(mpsc::Sender::is_closed) {
            *follower = None;
            self.happenings.followed.store(false, Ordering::Relaxed);
        }
    }
}
