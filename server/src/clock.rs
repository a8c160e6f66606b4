//! The real clock and the real source of ids: the only place that asks the machine for the time or for randomness that
//! ends up in stored facts.

use std::time::SystemTime;

use chat_core::ports::{Clock, IdSource};
use chat_core::{ConversationId, MessageId, Timestamp, UserId};
use tokio::time::Instant;

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that everybody else asks")]
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// The wall clock and the clock of durations, read together: turns instants into times for programs elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct WallTime {
    wall: SystemTime,
    instant: Instant,
}

impl WallTime {
    /// Reads both.
    #[expect(
        clippy::disallowed_methods,
        reason = "no fact that is stored: only traces are told such times"
    )]
    pub fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            instant: Instant::now(),
        }
    }

    /// The time at an instant before.
    pub fn of(&self, at: Instant) -> SystemTime {
        self.wall - self.instant.duration_since(at)
    }
}

/// `UUIDv7` ids.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidSource;

impl UuidSource {
    #[expect(clippy::disallowed_methods, reason = "this is the IdSource that everybody else asks")]
    fn next() -> String {
        uuid::Uuid::now_v7().to_string()
    }
}

impl IdSource for UuidSource {
    #[expect(clippy::expect_used, reason = "a UUID's text always has the shape of an id")]
    fn message_id(&self) -> MessageId {
        MessageId::parse(Self::next()).expect("a UUID is an id")
    }

    #[expect(clippy::expect_used, reason = "a UUID's text always has the shape of an id")]
    fn conversation_id(&self) -> ConversationId {
        ConversationId::parse(Self::next()).expect("a UUID is an id")
    }

    #[expect(clippy::expect_used, reason = "a UUID's text always has the shape of an id")]
    fn user_id(&self) -> UserId {
        UserId::parse(Self::next()).expect("a UUID is an id")
    }
}
