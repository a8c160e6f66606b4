use std::sync::Arc;

use proptest::prelude::*;
use rollcall_protocol::ErrorCode;
use rollcall_protocol::chat_core::{MessageId, NodeId, Role, Sid, Timestamp, UserId};
use rollcall_protocol::event::UserView;

use super::*;

fn id() -> ConversationId {
    ConversationId::parse("c").unwrap()
}

fn message(seq: u64) -> Message {
    Message {
        id: MessageId::parse(format!("m{seq}")).unwrap(),
        conversation_id: id(),
        seq: Seq(seq),
        sender_id: UserId::parse("u").unwrap(),
        sender_name: Arc::from("U"),
        content: Arc::from("x"),
        created_at: Timestamp::from_millis(0),
        client_message_id: None,
        reply_to: None,
        edited_at: None,
        deleted_at: None,
    }
}

fn session(last_seq: u64, resumed: Option<Resumed>) -> Session {
    let view = serde_json::json!({
        "id": "c", "kind": "group", "title": null, "room": "conversation:c", "participants": [],
        "last_seq": last_seq, "received_seq": 0, "read_seq": 0, "unread": 0
    });
    Session {
        sid: Sid::parse("s").unwrap(),
        namespace: "/".into(),
        node_id: NodeId::parse("n").unwrap(),
        epoch: Epoch::parse("e1").unwrap(),
        user: UserView {
            id: UserId::parse("u").unwrap(),
            username: "u".into(),
            display_name: "U".into(),
            role: Role::User,
        },
        server_time: Timestamp::from_millis(0),
        conversations: vec![serde_json::from_value(view).unwrap()],
        resume: resumed.map(|resumed| (id(), resumed)).into_iter().collect(),
    }
}

fn following(last_seq: u64) -> Positions {
    let mut positions = Positions::default();
    assert!(positions.session(&session(last_seq, None)).is_empty());
    positions
}

fn held(positions: &Positions) -> u64 {
    positions.held().seqs[&id()].0
}

fn filling(after: u64, until: u64) -> Gap {
    Gap {
        conversation_id: id(),
        after: Seq(after),
        until: Seq(until),
        outcome: GapOutcome::Filling,
    }
}

#[test]
fn the_next_is_delivered_and_the_same_again_is_not() {
    let mut positions = following(5);
    assert_eq!(positions.message(&message(6)), Verdict::Deliver);
    assert_eq!(positions.message(&message(6)), Verdict::Duplicate);
    assert_eq!(held(&positions), 6);
    assert_eq!(positions.held().epoch, Epoch::parse("e1").ok());
}

#[test]
fn a_message_that_was_on_its_way_at_connect_is_delivered_once() {
    let mut positions = following(5);
    assert_eq!(positions.message(&message(5)), Verdict::Deliver);
    assert_eq!(positions.message(&message(5)), Verdict::Duplicate);
    assert_eq!(positions.message(&message(6)), Verdict::Deliver);
}

#[test]
fn a_gap_is_filled_before_anything_later() {
    let mut positions = following(5);
    assert_eq!(positions.message(&message(8)), Verdict::Gap(filling(5, 8)));
    assert_eq!(positions.message(&message(9)), Verdict::Wait);
    assert_eq!(positions.message(&message(6)), Verdict::Wait);
    let (news, then) = positions.fetched(&id(), vec![message(6), message(7)], true);
    assert_eq!((news.len(), then), (2, Filled::More(Seq(7))));
    let (news, then) = positions.fetched(&id(), vec![message(7), message(8), message(9)], false);
    assert_eq!(news.len(), 2, "7 was given out already");
    let outcome = GapOutcome::Filled { messages: 4 };
    assert_eq!(
        then,
        Filled::Done(Gap {
            outcome,
            ..filling(5, 9)
        })
    );
    assert_eq!(positions.message(&message(9)), Verdict::Duplicate);
    assert_eq!(positions.message(&message(10)), Verdict::Deliver);
}

#[test]
fn a_server_that_has_less_than_it_said_does_not_hold_us_up() {
    let mut positions = following(5);
    positions.message(&message(8));
    let (news, then) = positions.fetched(&id(), Vec::new(), true);
    assert!(news.is_empty());
    assert!(matches!(then, Filled::Lost(_)));
    assert_eq!(positions.message(&message(9)), Verdict::Deliver);
}

#[test]
fn a_refused_fill_is_reported_and_live_goes_on() {
    let mut positions = following(5);
    positions.message(&message(8));
    let gap = positions
        .refused(&id(), WireError::new(ErrorCode::NotParticipant, ""))
        .unwrap();
    assert!(matches!(gap.outcome, GapOutcome::Lost(LostReason::Refused(_))));
    assert_eq!(positions.message(&message(9)), Verdict::Deliver);
}

