//! Who comes, goes and comes back: what the others hear of it, and what the server knows then. One moment per test.

use chat_core::Timestamp;
use chat_core::ports::{Conversations, DeliveryLog, NewConversation};

use super::*;

#[tokio::test]
async fn who_came_and_went_before_it_was_told_is_gone_for_whoever_saw_them() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    here.group(&alice, &[&bob]).await;
    let there = here.connected(&bob).await;
    // Whose session shows bob online.
    let mut watcher = here.connected(&alice).await;
    drop(there);
    eventually("bob is gone", || !here.hub.is_online(&bob.id())).await;
    // All of it is gathered before any of it is told.
    let presence = tokio::spawn(here.chat.clone().run_presence());
    let told = watcher.hears("presence").await;
    assert_eq!((&told["user_id"], &told["online"]), (&json!(bob.id()), &json!(false)));
    presence.abort();
}

#[tokio::test]
async fn whose_session_shows_somebody_back_does_not_hear_late_that_they_went() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    here.group(&alice, &[&bob]).await;
    let presence = tokio::spawn(here.chat.clone().run_presence());
    let mut old = here.connected(&alice).await;
    let there = here.connected(&bob).await;
    while old.hears("presence").await["online"] != json!(true) {}
    here.stored.gates.conversation_ids_of.shut();
    drop(there);
    here.stored.gates.conversation_ids_of.reached().await;
    let _back = here.connected(&bob).await;
    let mut new = here.connected(&alice).await;
    here.stored.gates.conversation_ids_of.open();
    assert_eq!(old.hears("presence").await["online"], json!(false));
    assert_eq!(old.hears("presence").await["online"], json!(true));
    let heard = new.all_so_far().await;
    assert!(heard.iter().all(|(name, _)| name != "presence"), "{heard:?}");
    presence.abort();
}

#[tokio::test]
async fn who_promised_receipts_has_received_what_they_hold_when_they_come_back() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let (carol, dan) = (here.somebody("carol").await, here.somebody("dan").await);
    let group = here.group(&alice, &[&bob, &carol, &dan]).await;
    for _ in 0..3 {
        here.say(&alice, &group).await;
    }
    let come_back = async |who: &Somebody, receipts: bool, held: u64| {
        let auth = json!({"token": who.token, "receipts": receipts, "resume": {group.as_str(): held}});
        let mut peer = Peer::introduced(here.address, &auth).await;
        let (first, session) = peer.event().await;
        assert_eq!(first, "session");
        session["conversations"][0]["received_seq"].clone()
    };
    assert_eq!(come_back(&bob, true, 2).await, json!(2));
    assert_eq!(come_back(&bob, true, 1).await, json!(2), "nothing goes back");
    assert_eq!(
        come_back(&carol, false, 2).await,
        json!(0),
        "who promised nothing says nothing"
    );
    assert_eq!(come_back(&dan, true, 99).await, json!(0), "there is no such message");
    here.chat.save_all_cursors().await;
    let stored = here.stored.store.cursors(&group).await.unwrap();
    let of = |who: &Somebody| {
        stored
            .iter()
            .find(|cursor| cursor.user_id == who.id())
            .unwrap()
            .received
    };
    assert_eq!((of(&bob), of(&carol), of(&dan)), (Seq(2), Seq::ZERO, Seq::ZERO));
}

#[tokio::test]
async fn everybody_holds_the_same_copy_of_an_id_after_a_restart_too() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    // Nobody has used it since the start.
    let new = NewConversation {
        id: ConversationId::parse("old").unwrap(),
        kind: ConversationKind::Group,
        title: None,
        owner: Some(alice.id()),
        created_by: Some(alice.id()),
        participant_ids: vec![alice.id(), bob.id()],
        at: Timestamp::from_millis(0),
    };
    here.stored.create_conversation(new).await.unwrap();
    let (one, other) = (here.connected(&alice).await, here.connected(&bob).await);
    let copy = |peer: &Peer| {
        let lanes = here.live(peer).lanes();
        lanes.keys().next().unwrap().as_str().as_ptr()
    };
    assert_eq!(copy(&one), copy(&other));
    let old = ConversationId::parse("old").unwrap();
    let entry = here.chat.entry_for(&alice.actor, &old).await.unwrap();
    assert_eq!(
        copy(&one),
        entry.conversation().id.as_str().as_ptr(),
        "what is announced"
    );
}

#[tokio::test]
async fn a_session_enters_many_rooms_in_one_step() {
    let here = Here::open().await;
    let bob = here.somebody("bob").await;
    for _ in 0..30 {
        here.group(&bob, &[]).await;
    }
    let changes = here.hub.changes();
    let before = *changes.borrow();
    let peer = here.connected(&bob).await;
    let told = *changes.borrow() - before;
    // It came, its two own rooms, all the others.
    assert_eq!(told, 4);
    assert_eq!(here.live(&peer).rooms().len(), 32);
    assert_eq!(here.hub.rooms_count(), 32);
}

#[tokio::test]
async fn who_is_lost_beside_one_that_left_is_found_and_the_other_left_alone() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let (mut lost, mut left) = (here.connected(&bob).await, here.connected(&bob).await);
    let this = json!({"conversation_id": group});
    left.emit("leave_conversation", &this).await;
    assert_eq!(left.answer().await["verified"], json!(true));
    let repaired = async || {
        let sent = here.say(&alice, &group).await;
        (sent.delivery.handed_off, sent.delivery.repaired)
    };
    assert_eq!((repaired().await, repaired().await), ((1, 0), (1, 0)));

    // Twice with the room as it was before: what is remembered of it says who lacks, and never why.
    let (socket, room) = (here.live(&lost), chat_core::ids::conversation_room(&group));
    for _ in 0..2 {
        here.hub.leave(&socket, &room);
        assert_eq!((repaired().await, repaired().await), ((1, 1), (1, 0)));
    }
    left.emit("join_conversation", &this).await;
    assert_eq!(left.answer().await["verified"], json!(true));
    assert_eq!(repaired().await, (2, 0));
    assert_eq!(lost.seqs(7).await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(left.seqs(1).await, [7]);
}

#[tokio::test]
async fn who_is_not_in_a_room_is_looked_up_once_while_it_stays_as_it_is() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let entry = here.chat.entry_for(&alice.actor, &group).await.unwrap();
    let (one, other) = (here.connected(&alice).await, here.connected(&bob).await);
    let room = chat_core::ids::conversation_room(&group);
    let roster = here.hub.roster(&entry.conversation(), &entry.roster);
    let lacking = || roster.lacking_in(&here.hub.room(&room));
    let place = |peer: &Peer| roster.sockets.iter().position(|socket| socket.sid.as_str() == peer.sid);
    assert!(lacking().is_empty());
    here.hub.leave(&here.live(&one), &room);
    let first = lacking();
    assert_eq!(*first, [place(&one).unwrap()]);
    assert!(Arc::ptr_eq(&first, &lacking()));
    // As many as before, and others.
    here.hub.join(&here.live(&one), &room);
    here.hub.leave(&here.live(&other), &room);
    assert_eq!(*lacking(), [place(&other).unwrap()]);
    here.hub.leave(&here.live(&one), &room);
    assert_eq!(*lacking(), [0, 1]);
}
