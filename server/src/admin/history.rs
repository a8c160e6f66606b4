//! The Overview's figures over the last minutes, for its small charts and for what "in 10 min" means.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chat_core::Timestamp;
use chat_core::ports::Clock;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::inspect::{Inspect, OverviewFigures};

/// The span of every chart.
pub const HISTORY_SPAN: Duration = Duration::from_mins(10);
/// One point of a chart.
pub const HISTORY_STEP: Duration = Duration::from_secs(5);
/// Points at most: the span in steps, and one to begin with.
const SAMPLES_MAX: usize = 121;

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
    pub(crate) fn of(figures: &OverviewFigures, at: Timestamp) -> Self {
        Self {
            at,
            connections: figures.connections as u64,
            messages: figures.messages_total,
            handed_over: figures.handed_over_total,
            receipts_due: figures.receipts_due_total,
            confirmed: figures.confirmed_total,
            failed: figures.failed_total,
            empty: figures.broadcasts_empty_total,
            rejected: figures.rejected_total,
            p99_ms: figures.confirm_p99_ms,
        }
    }
}

/// The figures of the last minutes, the newest last.
#[derive(Debug, Default)]
pub struct History {
    samples: Mutex<VecDeque<Sample>>,
}

impl History {
    pub(crate) fn push(&self, sample: Sample) {
        let mut samples = self.samples.lock();
        if samples.len() == SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    pub(crate) fn samples(&self) -> Vec<Sample> {
        self.samples.lock().iter().copied().collect()
    }

    /// Takes a sample every few seconds until `stop`. The app owns the task.
    pub async fn keep(self: Arc<Self>, inspect: Arc<dyn Inspect>, clock: Arc<dyn Clock>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(HISTORY_STEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.push(Sample::of(&inspect.overview(), clock.now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_cover_the_span() {
        let steps = u32::try_from(SAMPLES_MAX - 1).unwrap();
        assert_eq!(HISTORY_STEP * steps, HISTORY_SPAN);
    }
}
