//! What the store reports. The handles are made by the catalogue in `telemetry`.

use chat_core::ports::{StoreError, StoreTrouble};

/// Ready handles; cloning one is a reference count.
#[derive(Debug, Clone)]
pub struct StoreMetrics {
    /// `rollcall_store_queue_depth`: writes that wait for the writer.
    pub queue_depth: metrics::Gauge,
    /// `rollcall_store_batch_size`: operations in one commit.
    pub batch_size: metrics::Histogram,
    /// `rollcall_store_errors_total{kind}`: operations that failed, in the order of [`StoreTrouble::ALL`].
    pub errors: [metrics::Counter; 6],
}

impl StoreMetrics {
    /// Handles that report nowhere.
    pub fn noop() -> Self {
        Self {
            queue_depth: metrics::Gauge::noop(),
            batch_size: metrics::Histogram::noop(),
            errors: StoreTrouble::ALL.map(|_| metrics::Counter::noop()),
        }
    }

    /// Counts one failed operation.
    pub(super) fn failed(&self, error: &StoreError) {
        let trouble = error.trouble();
        for (kind, counter) in StoreTrouble::ALL.iter().zip(&self.errors) {
            if *kind == trouble {
                counter.increment(1);
            }
        }
    }
}
