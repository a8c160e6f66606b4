//! The Overview's figures: parts, charts, numbers.

use crate::admin::chart::{Chart, growth, per_second};
use crate::admin::history::{Sample, Span};
use crate::admin::inspect::{OverviewFigures, Vital};
use crate::admin::words::{Status, count, millis, visible};

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    pub(crate) words: String,
}

#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// What it is when it is not zero, and should be.
    pub(crate) bad: Option<Status>,
}

pub(super) fn parts(figures: &OverviewFigures) -> Vec<Part> {
    let (works, alone) = ("works", "not used: one node");
    let round_trip = figures.canary_ms.map(millis);
    vec![
        part("Database", &figures.store, works, alone),
        part("Bus", &figures.bus, works, alone),
        part("Canary", &figures.canary, round_trip.as_deref().unwrap_or(works), "off"),
    ]
}

fn part(name: &'static str, vital: &Vital, up: &str, unused: &str) -> Part {
    let (status, words) = match vital {
        Vital::Up => (Status::Healthy, up.to_owned()),
        Vital::Down(why) => (Status::Failed, visible(why).into_owned()),
        Vital::Unused => (Status::Offline, unused.to_owned()),
    };
    Part { name, status, words }
}

#[expect(clippy::cast_precision_loss, reason = "figures on a small chart")]
pub(super) fn charts(samples: &[Sample], span: Span) -> Vec<Chart> {
    let whole: fn(f64) -> String = |value| format!("{value:.0}");
    let rate: fn(f64) -> String = |value| {
        if value < 10.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.0}")
        }
    };
    let sockets: Vec<Option<f64>> = samples.iter().map(|sample| Some(sample.connections as f64)).collect();
    let p99: Vec<Option<f64>> = samples.iter().map(|sample| sample.p99_ms).collect();
    vec![
        Chart::new("Sockets", samples, span, &sockets, whole),
        Chart::new(
            "Messages per second",
            samples,
            span,
            &per_second(samples, |sample| sample.messages),
            rate,
        ),
        Chart::new(
            "Hand-overs per second",
            samples,
            span,
            &per_second(samples, |sample| sample.handed_over),
            rate,
        ),
        Chart::new("Time to confirm, p99", samples, span, &p99, millis),
        Chart::new(
            "Broadcasts to nobody",
            samples,
            span,
            &growth(samples, |sample| sample.empty),
            whole,
        ),
        Chart::new(
            "Rejected connections",
            samples,
            span,
            &growth(samples, |sample| sample.rejected),
            whole,
        ),
    ]
}

pub(super) fn figure_list(figures: &OverviewFigures) -> Vec<Figure> {
    let good = |label, value: u64| Figure {
        label,
        value: count(value),
        bad: None,
    };
    let bad = |label, value: u64, status| Figure {
        label,
        value: count(value),
        bad: (value > 0).then_some(status),
    };
    let time = |label, ms: Option<f64>| Figure {
        label,
        value: ms.map_or_else(|| "–".to_owned(), millis),
        bad: None,
    };
    vec![
        time("Time to confirm, middle", figures.confirm_p50_ms),
        time("Time to confirm, p99", figures.confirm_p99_ms),
        good("People online", figures.users_online as u64),
        good("Rooms in use", figures.rooms as u64),
        good("Messages saved", figures.messages_total),
        good("Handed over", figures.handed_over_total),
        good("Confirmed", figures.confirmed_total),
        good("Repaired", figures.repaired_total),
        good("Sent again", figures.retried_total),
        good("Broadcasts to nobody", figures.broadcasts_empty_total),
        bad("Failed", figures.failed_total, Status::Failed),
        bad("Unconfirmed now", figures.unconfirmed as u64, Status::Failed),
        bad("Lagging now", figures.lagging as u64, Status::Late),
    ]
}
