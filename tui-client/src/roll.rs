//! The roll call: which message reached which socket, when and how. Pure; `verify` and the roll-call view share it.

use std::collections::HashMap;
use std::time::Duration;

/// How something arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By itself, on the connection that was there.
    Live,
    /// By itself, on a later connection than the one that was there when it was sent.
    Replayed,
    /// Only because the client noticed a gap and asked.
    Fetched,
}

/// One arrival. Times are counted from the program's start, by a clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) how: How,
    /// A message with a higher seq had come before.
    pub(crate) disordered: bool,
}

/// One socket of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// The recipient.
    pub(crate) who: String,
    /// Which of their sockets.
    pub(crate) socket: String,
    /// The highest seq that came by itself.
    newest: u64,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The id that its sender gave it, or its own.
    pub(crate) key: String,
    pub(crate) id: Option<String>,
    pub(crate) seq: Option<u64>,
    pub(crate) sender: String,
    pub(crate) sent_at: Option<Duration>,
    /// Why it was not saved.
    pub(crate) refused: Option<String>,
    cells: Vec<Vec<Arrival>>,
}

/// What a cell shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Not here, and there is still time.
    Waiting,
    /// Here, once and in order.
    Here(Option<Duration>),
    Late(Duration),
    Replayed(Option<Duration>),
    /// It did not come by itself.
    Fetched,
    Missing,
    Doubled(usize),
    Disordered,
    /// It was never saved, so nobody can have it.
    Refused,
}

impl Mark {
    /// Did it arrive as it should?
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Mark::Here(_) | Mark::Late(_) | Mark::Replayed(_))
    }

    /// The word for it, as in `--json`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Mark::Waiting => "waiting",
            Mark::Here(_) => "ok",
            Mark::Late(_) => "late",
            Mark::Replayed(_) => "replayed",
            Mark::Fetched => "fetched",
            Mark::Missing => "missing",
            Mark::Doubled(_) => "doubled",
            Mark::Disordered => "out_of_order",
            Mark::Refused => "not_saved",
        }
    }

    /// Shape and word, short enough for a column of a terminal.
    pub(crate) fn shown(self) -> String {
        let millis = |latency: Option<Duration>| latency.map_or_else(|| "here".into(), brief);
        match self {
            Mark::Waiting => "◌ …".into(),
            Mark::Here(latency) => format!("✓ {}", millis(latency)),
            Mark::Late(latency) => format!("▲ {}", brief(latency)),
            Mark::Replayed(latency) => format!("↺ {}", millis(latency)),
            Mark::Fetched => "■ fetched".into(),
            Mark::Missing => "■ missing".into(),
            Mark::Doubled(times) => format!("■ {times} times"),
            Mark::Disordered => "■ order".into(),
            Mark::Refused => "■ unsaved".into(),
        }
    }
}

