//! From what was measured to what a core, a node and ten nodes carry, and what ends first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

/// `bench capacity`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Capacity {
    /// Files with what `bench calm`, `saved`, `connects` and `memory` printed with `--json`, one object a line
    #[arg(long, required = true, num_args = 1..)]
    from: Vec<PathBuf>,
    /// Put the tables into this page, between its marks
    #[arg(long)]
    write: Option<PathBuf>,
}

/// What the plan is computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Costs {
    /// Server CPU of a delivery, µs, at a few messages per second, with receipts.
    calm_delivery: f64,
    /// The same with many messages under way.
    busy_delivery: f64,
    /// What a message costs besides its deliveries, µs.
    message: f64,
    /// Connect, authenticate, join, µs.
    connect: f64,
    /// Memory of an idle connection in one conversation, KiB.
    connection: f64,
    /// Messages that are committed per second, 16 under way in each of 10 conversations.
    commits: f64,
}

/// A machine: a usual one, stated so that everybody can put theirs in its place.
struct Node {
    name: &'static str,
    machines: f64,
    cores: f64,
    gib: f64,
    gbit: f64,
}

const NODES: [Node; 3] = [
    Node {
        name: "one core",
        machines: 1.0,
        cores: 1.0,
        gib: 4.0,
        gbit: 1.0,
    },
    Node {
        name: "one node",
        machines: 1.0,
        cores: 8.0,
        gib: 32.0,
        gbit: 10.0,
    },
    Node {
        name: "ten nodes",
        machines: 10.0,
        cores: 8.0,
        gib: 32.0,
        gbit: 10.0,
    },
];

/// Of a core's or a link's time, so that there is room for a storm of reconnects.
const FILLED: f64 = 0.6;
/// What the kernel holds of a quiet TCP connection, KiB: sockets, small buffers. Not measured here; 3 to 5 are usual.
const KERNEL_KIB: f64 = 4.0;
/// Bytes on the wire of one delivery: event, frame, TCP and IP.
const WIRE_BYTES: f64 = 480.0;
/// A heartbeat and its answer, this often, each about a calm delivery's work.
const HEARTBEAT_SECONDS: f64 = 25.0;
/// Connections that one listener takes.
const LISTENER_MAX: f64 = 200_000.0;
/// Conversations, and what users do in them: messages per user and hour.
const LIVES: [Life; 3] = [
    Life {
        name: "quiet: 6 messages an hour each, 10 members",
        per_hour: 6.0,
        members: 10.0,
    },
    Life {
        name: "busy: 60 an hour each, 20 members",
        per_hour: 60.0,
        members: 20.0,
    },
    Life {
        name: "crowds: 6 an hour each, 500 members",
        per_hour: 6.0,
        members: 500.0,
    },
];

struct Life {
    name: &'static str,
    per_hour: f64,
    members: f64,
}

const USERS: [f64; 3] = [1e5, 1e6, 1e7];

/// How much of a resource is used: above 1 it does not do.
struct Load {
    resource: &'static str,
    share: f64,
}

impl Costs {
    fn loads(&self, node: &Node, life: &Life, users: f64) -> [Load; 5] {
        let per_machine = users / node.machines;
        let messages = users * life.per_hour / 3600.0;
        let deliveries = messages * life.members / node.machines;
        // Many deliveries a second and core leave in fewer, fuller writes.
        let per_core = deliveries / node.cores;
        let full = (per_core * self.busy_delivery / 1e6).min(1.0);
        let delivery = self.calm_delivery + (self.busy_delivery - self.calm_delivery) * full;
        let cpu = (deliveries * delivery
            + messages / node.machines * self.message
            + per_machine * 2.0 * self.calm_delivery / HEARTBEAT_SECONDS)
            / 1e6;
        let memory = per_machine * (self.connection + KERNEL_KIB) / (1024.0 * 1024.0);
        let load = |resource, share| Load { resource, share };
        [
            load("processor", cpu / (node.cores * FILLED)),
            load("memory", memory / (node.gib * 0.8)),
            load("network", deliveries * WIRE_BYTES * 8.0 / 1e9 / (node.gbit * FILLED)),
            // One database for all nodes; one writer.
            load("commits", messages / (self.commits * FILLED)),
            load("connections of a listener", per_machine / LISTENER_MAX),
        ]
    }

