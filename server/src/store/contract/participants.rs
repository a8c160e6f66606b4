use chat_core::delivery::{Cursor, MembershipSpan};
use chat_core::limits::{CONVERSATIONS_PER_USER_MAX, PARTICIPANTS_MAX};
use chat_core::ports::{Accounts as _, ConversationError, Conversations as _, DeliveryLog as _};
use chat_core::{ParticipantRole, Seq, UserId};

use super::{Place, at, cid, make_group, make_users, new_direct, new_group, new_user, say, uid};

async fn group_of_alice<P: Place>() -> P {
    let place = P::new().await;
    make_users(&**place.store(), &["alice", "bob", "carol"]).await;
    make_group(&**place.store(), "g", &["alice"]).await;
    place
}

pub(super) async fn adding_notes_the_seq_of_joining<P: Place>() {
    let place: P = group_of_alice().await;
    let store = place.store();
    say(&**store, "g", "alice", "one").await;
    say(&**store, "g", "alice", "two").await;
    let changed = store
        .add_participants(&cid("g"), &[uid("carol"), uid("bob")], at(7))
        .await
        .unwrap();
    assert_eq!(changed.participants.len(), 3);
    for name in ["bob", "carol"] {
        let new = changed.participant(&uid(name)).unwrap();
        assert_eq!(
            (new.role, new.joined_at, new.joined_seq),
            (ParticipantRole::Member, at(7), Seq(2))
        );
    }
    assert_eq!(store.conversation(&cid("g")).await.unwrap(), Some(changed));
    say(&**store, "g", "alice", "three").await;
    let seen = store.conversation_of(&cid("g"), &uid("bob")).await.unwrap().unwrap();
    // What was said before was not meant for them.
    assert_eq!(
        (seen.unread, seen.read_seq, seen.conversation.last_seq),
        (1, Seq::ZERO, Seq(3))
    );
}

pub(super) async fn adding_twice_changes_nothing<P: Place>() {
    let place: P = group_of_alice().await;
    let store = place.store();
    let before = store.add_participants(&cid("g"), &[uid("bob")], at(1)).await.unwrap();
    say(&**store, "g", "alice", "one").await;
    let again = [uid("bob"), uid("alice"), uid("bob")];
    let after = store.add_participants(&cid("g"), &again, at(2)).await.unwrap();
    assert_eq!(after.participants, before.participants);
    assert_eq!(
        store
            .add_participants(&cid("g"), &[], at(2))
            .await
            .unwrap()
            .participants,
        before.participants
    );
    let twice = [uid("carol"), uid("carol")];
    assert_eq!(
        store
            .add_participants(&cid("g"), &twice, at(3))
            .await
            .unwrap()
            .participants
            .len(),
        3
    );
}

pub(super) async fn unknown_users_are_not_added<P: Place>() {
    let place: P = group_of_alice().await;
    let store = place.store();
    match store
        .add_participants(&cid("g"), &[uid("bob"), uid("nobody")], at(1))
        .await
    {
        Err(ConversationError::UnknownUsers(ids)) => assert_eq!(ids, [uid("nobody")]),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        store.conversation(&cid("g")).await.unwrap().unwrap().participants.len(),
        1
    );
}

pub(super) async fn a_removed_participant_sees_nothing<P: Place>() {
    let place: P = group_of_alice().await;
    let store = place.store();
    store.add_participants(&cid("g"), &[uid("bob")], at(1)).await.unwrap();
    let changed = store.remove_participant(&cid("g"), &uid("bob"), at(2)).await.unwrap();
    assert!(!changed.has(&uid("bob")) && changed.has(&uid("alice")));
    assert_eq!(store.conversation_of(&cid("g"), &uid("bob")).await.unwrap(), None);
    assert_eq!(store.conversations_of(&uid("bob")).await.unwrap(), []);
    assert_eq!(store.conversation_ids_of(&[uid("bob")]).await.unwrap(), []);
    for other in ["bob", "carol", "nobody"] {
        let same = store.remove_participant(&cid("g"), &uid(other), at(3)).await.unwrap();
        assert_eq!(same, changed);
    }
}

