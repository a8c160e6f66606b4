//! The server under callgrind: counts from one moment to the next, of its own code only.
//!
//! What libc does is left out: which `memcpy` it takes depends on the processor. How often our code asks it for memory is
//! counted instead. So is what C does, SQLite before all: when it merges an index or splits a page depends on what
//! happened to be committed together. What we ask of it is Rust.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Instructions, and what they were spent on.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counted {
    /// Instructions of what is written in Rust, dependencies included.
    pub(crate) instructions: f64,
    /// Calls for memory.
    pub(crate) allocations: f64,
    /// Instructions by function.
    pub(crate) by_function: HashMap<String, f64>,
}

/// What the server is started with so that it can be asked.
pub(crate) fn wrapper(out: &Path) -> Vec<String> {
    vec![
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        "--compress-strings=no".to_owned(),
        "--compress-pos=no".to_owned(),
        format!("--callgrind-out-file={}", out.display()),
    ]
}

/// valgrind's version, or why there is none.
pub(crate) fn version() -> Result<String> {
    first_line("valgrind")
}

/// What a program says of its version.
pub(crate) fn first_line(program: &str) -> Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("{program} is not installed"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The counts of a process, since the last time that it was asked.
#[derive(Debug)]
pub(crate) struct Counter {
    process: u32,
    out: PathBuf,
    /// Its own program, as it is called in the profile.
    program: String,
    parts: u32,
}

impl Counter {
    /// Of a process that [`wrapper`] started.
    pub(crate) fn new(process: u32, out: &Path, program: &Path) -> Result<Self> {
        let program = program.canonicalize()?.display().to_string();
        Ok(Self {
            process,
            out: out.to_owned(),
            program,
            parts: 0,
        })
    }

    /// What was counted since the last call.
    pub(crate) fn take(&mut self) -> Result<Counted> {
        let asked = Command::new("vgdb")
            .arg(format!("--pid={}", self.process))
            .args(["--wait=60", "dump"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .context("vgdb, which comes with valgrind")?;
        ensure!(
            asked.status.success(),
            "vgdb: {}",
            String::from_utf8_lossy(&asked.stderr)
        );
        self.parts += 1;
        let part = format!("{}.{}", self.out.display(), self.parts);
        let text = std::fs::read(&part).with_context(|| part.clone())?;
        std::fs::remove_file(&part)?;
        parse(&String::from_utf8_lossy(&text), &self.program)
    }
}

/// Adds up a profile: <https://valgrind.org/docs/manual/cl-format.html>.
fn parse(text: &str, program: &str) -> Result<Counted> {
    let mut counted = Counted::default();
    let (mut ours, mut function, mut called) = (false, String::new(), String::new());
    let mut rust = false;
    let mut lines = text.lines();
    let mut seen = false;
    while let Some(line) = lines.next() {
        if let Some(object) = line.strip_prefix("ob=") {
            ours = object == program;
            seen |= ours;
        } else if let Some(name) = line.strip_prefix("fn=") {
            name.clone_into(&mut function);
            // A function in C has no path.
            rust = function.contains("::");
        } else if let Some(name) = line.strip_prefix("cfn=") {
            name.clone_into(&mut called);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            // The next line is what the callee cost.
            lines.next();
            if ours && rust && ALLOCATING.contains(&called.as_str()) {
                counted.allocations += number(calls.split(' ').next())?;
            }
        } else if ours && rust && line.starts_with(|c: char| c.is_ascii_digit()) {
            let cost = number(line.split(' ').nth(1))?;
            counted.instructions += cost;
            if let Some(sum) = counted.by_function.get_mut(&function) {
                *sum += cost;
            } else {
                counted.by_function.insert(function.clone(), cost);
            }
        }
    }
    if !seen && text.contains("\nob=") {
        bail!("the profile knows nothing of {program}");
    }
    Ok(counted)
}

fn number(text: Option<&str>) -> Result<f64> {
    Ok(text.unwrap_or("0").parse()?)
}

/// What a call for memory is called: by the system's allocator, and by the one that the server has.
const ALLOCATING: [&str; 9] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "mi_malloc",
    "mi_malloc_aligned",
    "mi_zalloc",
    "mi_zalloc_aligned",
    "mi_realloc_aligned",
];

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "# callgrind format
positions: line
events: Ir
summary: 99

ob=/bin/rollcall
fl=a.rs
fn=rollcall::hot
10 5
cob=/lib/libc.so.6
cfi=malloc.c
cfn=malloc
calls=2 0
11 700
cfn=mi_malloc_aligned
calls=1 0
11 70
12 7
cfn=rollcall::other
calls=2 20
13 100

fn=rollcall::other
20 40

fn=sqlite3VdbeExec
5 900

ob=/lib/libc.so.6
fn=malloc
0 700
";

    #[test]
    fn only_our_own_code_counts_and_no_callee_twice() {
        let counted = parse(PROFILE, "/bin/rollcall").unwrap();
        assert_eq!((counted.instructions, counted.allocations), (52.0, 3.0));
        assert_eq!(counted.by_function.get("rollcall::hot"), Some(&12.0));
        assert!(parse(PROFILE, "/bin/another").is_err());
    }
}
