//! `bench`: what Rollcall costs, in one run beside what others cost.
//!
//! Each workload is one command. It starts every server in turn, several rounds of that, the server on one core and the
//! load on another, and prints medians with their spread and the ratios. Absolute figures are this machine's; ratios of one run travel.
//!
//! `cargo build --release -p rollcall-server -p bench && (cd bench/baselines/node && npm ci) && target/release/bench all`

mod admin;
mod capacity;
mod churn;
mod connects;
mod counts;
mod fanout;
mod figures;
mod growth;
mod http;
mod load;
mod memory;
mod plot;
mod post;
mod seed;
mod servers;
mod wire;
mod workload;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::task::LocalSet;

use crate::capacity::Capacity;
use crate::churn::Churn;
use crate::counts::Counts;
use crate::figures::Rounds;
use crate::growth::Growth;
use crate::memory::Memory;
use crate::servers::{Kind, Programs};
use crate::workload::Workload;

/// What Rollcall costs, beside what others cost
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Rounds; the servers take turns within each [default: 3; of `memory` 1]
    #[arg(long, global = true)]
    rounds: Option<usize>,
    /// How long each run measures
    #[arg(long, default_value_t = 3.0, global = true)]
    seconds: f64,
    /// Which servers; the first is the one that ratios are of [default: rollcall,bare,node; of `growth` without node]
    #[arg(long, value_enum, value_delimiter = ',', global = true)]
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
    /// A variable that the servers get, as NAME=VALUE; several times for several
    #[arg(long = "server-env", value_parser = variable, global = true)]
    server_env: Vec<(String, String)>,
    /// The folder of `rollcall` and `bare-socketioxide` [default: where this program is]
    #[arg(long, global = true)]
    binaries: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
enum Task {
    #[command(flatten)]
    Compare(Workload),
    /// All workloads that compare, as in the design's tables
    All,
    /// Cost per message as history, conversations, members and connections grow; writes pictures
    Growth(Growth),
    /// Coming and going for minutes: memory ends where it began
    Churn(Churn),
    /// Memory per connection, state by state
    Memory(Memory),
    /// What a core, a node and ten nodes carry, from what was measured
    Capacity(Capacity),
    /// Instructions per operation under callgrind, held against what is written down
    Counts(Counts),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Cli { task, how } = Cli::parse();
    let own = std::env::current_exe()?;
    let beside = own.parent().context("this program lies nowhere")?.to_owned();
    let programs = Programs {
        binaries: how.binaries.clone().unwrap_or(beside),
        node: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("baselines/node"),
        core: (!how.unpinned).then_some(how.server_core),
        wrapper: Vec::new(),
        env: how.server_env.clone(),
    };
    allow_many_files()?;
    if !how.unpinned {
        let mut cores = CpuSet::new();
        cores.set(how.load_core);
        sched_setaffinity(None, &cores)?;
    }
    match task {
        Task::Growth(growth) => {
            let servers = how.servers(&[Kind::Rollcall, Kind::Bare]);
            growth.run(&programs, &servers, how.seconds, how.json).await
        }
        Task::Churn(churn) => churn.run(&programs, how.json).await,
        Task::Capacity(capacity) => capacity.run(how.json),
        Task::Counts(counts) => counts.run(&programs, how.json).await,
        Task::Memory(memory) => {
            let rounds = how.rounds.unwrap_or(1);
            memory.run(&programs, &how.servers(&ALL), rounds, how.json).await
        }
        Task::All => compare(&Workload::all(), &how, &programs).await,
        Task::Compare(one) => compare(&[one], &how, &programs).await,
    }
}

/// Every server there is.
const ALL: [Kind; 3] = [Kind::Rollcall, Kind::Bare, Kind::Node];

impl How {
    fn servers(&self, otherwise: &[Kind]) -> Vec<Kind> {
        if self.servers.is_empty() {
            otherwise.to_vec()
        } else {
            self.servers.clone()
        }
    }
}

fn variable(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').context("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

async fn compare(workloads: &[Workload], how: &How, programs: &Programs) -> Result<()> {
    for workload in workloads {
        let rounds = measure(workload, how, programs).await?;
        say(workload, &rounds, how.json);
    }
    Ok(())
}

async fn measure(workload: &Workload, how: &How, programs: &Programs) -> Result<Vec<Rounds>> {
    let taking = how.servers(&ALL).into_iter().filter(|kind| workload.takes(*kind));
    let mut servers: Vec<(Kind, Rounds)> = taking
        .map(|kind| {
            (
                kind,
                Rounds {
                    server: kind.name(),
                    rounds: Vec::new(),
                },
            )
        })
        .collect();
    for _ in 0..how.rounds.unwrap_or(3) {
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
