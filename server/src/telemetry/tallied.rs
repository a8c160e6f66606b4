//! A histogram for what happens at every delivery.
//!
//! The exporter's own keeps each sample until the next upkeep and compares it with every bound then: right for what happens once per
//! message, and a tenth of a receipt's cost where one receipt confirms a hundred deliveries. This one counts where the sample falls,
//! any number of equal samples at once.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::catalogue::{Entry, Kind, Metric};

/// Counts into the buckets of its catalogue entry. Clones count into the same.
#[derive(Debug, Clone)]
pub struct Tallied(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    entry: &'static Entry,
    bounds: &'static [f64],
    /// One per bound, and one for what lies above all of them. Not cumulative.
    counts: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl Tallied {
    pub(super) fn new(metric: &'static Metric<()>) -> Self {
        let bounds = match metric.entry.kind {
            Kind::Histogram(buckets) => buckets.bounds,
            // A counter has no bounds: everything is in the last bucket.
            Kind::Counter | Kind::Gauge => &[],
        };
        Self(Arc::new(Inner {
            entry: &metric.entry,
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0.0_f64.to_bits()),
        }))
    }

    /// `count` samples of the same value.
    pub fn record_many(&self, value: f64, count: u64) {
        let Inner {
            bounds, counts, sum, ..
        } = &*self.0;
        let bucket = bounds.partition_point(|bound| *bound < value);
        counts[bucket].fetch_add(count, Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "deliveries of one receipt are far below 2^52")]
        let more = value * count as f64;
        let add = |bits| Some((f64::from_bits(bits) + more).to_bits());
        // The closure never refuses.
        let _sum = sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Appends it as Prometheus reads it.
    pub(super) fn render(&self, text: &mut String) {
        let Inner {
            entry,
            bounds,
            counts,
            sum,
        } = &*self.0;
        let (name, help) = (entry.name, entry.help);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut below = 0;
        for (bound, count) in bounds.iter().zip(counts) {
            below += count.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        // Counted once: the last bucket and the count must agree.
        let all = below + counts[bounds.len()].load(Ordering::Relaxed);
        let sum = f64::from_bits(sum.load(Ordering::Relaxed));
        let _ = writeln!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {all}\n{name}_sum {sum}\n{name}_count {all}\n"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::catalogue::DELIVERY_CONFIRM_SECONDS;

    #[test]
    fn samples_fall_where_prometheus_expects_them() {
        let histogram = Tallied::new(&DELIVERY_CONFIRM_SECONDS);
        let bounds = histogram.0.bounds;
        let (first, last) = (bounds[0], bounds[bounds.len() - 1]);
        histogram.record_many(0.0, 2);
        histogram.clone().record_many(first, 3);
        histogram.record_many(last, 1);
        histogram.record_many(last + 1.0, 4);
        let mut text = String::new();
        histogram.render(&mut text);
        let name = "rollcall_delivery_confirm_seconds";
        for line in [
            format!("{name}_bucket{{le=\"{first}\"}} 5"),
            format!("{name}_bucket{{le=\"{}\"}} 5", bounds[1]),
            format!("{name}_bucket{{le=\"{last}\"}} 6"),
            format!("{name}_bucket{{le=\"+Inf\"}} 10"),
            format!("{name}_count 10"),
            format!("{name}_sum {}", first * 3.0 + last + (last + 1.0) * 4.0),
            format!("# TYPE {name} histogram"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert_eq!(
            text.lines().filter(|line| line.contains("_bucket")).count(),
            bounds.len() + 1
        );
    }
}
