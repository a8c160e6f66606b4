//! How long to wait before the next attempt.

use std::time::Duration;

/// Exponential backoff with full jitter: attempt n waits a random time between nothing and `first × 2^n`, at most `most`.
/// Full jitter, because after a server's restart all its clients come at once otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The upper bound of the first wait.
    pub first: Duration,
    /// The upper bound of every wait.
    pub most: Duration,
    /// Give up after so many attempts in a row; `None`: never.
    pub attempts_max: Option<u32>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            most: Duration::from_secs(30),
            attempts_max: None,
        }
    }
}

impl Backoff {
    /// No second attempt.
    pub fn never() -> Self {
        Self {
            attempts_max: Some(0),
            ..Self::default()
        }
    }

    /// Is attempt `attempt` (from 1) still to be made?
    pub(crate) fn allows(&self, attempt: u32) -> bool {
        self.attempts_max.is_none_or(|most| attempt <= most)
    }

    /// The wait before attempt `attempt` (from 1), with `chance` from 0 to 1; `asked` is what the server asked for, and comes
    /// on top.
    pub(crate) fn wait(&self, attempt: u32, asked: Option<Duration>, chance: f64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX));
        let bound = doubled.min(self.most);
        // A server that asks for a year is not believed.
        asked.unwrap_or_default().min(self.most) + bound.mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_doubles_up_to_the_most() {
        let backoff = Backoff {
            first: SECOND,
            most: 10 * SECOND,
            attempts_max: None,
        };
        let bounds: Vec<u64> = (1..7).map(|n| backoff.wait(n, None, 1.0).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.wait(3, None, 0.0), Duration::ZERO);
        assert_eq!(backoff.wait(u32::MAX, None, 1.0), 10 * SECOND);
    }

    #[test]
    fn what_the_server_asks_for_comes_on_top_and_is_bounded() {
        let backoff = Backoff {
            first: SECOND,
            most: 10 * SECOND,
            attempts_max: None,
        };
        assert_eq!(backoff.wait(1, Some(3 * SECOND), 1.0), 4 * SECOND);
        assert_eq!(backoff.wait(1, Some(Duration::MAX), 0.0), 10 * SECOND);
    }

    #[test]
    fn attempts_are_counted() {
        assert!(!Backoff::never().allows(1));
        assert!(Backoff::default().allows(u32::MAX));
    }
}
