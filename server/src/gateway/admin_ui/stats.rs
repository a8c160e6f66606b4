//! The figures of `server_stats`: what is now, and what happened second by second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::shown;
use crate::gateway::listener::Flow;
use crate::hub::Hub;
use crate::hub::admins::ADMIN_NAMESPACE;
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::telemetry::label::Label as _;
use crate::telemetry::labels::DisconnectReason;

/// Where Linux has the machine's name.
const HOSTNAME_FILE: &str = "/proc/sys/kernel/hostname";

/// Counts since the start.
#[derive(Debug, Clone, Default)]
struct Totals {
    opened: u64,
    closed: BTreeMap<&'static str, u64>,
    received: u64,
    sent: u64,
}

impl Totals {
    fn now(hub: &Hub, flow: &Flow) -> Self {
        let (opened, closed) = hub.happenings().totals();
        let (received, sent) = flow.totals();
        Self {
            opened,
            closed,
            received,
            sent,
        }
    }
}

/// Makes `server_stats`.
pub(super) struct Stats {
    hub: Arc<Hub>,
    flow: Arc<Flow>,
    hostname: String,
    began: Instant,
    before: Totals,
    /// What happened since the last `server_stats`; as many entries as there are types and reasons, for each second.
    happened: Vec<Value>,
}

impl Stats {
    pub(super) fn new(hub: Arc<Hub>, flow: Arc<Flow>) -> Self {
        let hostname = std::fs::read_to_string(HOSTNAME_FILE)
            .unwrap_or_default()
            .trim()
            .to_owned();
        let hostname = if hostname.is_empty() {
            hub.node_id().to_string()
        } else {
            hostname
        };
        Self {
            before: Totals::now(&hub, &flow),
            hub,
            flow,
            hostname,
            began: Instant::now(),
            happened: Vec::new(),
        }
    }

    /// A second is over, the one that began at `second` (milliseconds since the epoch, on the second).
    pub(super) fn second(&mut self, second: i64) {
        let now = Totals::now(&self.hub, &self.flow);
        let mut note = |kind: &str, reason: Option<&str>, count: u64| {
            if count > 0 {
                let mut entry = json!({ "timestamp": second, "type": kind, "count": count });
                if let Some(reason) = reason {
                    entry["subType"] = reason.into();
                }
                self.happened.push(entry);
            }
        };
        note("rawConnection", None, now.opened - self.before.opened);
        for (reason, count) in &now.closed {
            let before = self.before.closed.get(reason).copied().unwrap_or_default();
            note("rawDisconnection", Some(in_words(reason)), count - before);
        }
        note("bytesIn", None, now.received - self.before.received);
        note("bytesOut", None, now.sent - self.before.sent);
        self.before = now;
    }

    /// What happened since this was last called is in it, and is told once.
    pub(super) fn take(&mut self) -> Value {
        let happened = std::mem::take(&mut self.happened);
        self.of_now(&happened)
    }

    /// Nobody looks: what happened is told to nobody, also not later as if it were now.
    pub(super) fn forget(&mut self) {
        self.happened.clear();
    }

    /// What is now, for somebody who comes between two of the others: what happened will be in the next one.
    pub(super) fn of_now(&self, happened: &[Value]) -> Value {
        let (chat, admins) = (self.hub.sockets(), self.hub.admins());
        // One connection may be in both namespaces; it has the same id in both.
        let mut clients = BTreeSet::new();
        let mut polling = BTreeSet::new();
        let transports = chat.iter().map(|socket| (socket.sid.as_str(), socket.transport()));
        for (sid, transport) in transports.chain(admins.iter().map(|admin| (admin.sid.as_str(), admin.transport()))) {
            clients.insert(sid);
            if transport == "polling" {
                polling.insert(sid);
            }
        }
        let pid = std::process::id();
        json!({
            "serverId": format!("{}#{pid}", self.hostname),
            "hostname": self.hostname,
            "pid": pid,
            "uptime": self.began.elapsed().as_secs_f64(),
            "clientsCount": clients.len(),
            "pollingClientsCount": polling.len(),
            // Always these, in this order: the UI merges the list by position.
            "namespaces": [
                { "name": CHAT_NAMESPACE, "socketsCount": chat.len() },
                { "name": ADMIN_NAMESPACE, "socketsCount": admins.len() },
            ],
            "aggregatedEvents": happened,
        })
    }
}

fn in_words(label: &'static str) -> &'static str {
    DisconnectReason::ALL
        .iter()
        .find(|reason| reason.as_str() == label)
        .map_or(label, |reason| shown::reason(*reason))
}
