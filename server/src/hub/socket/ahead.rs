//! How many bytes were said to a socket that the kernel has not taken yet.
//!
//! An estimate from both ends: what we said, and what the connection wrote. Frames and acknowledgements are written and not
//! counted as said, so that it is a little low while the socket never drains, and right again whenever it does.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::SOCKET_BYTES_AHEAD_MAX;

/// How many bytes may be said before the connection is looked at again. What was looked at is in another part of memory, which costs more
/// than all the rest of a hand-over's bookkeeping; and a quarter of what may wait is little beside it.
const LOOKED_AT_EVERY: u64 = SOCKET_BYTES_AHEAD_MAX / 4;

#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Bytes said, as a position on the scale of what the connection has written.
    said: AtomicU64,
    /// What the connection had written when it was looked at last: more by now.
    seen: AtomicU64,
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
        self.seen.store(written, Ordering::Relaxed);
    }

    /// Bytes that wait, while `written` were written.
    pub(super) fn bytes(&self, written: u64) -> u64 {
        self.seen.store(written, Ordering::Relaxed);
        let said = self.said.fetch_max(written, Ordering::Relaxed);
        said.saturating_sub(written)
    }

    /// Do more bytes wait than may? `written` is asked for what the connection has written only when so much was said since it was
    /// looked at last that it matters. Without one of its own (long polling writes when it is asked) nothing is known to wait.
    pub(super) fn too_many(&self, written: impl FnOnce() -> Option<u64>) -> bool {
        let said = self.said.load(Ordering::Relaxed);
        if said.saturating_sub(self.seen.load(Ordering::Relaxed)) <= LOOKED_AT_EVERY {
            return false;
        }
        let Some(written) = written() else {
            self.seen.store(said, Ordering::Relaxed);
            return false;
        };
        self.bytes(written) > SOCKET_BYTES_AHEAD_MAX
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

    #[test]
    fn the_connection_is_looked_at_only_when_much_was_said() {
        let ahead = Ahead::default();
        let say = |bytes: u64| ahead.said(usize::try_from(bytes).unwrap() - ENVELOPE_BYTES);
        say(LOOKED_AT_EVERY);
        assert!(!ahead.too_many(|| panic!("too little was said to look")));
        say(1_000);
        assert!(!ahead.too_many(|| Some(LOOKED_AT_EVERY)), "it took nearly everything");
        say(LOOKED_AT_EVERY - 1_000);
        assert!(!ahead.too_many(|| panic!("it was looked at a moment ago")));
        // From here on it takes nothing.
        say(SOCKET_BYTES_AHEAD_MAX - LOOKED_AT_EVERY);
        assert!(!ahead.too_many(|| Some(LOOKED_AT_EVERY)), "as much as may wait");
        say(1_000);
        assert!(ahead.too_many(|| Some(LOOKED_AT_EVERY)));
        assert!(ahead.too_many(|| Some(LOOKED_AT_EVERY)), "and it stays so");
        assert!(
            !ahead.too_many(|| Some(LOOKED_AT_EVERY + 1_000)),
            "until it takes something"
        );
    }
}
