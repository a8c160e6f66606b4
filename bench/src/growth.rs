//! What a message costs as things grow: history, conversations, members, connections. Each should be flat, or linear in
//! recipients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};

use crate::fanout::settle;
use crate::figures::Spread;
use crate::load::{Load, Window};
use crate::plot::{Labels, Point, Series, svg};
use crate::seed::Shape;
use crate::servers::{Kind, Programs, Server};

/// Messages under way over all rooms.
const IN_FLIGHT: usize = 16;
/// Stretches that are measured at each point.
const WINDOWS: usize = 5;

/// `bench growth`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Growth {
    /// Along these axes
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Axis::History, Axis::Rooms, Axis::Members, Axis::Sockets])]
    axes: Vec<Axis>,
    /// Only as far as a few seconds allow; writes no pictures unless it is told where
    #[arg(long)]
    quick: bool,
    /// Where the pictures go [default: docs/images of this repository]
    #[arg(long)]
    images: Option<PathBuf>,
}

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Axis {
    /// Messages that the conversation holds.
    History,
    /// Conversations.
    Rooms,
    /// Members of one conversation.
    Members,
    /// Connections.
    Sockets,
}

impl Axis {
    fn name(self) -> &'static str {
        match self {
            Axis::History => "history",
            Axis::Rooms => "rooms",
            Axis::Members => "members",
            Axis::Sockets => "sockets",
        }
    }

    fn steps(self, quick: bool) -> &'static [usize] {
        match (self, quick) {
            (Axis::History, false) => &[1_000, 10_000, 100_000, 1_000_000],
            (Axis::Rooms, false) => &[10, 100, 1_000, 10_000],
            (Axis::Members, false) => &[10, 50, 200, 1_000, 5_000],
            (Axis::Sockets, false) => &[100, 300, 1_000, 3_000, 10_000],
            (Axis::History, true) => &[1_000, 10_000],
            (Axis::Rooms | Axis::Members, true) => &[10, 100],
            (Axis::Sockets, true) => &[100, 300],
        }
    }

    fn shape(self, at: usize) -> Shape {
        let (users, rooms, members, history) = match self {
            Axis::History => (20, 1, 20, at),
            // Always the same people: only the number of conversations grows, and with it how many each of them is in.
            Axis::Rooms => (500, at, 10, 0),
            Axis::Members => (at, 1, at, 0),
            Axis::Sockets => (at, at / 10, 10, 0),
        };
        Shape {
            users,
            rooms,
            members,
            history,
        }
    }

    /// The bare server keeps no history.
    fn takes(self, kind: Kind) -> bool {
        self != Axis::History || kind == Kind::Rollcall
    }

    /// Recipients grow along one axis only; there a delivery is what is compared.
    fn per_delivery(self) -> bool {
        self == Axis::Members
    }

    fn labels(self) -> Labels<'static> {
        let (title, x) = match self {
            Axis::History => (
                "A message to 20 members, by the history of its conversation",
                "messages in the conversation",
            ),
            Axis::Rooms => (
                "A message to 10 members, by the number of conversations",
                "conversations of 10 among 500 users",
            ),
            Axis::Members => (
                "A delivery, by the size of its conversation",
                "members of the conversation, all connected",
            ),
            Axis::Sockets => (
                "A message to 10 members, by the number of connections",
                "connections, in conversations of 10",
            ),
        };
        let y = if self.per_delivery() {
            "server CPU per delivery, µs"
        } else {
            "server CPU per message, µs"
        };
        Labels { title, x, y }
    }
}

/// A server at one point.
struct Measured {
    axis: Axis,
    at: usize,
    kind: Kind,
    per_message: Spread,
    per_delivery: Spread,
    messages_per_second: Spread,
    load_share: Spread,
}

