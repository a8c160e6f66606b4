//! How long a WebSocket's peer takes to answer a heartbeat, read from the frames as they pass.
//!
//! The library asks every few seconds and keeps the answer's time to itself. Its question and the answer are frames of one fixed shape,
//! so that looking at the edge of what is written and read finds them: three bytes are compared for a write or a read, and the clock is
//! read for a heartbeat only. One that is packed together with other frames, so that it stands at no edge, is not seen; the next one is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the server's end of a heartbeat ends with: Engine.IO's ping as a text frame, or WebSocket's own without a payload.
const ASKS: [&[u8]; 2] = [&[0x81, 0x01, b'2'], &[0x89, 0x00]];

/// The header of a client's frame of one byte of text, which is masked.
const TEXT_OF_ONE: [u8; 2] = [0x81, 0x81];
/// The header of a client's answer to WebSocket's own ping, without a payload and masked.
const PONG: [u8; 2] = [0x8A, 0x80];
/// Engine.IO's pong.
const ENGINE_PONG: u8 = b'3';

const NONE: u64 = u64::MAX;

/// Times are nanoseconds since the connection was opened.
#[derive(Debug)]
pub(super) struct Heartbeat {
    asked_at: AtomicU64,
    answered_at: AtomicU64,
    took: AtomicU64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            asked_at: AtomicU64::new(NONE),
            answered_at: AtomicU64::new(NONE),
            took: AtomicU64::new(NONE),
        }
    }
}

impl Heartbeat {
    /// The kernel took these bytes.
    pub(super) fn wrote(&self, bytes: &[u8], now: impl FnOnce() -> Duration) {
        if ASKS.iter().any(|ask| bytes.ends_with(ask)) {
            self.asked_at.store(nanos(now()), Ordering::Relaxed);
        }
    }

    /// The peer sent these bytes.
    pub(super) fn read(&self, bytes: &[u8], now: impl FnOnce() -> Duration) {
        if !is_answer(bytes) {
            return;
        }
        let asked_at = self.asked_at.swap(NONE, Ordering::Relaxed);
        if asked_at != NONE {
            let now = nanos(now());
            self.took.store(now.saturating_sub(asked_at), Ordering::Relaxed);
            self.answered_at.store(now, Ordering::Relaxed);
        }
    }

    /// How long the newest answer took, and when it came; `None` until there was one.
    pub(super) fn newest(&self) -> Option<(Duration, Duration)> {
        let (took, at) = (
            self.took.load(Ordering::Relaxed),
            self.answered_at.load(Ordering::Relaxed),
        );
        (took != NONE && at != NONE).then(|| (Duration::from_nanos(took), Duration::from_nanos(at)))
    }
}

fn is_answer(bytes: &[u8]) -> bool {
    match bytes {
        // The mask's first byte hides the one byte of text.
        [one, two, mask, _, _, _, text, ..] if [*one, *two] == TEXT_OF_ONE => text ^ mask == ENGINE_PONG,
        [one, two, ..] => [*one, *two] == PONG,
        _ => false,
    }
}

fn nanos(since: Duration) -> u64 {
    // 584 years fit.
    u64::try_from(since.as_nanos()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> impl FnOnce() -> Duration {
        move || Duration::from_millis(ms)
    }

    #[test]
    fn a_question_and_its_answer_make_a_round_trip() {
        let heartbeat = Heartbeat::default();
        heartbeat.wrote(&[0x81, 0x01, b'2'], at(1_000));
        assert_eq!(heartbeat.newest(), None);
        heartbeat.read(&[0x81, 0x81, 7, 8, 9, 10, b'3' ^ 7], at(1_012));
        let (took, when) = heartbeat.newest().unwrap();
        assert_eq!((took.as_millis(), when.as_millis()), (12, 1_012));
        // WebSocket's own, behind another frame.
        heartbeat.wrote(&[0x81, 0x02, b'[', b']', 0x89, 0x00], at(2_000));
        heartbeat.read(&[0x8A, 0x80, 1, 2, 3, 4, 0x81, 0x80], at(2_003));
        assert_eq!(heartbeat.newest().unwrap().0.as_millis(), 3);
    }

    #[test]
    fn nothing_else_is_one() {
        let heartbeat = Heartbeat::default();
        let none = || -> Duration { panic!("the clock is not read") };
        heartbeat.wrote(b"\x81\x0542[1]2", none);
        heartbeat.read(&[0x81, 0x81, 7, 8, 9, 10, b'3' ^ 7], none);
        heartbeat.wrote(&[0x81, 0x01, b'2'], at(5));
        for other in [
            &[0x81, 0x81, 7, 8, 9, 10, b'2' ^ 7][..],
            &[0x81, 0x84, 7, 8, 9, 10, b'3' ^ 7],
            b"3",
            b"",
        ] {
            heartbeat.read(other, none);
        }
        assert_eq!(heartbeat.newest(), None);
    }
}
