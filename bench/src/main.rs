//! `bench`: what Rollcall costs, in one run beside what others cost.
//!
//! Each workload is one command. It starts every server in turn, several rounds of that, the server on one core and the
//! load on another, and prints medians with their spread and the ratios. Absolute figures are this machine's; ratios of one run travel.
//!
//! `cargo build --release -p rollcall-server -p bench && (cd bench/baselines/node && npm ci) && target/release/bench all`

mod admin;
mod connects;
mod fanout;
mod figures;
mod http;
mod post;
mod servers;
mod wire;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::task::LocalSet;

use crate::fanout::Plan;
use crate::figures::{Figures, Rounds};
use crate::servers::{Kind, Programs};

/// What Rollcall costs, beside what others cost
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    workload: Workload,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Rounds; the servers take turns within each
    #[arg(long, default_value_t = 3, global = true)]
    rounds: usize,
    /// How long each run measures
    #[arg(long, default_value_t = 3.0, global = true)]
    seconds: f64,
    /// Which servers; the first is the one that ratios are of
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::Rollcall, Kind::Bare, Kind::Node], global = true)]
    servers: Vec<Kind>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// The server's core
    #[arg(long, default_value_t = 0, global = true)]
    server_core: usize,
    /// The load's core
    #[arg(long, default_value_t = 1, global = true)]
    load_core: usize,
    /// Leave both to the kernel
    #[arg(long, global = true)]
    unpinned: bool,
    /// The folder of `rollcall` and `bare-socketioxide` [default: where this program is]
    #[arg(long, global = true)]
    binaries: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
enum Workload {
    /// As many messages as go through, so many of them under way in each room
    Fanout {
        #[arg(long, default_value_t = 1)]
        rooms: usize,
        #[arg(long, default_value_t = 1000)]
        members: usize,
        #[arg(long, default_value_t = 16)]
        in_flight: usize,
        /// Every client of Rollcall sends receipts
        #[arg(long)]
        receipts: bool,
    },
    /// A few messages per second: what it costs, and how soon they are there
    Calm {
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        #[arg(long, default_value_t = 100)]
        members: usize,
        #[arg(long, default_value_t = 13.0)]
        per_second: f64,
        /// Every client of Rollcall sends receipts
        #[arg(long)]
        receipts: bool,
    },
    /// Messages that are saved and sent: Rollcall with synchronous=FULL, Node with NORMAL
    Saved {
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        #[arg(long, default_value_t = 20)]
        members: usize,
        #[arg(long, default_value_t = 16)]
        in_flight: usize,
    },
    /// Messages by POST, saved and sent
    Post,
    /// Connect, authenticate, join; and the memory of a connection that only sits there
    Connects {
        #[arg(long, default_value_t = 8000)]
        sockets: usize,
    },
    /// Every page of the admin, its JSON and the metrics, while so many are connected, each in a room of their own
    Admin {
        #[arg(long, default_value_t = 10_000)]
        sockets: usize,
    },
    /// All of them but the admin's, as in the design's tables
    All,
}

impl Workload {
    fn all() -> Vec<Self> {
        let fanout = |rooms, members, in_flight, receipts| Self::Fanout {
            rooms,
            members,
            in_flight,
            receipts,
        };
        let (rooms, members) = (10, 20);
        vec![
            fanout(1, 1000, 1, false),
            fanout(1, 1000, 16, false),
            fanout(10, 100, 1, false),
            fanout(10, 100, 16, false),
            fanout(1, 1000, 1, true),
            fanout(1, 1000, 16, true),
            fanout(10, 100, 1, true),
            fanout(10, 100, 16, true),
            Self::Calm {
                rooms: 10,
                members: 100,
                per_second: 13.0,
                receipts: false,
            },
            Self::Calm {
                rooms: 10,
                members: 100,
                per_second: 13.0,
                receipts: true,
            },
            Self::Saved {
                rooms,
                members,
                in_flight: 1,
            },
            Self::Saved {
                rooms,
                members,
                in_flight: 16,
            },
            Self::Post,
            Self::Connects { sockets: 8000 },
        ]
    }

