//! One line of the catalogue.

use std::marker::PhantomData;

use super::buckets::Buckets;
use crate::telemetry::label::{LabelDef, Labelled};

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things, counted.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

/// What kind of metric it is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Only ever rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts into buckets.
    Histogram(Buckets),
}

impl Kind {
    /// The word in a `# TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A metric as the catalogue shows it.
#[derive(Debug)]
pub struct Entry {
    /// The whole name.
    pub name: &'static str,
    /// The `# HELP` line.
    pub help: &'static str,
    /// Counter, gauge or histogram.
    pub kind: Kind,
    /// What its number means.
    pub unit: Unit,
    /// Its labels.
    pub labels: &'static [LabelDef],
}

/// A metric whose labels are `L`: the type keeps a stage from counting under a label that does not belong to it.
#[derive(Debug)]
pub struct Metric<L> {
    /// The same without the type.
    pub entry: Entry,
    labels: PhantomData<fn() -> L>,
}

impl<L: Labelled> Metric<L> {
    const fn new(name: &'static str, help: &'static str, kind: Kind, unit: Unit) -> Self {
        Self {
            entry: Entry {
                name,
                help,
                kind,
                unit,
                labels: L::LABELS,
            },
            labels: PhantomData,
        }
    }

    /// A counter.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Counter, Unit::Count)
    }

    /// A gauge that counts things.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, Kind::Gauge, Unit::Count)
    }

    /// A gauge with a unit.
    pub const fn gauge_of(name: &'static str, help: &'static str, unit: Unit) -> Self {
        Self::new(name, help, Kind::Gauge, unit)
    }

    /// A histogram.
    pub const fn histogram(name: &'static str, help: &'static str, unit: Unit, buckets: Buckets) -> Self {
        Self::new(name, help, Kind::Histogram(buckets), unit)
    }
}
