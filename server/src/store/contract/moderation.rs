use chat_core::conversation::ConversationOfUser;
use chat_core::delivery::Cursor;
use chat_core::limits::{BANS_MAX, UNREAD_MAX};
use chat_core::ports::moderation::{Moderation as _, NewBan};
use chat_core::ports::{Accounts as _, ConversationError, Conversations as _, DeliveryLog as _, MessageLog as _};
use chat_core::{Seq, UserId};

use super::{Place, at, cid, make_group, make_users, new_user, say, uid};

async fn group<P: Place>() -> P {
    let place = P::new().await;
    make_users(&**place.store(), &["alice", "bob", "carol", "b"]).await;
    make_group(&**place.store(), "g", &["alice", "bob"]).await;
    place
}

async fn seen<P: Place>(place: &P, user: &str) -> ConversationOfUser {
    let seen = place.store().conversation_of(&cid("g"), &uid(user)).await;
    seen.unwrap().unwrap()
}

async fn mentions<P: Place>(place: &P, user: &str) -> u64 {
    let one = seen(place, user).await;
    let all = place.store().conversations_of(&uid(user)).await.unwrap();
    assert!(all.contains(&one), "the list and the single view differ");
    one.mentions
}

async fn read<P: Place>(place: &P, user: &str, upto: u64) {
    let cursor = Cursor {
        conversation_id: cid("g"),
        user_id: uid(user),
        received: Seq(upto),
        read: Seq(upto),
    };
    place.store().advance_cursors(&[cursor]).await.unwrap();
}

pub(super) async fn mentions_are_counted_until_they_are_read<P: Place>() {
    let place: P = group().await;
    let store = &**place.store();
    for (sender, content) in [
        ("alice", "hello @bob and @Bob, not @carol"), // 1
        ("alice", "nobody named"),                    // 2
        ("bob", "me, @bob, and @alice"),              // 3
        ("alice", "mail bob@example.org"),            // 4
        ("alice", "again @bob."),                     // 5
    ] {
        say(store, "g", sender, content).await;
    }
    assert_eq!((mentions(&place, "bob").await, mentions(&place, "alice").await), (2, 1));
    assert_eq!(seen(&place, "bob").await.unread, 4, "mentions are among the unread");
    read(&place, "bob", 1).await;
    assert_eq!(mentions(&place, "bob").await, 1);
    read(&place, "bob", 5).await;
    assert_eq!(mentions(&place, "bob").await, 0);
    // Whoever comes later was not named before, though their name was written.
    store.add_participants(&cid("g"), &[uid("carol")], at(2)).await.unwrap();
    assert_eq!(mentions(&place, "carol").await, 0);
    say(store, "g", "alice", "@carol").await;
    assert_eq!(mentions(&place, "carol").await, 1);
    store.remove_participant(&cid("g"), &uid("carol"), at(3)).await.unwrap();
    store.add_participants(&cid("g"), &[uid("carol")], at(4)).await.unwrap();
    assert_eq!(mentions(&place, "carol").await, 0, "joining again begins anew");
    let place = place.reopen().await;
    say(&**place.store(), "g", "alice", "@carol @alice @bob").await;
    assert_eq!((mentions(&place, "carol").await, mentions(&place, "bob").await), (1, 1));
}

pub(super) async fn mentions_follow_what_a_message_says_now<P: Place>() {
    let place: P = group().await;
    let store = &**place.store();
    let first = say(store, "g", "alice", "@bob one").await;
    let second = say(store, "g", "alice", "two").await;
    store.edit(&first.id, "nobody", at(5)).await.unwrap();
    assert_eq!(mentions(&place, "bob").await, 0);
    store.edit(&second.id, "@bob @alice", at(6)).await.unwrap();
    assert_eq!((mentions(&place, "bob").await, mentions(&place, "alice").await), (1, 0));
    store.edit(&second.id, "still @bob", at(7)).await.unwrap();
    assert_eq!(mentions(&place, "bob").await, 1);
    store.delete(&second.id, at(8)).await.unwrap();
    assert_eq!(mentions(&place, "bob").await, 0);
    say(store, "g", "alice", "old @bob").await;
    while store.forget_messages(at(100), at(200)).await.unwrap() {}
    assert_eq!(mentions(&place, "bob").await, 0, "what is too old names nobody");
}

pub(super) async fn mentions_are_counted_up_to_a_bound<P: Place>() {
    let place: P = group().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..=UNREAD_MAX {
        let store = place.store().clone();
        tasks.spawn(async move { say(&*store, "g", "alice", "@bob").await });
    }
    tasks.join_all().await;
    assert_eq!(mentions(&place, "bob").await, UNREAD_MAX);
}