#[test]
fn beyond_a_thousand_nothing_is_fetched_one_by_one() {
    let mut positions = following(5);
    assert!(matches!(positions.message(&message(1005)), Verdict::Gap(gap) if gap.outcome == GapOutcome::Filling));
    let mut positions = following(5);
    let Verdict::Gap(gap) = positions.message(&message(1006)) else {
        panic!()
    };
    assert_eq!(
        gap.outcome,
        GapOutcome::Lost(LostReason::NotResumed(NotResumed::TooFarBehind))
    );
}

#[test]
fn resume_goes_on_from_what_is_held() {
    let mut positions = following(5);
    positions.message(&message(6));
    positions.disconnected();
    let recovered = Resumed {
        recovered: true,
        messages: 2,
        reason: None,
    };
    assert!(positions.session(&session(8, Some(recovered))).is_empty());
    assert_eq!(positions.message(&message(7)), Verdict::Deliver);
    assert_eq!(positions.message(&message(8)), Verdict::Deliver);
}

#[test]
fn what_was_not_resumed_is_a_lost_gap_and_live_goes_on() {
    let mut positions = following(5);
    positions.disconnected();
    let not = Resumed {
        recovered: false,
        messages: 0,
        reason: Some(NotResumed::EpochChanged),
    };
    let gaps = positions.session(&session(2, Some(not)));
    assert_eq!(
        gaps[0].outcome,
        GapOutcome::Lost(LostReason::NotResumed(NotResumed::EpochChanged))
    );
    assert_eq!(positions.message(&message(3)), Verdict::Deliver);
}

#[test]
fn a_server_without_resume_is_asked_by_sync() {
    let mut positions = following(5);
    positions.disconnected();
    assert_eq!(positions.session(&session(7, None)), [filling(5, 7)]);
}

#[tokio::test(start_paused = true)]
async fn heads_are_a_suspicion_that_ripens() {
    let mut positions = following(5);
    let now = Instant::now();
    positions.heads(&BTreeMap::from([(id(), Seq(6))]), now);
    assert!(positions.due(now).is_empty());
    let ripe = positions.deadline().unwrap();
    assert_eq!(positions.due(ripe), [filling(5, 6)]);
    assert_eq!(positions.deadline(), None);

    let mut positions = following(5);
    positions.heads(&BTreeMap::from([(id(), Seq(6))]), now);
    positions.message(&message(6));
    assert!(positions.due(ripe).is_empty(), "it arrived in time");
}

#[tokio::test(start_paused = true)]
async fn a_room_that_was_left_is_not_missed() {
    let mut positions = following(5);
    positions.left(&id());
    positions.heads(&BTreeMap::from([(id(), Seq(9))]), Instant::now());
    assert_eq!(positions.deadline(), None);
    positions.joined(&id(), Seq(9));
    assert_eq!(positions.message(&message(10)), Verdict::Deliver);
}

proptest! {
    /// Whatever order, doubles and holes a server sends in: each seq comes out at most once, rising, and after the fill
    /// (by a store that has them all) nothing up to the highest is missing.
    #[test]
    fn rising_once_and_complete(seqs in prop::collection::vec(1_u64..60, 0..80), page in 1_usize..7) {
        let mut positions = following(0);
        let mut out = Vec::new();
        for seq in seqs {
            match positions.message(&message(seq)) {
                Verdict::Deliver => out.push(seq),
                Verdict::Gap(gap) => fill(&mut positions, gap.after.0, seq, page, &mut out),
                Verdict::Duplicate => prop_assert!(out.contains(&seq)),
                Verdict::Wait => prop_assert!(false, "nothing is being filled here"),
            }
        }
        let expected: Vec<u64> = (1..=held(&positions)).collect();
        prop_assert_eq!(out, expected);
    }
}

fn fill(positions: &mut Positions, mut after: u64, last: u64, page: usize, out: &mut Vec<u64>) {
    loop {
        let messages: Vec<Message> = (after + 1..=last).take(page).map(message).collect();
        let more = after + (page as u64) < last;
        let (news, then) = positions.fetched(&id(), messages, more);
        out.extend(news.iter().map(|message| message.seq.0));
        match then {
            Filled::More(next) => after = next.0,
            Filled::Done(_) => return,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_leave_that_is_answered_before_the_adding_is_told_still_counts() {
    let mut positions = following(0);
    positions.removed(&id());
    positions.left(&id());
    positions.appeared(&session(0, None).conversations[0]);
    // Four messages later it joins again and gets them with the answer.
    positions.joined(&id(), Seq(4));
    assert_eq!(positions.message(&message(5)), Verdict::Deliver);
}

#[test]
fn a_join_that_is_answered_after_a_removal_says_nothing_of_where_it_begins() {
    let mut positions = following(3);
    positions.removed(&id());
    positions.joined(&id(), Seq(3));
    positions.appeared(&session(5, None).conversations[0]);
    assert_eq!(positions.message(&message(6)), Verdict::Deliver);
}
