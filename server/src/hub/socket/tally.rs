//! What went through a socket: counted where it happens, each count one relaxed addition.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::LiveSocket;

/// Events of a client. Those said to it are counted with their bytes, in [`super::ahead`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    came: AtomicU64,
    refused: AtomicU64,
}

impl LiveSocket {
    /// Its client sent an event.
    pub(crate) fn event_came(&self) {
        self.tally.came.fetch_add(1, Ordering::Relaxed);
    }

    /// One of its client's events was refused.
    pub(crate) fn event_refused(&self) {
        self.tally.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Events that its client sent.
    pub fn events_in(&self) -> u64 {
        self.tally.came.load(Ordering::Relaxed)
    }

    /// Events that it was handed; answers to its own are not among them.
    pub fn events_out(&self) -> u64 {
        self.ahead.events()
    }

    /// Those of its client's events that were refused.
    pub fn events_refused(&self) -> u64 {
        self.tally.refused.load(Ordering::Relaxed)
    }

    /// Bytes that were said to it and that the kernel has not taken; `None` for long polling, whose connections come and go.
    pub fn bytes_ahead(&self) -> Option<u64> {
        self.has_own_line().then(|| self.ahead.bytes(self.bytes_written()))
    }

    /// How long it took to answer the newest heartbeat, and how long ago that was; `None` for long polling and before the first one.
    pub fn round_trip(&self) -> Option<(Duration, Duration)> {
        self.line().filter(|_| self.has_own_line())?.round_trip()
    }
}