pub(super) async fn muting_is_per_user_and_stays<P: Place>() {
    let place: P = group().await;
    let (g, bob) = (cid("g"), uid("bob"));
    let muted = place.store().set_muted(&g, &bob, Some(at(1))).await.unwrap().unwrap();
    assert_eq!(place.store().conversation(&g).await.unwrap().as_ref(), Some(&muted));
    assert!(muted.participant(&bob).unwrap().muted && !muted.participant(&uid("alice")).unwrap().muted);
    assert!(seen(&place, "bob").await.muted && !seen(&place, "alice").await.muted);
    say(&**place.store(), "g", "alice", "@bob").await;
    let place = place.reopen().await;
    let bobs = seen(&place, "bob").await;
    assert_eq!((bobs.muted, bobs.unread, bobs.mentions), (true, 1, 1), "still counted");
    let store = place.store();
    let unmuted = store.set_muted(&g, &bob, None).await.unwrap().unwrap();
    assert!(!unmuted.participant(&bob).unwrap().muted);
    for (conversation, user) in [("g", "carol"), ("g", "nobody"), ("nowhere", "bob")] {
        let set = store.set_muted(&cid(conversation), &uid(user), Some(at(1))).await;
        assert_eq!(set.unwrap(), None);
    }
    // A new membership begins unmuted.
    store.set_muted(&g, &bob, Some(at(2))).await.unwrap();
    store.remove_participant(&g, &bob, at(3)).await.unwrap();
    store
        .add_participants(&g, std::slice::from_ref(&bob), at(4))
        .await
        .unwrap();
    assert!(!seen(&place, "bob").await.muted);
}

fn ban(user: &str, millis: i64, reason: Option<&str>) -> NewBan {
    NewBan {
        conversation_id: cid("g"),
        user_id: uid(user),
        by: uid("alice"),
        reason: reason.map(str::to_owned),
        at: at(millis),
    }
}

pub(super) async fn who_is_banned_is_out_and_stays_out<P: Place>() {
    let place: P = group().await;
    let (g, bob) = (cid("g"), uid("bob"));
    let now = place.store().ban(ban("bob", 5, Some("spam"))).await.unwrap();
    assert!(!now.has(&bob) && now.has(&uid("alice")));
    let spans = place.store().memberships(&g, &bob).await.unwrap();
    assert_eq!(
        spans[0].left.map(|(left, _)| left),
        Some(at(5)),
        "it is remembered as any removal"
    );
    // Before they ever came.
    place.store().ban(ban("carol", 6, None)).await.unwrap();
    let place = place.reopen().await;
    let store = place.store();
    for ids in [vec![bob.clone()], vec![uid("b"), uid("carol"), bob.clone()]] {
        let banned: Vec<UserId> = ids.iter().filter(|id| id.as_str() != "b").cloned().collect();
        match store.add_participants(&g, &ids, at(7)).await {
            Err(ConversationError::Banned(named)) => {
                let (mut named, mut banned) = (named, banned);
                named.sort();
                banned.sort();
                assert_eq!(named, banned);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        store.conversation(&g).await.unwrap().unwrap().participants.len(),
        1,
        "nobody was added"
    );
    let bans = store.bans(&g).await.unwrap();
    let shown: Vec<_> = bans
        .iter()
        .map(|ban| {
            (
                ban.user.username.as_str(),
                ban.by.as_str(),
                ban.reason.as_deref(),
                ban.at,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [("carol", "alice", None, at(6)), ("bob", "alice", Some("spam"), at(5))]
    );
    assert_eq!(store.ban_of(&g, &bob).await.unwrap().as_ref(), bans.get(1));
    for (conversation, user) in [("g", "alice"), ("g", "nobody"), ("nowhere", "bob")] {
        assert_eq!(store.ban_of(&cid(conversation), &uid(user)).await.unwrap(), None);
    }
    // Another conversation is another matter.
    make_group(&**store, "other", &["alice", "bob"]).await;
    assert!(store.unban(&g, &bob).await.unwrap());
    assert!(!store.unban(&g, &bob).await.unwrap() && !store.unban(&cid("nowhere"), &bob).await.unwrap());
    assert!(
        store
            .add_participants(&g, std::slice::from_ref(&bob), at(8))
            .await
            .unwrap()
            .has(&bob)
    );
}

pub(super) async fn bans_are_checked_and_bounded<P: Place>() {
    let place: P = group().await;
    let store = place.store();
    store.ban(ban("carol", 1, Some("first"))).await.unwrap();
    store.ban(ban("carol", 2, None)).await.unwrap();
    let bans = store.bans(&cid("g")).await.unwrap();
    assert_eq!(
        (bans.len(), bans[0].at, bans[0].reason.as_deref()),
        (1, at(2), None),
        "the last word counts"
    );
    let nowhere = NewBan {
        conversation_id: cid("nowhere"),
        ..ban("carol", 1, None)
    };
    assert!(matches!(store.ban(nowhere).await, Err(ConversationError::NotFound)));
    match store.ban(ban("nobody", 1, None)).await {
        Err(ConversationError::UnknownUsers(ids)) => assert_eq!(ids, [uid("nobody")]),
        other => panic!("{other:?}"),
    }
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..BANS_MAX {
        let store = store.clone();
        tasks.spawn(async move {
            let name = format!("u{n}");
            store.create_user(new_user(&name)).await.unwrap();
            store.ban(ban(&name, 3, None)).await.unwrap();
        });
    }
    tasks.join_all().await;
    let refused = store.ban(ban("bob", 4, None)).await;
    assert!(matches!(refused, Err(ConversationError::TooMany(_))), "{refused:?}");
    assert!(
        store.conversation(&cid("g")).await.unwrap().unwrap().has(&uid("bob")),
        "refused wholly"
    );
    store.ban(ban("carol", 5, None)).await.unwrap();
}