    fn most_users(&self, node: &Node, life: &Life) -> (f64, &'static str) {
        let (mut low, mut high) = (1.0, 1e9);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if self.loads(node, life, middle).iter().all(|load| load.share <= 1.0) {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low, worst(&self.loads(node, life, high)).resource)
    }
}

fn worst(loads: &[Load; 5]) -> &Load {
    loads
        .iter()
        .max_by(|a, b| a.share.total_cmp(&b.share))
        .unwrap_or(&loads[0])
}

impl Capacity {
    /// Computes, prints, writes.
    pub(crate) fn run(&self, as_json: bool) -> Result<()> {
        let mut lines = Vec::new();
        for file in &self.from {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            for line in text.lines().filter(|line| line.starts_with('{')) {
                lines.push(serde_json::from_str(line).with_context(|| file.display().to_string())?);
            }
        }
        let costs = costs(&lines)?;
        if as_json {
            print(&costs.json().to_string());
        }
        let page = tables(&costs);
        if let Some(file) = &self.write {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            std::fs::write(file, replaced(&text, &page)?)?;
        } else if !as_json {
            print(&page);
        }
        Ok(())
    }
}

/// The newest of each measurement counts.
fn costs(lines: &[Value]) -> Result<Costs> {
    let mut workloads: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut memory = None;
    for line in lines {
        if let Some(title) = line["workload"].as_str() {
            workloads.insert(title, line);
        }
        let ours = |servers: &Value| {
            servers
                .as_array()?
                .iter()
                .find(|one| one["server"] == "rollcall")
                .cloned()
        };
        memory = ours(&line["memory"]).or(memory);
    }
    let figure = |begins: &str, ends: &str, name: &str| -> Result<f64> {
        let fits = |title: &&&str| title.starts_with(begins) && title.ends_with(ends);
        let line = workloads
            .iter()
            .rev()
            .find(|(title, _)| fits(title))
            .with_context(|| format!("no measurement of `{begins} … {ends}`"))?;
        let servers = line.1["servers"].as_array().context("servers")?;
        let ours = servers
            .iter()
            .find(|one| one["server"] == "rollcall")
            .context("rollcall was not measured")?;
        ours["figures"][name]["median"]
            .as_f64()
            .with_context(|| format!("{begins}: no {name}"))
    };
    let receipts = "every client of Rollcall sends receipts";
    let busy = figure("fan-out 10 × 100, 16", receipts, "server CPU per delivery, µs")?;
    let saved = figure("saved and sent, 10 × 20, 16", "room", "server CPU per message, µs")?;
    let memory = memory.context("no measurement of `memory`")?;
    let connection = memory["KiB per connection"]["in 1 conversation of 10, a message was sent to each"].as_f64();
    Ok(Costs {
        calm_delivery: figure("calm 10 × 100", receipts, "server CPU per delivery, µs")?,
        busy_delivery: busy,
        message: (saved - 20.0 * busy).max(0.0),
        connect: figure(
            "8000 connects",
            "conversations of 10, and idle memory",
            "the same until all are told of it, µs",
        )?,
        connection: connection.context("memory: no state with a message")?,
        commits: figure("saved and sent, 10 × 20, 16", "room", "messages per second")?,
    })
}

impl Costs {
    fn json(&self) -> Value {
        json!({ "capacity": { "calm delivery, µs": self.calm_delivery, "busy delivery, µs": self.busy_delivery,
            "message, µs": self.message, "connect, µs": self.connect, "connection, KiB": self.connection,
            "commits per second": self.commits } })
    }
}

