use super::*;

const LATE: Duration = Duration::from_millis(100);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Two sockets, and `count` messages `k1`, `k2`, … sent at 0 ms.
fn roll(count: u64) -> Roll {
    let mut roll = Roll::default();
    roll.add_column("alice", "1");
    roll.add_column("bob", "1");
    for number in 1..=count {
        roll.row(&format!("k{number}"), "alice").sent_at = Some(ms(0));
    }
    roll
}

fn marks(roll: &Roll, column: usize) -> Vec<&'static str> {
    let mark = |row: &Row| row.mark(column, LATE, true).word();
    roll.rows().iter().map(mark).collect()
}

#[test]
fn each_kind_of_cell_has_its_mark() {
    let mut roll = roll(7);
    let mut came = |number: u64, how, at| roll.arrived(&format!("k{number}"), "alice", 1, number, how, ms(at));
    came(1, How::Live, 8);
    came(2, How::Live, 101);
    came(4, How::Live, 8);
    came(3, How::Live, 9);
    came(5, How::Replayed, 500);
    came(5, How::Live, 501);
    came(6, How::Fetched, 30);
    assert_eq!(
        marks(&roll, 1),
        ["ok", "late", "out_of_order", "ok", "doubled", "fetched", "missing"]
    );
    assert_eq!(roll.rows()[6].mark(1, LATE, false), Mark::Waiting);
    assert!(!roll.is_complete());
}

#[test]
fn a_gap_that_is_filled_is_not_out_of_order() {
    let mut roll = roll(2);
    roll.arrived("k2", "alice", 0, 2, How::Live, ms(1));
    roll.arrived("k1", "alice", 0, 1, How::Fetched, ms(2));
    assert_eq!(marks(&roll, 0), ["fetched", "ok"]);
}

#[test]
fn what_was_refused_is_nobodys() {
    let mut roll = roll(1);
    roll.row("k1", "alice").refused = Some("rate_limited".into());
    assert_eq!(marks(&roll, 0), ["not_saved"]);
    assert!(roll.is_complete());
}

#[test]
fn rows_of_others_have_no_latency_and_the_oldest_go_first() {
    let mut roll = roll(0);
    for number in 1..=5 {
        roll.arrived(&format!("k{number}"), "bob", 0, number, How::Live, ms(1));
    }
    assert_eq!(roll.rows()[0].mark(0, LATE, true), Mark::Here(None));
    roll.trim(2);
    roll.arrived("k5", "bob", 1, 5, How::Live, ms(2));
    let keys: Vec<&str> = roll.rows().iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["k4", "k5"]);
    assert_eq!(marks(&roll, 1), ["missing", "ok"]);
    assert!(roll.latencies(0).is_empty());
}

#[test]
fn percentiles_are_of_what_was_measured() {
    let all: Vec<Duration> = (1..=200).map(ms).collect();
    let told = percentiles(&all).unwrap();
    assert_eq!(
        (told.p50, told.p95, told.p99, told.most),
        (ms(100), ms(190), ms(198), ms(200))
    );
    assert_eq!(percentiles(&[ms(7)]).unwrap().p99, ms(7));
    assert_eq!(percentiles(&[]), None);
}

#[test]
fn bars_are_as_long_as_the_longest() {
    assert_eq!(sparkline(&[ms(1), ms(4), ms(8)], 9), "▁▄█");
    assert_eq!(sparkline(&[ms(1), ms(4), ms(8)], 2), "▄█");
    assert_eq!(sparkline(&[ms(0), ms(0)], 9), "▁▁");
}

#[test]
fn marks_fit_into_a_column() {
    for mark in [
        Mark::Here(Some(ms(999))),
        Mark::Late(Duration::from_secs(99)),
        Mark::Doubled(12),
        Mark::Missing,
        Mark::Fetched,
        Mark::Refused,
    ] {
        assert!(crate::text::width(&mark.shown()) <= 10, "{}", mark.shown());
    }
}
