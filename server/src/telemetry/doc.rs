//! `docs/metrics.md`, written from the catalogue so that it cannot say anything else.

use std::fmt::Write;

use super::catalogue::{self, Entry, Kind};
use super::label::LabelDef;

const HEAD: &str = "\
<!-- Written from the catalogue by `cargo run -p rollcall-server --example metrics_doc`; a test fails when it is stale. -->

# Metrics

`GET /metrics` answers in Prometheus' text format (version 0.0.4). `ROLLCALL_METRICS_TOKEN` guards it by a bearer token,
`ROLLCALL_ADMIN_BIND` moves it to a listener of its own.

- No label ever holds a room, a user, a SID, a conversation or a message: the number of series does not grow with use.
- Every series is there from the start, at 0. The one exception is HTTP: there from the start are each route's successes
  and likely failures; another status, or a method that its route does not take, appears when it first happens.
- A request that no route matched counts under the route `other`, a method that its route does not take as method `other`.
  The status is the code and not its class, since a 401 and a 429 ask for different people.
- Histograms have classic buckets, so that quantiles over several nodes can be computed.
- The canary counts in its own metrics only.

";

const TAIL: &str = "\
## Of the process

Under the names that every Prometheus client uses: `process_cpu_seconds_total` · `process_open_fds` · `process_max_fds` ·
`process_virtual_memory_bytes` · `process_virtual_memory_max_bytes` · `process_resident_memory_bytes` ·
`process_start_time_seconds` · `process_threads`.
";

/// Above this a list of values is a table of its own.
const VALUES_INLINE: usize = 20;

/// The whole page, as Markdown.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    // Writing to a String does not fail.
    let _ = page.write_str("| metric | kind | labels | meaning |\n|---|---|---|---|\n");
    for entry in catalogue::ALL {
        let labels: Vec<_> = entry.labels.iter().map(|label| format!("`{}`", label.name)).collect();
        let kind = kind_of(entry);
        let _ = writeln!(
            page,
            "| `{}` | {kind} | {} | {} |",
            entry.name,
            labels.join(" "),
            entry.help
        );
    }
    page.push_str("\n## Values of the labels\n\n");
    for entry in catalogue::ALL {
        for label in entry
            .labels
            .iter()
            .filter(|label| label.name != "version" && label.name != "commit")
        {
            let _ = writeln!(page, "- `{}{{{}}}`: {}", entry.name, label.name, values_of(label));
        }
    }
    page.push_str("\n## Buckets\n\n");
    for entry in catalogue::ALL {
        if let Kind::Histogram(buckets) = entry.kind {
            let bounds: Vec<_> = buckets.bounds.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                page,
                "- `{}`: {}. Why: {}.",
                entry.name,
                bounds.join(", "),
                buckets.reason
            );
        }
    }
    page.push_str("\n## Routes\n\n");
    for label in catalogue::HTTP_REQUESTS.entry.labels.iter().take(1) {
        for value in label.values {
            let _ = writeln!(page, "- `{value}`");
        }
    }
    page.push('\n');
    page.push_str(TAIL);
    page
}

fn kind_of(entry: &Entry) -> String {
    match entry.unit {
        catalogue::Unit::Count => entry.kind.as_str().to_owned(),
        unit => format!("{}, {}", entry.kind.as_str(), unit.as_str()),
    }
}

fn values_of(label: &LabelDef) -> String {
    if label.name == "route" {
        return "see below".to_owned();
    }
    let values: Vec<_> = label.values.iter().map(|value| format!("`{value}`")).collect();
    let separator = if values.len() > VALUES_INLINE { " " } else { ", " };
    values.join(separator)
}

#[cfg(test)]
mod tests {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");

    #[test]
    fn metrics_page_is_up_to_date() {
        let page = super::page();
        if std::env::var_os("ROLLCALL_BLESS").is_some() {
            std::fs::write(PATH, &page).unwrap();
        }
        let kept = std::fs::read_to_string(PATH).unwrap_or_default();
        assert!(
            kept == page,
            "docs/metrics.md is stale: ROLLCALL_BLESS=1 cargo test -p rollcall-server metrics_page"
        );
    }
}