    fn title(&self) -> String {
        let receipted = |receipts: &bool| {
            if *receipts {
                ", every client of Rollcall sends receipts"
            } else {
                ""
            }
        };
        match self {
            Self::Fanout {
                rooms,
                members,
                in_flight,
                receipts,
            } => {
                format!(
                    "fan-out {rooms} × {members}, {in_flight} in flight{}",
                    receipted(receipts)
                )
            }
            Self::Calm {
                rooms,
                members,
                per_second,
                receipts,
            } => {
                format!(
                    "calm {rooms} × {members}, {per_second} messages/s{}",
                    receipted(receipts)
                )
            }
            Self::Saved {
                rooms,
                members,
                in_flight,
            } => {
                format!("saved and sent, {rooms} × {members}, {in_flight} in flight per room")
            }
            Self::Post => "POST to everyone's socket, 10 × 20, 16 at a time".to_owned(),
            Self::Connects { sockets } => format!("{sockets} connects and joins, and idle memory"),
            Self::Admin { sockets } => format!("the admin's pages at {sockets} sockets, each in a room of its own"),
            Self::All => "all".to_owned(),
        }
    }

    /// The bare server neither saves nor takes a POST, and only one has an admin.
    fn takes(&self, kind: Kind) -> bool {
        match self {
            Self::Admin { .. } => kind == Kind::Rollcall,
            Self::Saved { .. } | Self::Post => kind != Kind::Bare,
            _ => true,
        }
    }

    async fn run(&self, kind: Kind, programs: &Programs, seconds: f64) -> Result<Figures> {
        let plan = |rooms, members, in_flight| Plan {
            rooms,
            members,
            in_flight,
            pace: None,
            receipts: false,
            save: false,
            seconds,
        };
        match *self {
            Self::Fanout {
                rooms,
                members,
                in_flight,
                receipts,
            } => {
                let plan = Plan {
                    receipts,
                    ..plan(rooms, members, in_flight)
                };
                fanout::run(kind, programs, plan).await
            }
            Self::Calm {
                rooms,
                members,
                per_second,
                receipts,
            } => {
                let pace = Some(per_second);
                let plan = Plan {
                    pace,
                    receipts,
                    ..plan(rooms, members, 1)
                };
                fanout::run(kind, programs, plan).await
            }
            Self::Saved {
                rooms,
                members,
                in_flight,
            } => {
                let plan = Plan {
                    save: true,
                    ..plan(rooms, members, in_flight)
                };
                fanout::run(kind, programs, plan).await
            }
            Self::Post => post::run(kind, programs, 10, 20, seconds).await,
            Self::Connects { sockets } => connects::run(kind, programs, sockets).await,
            Self::Admin { sockets } => admin::run(programs, sockets).await,
            Self::All => Ok(Figures::default()),
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Cli { workload, how } = Cli::parse();
    let own = std::env::current_exe()?;
    let beside = own.parent().context("this program lies nowhere")?.to_owned();
    let programs = Programs {
        binaries: how.binaries.clone().unwrap_or(beside),
        node: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("baselines/node"),
        core: (!how.unpinned).then_some(how.server_core),
    };
    allow_many_files()?;
    if !how.unpinned {
        let mut cores = CpuSet::new();
        cores.set(how.load_core);
        sched_setaffinity(None, &cores)?;
    }
    let workloads = match workload {
        Workload::All => Workload::all(),
        one => vec![one],
    };
    for workload in workloads {
        let rounds = measure(&workload, &how, &programs).await?;
        say(&workload, &rounds, how.json);
    }
    Ok(())
}

async fn measure(workload: &Workload, how: &How, programs: &Programs) -> Result<Vec<Rounds>> {
    let taking = how.servers.iter().filter(|kind| workload.takes(**kind));
    let mut servers: Vec<(Kind, Rounds)> = taking
        .map(|kind| {
            (
                *kind,
                Rounds {
                    server: kind.name(),
                    rounds: Vec::new(),
                },
            )
        })
        .collect();
    for _ in 0..how.rounds {
        for (kind, rounds) in &mut servers {
            let run = workload.run(*kind, programs, how.seconds);
            // Tasks of one run end with its set.
            let figures = LocalSet::new().run_until(run).await;
            let figures = figures.with_context(|| format!("{}: {}", workload.title(), kind.name()))?;
            rounds.rounds.push(figures);
        }
    }
    Ok(servers.into_iter().map(|(_, rounds)| rounds).collect())
}

#[expect(clippy::print_stdout, reason = "what was measured is what the command is for")]
fn say(workload: &Workload, rounds: &[Rounds], as_json: bool) {
    let title = workload.title();
    if as_json {
        println!("{}", figures::json(&title, rounds));
    } else {
        println!("{}", figures::table(&title, rounds));
    }
}

/// As many as the hard limit allows; the servers inherit it.
fn allow_many_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}
