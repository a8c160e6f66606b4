//! A receipt counts the same whichever way it is carried out: where it is read, or in its turn.

use serde_json::Value;

use super::*;
use crate::hub::tap::{Filter, Share};

const SHARE: Share = Share {
    per_second: 100,
    burst: 100,
    waiting_max: 100,
};

/// Alice, and Bob's connection that promised receipts, in a group where Alice has said six things.
async fn six_to_confirm() -> (Here, Somebody, ConversationId, Peer) {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let peer = here.promising(&bob).await;
    for _ in 0..6 {
        here.say(&alice, &group).await;
    }
    (here, bob, group, peer)
}

impl Here {
    /// Alice and Bob, and their group with so many others.
    async fn alice_bob_and(&self, others: usize) -> (Somebody, Somebody, ConversationId) {
        let (alice, bob) = (self.somebody("alice").await, self.somebody("bob").await);
        let mut crowd = Vec::new();
        for n in 0..others {
            crowd.push(self.somebody(&format!("u{n}")).await);
        }
        let members: Vec<&Somebody> = crowd.iter().chain([&bob]).collect();
        let group = self.group(&alice, &members).await;
        (alice, bob, group)
    }

    /// How far somebody is, and how many messages their connection has yet to confirm.
    fn standing(&self, who: &Somebody, peer: &Peer, group: &ConversationId) -> (u64, u64, usize) {
        let entry = self.chat.entry_in_use(group).unwrap();
        let (received, read) = entry.cursor_of(&who.id()).unwrap_or_default();
        let lane = self.live(peer).lane(group).unwrap();
        (received.0, read.0, lane.outstanding.len())
    }
}

#[tokio::test]
async fn whichever_way_it_goes_it_counts_the_same() {
    let (here, bob, group, mut peer) = six_to_confirm().await;
    let about = |rest: Value| {
        let mut data = json!({ "conversation_id": group });
        data.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        data
    };
    // The first has to read the cursors; the third says more than is usual, and the fourth is watched.
    let ways = [
        (json!({"received": 1}), (1, 0, 5)),
        (json!({"received": 2}), (2, 0, 4)),
        (json!({"received": 3, "note": "x"}), (3, 0, 3)),
        (json!({"read": 2, "received": 4}), (4, 2, 2)),
        (json!({"read": 5}), (5, 5, 1)),
        (json!({"received": 1}), (5, 5, 1)),
        (json!({"received": 1_000}), (6, 5, 0)),
    ];
    let mut watching = None;
    for (place, (said, expected)) in ways.into_iter().enumerate() {
        watching = (place == 3).then(|| here.hub.tap().listen(Filter::default(), SHARE));
        peer.tell("receipt", &about(said)).await;
        peer.all_so_far().await;
        assert_eq!(here.standing(&bob, &peer, &group), expected, "number {place}");
    }
    drop(watching);
    // The question that the connection began with, the receipts, and the questions behind them.
    assert_eq!(here.live(&peer).events_in(), 15);
}

#[tokio::test]
async fn only_what_need_not_wait_and_is_not_refused_is_carried_out_at_once() {
    let (here, bob, group, mut peer) = six_to_confirm().await;
    let carol = here.somebody("carol").await;
    let outsider = here.connected(&carol).await;
    let at_once = |peer: &Peer, group: &str| here.chat.receipt_at_once(&here.live(peer), group, Some(Seq(4)), None);
    assert!(!at_once(&peer, group.as_str()), "the cursors were not read yet");
    peer.tell("receipt", &json!({"conversation_id": group, "received": 1}))
        .await;
    peer.all_so_far().await;
    assert!(!at_once(&outsider, group.as_str()));
    assert!(!at_once(&peer, "nowhere"));
    assert_eq!(here.standing(&bob, &peer, &group), (1, 0, 5));
    assert!(at_once(&peer, group.as_str()));
    assert_eq!(here.standing(&bob, &peer, &group), (4, 0, 2));

    peer.tell("receipt", &json!({"conversation_id": "nowhere", "received": 1}))
        .await;
    assert_eq!(peer.hears("error").await["event"], json!("receipt"));
}

#[tokio::test]
async fn in_a_crowd_only_ones_own_other_sockets_are_told() {
    let here = Here::open().await;
    let (alice, bob, group) = here.alice_bob_and(50).await;
    for _ in 0..2 {
        here.say(&alice, &group).await;
    }
    let (mut phone, mut tablet) = (here.connected(&bob).await, here.connected(&bob).await);
    let mut hers = here.connected(&alice).await;

    let read = |seq: u64| json!({"conversation_id": group, "read": seq});
    phone.emit("receipt", &read(1)).await;
    phone.answer().await;
    here.chat.tell_receipts();
    let told = tablet.hears("receipts").await;
    assert_eq!(told["users"], json!([{"user_id": bob.id(), "received": 1, "read": 1}]));
    let heard = phone.all_so_far().await;
    assert!(heard.iter().all(|(event, _)| event != "receipts"), "{heard:?}");

    // Each of them knows only its own part of it.
    phone
        .emit("receipt", &json!({"conversation_id": group, "received": 2}))
        .await;
    phone.answer().await;
    tablet.emit("receipt", &read(2)).await;
    tablet.answer().await;
    here.chat.tell_receipts();
    for peer in [&mut phone, &mut tablet] {
        let told = peer.hears("receipts").await;
        assert_eq!(told["users"], json!([{"user_id": bob.id(), "received": 2, "read": 2}]));
    }
    let heard = hers.all_so_far().await;
    assert!(heard.iter().all(|(event, _)| event != "receipts"), "{heard:?}");
}

#[tokio::test]
async fn whose_session_was_being_made_hears_afterwards_what_another_of_them_has_read() {
    for others in [0, 50] {
        a_session_that_was_read_before_the_cursor_moved(others).await;
    }
}

async fn a_session_that_was_read_before_the_cursor_moved(others: usize) {
    let here = Here::open().await;
    let (alice, bob, group) = here.alice_bob_and(others).await;
    here.say(&alice, &group).await;
    let mut phone = here.connected(&bob).await;
    here.stored.gates.conversations_of.shut();
    let mut tablet = Peer::connect(here.address, &bob.token).await;
    // What is held here was read before the phone speaks.
    here.stored.gates.conversations_of.reached().await;
    phone
        .emit("receipt", &json!({"conversation_id": group, "read": 1}))
        .await;
    phone.answer().await;
    here.chat.tell_receipts();
    here.stored.gates.conversations_of.open();
    let (first, session) = tablet.event().await;
    assert_eq!(
        (first.as_str(), &session["conversations"][0]["unread"]),
        ("session", &json!(1))
    );
    let heard = tablet.all_so_far().await;
    assert!(heard.iter().all(|(event, _)| event != "receipts"), "{heard:?}");
    here.chat.tell_receipts();
    let told = tablet.hears("receipts").await;
    assert_eq!(told["users"], json!([{"user_id": bob.id(), "received": 1, "read": 1}]));
    here.chat.tell_receipts();
    let heard = tablet.all_so_far().await;
    assert!(heard.iter().all(|(event, _)| event != "receipts"), "once: {heard:?}");
}
