//! The matrix for people: one sentence first, then the rows, then each socket's figures.

use std::io;

use super::judge::{Report, Trouble};
use crate::duration::in_words;
use crate::out::{Cell, Out, Tone};
use crate::roll::{Mark, percentiles, sparkline};

/// More rows than this are printed only where something is wrong, or on request.
const ROWS_MAX: usize = 40;
/// Latencies in a sparkline.
const SPARKS: usize = 20;

pub(super) fn matrix(report: &Report, all: bool, out: Out) -> io::Result<()> {
    let (tone, words) = sentence(report);
    out.line(out.paint(tone, &words))?;
    out.line("")?;
    let rows = report.roll.rows();
    let few = rows.len() <= ROWS_MAX;
    let is_shown = |place: usize| all || few || report.troubles.iter().any(|trouble| trouble.row == place);
    let names: Vec<String> = (0..report.roll.columns().len())
        .map(|at| report.column_name(at))
        .collect();
    let mut head = vec!["#", "from"];
    head.extend(names.iter().map(String::as_str));
    let mut lines = Vec::new();
    let mut shown: Vec<_> = rows.iter().enumerate().filter(|(place, _)| is_shown(*place)).collect();
    // As they were saved, and what was not at the end.
    shown.sort_by_key(|(_, row)| (row.seq.is_none(), row.seq));
    for (_, row) in shown {
        let seq = row.seq.map_or_else(|| "–".into(), |seq| seq.to_string());
        let mut cells = vec![Cell::plain(seq), Cell::plain(&row.sender)];
        cells.extend((0..names.len()).map(|column| {
            let mark = row.mark(column, report.late, true);
            Cell::new(tone_of(mark), mark.shown())
        }));
        lines.push(cells);
    }
    lines.extend(figures(report));
    out.table(&head, &lines)?;
    let hidden = rows.iter().enumerate().filter(|(place, _)| !is_shown(*place)).count();
    if hidden > 0 {
        out.line(format!("({hidden} rows without a fault are not shown: --all)"))?;
    }
    if !report.troubles.is_empty() {
        out.line("")?;
    }
    for trouble in &report.troubles {
        out.line(told(report, trouble))?;
    }
    Ok(())
}

fn sentence(report: &Report) -> (Tone, String) {
    let (messages, sockets) = (report.roll.rows().len(), report.roll.columns().len());
    let speed = report.latency.map_or_else(
        || "nothing was measured".into(),
        |told| format!("p99 {}", in_words(told.p99)),
    );
    let slow = match report.p99_max {
        Some(most) if report.is_slow() => format!(" (allowed: {})", in_words(most)),
        _ => String::new(),
    };
    let scope = format!("{messages} messages × {sockets} sockets");
    if report.troubles.is_empty() {
        let (tone, shape) = if report.is_good() {
            (Tone::Good, "●")
        } else {
            (Tone::Failed, "■")
        };
        return (
            tone,
            format!(
                "{shape} {scope}: all {} arrived once and in order; {speed}{slow}.",
                report.expected
            ),
        );
    }
    let (tone, shape) = if report.is_good() {
        (Tone::Late, "▲")
    } else {
        (Tone::Failed, "■")
    };
    let words = format!(
        "{shape} {scope}: {} of {} did not arrive as they should (allowed: {}); {speed}{slow}.",
        report.troubles.len(),
        report.expected,
        report.lost_max
    );
    (tone, words)
}

/// p50/p99 and the sparkline of each socket, under the matrix.
fn figures(report: &Report) -> Vec<Vec<Cell>> {
    let columns = 0..report.roll.columns().len();
    let all: Vec<_> = columns.map(|column| report.roll.latencies(column)).collect();
    let row = |name: &str, cell: &dyn Fn(&[std::time::Duration]) -> String| {
        let mut cells = vec![Cell::plain(""), Cell::new(Tone::Faint, name)];
        cells.extend(all.iter().map(|latencies| Cell::new(Tone::Faint, cell(latencies))));
        cells
    };
    vec![
        row("p50", &|all| {
            percentiles(all).map_or_else(|| "–".into(), |told| in_words(told.p50))
        }),
        row("p99", &|all| {
            percentiles(all).map_or_else(|| "–".into(), |told| in_words(told.p99))
        }),
        row("", &|all| sparkline(all, SPARKS)),
    ]
}

pub(super) fn tone_of(mark: Mark) -> Tone {
    match mark {
        Mark::Here(_) => Tone::Good,
        Mark::Late(_) | Mark::Replayed(_) => Tone::Late,
        Mark::Waiting => Tone::Faint,
        Mark::Fetched | Mark::Missing | Mark::Doubled(_) | Mark::Disordered | Mark::Refused => Tone::Failed,
    }
}

/// `#812 from alice, at bob/1: missing. The server: unconfirmed, no_receipt: …`
pub(super) fn told(report: &Report, trouble: &Trouble) -> String {
    let row = &report.roll.rows()[trouble.row];
    let name = row.seq.map_or_else(|| row.key.clone(), |seq| format!("#{seq}"));
    let what = match trouble.mark {
        Mark::Missing => "missing: it never came".into(),
        Mark::Fetched => "it did not come by itself; the client noticed the gap and fetched it".into(),
        Mark::Doubled(times) => format!("it came {times} times"),
        Mark::Disordered => "out of order: a later one had come before".into(),
        Mark::Refused => format!("not saved: {}", row.refused.as_deref().unwrap_or("refused")),
        other => other.word().into(),
    };
    let mut words = format!(
        "{name} from {}, at {}: {what}.",
        row.sender,
        report.column_name(trouble.column)
    );
    if let Some(said) = &trouble.said {
        let known = [Some(&said.status), said.cause.as_ref(), said.summary.as_ref()];
        let known: Vec<&str> = known.into_iter().flatten().map(String::as_str).collect();
        words = format!("{words} The server: {}", known.join(", "));
    }
    words
}
