//! The roll call of one conversation: what one's own connections saw, beside what the server's ledger says of everybody's.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use crate::model::Millis;
use crate::out::Tone;
use crate::roll::{How, Mark, Percentiles, Roll, brief, percentiles, sparkline};
use crate::text::{client_name, harmless_line, short_id};

/// Messages that are kept.
const ROWS_MAX: usize = 500;
/// Columns that are kept; sockets come and go.
const COLUMNS_MAX: usize = 64;
/// After this an arrival counts as missing.
pub(crate) const MISSING_AFTER: Duration = Duration::from_secs(5);
/// From here on an arrival is late.
pub(crate) const LATE: Duration = Duration::from_secs(1);
/// The ledger is asked again about a message until everybody has it, this often and no oftener.
const ASKED_AGAIN_MILLIS: u64 = 2_000;
const ASKED_TIMES_MAX: u32 = 30;

/// Whose a column is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// One of one's own connections.
    Seat(usize),
    /// Somebody's socket, known from the ledger.
    Socket { user: String, sid: String },
    /// Somebody without a socket.
    User(String),
}

/// What the ledger says of a message at a socket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: String,
    pub(crate) cause: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) latency: Option<Duration>,
    pub(crate) attempts: u64,
    pub(crate) sid: Option<String>,
    /// `name/version`, as it says itself.
    pub(crate) client: Option<String>,
}

/// How often the ledger was asked about a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Asked {
    at: Millis,
    times: u32,
    settled: bool,
}

/// A cell as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) tone: Tone,
    pub(crate) words: String,
}

/// One conversation's roll call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Call {
    roll: Roll,
    places: Vec<Place>,
    told: HashMap<(String, usize), Told>,
    asked: HashMap<String, Asked>,
    /// Row from the newest, and column.
    pub(crate) cursor: (usize, usize),
}

/// A message that arrived at one of one's own connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) conversation: String,
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) seq: u64,
    pub(crate) sender: String,
    pub(crate) how: How,
    pub(crate) at: Duration,
}

