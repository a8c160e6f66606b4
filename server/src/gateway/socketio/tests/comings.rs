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
