//! `verify`: connects everybody, lets everybody send, and calls the roll.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::Result;

use super::Outcome;
use crate::args::VerifyArgs;
use crate::out::{Out, note};
use crate::site::Site;

mod judge;
mod junit;
mod print;
mod stage;
mod watch;

use judge::Report;
use stage::Stage;
use watch::Watch;

/// What may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// So many arrivals.
    Count(usize),
    /// This share of all, in millionths.
    Share(usize),
}

impl Loss {
    /// How many that is of `expected`.
    fn of(self, expected: usize) -> usize {
        match self {
            Loss::Count(count) => count,
            // Whole arrivals, rounded down: half a message is none.
            Loss::Share(millionths) => expected.saturating_mul(millionths) / MILLION,
        }
    }
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a number of arrivals, or a share such as 0.5%".to_owned();
        match text.trim().strip_suffix('%') {
            Some(percent) => millionths(percent.trim()).map(Loss::Share).ok_or_else(wrong),
            None => text.trim().parse().map(Loss::Count).map_err(|_| wrong()),
        }
    }
}

const MILLION: usize = 1_000_000;

/// `0.5` percent are 5,000 millionths; finer than that is not read.
fn millionths(percent: &str) -> Option<usize> {
    let (whole, part) = percent.split_once('.').unwrap_or((percent, "0"));
    if part.is_empty() || part.len() > 4 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millionths =
        whole.parse::<u16>().ok().map(usize::from)? * 10_000 + format!("{part:0<4}").parse::<usize>().ok()?;
    (millionths <= MILLION).then_some(millionths)
}

pub(super) async fn run(site: &Site, args: &VerifyArgs, out: Out) -> Result<Outcome> {
    let watch = Arc::new(Watch::new());
    let stage = Stage::set(site, args, &watch).await?;
    note(format!(
        "verify: {} identities, {} sockets, {} messages each, in {:?}",
        stage.people(),
        watch.columns(),
        args.messages,
        stage.title()
    ));
    if !stage.unwatched().is_empty() {
        note(format!(
            "not watched, as nobody signed in as them: {}",
            stage.unwatched().join(", ")
        ));
    }
    stage.send_all(args).await;
    watch.settle(args.settle.0).await;
    let mut report = Report::new(&stage, watch.take(), args);
    report.ask_why(site, &stage).await;
    stage.leave().await;
    if args.junit {
        out.line(junit::xml(&report))?;
    } else if site.json {
        out.json(&report.json())?;
    } else {
        print::matrix(&report, args.all, out)?;
    }
    Ok(if report.is_good() { Outcome::Good } else { Outcome::Bad })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counts_or_shares() {
        assert_eq!("3".parse(), Ok(Loss::Count(3)));
        assert_eq!("0.5%".parse(), Ok(Loss::Share(5_000)));
        for bad in ["", "-1", "x", "101%", "nan%", "-0.5%", "100.1%", ".5.%"] {
            assert!(bad.parse::<Loss>().is_err(), "{bad}");
        }
        assert_eq!(Loss::Share(5_000).of(1_000), 5);
        assert_eq!(Loss::Share(5_000).of(100), 0);
        assert_eq!(Loss::Share(1_000_000).of(7), 7);
        assert_eq!(Loss::Count(2).of(0), 2);
    }
}