impl Call {
    pub(crate) fn roll(&self) -> &Roll {
        &self.roll
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    fn column(&mut self, place: &Place, who: &str, socket: &str) -> Option<usize> {
        if let Some(at) = self.places.iter().position(|other| other == place) {
            return Some(at);
        }
        if self.places.len() >= COLUMNS_MAX {
            return None;
        }
        self.places.push(place.clone());
        Some(self.roll.add_column(who, socket))
    }

    /// What a new column is called: a socket by its client, numbered where its user has several such; one that says nothing
    /// of its client by its SID.
    fn socket_name(&self, who: &str, client: Option<&str>, sid: &str) -> String {
        let Some(name) = client.map(client_name).filter(|name| !name.is_empty()) else {
            return harmless_line(&short_id(sid));
        };
        let is_taken = |name: &String| {
            let mut columns = self.roll.columns().iter();
            columns.any(|column| column.who == who && column.socket == *name)
        };
        let numbered = (2..=COLUMNS_MAX).map(|number| format!("{name} {number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or(name)
    }

    pub(crate) fn seat(&mut self, seat: usize, who: &str) {
        self.column(&Place::Seat(seat), who, "here");
    }

    pub(crate) fn sending(&mut self, key: &str, who: &str, at: Duration) {
        let before = self.roll.rows().len();
        let row = self.roll.row(key, who);
        row.sent_at = row.sent_at.or(Some(at));
        self.settle(before);
    }

    pub(crate) fn arrived(&mut self, seat: usize, who: &str, arrived: &Arrived) {
        let Some(column) = self.column(&Place::Seat(seat), who, "here") else {
            return;
        };
        let before = self.roll.rows().len();
        let Arrived {
            key,
            sender,
            seq,
            how,
            at,
            ..
        } = arrived;
        self.roll.arrived(key, sender, column, *seq, *how, *at);
        self.roll.row(key, sender).id = Some(arrived.id.clone());
        self.settle(before);
    }

    /// Rows may have come since there were `before`: who looks back keeps looking at the same one.
    fn settle(&mut self, before: usize) {
        if self.cursor.0 > 0 {
            self.cursor.0 += self.roll.rows().len().saturating_sub(before);
        }
        self.trim();
    }

    fn trim(&mut self) {
        self.roll.trim(ROWS_MAX);
        if self.told.len() > ROWS_MAX * 8 {
            let keys: HashSet<&str> = self.roll.rows().iter().map(|row| row.key.as_str()).collect();
            self.told.retain(|(key, _), _| keys.contains(key.as_str()));
            self.asked.retain(|key, _| keys.contains(key.as_str()));
        }
    }

    /// The messages that the ledger is to be asked about now, newest first.
    pub(crate) fn due(&mut self, now: Millis, may_ask: impl Fn(&str) -> bool) -> Vec<String> {
        const AT_ONCE: usize = 4;
        let mut due = Vec::new();
        for row in self.roll.rows().iter().rev().take(ROWS_MAX) {
            let Some(id) = row.id.as_ref().filter(|_| may_ask(&row.sender)) else {
                continue;
            };
            let asked = self.asked.entry(row.key.clone()).or_default();
            let ripe = asked.times == 0 || asked.at.plus(ASKED_AGAIN_MILLIS) <= now;
            if asked.settled || !ripe || asked.times >= ASKED_TIMES_MAX {
                continue;
            }
            (asked.at, asked.times) = (now, asked.times + 1);
            due.push(id.clone());
            if due.len() == AT_ONCE {
                break;
            }
        }
        due
    }

    /// The ledger's answer about a message. `seat_of` knows one's own connections by their SID.
    pub(crate) fn told(&mut self, message: &str, delivery: &Value, seat_of: impl Fn(&str) -> Option<usize>) {
        let row = self.roll.rows().iter().find(|row| row.id.as_deref() == Some(message));
        let Some(key) = row.map(|row| row.key.clone()) else {
            return;
        };
        let mut settled = true;
        for participant in delivery["participants"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
            let (user, who) = (
                participant["user_id"].as_str().unwrap_or_default(),
                participant["username"].as_str().unwrap_or_default(),
            );
            let status = text(&participant["status"]).unwrap_or_default();
            settled &= matches!(status.as_str(), "read" | "delivered");
            let of_user = Told {
                status,
                cause: text(&participant["cause"]),
                ..Told::default()
            };
            let sockets = participant["sockets"].as_array().map(Vec::as_slice).unwrap_or_default();
            for socket in sockets {
                let sid = socket["sid"].as_str().unwrap_or_default();
                let place = match seat_of(sid) {
                    Some(seat) => Place::Seat(seat),
                    None => Place::Socket {
                        user: user.to_owned(),
                        sid: sid.to_owned(),
                    },
                };
                let told = Told {
                    path: text(&socket["path"]),
                    latency: socket["latency_ms"]
                        .as_f64()
                        .and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok()),
                    attempts: socket["attempts"].as_u64().unwrap_or(0),
                    sid: Some(sid.to_owned()),
                    client: text(&socket["client"]),
                    ..of_user.clone()
                };
                let name = self.socket_name(who, told.client.as_deref(), sid);
                if let Some(column) = self.column(&place, who, &name) {
                    self.told.insert((key.clone(), column), told);
                }
            }
            if sockets.is_empty()
                && let Some(column) = self.column(&Place::User(user.to_owned()), who, "–")
            {
                self.told.insert((key.clone(), column), of_user);
            }
        }
        if let Some(asked) = self.asked.get_mut(&key) {
            asked.settled = settled;
        }
    }

    pub(crate) fn told_of(&self, key: &str, column: usize) -> Option<&Told> {
        self.told.get(&(key.to_owned(), column))
    }

    /// The row under the cursor.
    pub(crate) fn chosen(&self) -> Option<usize> {
        let rows = self.roll.rows().len();
        rows.checked_sub(1 + self.cursor.0.min(rows.saturating_sub(1)))
    }

    /// What stands in a cell.
    pub(crate) fn cell(&self, row: usize, column: usize, now: Duration) -> Shown {
        let shown = |tone, words: String| Shown { tone, words };
        let (Some(row), Some(place)) = (self.roll.rows().get(row), self.places.get(column)) else {
            return shown(Tone::Faint, String::new());
        };
        let told = self.told_of(&row.key, column);
        if matches!(place, Place::Seat(_)) {
            let over = row.sent_at.is_some_and(|sent| now.saturating_sub(sent) > MISSING_AFTER);
            let mark = row.mark(column, LATE, over);
            let repaired = told.is_some_and(|told| told.path.as_deref() == Some("repair"));
            return match mark {
                // From before this connection, or never meant for it.
                Mark::Waiting if row.sent_at.is_none() => shown(Tone::Faint, "·".into()),
                Mark::Here(Some(latency)) if repaired => shown(Tone::Late, format!("↺ {} repair", brief(latency))),
                mark => shown(tone(mark), mark.shown()),
            };
        }
        told.map_or_else(|| shown(Tone::Faint, "·".into()), from_ledger)
    }

    /// How long arrivals of a column took: measured here, else by the ledger.
    pub(crate) fn latencies(&self, column: usize) -> Vec<Duration> {
        if matches!(self.places.get(column), Some(Place::Seat(_))) {
            return self.roll.latencies(column);
        }
        let rows = self.roll.rows().iter();
        rows.filter_map(|row| self.told_of(&row.key, column)?.latency).collect()
    }

    pub(crate) fn figures(&self, column: usize) -> Option<Percentiles> {
        percentiles(&self.latencies(column))
    }

    pub(crate) fn sparks(&self, column: usize, cells: usize) -> String {
        sparkline(&self.latencies(column), cells)
    }
}

fn tone(mark: Mark) -> Tone {
    match mark {
        Mark::Here(_) => Tone::Good,
        Mark::Late(_) | Mark::Replayed(_) => Tone::Late,
        Mark::Waiting => Tone::Faint,
        _ => Tone::Failed,
    }
}

/// A cell of a socket that is not ours.
fn from_ledger(told: &Told) -> Shown {
    let latency = told.latency.map(brief).unwrap_or_default();
    let (tone, words) = match (told.status.as_str(), told.path.as_deref(), told.latency) {
        ("offline", _, _) => (Tone::Faint, "○ offline".to_owned()),
        ("missed" | "unconfirmed", _, None) => {
            let cause = told.cause.as_deref().unwrap_or("missing");
            (Tone::Failed, format!("■ {cause}"))
        }
        (_, Some("repair"), Some(_)) => (Tone::Late, format!("↺ {latency} repair")),
        (_, Some("resume"), _) => (Tone::Late, format!("↺ {latency} resumed")),
        (_, Some("retry"), Some(_)) => (Tone::Late, format!("▲ {latency} retried")),
        (_, _, Some(taken)) if taken > LATE => (Tone::Late, format!("▲ {latency}")),
        (_, _, Some(_)) => (Tone::Good, format!("✓ {latency}")),
        ("delivered" | "read", _, None) => (Tone::Good, "✓".to_owned()),
        _ if told.attempts > 1 => (Tone::Late, format!("◌ retried {}", told.attempts - 1)),
        _ => (Tone::Faint, "◌ sent".to_owned()),
    };
    Shown { tone, words }
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