pub(super) async fn joining_again_begins_anew<P: Place>() {
    let place: P = group_of_alice().await;
    let store = place.store();
    store.add_participants(&cid("g"), &[uid("bob")], at(1)).await.unwrap();
    say(&**store, "g", "alice", "one").await;
    store.remove_participant(&cid("g"), &uid("bob"), at(2)).await.unwrap();
    say(&**store, "g", "alice", "two").await;
    let again = store.add_participants(&cid("g"), &[uid("bob")], at(3)).await.unwrap();
    let bob = again.participant(&uid("bob")).unwrap();
    assert_eq!((bob.joined_at, bob.joined_seq), (at(3), Seq(2)));
    let seen = store.conversation_of(&cid("g"), &uid("bob")).await.unwrap().unwrap();
    assert_eq!(seen.unread, 0);
}

pub(super) async fn everyone_may_leave<P: Place>() {
    let place: P = group_of_alice().await;
    let store = place.store();
    let empty = store.remove_participant(&cid("g"), &uid("alice"), at(1)).await.unwrap();
    assert_eq!(empty.participants.len(), 0);
    assert_eq!(store.conversation(&cid("g")).await.unwrap(), Some(empty));
}

pub(super) async fn a_user_has_a_bounded_number_of_conversations<P: Place>() {
    let place: P = group_of_alice().await;
    let store = place.store();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..CONVERSATIONS_PER_USER_MAX - 1 {
        let store = store.clone();
        tasks.spawn(async move { make_group(&*store, &format!("n{n}"), &["alice"]).await });
    }
    tasks.join_all().await;
    assert_eq!(
        store.conversations_of(&uid("alice")).await.unwrap().len(),
        CONVERSATIONS_PER_USER_MAX
    );
    let refused = store.create_conversation(new_group("more", &["bob", "alice"])).await;
    assert!(matches!(refused, Err(ConversationError::TooMany(_))), "{refused:?}");
    make_group(&**store, "bobs", &["bob"]).await;
    let refused = store.add_participants(&cid("bobs"), &[uid("alice")], at(1)).await;
    assert!(matches!(refused, Err(ConversationError::TooMany(_))), "{refused:?}");
    // Those who are in already are no reason.
    store
        .add_participants(&cid("g"), &[uid("alice"), uid("bob")], at(1))
        .await
        .unwrap();
    let refused = store.create_conversation(new_direct("d", ["bob", "alice"])).await;
    assert!(matches!(refused, Err(ConversationError::TooMany(_))), "{refused:?}");
}

pub(super) async fn a_group_has_a_bounded_number_of_participants<P: Place>() {
    let place: P = group_of_alice().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..PARTICIPANTS_MAX {
        let store = place.store().clone();
        tasks.spawn(async move { store.create_user(new_user(&format!("u{n}"))).await.unwrap().id });
    }
    let ids: Vec<UserId> = tasks.join_all().await;
    let store = place.store();
    let full = store.add_participants(&cid("g"), &ids, at(1)).await.unwrap();
    assert_eq!(full.participants.len(), PARTICIPANTS_MAX);
    assert!(full.participants.is_sorted_by_key(|p| p.user_id.clone()));
    let refused = store.add_participants(&cid("g"), &[uid("bob")], at(1)).await;
    assert!(matches!(refused, Err(ConversationError::TooMany(_))), "{refused:?}");
    let names: Vec<&str> = ids.iter().map(UserId::as_str).chain(["bob", "carol"]).collect();
    let refused = store.create_conversation(new_group("other", &names)).await;
    assert!(matches!(refused, Err(ConversationError::TooMany(_))), "{refused:?}");
}

