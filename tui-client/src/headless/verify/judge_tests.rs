use clap::Parser;

use super::*;
use crate::args::{Args, Command};
use crate::roll::How;

fn args(more: &[&str]) -> VerifyArgs {
    let all = ["rollcall-tui", "verify", "--conversation", "c"].iter().chain(more);
    match Args::try_parse_from(all).unwrap().command {
        Some(Command::Verify(args)) => args,
        other => panic!("{other:?}"),
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Three messages for two sockets; with a fault, bob's second one is missing.
fn roll(fault: bool) -> Roll {
    let mut roll = Roll::default();
    roll.add_column("alice", "1");
    roll.add_column("bob", "1");
    for seq in 1..=3 {
        let key = format!("verify-x-1-{seq}");
        let row = roll.row(&key, "alice");
        (row.sent_at, row.id) = (Some(ms(0)), Some(format!("m{seq}")));
        roll.arrived(&key, "alice", 0, seq, How::Live, ms(8));
        if !(fault && seq == 2) {
            roll.arrived(&key, "alice", 1, seq, How::Live, ms(30 + seq));
        }
    }
    roll
}

pub(in super::super) fn report(fault: bool) -> Report {
    let mut report = Report::judged(roll(fault), &args(&["--p99", "20ms"]));
    report.title = "Ops <night> shift".into();
    report
}

#[test]
fn all_is_well() {
    let report = Report::judged(roll(false), &args(&[]));
    assert!(report.is_good() && report.troubles.is_empty());
    assert_eq!(report.expected, 6);
    assert_eq!(report.latency.unwrap().p99, ms(33));
}

#[test]
fn one_is_missing_and_named() {
    let report = Report::judged(roll(true), &args(&[]));
    assert!(!report.is_good());
    assert_eq!(report.troubles.len(), 1);
    assert_eq!(
        super::super::print::told(&report, &report.troubles[0]),
        "#2 from alice, at bob/1: missing: it never came."
    );
    assert!(Report::judged(roll(true), &args(&["--max-loss", "1"])).is_good());
    assert!(Report::judged(roll(true), &args(&["--max-loss", "17%"])).is_good());
    assert!(!Report::judged(roll(true), &args(&["--max-loss", "16%"])).is_good());
}

#[test]
fn too_slow_is_not_good() {
    assert!(!Report::judged(roll(false), &args(&["--p99", "32ms"])).is_good());
    assert!(Report::judged(roll(false), &args(&["--p99", "33ms"])).is_good());
    assert!(
        !Report::judged(Roll::default(), &args(&[])).is_good(),
        "nothing is no proof"
    );
}

#[test]
fn the_json_is_as_documented() {
    insta::assert_json_snapshot!(report(true).json());
}
