//! How many bytes were said to a socket that the kernel has not taken yet.
//!
//! An estimate from both ends: what we said, and what the connection wrote. Frames and acknowledgements are written and not
//! counted as said, so that it is a little low while the socket never drains, and right again whenever it does.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Bytes said, as a position on the scale of what the connection has written.
    said: AtomicU64,
    events: AtomicU64,
}

impl Ahead {
    /// One event more was said, of so many bytes.
    pub(super) fn said(&self, bytes: usize) {
        self.said.fetch_add((bytes + ENVELOPE_BYTES) as u64, Ordering::Relaxed);
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    /// Events said since the start.
    pub(super) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Another connection takes over, which has written so many bytes.
    pub(super) fn starts_at(&self, written: u64) {
        self.said.store(written, Ordering::Relaxed);
    }

    /// Bytes that wait, while `written` were written.
    pub(super) fn bytes(&self, written: u64) -> u64 {
        let said = self.said.fetch_max(written, Ordering::Relaxed);
        said.saturating_sub(written)
    }
}

/// A frame's header and the brackets, quotes and comma around an event: `42["name",data]`.
const ENVELOPE_BYTES: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_waits_and_never_less_than_nothing() {
        let ahead = Ahead::default();
        ahead.said(1_000 - ENVELOPE_BYTES);
        assert_eq!(ahead.bytes(400), 600);
        // More was written than is known of: acknowledgements. From here on it counts anew.
        assert_eq!(ahead.bytes(5_000), 0);
        ahead.said(1_000 - ENVELOPE_BYTES);
        assert_eq!(ahead.bytes(5_000), 1_000);
        ahead.starts_at(200);
        assert_eq!((ahead.bytes(200), ahead.events()), (0, 2));
    }
}