impl Growth {
    /// Measures along the axes, writes pictures, says what came out.
    pub(crate) async fn run(&self, programs: &Programs, servers: &[Kind], seconds: f64, as_json: bool) -> Result<()> {
        let mut all = Vec::new();
        for axis in &self.axes {
            for kind in servers.iter().filter(|kind| axis.takes(**kind)) {
                for at in axis.steps(self.quick) {
                    let point = point(*axis, *at, *kind, programs, seconds);
                    // Tasks of one point end with its set.
                    let measured = LocalSet::new().run_until(point).await;
                    let measured = measured.with_context(|| format!("{} {at}: {}", axis.name(), kind.name()))?;
                    if !as_json {
                        say(&measured);
                    }
                    all.push(measured);
                }
            }
        }
        if let Some(folder) = self.folder() {
            for axis in &self.axes {
                draw(*axis, servers, &all, &folder)?;
            }
        }
        if as_json {
            print(&json!({ "growth": all.iter().map(Measured::json).collect::<Vec<_>>() }));
        }
        Ok(())
    }

    fn folder(&self) -> Option<PathBuf> {
        let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
        self.images.clone().or_else(|| (!self.quick).then(own))
    }
}

async fn point(axis: Axis, at: usize, kind: Kind, programs: &Programs, seconds: f64) -> Result<Measured> {
    let shape = axis.shape(at);
    let server = Server::start_with(kind, programs, &shape).await?;
    let people = shape.people(false)?;
    let mut readers = JoinSet::new();
    let load = Load::enter(&server, &people, &mut readers).await?;
    settle(&server).await?;
    let each = Duration::from_secs_f64(seconds / 3.0);
    let windows = load.measure(&server, IN_FLIGHT, (WINDOWS, each)).await?;
    if let Some(ended) = readers.try_join_next() {
        ended?.context("a connection ended")?;
    }
    let spread = |of: &dyn Fn(&Window) -> f64| {
        let values = windows
            .iter()
            .filter(|window| window.deliveries > 0.0)
            .map(of)
            .collect();
        Spread::of(values).context("nothing went through")
    };
    Ok(Measured {
        axis,
        at,
        kind,
        per_message: spread(&|window| window.server_cpu * 1e6 / window.messages.max(1.0))?,
        per_delivery: spread(&|window| window.server_cpu * 1e6 / window.deliveries)?,
        messages_per_second: spread(&|window| window.messages / window.took)?,
        load_share: spread(&|window| window.load_cpu / window.took)?,
    })
}

impl Measured {
    fn json(&self) -> Value {
        json!({ "axis": self.axis.name(), "at": self.at, "server": self.kind.name(),
            "server CPU per message, µs": self.per_message.json(),
            "server CPU per delivery, µs": self.per_delivery.json(),
            "messages per second": self.messages_per_second.json(),
            "load CPU, share of a core": self.load_share.json() })
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts up to a million")]
fn draw(axis: Axis, servers: &[Kind], all: &[Measured], folder: &Path) -> Result<()> {
    let series = |kind: &Kind| {
        let of_it = all.iter().filter(|one| one.axis == axis && one.kind == *kind);
        let point = |one: &Measured| {
            let spread = if axis.per_delivery() {
                one.per_delivery
            } else {
                one.per_message
            };
            Point {
                x: one.at as f64,
                y: spread.median,
                min: spread.min,
                max: spread.max,
            }
        };
        Series {
            name: kind.name(),
            points: of_it.map(point).collect(),
        }
    };
    let series: Vec<Series> = servers.iter().map(series).collect();
    if let Some(picture) = svg(axis.labels(), &series) {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(format!("growth-{}.svg", axis.name())), picture)?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what was measured is what the command is for")]
fn say(measured: &Measured) {
    println!(
        "{:8} {:>9}  {:18} {:>8.1} µs per message ({:.1}–{:.1})  {:>6.2} µs per delivery  {:>8.0} messages/s  load {:.2}",
        measured.axis.name(),
        measured.at,
        measured.kind.name(),
        measured.per_message.median,
        measured.per_message.min,
        measured.per_message.max,
        measured.per_delivery.median,
        measured.messages_per_second.median,
        measured.load_share.median,
    );
}

#[expect(clippy::print_stdout, reason = "what was measured is what the command is for")]
fn print(value: &Value) {
    println!("{value}");
}
