//! The Overview's figures over the last minutes, for its small charts and for what "in 10 min" means.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chat_core::Timestamp;
use chat_core::ports::Clock;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::inspect::{Inspect, Tallies};

/// The span of the charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// What happens now.
    TenMinutes,
    /// Since when it has been like this.
    Hour,
}

impl Span {
    pub(crate) fn length(self) -> Duration {
        match self {
            Span::TenMinutes => HISTORY_STEP * SAMPLES_STEPS,
            Span::Hour => HISTORY_STEP * HOUR_EVERY * SAMPLES_STEPS,
        }
    }

    /// In words, for a link and a chart's axis.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Span::TenMinutes => "10 min",
            Span::Hour => "60 min",
        }
    }
}

/// One point of a chart of ten minutes.
pub const HISTORY_STEP: Duration = Duration::from_secs(5);
/// Steps of a chart, of either span.
const SAMPLES_STEPS: u32 = 120;
/// Every so many samples one is kept for the hour.
const HOUR_EVERY: u32 = 6;
/// Points at most: the span in steps, and one to begin with.
const SAMPLES_MAX: usize = SAMPLES_STEPS as usize + 1;

/// What is kept of the figures at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) at: Timestamp,
    pub(crate) connections: u64,
    pub(crate) messages: u64,
    pub(crate) handed_over: u64,
    pub(crate) receipts_due: u64,
    pub(crate) confirmed: u64,
    pub(crate) failed: u64,
    pub(crate) empty: u64,
    pub(crate) rejected: u64,
    pub(crate) p99_ms: Option<f64>,
}

impl Sample {
    pub(crate) fn of(tallies: impl Into<Tallies>, at: Timestamp) -> Self {
        let tallies = tallies.into();
        Self {
            at,
            connections: tallies.connections as u64,
            messages: tallies.messages,
            handed_over: tallies.handed_over,
            receipts_due: tallies.receipts_due,
            confirmed: tallies.confirmed,
            failed: tallies.failed,
            empty: tallies.empty,
            rejected: tallies.rejected,
            p99_ms: tallies.confirm_p99_ms,
        }
    }
}

/// The figures of the last minutes and of the last hour, the newest last.
#[derive(Debug, Default)]
pub struct History {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    minutes: VecDeque<Sample>,
    hour: VecDeque<Sample>,
    /// Samples since the last one that was kept for the hour.
    since: u32,
}

fn push(samples: &mut VecDeque<Sample>, sample: Sample) {
    if samples.len() == SAMPLES_MAX {
        samples.pop_front();
    }
    samples.push_back(sample);
}

impl History {
    pub(crate) fn push(&self, sample: Sample) {
        let mut kept = self.kept.lock();
        push(&mut kept.minutes, sample);
        if kept.since == 0 {
            push(&mut kept.hour, sample);
        }
        kept.since = (kept.since + 1) % HOUR_EVERY;
    }

    pub(crate) fn samples(&self, span: Span) -> Vec<Sample> {
        let kept = self.kept.lock();
        let samples = match span {
            Span::TenMinutes => &kept.minutes,
            Span::Hour => &kept.hour,
        };
        samples.iter().copied().collect()
    }

    /// Takes a sample every few seconds until `stop`. The app owns the task.
    pub async fn keep(self: Arc<Self>, inspect: Arc<dyn Inspect>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(HISTORY_STEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.push(Sample::of(inspect.tallies(), clock.now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_cover_their_spans() {
        assert_eq!(Span::TenMinutes.length(), Duration::from_mins(10));
        assert_eq!(Span::Hour.length(), Duration::from_hours(1));
    }

    #[test]
    fn the_hour_keeps_every_sixth_and_both_are_bounded() {
        let history = History::default();
        for step in 0..5_000_u64 {
            let sample = Sample {
                at: Timestamp::from_millis(i64::try_from(step).unwrap() * 5_000),
                connections: step,
                messages: 0,
                handed_over: 0,
                receipts_due: 0,
                confirmed: 0,
                failed: 0,
                empty: 0,
                rejected: 0,
                p99_ms: None,
            };
            history.push(sample);
        }
        for span in [Span::TenMinutes, Span::Hour] {
            let samples = history.samples(span);
            assert_eq!(samples.len(), SAMPLES_MAX);
            let covered = samples[SAMPLES_MAX - 1].at.millis_since(samples[0].at);
            assert_eq!(u128::from(covered), span.length().as_millis());
        }
    }
}
