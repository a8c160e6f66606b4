//! Running totals since the start, for the admin's Overview. The metrics' counters count the same things for Prometheus, but
//! cannot be read back.

use std::sync::atomic::{AtomicU64, Ordering};

use rollcall_protocol::reply::Delivery;

/// Totals since the process started.
#[derive(Debug, Default)]
pub struct Tally {
    messages: AtomicU64,
    handed_over: AtomicU64,
    failed: AtomicU64,
    repaired: AtomicU64,
    empty: AtomicU64,
    retried: AtomicU64,
}

/// The totals at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages announced.
    pub messages: u64,
    /// Hand-overs to sockets.
    pub handed_over: u64,
    /// Hand-overs that failed.
    pub failed: u64,
    /// Sockets put back into a room.
    pub repaired: u64,
    /// Messages for which no participant had a socket.
    pub empty: u64,
    /// Hand-overs made again because no receipt came.
    pub retried: u64,
}

impl Tally {
    /// A message was announced.
    pub fn announced(&self, delivery: &Delivery) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.handed_over
            .fetch_add(delivery.handed_off as u64, Ordering::Relaxed);
        self.failed.fetch_add(delivery.failed as u64, Ordering::Relaxed);
        self.repaired.fetch_add(delivery.repaired as u64, Ordering::Relaxed);
        self.empty
            .fetch_add(u64::from(delivery.sockets == 0), Ordering::Relaxed);
    }

    /// A message was handed over later, by the feeder.
    pub fn fed(&self) {
        self.handed_over.fetch_add(1, Ordering::Relaxed);
    }

    /// A message was handed over again.
    pub fn retried(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    /// The totals now.
    pub fn totals(&self) -> Totals {
        Totals {
            messages: self.messages.load(Ordering::Relaxed),
            handed_over: self.handed_over.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            repaired: self.repaired.load(Ordering::Relaxed),
            empty: self.empty.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
        }
    }
}
