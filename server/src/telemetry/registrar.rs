//! From the catalogue to handles: registers every series at 0 and hands out what counts into it.

use std::marker::PhantomData;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label as Pair, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::catalogue::{self, Entry, Kind, Metric, Unit};
use super::label::{LabelSet, Labelled};

/// Counters, one per combination of the labels `L`.
#[derive(Debug)]
pub struct CounterBy<L> {
    counters: Arc<[Counter]>,
    labels: PhantomData<fn(L)>,
}

impl<L> Clone for CounterBy<L> {
    fn clone(&self) -> Self {
        Self {
            counters: Arc::clone(&self.counters),
            labels: PhantomData,
        }
    }
}

impl<L: LabelSet> CounterBy<L> {
    /// The counter of `labels`.
    pub fn at(&self, labels: L) -> &Counter {
        &self.counters[labels.index()]
    }

    /// One more.
    pub fn increment(&self, labels: L) {
        self.at(labels).increment(1);
    }
}

/// Gauges, one per combination of the labels `L`.
#[derive(Debug)]
pub struct GaugeBy<L> {
    gauges: Arc<[Gauge]>,
    labels: PhantomData<fn(L)>,
}

impl<L> Clone for GaugeBy<L> {
    fn clone(&self) -> Self {
        Self {
            gauges: Arc::clone(&self.gauges),
            labels: PhantomData,
        }
    }
}

impl<L: LabelSet> GaugeBy<L> {
    /// The gauge of `labels`.
    pub fn at(&self, labels: L) -> &Gauge {
        &self.gauges[labels.index()]
    }
}

/// Makes handles. It keeps the recorder, so that the rare series that cannot be listed beforehand can be made later.
#[derive(Debug, Clone)]
pub(super) struct Registrar {
    recorder: Arc<PrometheusRecorder>,
}

impl Registrar {
    /// A recorder of its own, with the catalogue's buckets and help. Nothing global: any number may live side by side.
    pub(super) fn new() -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new();
        for entry in catalogue::ALL {
            if let Kind::Histogram(buckets) = entry.kind {
                builder = builder.set_buckets_for_metric(Matcher::Full(entry.name.to_owned()), buckets.bounds)?;
            }
        }
        let recorder = Arc::new(builder.build_recorder());
        for entry in catalogue::ALL {
            describe(&recorder, entry);
        }
        Ok(Self { recorder })
    }

    /// What renders this recorder's metrics.
    pub(super) fn exporter(&self) -> PrometheusHandle {
        self.recorder.handle()
    }

    pub(super) fn counter(&self, metric: &Metric<()>) -> Counter {
        self.counter_with(metric, Vec::new())
    }

    pub(super) fn gauge(&self, metric: &Metric<()>) -> Gauge {
        self.gauge_with(metric, Vec::new())
    }

    pub(super) fn histogram(&self, metric: &Metric<()>) -> Histogram {
        self.histogram_with(metric, Vec::new())
    }

    pub(super) fn counters<L: LabelSet>(&self, metric: &Metric<L>) -> CounterBy<L> {
        CounterBy {
            counters: (0..L::COUNT)
                .map(|at| self.counter_with(metric, L::pairs(at)))
                .collect(),
            labels: PhantomData,
        }
    }

    pub(super) fn gauges<L: LabelSet>(&self, metric: &Metric<L>) -> GaugeBy<L> {
        GaugeBy {
            gauges: (0..L::COUNT).map(|at| self.gauge_with(metric, L::pairs(at))).collect(),
            labels: PhantomData,
        }
    }

    pub(super) fn counter_with<L: Labelled>(&self, metric: &Metric<L>, pairs: Vec<Pair>) -> Counter {
        let counter = self
            .recorder
            .register_counter(&Key::from_parts(metric.entry.name, pairs), &METADATA);
        counter.increment(0);
        counter
    }

    pub(super) fn gauge_with<L: Labelled>(&self, metric: &Metric<L>, pairs: Vec<Pair>) -> Gauge {
        let gauge = self
            .recorder
            .register_gauge(&Key::from_parts(metric.entry.name, pairs), &METADATA);
        gauge.set(0.0);
        gauge
    }

    pub(super) fn histogram_with<L: Labelled>(&self, metric: &Metric<L>, pairs: Vec<Pair>) -> Histogram {
        self.recorder
            .register_histogram(&Key::from_parts(metric.entry.name, pairs), &METADATA)
    }
}

/// The exporter does not look at it.
const METADATA: Metadata<'static> = Metadata::new("rollcall", Level::INFO, None);

fn describe(recorder: &PrometheusRecorder, entry: &Entry) {
    let name = KeyName::from_const_str(entry.name);
    let unit = match entry.unit {
        Unit::Count => metrics::Unit::Count,
        Unit::Seconds => metrics::Unit::Seconds,
        Unit::Bytes => metrics::Unit::Bytes,
    };
    match entry.kind {
        Kind::Counter => recorder.describe_counter(name, Some(unit), entry.help.into()),
        Kind::Gauge => recorder.describe_gauge(name, Some(unit), entry.help.into()),
        Kind::Histogram(_) => recorder.describe_histogram(name, Some(unit), entry.help.into()),
    }
}