/// `0.4 ms`, `12 ms`, `1.5 s`: at most seven cells.
pub(crate) fn brief(latency: Duration) -> String {
    let millis = latency.as_secs_f64() * 1e3;
    match millis {
        ..9.95 => format!("{millis:.1} ms"),
        ..999.5 => format!("{millis:.0} ms"),
        ..99_950.0 => format!("{:.1} s", millis / 1e3),
        _ => format!("{:.0} s", millis / 1e3),
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roll {
    columns: Vec<Column>,
    rows: Vec<Row>,
    places: HashMap<String, usize>,
}

impl Roll {
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// One more socket; gives its place.
    pub(crate) fn add_column(&mut self, who: &str, socket: &str) -> usize {
        self.columns.push(Column {
            who: who.to_owned(),
            socket: socket.to_owned(),
            newest: 0,
        });
        for row in &mut self.rows {
            row.cells.push(Vec::new());
        }
        self.columns.len() - 1
    }

    /// The row of that key, new if it is not there.
    pub(crate) fn row(&mut self, key: &str, sender: &str) -> &mut Row {
        let place = self.places.get(key).copied().unwrap_or_else(|| {
            self.places.insert(key.to_owned(), self.rows.len());
            self.rows.push(Row {
                key: key.to_owned(),
                id: None,
                seq: None,
                sender: sender.to_owned(),
                sent_at: None,
                refused: None,
                cells: vec![Vec::new(); self.columns.len()],
            });
            self.rows.len() - 1
        });
        &mut self.rows[place]
    }

    /// A message reached a socket.
    pub(crate) fn arrived(&mut self, key: &str, sender: &str, column: usize, seq: u64, how: How, at: Duration) {
        let Some(newest) = self.columns.get_mut(column).map(|column| &mut column.newest) else {
            return;
        };
        let disordered = how != How::Fetched && seq < *newest;
        if how != How::Fetched {
            *newest = (*newest).max(seq);
        }
        let row = self.row(key, sender);
        row.seq = Some(seq);
        if let Some(cell) = row.cells.get_mut(column) {
            cell.push(Arrival { at, how, disordered });
        }
    }

    /// Lets go of the oldest rows beyond `rows_max`.
    pub(crate) fn trim(&mut self, rows_max: usize) {
        let surplus = self.rows.len().saturating_sub(rows_max);
        if surplus > 0 {
            self.rows.drain(..surplus);
            self.places = self
                .rows
                .iter()
                .enumerate()
                .map(|(at, row)| (row.key.clone(), at))
                .collect();
        }
    }

    /// Has every message that was saved reached every socket, one way or another?
    pub(crate) fn is_complete(&self) -> bool {
        let saved = self.rows.iter().filter(|row| row.refused.is_none());
        saved
            .into_iter()
            .all(|row| row.seq.is_some() && row.cells.iter().all(|cell| !cell.is_empty()))
    }

    /// How long the arrivals of a column took, oldest first.
    pub(crate) fn latencies(&self, column: usize) -> Vec<Duration> {
        let first = |row: &Row| {
            let arrival = row.cells.get(column)?.iter().find(|arrival| arrival.how == How::Live)?;
            row.latency(arrival)
        };
        self.rows.iter().filter_map(first).collect()
    }
}

impl Row {
    /// Every arrival at a column, in their order.
    pub(crate) fn arrivals(&self, column: usize) -> &[Arrival] {
        self.cells.get(column).map(Vec::as_slice).unwrap_or_default()
    }

    /// What stands in a cell. `late`: from when on; `over`: nothing more is waited for.
    pub(crate) fn mark(&self, column: usize, late: Duration, over: bool) -> Mark {
        if self.refused.is_some() {
            return Mark::Refused;
        }
        let arrivals = self.cells.get(column).map(Vec::as_slice).unwrap_or_default();
        let by_itself = || arrivals.iter().filter(|arrival| arrival.how != How::Fetched);
        let Some(first) = by_itself().next() else {
            return match arrivals {
                [] if over => Mark::Missing,
                [] => Mark::Waiting,
                _ => Mark::Fetched,
            };
        };
        if by_itself().count() > 1 {
            return Mark::Doubled(by_itself().count());
        }
        if first.disordered {
            return Mark::Disordered;
        }
        let latency = self.latency(first);
        match (first.how, latency) {
            (How::Replayed, _) => Mark::Replayed(latency),
            (_, Some(latency)) if latency > late => Mark::Late(latency),
            _ => Mark::Here(latency),
        }
    }

    fn latency(&self, arrival: &Arrival) -> Option<Duration> {
        Some(arrival.at.saturating_sub(self.sent_at?))
    }
}

/// How long arrivals took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Percentiles {
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

/// By nearest rank; `None` of nothing.
pub(crate) fn percentiles(latencies: &[Duration]) -> Option<Percentiles> {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let rank = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    };
    Some(Percentiles {
        p50: rank(50)?,
        p95: rank(95)?,
        p99: rank(99)?,
        most: *sorted.last()?,
    })
}

/// The last `cells` of them as bars, the highest being the longest there is among all that are shown.
pub(crate) fn sparkline(latencies: &[Duration], cells: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let shown = &latencies[latencies.len().saturating_sub(cells)..];
    let most = shown.iter().max().copied().unwrap_or_default().as_secs_f64();
    let bar = |latency: &Duration| {
        let share = if most > 0.0 { latency.as_secs_f64() / most } else { 0.0 };
        let level = BARS
            .iter()
            .enumerate()
            .take_while(|(at, _)| share * 8.0 > f64::from(u8::try_from(*at).unwrap_or(7)));
        level.last().map_or(BARS[0], |(_, bar)| *bar)
    };
    shown.iter().map(bar).collect()
}

#[cfg(test)]
#[path = "roll_tests.rs"]
mod tests;
