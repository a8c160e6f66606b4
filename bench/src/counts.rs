//! Instructions of the server's operations, held against what was written down: the check that absolute times cannot be.
//!
//! The whole server runs under callgrind and is asked one operation after the other, each many times; what it does while it is
//! left alone is taken off. An operation is everything between a client's bytes and the answer's: no hot function can be
//! moved out of sight, and none has to be named.

mod callgrind;
mod operations;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::LocalSet;

use self::callgrind::Counted;
use crate::servers::Programs;

/// Functions that are shown of an operation that costs more than it did.
const SHOWN: usize = 12;

/// `bench counts`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Counts {
    /// Write down what is counted now, as what is expected from now on
    #[arg(long)]
    bless: bool,
    /// Where it is written down [default: bench/counts.json of this repository]
    #[arg(long)]
    file: Option<PathBuf>,
    /// How much more than expected is too much, in per cent
    #[arg(long, default_value_t = 5.0)]
    tolerance: f64,
    /// Show the functions that each operation goes through
    #[arg(long)]
    functions: bool,
}

/// What counts depend on besides the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MadeWith {
    rustc: String,
    valgrind: String,
    /// Libraries choose their code by the processor.
    processor: String,
}

/// What is written down.
#[derive(Debug, Serialize, Deserialize)]
struct Expected {
    made_with: MadeWith,
    operations: BTreeMap<String, Operation>,
}

/// One operation's cost.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Operation {
    instructions: u64,
    allocations: u64,
}

impl Counts {
    /// Counts, and compares or writes down; an error when something costs too much.
    pub(crate) async fn run(&self, programs: &Programs, as_json: bool) -> Result<()> {
        let file = self
            .file
            .clone()
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.json"));
        let made_with = MadeWith {
            rustc: callgrind::first_line("rustc")?,
            valgrind: callgrind::version().context("apt-get install valgrind")?,
            processor: processor()?,
        };
        let counted = LocalSet::new().run_until(operations::count(programs)).await?;
        let now: BTreeMap<String, Operation> = counted
            .iter()
            .map(|(name, counted)| (name.clone(), Operation::of(counted)))
            .collect();
        if as_json {
            print(&json!({ "counts": now }).to_string());
        }
        if self.functions {
            for (name, counted) in &counted {
                print(&functions(name, counted));
            }
        }
        if self.bless {
            let expected = Expected {
                made_with,
                operations: now,
            };
            std::fs::write(&file, serde_json::to_string_pretty(&expected)? + "\n")?;
            return Ok(());
        }
        if !file.exists() {
            print("warning: nothing is written down yet, so nothing is judged: bench counts --bless");
            return Ok(());
        }
        let expected: Expected = serde_json::from_slice(&read(&file)?).context("counts.json")?;
        let told = judge(&expected.operations, &now, self.tolerance);
        print(&told.table);
        for name in &told.worse {
            if let Some(counted) = counted.get(name) {
                print(&functions(name, counted));
            }
        }
        if expected.made_with != made_with {
            print(&format!(
                "warning: the counts were written down with {:?}, this is {made_with:?}: nothing is judged. Write them down anew: \
                 bench counts --bless",
                expected.made_with
            ));
            return Ok(());
        }
        ensure!(
            told.worse.is_empty() && told.unknown.is_empty(),
            "costs more than {} % above what is written down, or is not written down: {}. If that is meant: bench counts --bless",
            self.tolerance,
            [told.worse, told.unknown].concat().join(", ")
        );
        Ok(())
    }
}

impl Operation {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts, never below 0"
    )]
    fn of(counted: &Counted) -> Self {
        Self {
            instructions: counted.instructions.round() as u64,
            allocations: counted.allocations.round() as u64,
        }
    }
}

/// What the comparison came to.
struct Told {
    table: String,
    worse: Vec<String>,
    unknown: Vec<String>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of one operation")]
fn judge(expected: &BTreeMap<String, Operation>, now: &BTreeMap<String, Operation>, tolerance: f64) -> Told {
    let mut told = Told {
        table: format!(
            "{:44} {:>12} {:>12} {:>8}  {:>8} {:>8}",
            "instructions, and calls for memory", "expected", "now", "change", "expected", "now"
        ),
        worse: Vec::new(),
        unknown: Vec::new(),
    };
    for (name, now) in now {
        let Some(before) = expected.get(name) else {
            told.unknown.push(name.clone());
            continue;
        };
        let change = (now.instructions as f64 / before.instructions.max(1) as f64 - 1.0) * 100.0;
        // How many comings are told together is a matter of moments, and differs from run to run.
        let tolerance = if name.starts_with("connect") {
            tolerance * 2.0
        } else {
            tolerance
        };
        // An allocation more or less is within what a table that grows at another moment makes.
        let allocations = now.allocations > before.allocations + 1
            && now.allocations as f64 > before.allocations as f64 * (1.0 + tolerance / 100.0);
        let mark = if change > tolerance || allocations {
            told.worse.push(name.clone());
            "  WORSE"
        } else if change < -tolerance {
            "  better: write it down"
        } else {
            ""
        };
        let line = format!(
            "\n{name:44} {:>12} {:>12} {change:>+7.1}%  {:>8} {:>8}{mark}",
            before.instructions, now.instructions, before.allocations, now.allocations
        );
        told.table.push_str(&line);
    }
    told
}

fn functions(name: &str, counted: &Counted) -> String {
    let mut by_cost: Vec<(&String, &f64)> = counted.by_function.iter().collect();
    by_cost.sort_by(|a, b| b.1.total_cmp(a.1));
    let mut text = format!("\n{name}: {:.0} instructions, of which", counted.instructions);
    for (function, cost) in by_cost.into_iter().take(SHOWN) {
        let _ = write!(text, "\n{cost:>10.0}  {function}");
    }
    text
}

/// What of the processor decides which code is taken.
fn processor() -> Result<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo")?;
    let flags = info
        .lines()
        .find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let flags: Vec<&str> = flags.unwrap_or_default().split_whitespace().collect();
    let known = ["sse4_2", "avx", "avx2", "bmi2", "asimd"];
    let has: Vec<&str> = known.into_iter().filter(|flag| flags.contains(flag)).collect();
    Ok(format!("{} {}", std::env::consts::ARCH, has.join(" ")))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{}: write it with bench counts --bless", file.display()))
}

#[expect(clippy::print_stdout, reason = "what was counted is what the command is for")]
fn print(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(instructions: u64, allocations: u64) -> BTreeMap<String, Operation> {
        let operation = Operation {
            instructions,
            allocations,
        };
        BTreeMap::from([("a message".to_owned(), operation)])
    }

    #[test]
    fn more_than_the_tolerance_is_worse() {
        let expected = one(1_000, 10);
        assert!(judge(&expected, &one(1_049, 10), 5.0).worse.is_empty());
        assert_eq!(judge(&expected, &one(1_051, 10), 5.0).worse, ["a message"]);
        assert_eq!(judge(&expected, &one(1_000, 12), 5.0).worse, ["a message"]);
        assert!(judge(&expected, &one(1_000, 11), 5.0).worse.is_empty());
        let better = judge(&expected, &one(900, 10), 5.0);
        assert!(better.worse.is_empty() && better.table.contains("better"));
        assert_eq!(judge(&BTreeMap::new(), &expected, 5.0).unknown, ["a message"]);
    }
}