pub(super) async fn a_membership_that_ended_keeps_its_cursors<P: Place>() {
    let place: P = group_of_alice().await;
    let store = &**place.store();
    let (group, bob) = (cid("g"), uid("bob"));
    let cursor = |received, read| Cursor {
        conversation_id: group.clone(),
        user_id: bob.clone(),
        received: Seq(received),
        read: Seq(read),
    };
    store
        .add_participants(&group, std::slice::from_ref(&bob), at(1))
        .await
        .unwrap();
    for text in ["one", "two", "three"] {
        say(store, "g", "alice", text).await;
    }
    store.advance_cursors(&[cursor(2, 1)]).await.unwrap();
    store.remove_participant(&group, &bob, at(2)).await.unwrap();
    // Too late: they have left. And a new membership begins with its own.
    store.advance_cursors(&[cursor(3, 3)]).await.unwrap();
    store
        .add_participants(&group, std::slice::from_ref(&bob), at(3))
        .await
        .unwrap();
    say(store, "g", "alice", "four").await;
    store.advance_cursors(&[cursor(4, 0)]).await.unwrap();
    let place = place.reopen().await;
    let spans = place.store().memberships(&group, &bob).await.unwrap();
    let cursors: Vec<_> = spans.into_iter().map(|span| span.cursors).collect();
    assert_eq!(cursors, [Some((Seq(2), Seq(1))), Some((Seq(4), Seq::ZERO))]);
}

fn names(users: Vec<chat_core::User>) -> Vec<UserId> {
    users.into_iter().map(|user| user.id).collect()
}

pub(super) async fn who_was_in_when_a_message_came<P: Place>() {
    let place = P::new().await;
    let store = &**place.store();
    make_users(store, &["alice", "bob", "carol"]).await;
    make_group(store, "a", &["alice", "bob"]).await;
    say(store, "a", "alice", "1").await;
    say(store, "a", "alice", "2").await;
    let carol = [uid("carol")];
    store.add_participants(&cid("a"), &carol, at(10)).await.unwrap(); // gets 3 and 4
    say(store, "a", "alice", "3").await;
    say(store, "a", "alice", "4").await;
    store
        .remove_participant(&cid("a"), &uid("carol"), at(20))
        .await
        .unwrap();
    say(store, "a", "alice", "5").await;
    store.add_participants(&cid("a"), &carol, at(30)).await.unwrap(); // gets nothing
    store
        .remove_participant(&cid("a"), &uid("carol"), at(30))
        .await
        .unwrap();
    store.add_participants(&cid("a"), &carol, at(5)).await.unwrap(); // gets 6; the clock went back
    store.remove_participant(&cid("a"), &uid("bob"), at(40)).await.unwrap();
    say(store, "a", "alice", "6").await;

    let span = |joined: i64, seq, left: Option<(i64, u64)>| MembershipSpan {
        joined_at: at(joined),
        joined_seq: Seq(seq),
        left: left.map(|(millis, seq)| (at(millis), Seq(seq))),
        cursors: Some((Seq::ZERO, Seq::ZERO)),
    };
    let spans = store.memberships(&cid("a"), &uid("carol")).await.unwrap();
    assert_eq!(
        spans,
        [span(10, 2, Some((20, 4))), span(30, 5, Some((30, 5))), span(5, 5, None)]
    );
    let spans = store.memberships(&cid("a"), &uid("bob")).await.unwrap();
    assert_eq!(spans, [span(0, 0, Some((40, 5)))]);
    for (conversation, user) in [("a", "nobody"), ("nowhere", "bob")] {
        assert_eq!(store.memberships(&cid(conversation), &uid(user)).await.unwrap(), []);
    }

    let everybody = ["alice", "bob", "carol"].map(uid);
    let expected: [(u64, &[UserId]); 9] = [
        (0, &[]),
        (1, &everybody[..2]),
        (2, &everybody[..2]),
        (3, &everybody),
        (4, &everybody),
        (5, &everybody[..2]),
        (6, &[uid("alice"), uid("carol")]),
        (7, &[uid("alice"), uid("carol")]),
        (u64::MAX, &[uid("alice"), uid("carol")]),
    ];
    for (seq, users) in expected {
        let found = store.participants_at(&cid("a"), Seq(seq)).await.unwrap();
        assert_eq!(names(found), users, "message {seq}");
    }
    assert_eq!(store.participants_at(&cid("nowhere"), Seq(1)).await.unwrap(), []);
}
