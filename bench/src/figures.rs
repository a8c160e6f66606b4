//! What came out: figures by name, medians over rounds, ratios, a table.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// The figures of one run, in the order in which they are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Notes one.
    pub(crate) fn set(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), value));
    }

    /// Notes the middle and the slow ends of these.
    pub(crate) fn latencies(&mut self, of: &str, times: &mut [Duration]) {
        times.sort_unstable();
        let Some(most) = times.len().checked_sub(1) else { return };
        for (name, per_mille) in [("p50", 500), ("p99", 990), ("p99.9", 999)] {
            let at = times[most * per_mille / 1000];
            self.set(format!("{of} {name}, ms"), at.as_secs_f64() * 1e3);
        }
    }

    fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// The rounds of one server.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// Which server.
    pub(crate) server: &'static str,
    /// Each round's figures.
    pub(crate) rounds: Vec<Figures>,
}

/// Middle, least, most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// Middle.
    pub(crate) median: f64,
    /// Least.
    pub(crate) min: f64,
    /// Most.
    pub(crate) max: f64,
}

impl Spread {
    /// Of these; none of nothing.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        let median = f64::midpoint(low, high);
        Some(Self { median, min, max })
    }

    /// As JSON.
    pub(crate) fn json(self) -> Value {
        let Self { median, min, max } = self;
        json!({ "median": median, "min": min, "max": max })
    }
}

impl Rounds {
    fn spread(&self, name: &str) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(|round| round.get(name)).collect())
    }

    fn names(&self) -> Vec<&str> {
        let first = self.rounds.first();
        first
            .map(|figures| figures.0.iter().map(|(name, _)| name.as_str()).collect())
            .unwrap_or_default()
    }
}

fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 100.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A Markdown table: each server's median (least–most), and the first server as a multiple of the others.
pub(crate) fn table(title: &str, servers: &[Rounds]) -> String {
    let mut text = format!("\n### {title}\n\n|");
    let Some(first) = servers.first() else { return text };
    let _ = write!(text, " |");
    for server in servers {
        let _ = write!(text, " {} |", server.server);
    }
    for other in &servers[1..] {
        let _ = write!(text, " {} / {} |", first.server, other.server);
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(servers.len() * 2 - 1));
    for name in first.names() {
        let _ = write!(text, "\n| {name} |");
        for server in servers {
            match server.spread(name) {
                Some(Spread { median, min, max }) => {
                    let _ = write!(text, " {} ({}–{}) |", shown(median), shown(min), shown(max));
                }
                None => text.push_str(" |"),
            }
        }
        for other in &servers[1..] {
            match (first.spread(name), other.spread(name)) {
                (Some(ours), Some(theirs)) if theirs.median > 0.0 => {
                    let _ = write!(text, " {:.2} |", ours.median / theirs.median);
                }
                _ => text.push_str(" |"),
            }
        }
    }
    text.push('\n');
    text
}

/// The same as JSON.
pub(crate) fn json(title: &str, servers: &[Rounds]) -> Value {
    let of_server = |server: &Rounds| {
        let figures: Map<String, Value> = server
            .names()
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), server.spread(name)?.json())))
            .collect();
        json!({ "server": server.server, "rounds": server.rounds.len(), "figures": figures })
    };
    json!({ "workload": title, "servers": servers.iter().map(of_server).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(server: &'static str, values: &[f64]) -> Rounds {
        let one = |value: &f64| {
            let mut figures = Figures::default();
            figures.set("cost", *value);
            figures
        };
        Rounds {
            server,
            rounds: values.iter().map(one).collect(),
        }
    }

    #[test]
    fn medians_spreads_and_ratios() {
        let servers = [rounds("ours", &[3.0, 1.0, 2.0]), rounds("theirs", &[4.0, 1.0])];
        let text = table("a load", &servers);
        assert!(
            text.contains("| cost | 2.00 (1.00–3.00) | 2.50 (1.00–4.00) | 0.80 |"),
            "{text}"
        );
        assert_eq!(json("a load", &servers)["servers"][1]["figures"]["cost"]["median"], 2.5);
    }

    #[test]
    fn latencies_are_percentiles() {
        let mut figures = Figures::default();
        let mut times: Vec<Duration> = (1..=1001).rev().map(Duration::from_millis).collect();
        figures.latencies("x", &mut times);
        assert_eq!(figures.get("x p50, ms"), Some(501.0));
        assert_eq!(figures.get("x p99, ms"), Some(991.0));
    }
}
