//! What was seen, judged: every message at every socket.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::super::roll::{Mark, Percentiles, Roll, Row, percentiles};
use super::stage::Stage;
use crate::args::VerifyArgs;
use crate::site::Site;

/// Cells that the server is asked about. A run that lost thousands is explained by the first ones.
const ASKED_MAX: usize = 20;

/// A cell that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The row's place.
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) mark: Mark,
    /// The server's own account of it.
    pub(super) said: Option<Said>,
}

/// What the server knows about a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: String,
    pub(super) cause: Option<String>,
    pub(super) summary: Option<String>,
}

/// The outcome of a run.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) roll: Roll,
    pub(super) late: Duration,
    pub(super) conversation: String,
    pub(super) title: String,
    pub(super) expected: usize,
    pub(super) lost_max: usize,
    pub(super) p99_max: Option<Duration>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) latency: Option<Percentiles>,
    sids: Vec<String>,
}

impl Report {
    pub(super) fn new(stage: &Stage, roll: Roll, args: &VerifyArgs) -> Self {
        let sids = (0..roll.columns().len()).map(|column| stage.sid(column).unwrap_or_default().to_owned());
        let sids = sids.collect();
        let mut report = Self::judged(roll, args);
        report.conversation = stage.conversation().to_string();
        stage.title().clone_into(&mut report.title);
        report.sids = sids;
        report
    }

    /// Pure: what a roll means under these arguments.
    pub(super) fn judged(roll: Roll, args: &VerifyArgs) -> Self {
        let columns = roll.columns().len();
        let expected = roll.rows().len() * columns;
        let late = args.late.0;
        let mut troubles = Vec::new();
        for (place, row) in roll.rows().iter().enumerate() {
            for column in 0..columns {
                let mark = row.mark(column, late, true);
                if !mark.is_good() {
                    troubles.push(Trouble {
                        row: place,
                        column,
                        mark,
                        said: None,
                    });
                }
            }
        }
        let all: Vec<Duration> = (0..columns).flat_map(|column| roll.latencies(column)).collect();
        Self {
            latency: percentiles(&all),
            expected,
            lost_max: args.max_loss.of(expected),
            p99_max: args.p99.map(|span| span.0),
            late,
            troubles,
            roll,
            conversation: String::new(),
            title: String::new(),
            sids: Vec::new(),
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        match (self.p99_max, self.latency) {
            (Some(most), Some(latency)) => latency.p99 > most,
            // Nothing measured is not quick.
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.troubles.len() <= self.lost_max && !self.is_slow() && self.expected > 0
    }

    /// `bob/2`
    pub(super) fn column_name(&self, column: usize) -> String {
        let column = self.roll.columns().get(column);
        column.map_or_else(String::new, |column| format!("{}/{}", column.who, column.socket))
    }

    /// Asks the server about what is missing: an admin's `explain`, else the delivery as the sender may see it.
    pub(super) async fn ask_why(&mut self, site: &Site, stage: &Stage) {
        let mut known: HashMap<(String, String), Option<Said>> = HashMap::new();
        let mut troubles = std::mem::take(&mut self.troubles);
        for trouble in troubles.iter_mut().take(ASKED_MAX) {
            let (Some(row), Some(column)) = (
                self.roll.rows().get(trouble.row),
                self.roll.columns().get(trouble.column),
            ) else {
                continue;
            };
            let (Some(message), Some(user)) = (row.id.as_deref(), stage.user_id(&column.who)) else {
                continue;
            };
            let key = (message.to_owned(), user.to_owned());
            let said = match known.get(&key) {
                Some(said) => said.clone(),
                None => ask(site, stage.token(&row.sender).as_deref(), message, user).await,
            };
            trouble.said.clone_from(&said);
            known.insert(key, said);
        }
        self.troubles = troubles;
    }

    /// The documented shape of `verify --json`.
    pub(super) fn json(&self) -> Value {
        let columns = self.roll.columns().iter().enumerate();
        let columns: Vec<Value> = columns
            .map(|(at, column)| {
                json!({
                    "user": column.who, "socket": column.socket, "sid": self.sids.get(at),
                    "lost": self.troubles.iter().filter(|trouble| trouble.column == at).count(),
                    "latency_ms": percentiles(&self.roll.latencies(at)).map(latency_json),
                })
            })
            .collect();
        let rows: Vec<Value> = self.roll.rows().iter().map(|row| self.row_json(row)).collect();
        json!({
            "ok": self.is_good(),
            "conversation": {"id": self.conversation, "title": self.title},
            "messages": self.roll.rows().len(),
            "sockets": self.roll.columns().len(),
            "expected": self.expected,
            "lost": self.troubles.len(),
            "max_loss": self.lost_max,
            "latency_ms": self.latency.map(latency_json),
            "p99_limit_ms": self.p99_max.map(millis),
            "columns": columns,
            "troubles": self.troubles.iter().map(|trouble| self.trouble_json(trouble)).collect::<Vec<_>>(),
            "rows": rows,
        })
    }

    fn row_json(&self, row: &Row) -> Value {
        let cell = |column| {
            let mark = row.mark(column, self.late, true);
            json!({"state": mark.word(), "ms": latency_of(mark).map(millis)})
        };
        json!({
            "seq": row.seq, "message_id": row.id, "client_message_id": row.key, "sender": row.sender,
            "refused": row.refused,
            "cells": (0..self.roll.columns().len()).map(cell).collect::<Vec<_>>(),
        })
    }

    fn trouble_json(&self, trouble: &Trouble) -> Value {
        let (row, column) = (&self.roll.rows()[trouble.row], &self.roll.columns()[trouble.column]);
        json!({
            "state": trouble.mark.word(), "user": column.who, "socket": column.socket,
            "seq": row.seq, "message_id": row.id, "client_message_id": row.key, "sender": row.sender,
            "refused": row.refused,
            "server": trouble.said.as_ref().map(|said| json!({
                "status": said.status, "cause": said.cause, "summary": said.summary,
            })),
        })
    }
}

async fn ask(site: &Site, sender: Option<&str>, message: &str, user: &str) -> Option<Said> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let query = [("message_id", message), ("user_id", user)];
    if let Ok(explained) = site.admin(&["explain"], &query).await {
        return Some(Said {
            status: text(&explained["verdict"])?,
            cause: text(&explained["cause"]),
            summary: text(&explained["summary"]),
        });
    }
    let delivery = site.api(sender, &["messages", message, "delivery"], &[]).await.ok()?;
    let participant = delivery["participants"]
        .as_array()?
        .iter()
        .find(|one| one["user_id"] == user)?;
    Some(Said {
        status: text(&participant["status"])?,
        cause: text(&participant["cause"]),
        summary: None,
    })
}

pub(super) fn latency_of(mark: Mark) -> Option<Duration> {
    match mark {
        Mark::Here(latency) | Mark::Replayed(latency) => latency,
        Mark::Late(latency) => Some(latency),
        _ => None,
    }
}

/// With microseconds, as a number.
fn millis(duration: Duration) -> Value {
    json!((duration.as_secs_f64() * 1e6).round() / 1e3)
}

fn latency_json(told: Percentiles) -> Value {
    json!({"p50": millis(told.p50), "p95": millis(told.p95), "p99": millis(told.p99), "max": millis(told.most)})
}

#[cfg(test)]
#[path = "judge_tests.rs"]
pub(super) mod tests;