fn tables(costs: &Costs) -> String {
    let mut text = format!(
        "| measured | |\n|---|---|\n| a delivery at a few messages per second, with receipts | {:.1} µs |\n\
         | a delivery with many messages under way, with receipts | {:.1} µs |\n\
         | a message, besides its deliveries | {:.0} µs |\n| connect, authenticate, join | {:.0} µs |\n\
         | an idle connection in one conversation | {:.1} KiB |\n\
         | messages committed per second, 160 under way, one core | {:.0} |\n",
        costs.calm_delivery, costs.busy_delivery, costs.message, costs.connect, costs.connection, costs.commits
    );
    text.push_str("\nThe most users that are connected at a time, and what ends first:\n\n|");
    for life in &LIVES {
        let _ = write!(text, " | {}", life.name);
    }
    text.push_str(" |\n|---|---|---|---|");
    for node in &NODES {
        let _ = write!(text, "\n| {}", node.name);
        for life in &LIVES {
            let (users, wall) = costs.most_users(node, life);
            let _ = write!(text, " | {} ({wall})", rounded(users));
        }
        text.push_str(" |");
    }
    text.push_str(
        "\n\nHow full the fullest resource is, of what may be filled; above 100 % it does not do:\n\n| users |",
    );
    for node in &NODES {
        let _ = write!(text, " {} |", node.name);
    }
    text.push_str("\n|---|---|---|---|");
    for life in &LIVES {
        for users in USERS {
            let _ = write!(text, "\n| {}, {}", rounded(users), life.name);
            for node in &NODES {
                let loads = costs.loads(node, life, users);
                let Load { resource, share } = worst(&loads);
                let _ = write!(text, " | {:.0} % {resource}", share * 100.0);
            }
            text.push_str(" |");
        }
    }
    let hour = |users: f64| users * costs.connect / 1e6;
    let _ = write!(
        text,
        "\n\nEverybody back after a restart: {:.0} s of one core for 100 000 users, {:.0} s for a million.\n",
        hour(1e5),
        hour(1e6)
    );
    text
}

/// Two digits that count, with spaces between thousands.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of people"
)]
fn rounded(number: f64) -> String {
    let power = 10_f64.powf(number.log10().floor() - 1.0);
    let digits = ((number / power).round() * power).round() as u64;
    let text = digits.to_string();
    let mut out = String::new();
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

const BEGIN: &str = "<!-- from here: bench capacity -->\n";
const END: &str = "<!-- to here -->";

fn replaced(page: &str, tables: &str) -> Result<String> {
    let (Some(begin), Some(end)) = (page.find(BEGIN), page.find(END)) else {
        bail!("the page has no marks");
    };
    let begin = begin + BEGIN.len();
    ensure!(begin <= end, "the page's marks are the wrong way round");
    Ok(format!("{}\n{tables}\n{}", &page[..begin], &page[end..]))
}

#[expect(clippy::print_stdout, reason = "what was computed is what the command is for")]
fn print(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs {
        calm_delivery: 20.0,
        busy_delivery: 3.0,
        message: 30.0,
        connect: 300.0,
        connection: 16.0,
        commits: 10_000.0,
    };

    #[test]
    fn the_most_users_fill_what_ends_first() {
        for node in &NODES {
            for life in &LIVES {
                let (users, wall) = COSTS.most_users(node, life);
                let loads = COSTS.loads(node, life, users);
                let fullest = worst(&loads);
                assert_eq!(fullest.resource, wall);
                assert!((fullest.share - 1.0).abs() < 1e-6, "{wall}: {}", fullest.share);
            }
        }
        let (quiet, wall) = COSTS.most_users(&NODES[1], &LIVES[0]);
        assert_eq!((quiet.round(), wall), (LISTENER_MAX, "connections of a listener"));
    }

    #[test]
    fn costs_are_found_among_what_was_printed() {
        let workload = |title: &str, name: &str, value: f64| json!({ "workload": title, "servers": [{ "server": "rollcall", "figures": { name: { "median": value } } }] });
        let receipts = "every client of Rollcall sends receipts";
        let mut saved = workload(
            "saved and sent, 10 × 20, 16 in flight per room",
            "messages per second",
            9_000.0,
        );
        saved["servers"][0]["figures"]["server CPU per message, µs"] = json!({ "median": 80.0 });
        let lines = [
            workload(
                &format!("calm 10 × 100, 13 messages/s, {receipts}"),
                "server CPU per delivery, µs",
                20.0,
            ),
            workload(
                &format!("fan-out 10 × 100, 16 in flight, {receipts}"),
                "server CPU per delivery, µs",
                3.0,
            ),
            saved,
            workload(
                "8000 connects and joins in conversations of 10, and idle memory",
                "the same until all are told of it, µs",
                300.0,
            ),
            json!({ "memory": [{ "server": "rollcall",
                "KiB per connection": { "in 1 conversation of 10, a message was sent to each": 16.5 } }] }),
        ];
        let costs = costs(&lines).unwrap();
        assert_eq!((costs.message, costs.connection, costs.commits), (20.0, 16.5, 9_000.0));
        assert!(super::costs(&lines[..3]).is_err());
    }

    #[test]
    fn the_page_keeps_what_is_around_the_tables() {
        let page = format!("a\n{BEGIN}old\n{END}\nb\n");
        let once = replaced(&page, "new").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(replaced(&once, "new").unwrap(), once);
    }
}
