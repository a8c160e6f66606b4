use proptest::prelude::*;

use super::*;

#[test]
fn a_held_lane_notes_what_came_and_then_needs_the_feeder() {
    let mut lane = Lane::held(Seq(5));
    assert_eq!(lane.turn(Seq(6)), Turn::Not(Offer::Later));
    assert!(lane.release());
    assert_eq!(lane.mode, Mode::Behind);
    assert!(lane.handed_over(Seq(6)));
    assert_eq!(lane.mode, Mode::Live);
    assert_eq!(lane.turn(Seq(7)), Turn::Now);
}

#[test]
fn a_held_lane_without_news_goes_live_at_once() {
    let mut lane = Lane::held(Seq(5));
    assert!(!lane.release());
    assert_eq!(lane.turn(Seq(6)), Turn::Now);
    assert_eq!(lane.turn(Seq(5)), Turn::Not(Offer::Already));
}

#[test]
fn a_lane_that_was_opened_too_early_catches_up() {
    let mut lane = Lane::held(Seq(14));
    assert!(!lane.catch_up_to(Seq(15)), "held: whoever holds it releases it");
    assert!(lane.release(), "and then there is something to feed");
    lane.handed_over(Seq(15));
    assert!(!lane.catch_up_to(Seq(15)));
    assert!(lane.catch_up_to(Seq(16)));
    lane.mode = Mode::Left;
    assert!(!lane.catch_up_to(Seq(99)));
}

#[test]
fn a_gap_goes_to_the_feeder() {
    let mut lane = Lane::held(Seq(5));
    lane.release();
    assert_eq!(lane.turn(Seq(8)), Turn::Not(Offer::Lagging));
    assert_eq!((lane.mode, lane.head), (Mode::Behind, Seq(8)));
    assert!(!lane.handed_over(Seq(6)));
    assert!(!lane.handed_over(Seq(7)));
    assert!(lane.handed_over(Seq(8)));
}

#[test]
fn what_came_from_the_store_is_remembered_in_runs() {
    let mut lane = Lane::held(Seq::ZERO);
    lane.release();
    for seq in 1..=3 {
        lane.handed_over(Seq(seq));
    }
    for seq in 4..=6 {
        lane.fed(Seq(seq));
    }
    lane.handed_over(Seq(7));
    lane.fed(Seq(8));
    assert_eq!(lane.fed, [(Seq(4), Seq(6)), (Seq(8), Seq(8))]);
    let came = (1..=8).filter(|seq| lane.was_fed(Seq(*seq)));
    assert_eq!(came.collect::<Vec<_>>(), [4, 5, 6, 8]);
    for seq in (9..100).step_by(2) {
        lane.handed_over(Seq(seq));
        lane.fed(Seq(seq + 1));
    }
    assert_eq!(lane.fed.len(), FED_RUNS_MAX, "bounded");
}

#[derive(Debug, Clone)]
enum Step {
    Publish,
    BufferFull,
    Release,
    Feed,
}

proptest! {
    /// Whatever happens in whatever order, every seq is handed over once, in order, and in the end all of them.
    #[test]
    fn every_seq_once_in_order(steps in prop::collection::vec(
        prop_oneof![Just(Step::Publish), Just(Step::BufferFull), Just(Step::Release), Just(Step::Feed)], 0..200)) {
        let mut lane = Lane::held(Seq::ZERO);
        let (mut published, mut handed) = (Seq::ZERO, Vec::new());
        let feed = |lane: &mut Lane, handed: &mut Vec<Seq>| {
            if lane.mode == Mode::Behind {
                let seq = lane.handed.next();
                handed.push(seq);
                lane.handed_over(seq);
            }
        };
        for step in steps {
            match step {
                Step::Publish => {
                    published = published.next();
                    if lane.turn(published) == Turn::Now {
                        handed.push(published);
                        lane.handed_over(published);
                    }
                }
                Step::BufferFull => {
                    published = published.next();
                    if lane.turn(published) == Turn::Now {
                        lane.mode = Mode::Behind;
                    }
                }
                Step::Release => { lane.release(); }
                Step::Feed => feed(&mut lane, &mut handed),
            }
        }
        lane.release();
        while lane.mode == Mode::Behind {
            feed(&mut lane, &mut handed);
        }
        let expected: Vec<Seq> = (1..=published.0).map(Seq).collect();
        prop_assert_eq!(handed, expected);
    }
}
