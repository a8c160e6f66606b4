use chat_core::conversation::ConversationOfUser;
use chat_core::limits::UNREAD_MAX;
use chat_core::ports::{Appended, ConversationError, Conversations as _, Created, MessageLog as _, NewConversation};
use chat_core::{ConversationKind, Draft, ParticipantRole, Seq, Timestamp};

use super::{Place, at, cid, draft, make_group, make_users, new_direct, new_group, say, uid};

pub(super) async fn a_group_is_made_with_its_owner<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob", "carol"]).await;
    let made = make_group(&**store, "g", &["carol", "alice", "bob"]).await;
    assert_eq!(
        (made.id.as_str(), made.kind, made.title.as_deref()),
        ("g", ConversationKind::Group, Some("Group g"))
    );
    assert_eq!((made.created_at, made.last_seq), (at(0), Seq::ZERO));
    let seen: Vec<_> = made.participants.iter().map(|p| (p.user_id.as_str(), p.role)).collect();
    let (owner, member) = (ParticipantRole::Owner, ParticipantRole::Member);
    assert_eq!(seen, [("alice", member), ("bob", member), ("carol", owner)]);
    let alice = made.participant(&uid("alice")).unwrap();
    assert_eq!(
        (alice.username.as_str(), alice.display_name.as_str()),
        ("alice", "alice Doe")
    );
    assert_eq!((alice.joined_at, alice.joined_seq), (at(0), Seq::ZERO));
    assert_eq!(store.conversation(&cid("g")).await.unwrap(), Some(made));

    let of_a_service = NewConversation {
        owner: None,
        title: None,
        ..new_group("s", &["alice"])
    };
    let Created::New(made) = store.create_conversation(of_a_service).await.unwrap() else {
        panic!("it is new");
    };
    assert_eq!((made.title, made.participants[0].role), (None, member));
}

pub(super) async fn a_direct_conversation_exists_once_per_pair<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob", "carol"]).await;
    let first = store
        .create_conversation(new_direct("d1", ["alice", "bob"]))
        .await
        .unwrap();
    let Created::New(first) = first else {
        panic!("it is new")
    };
    for (id, pair) in [
        ("d2", ["alice", "bob"]),
        ("d3", ["bob", "alice"]),
        ("d1", ["bob", "alice"]),
    ] {
        let again = store.create_conversation(new_direct(id, pair)).await.unwrap();
        assert_eq!(again, Created::Existing(first.clone()));
    }
    assert!(store.conversation(&cid("d2")).await.unwrap().is_none());
    for (id, pair) in [("d4", ["alice", "carol"]), ("d5", ["carol", "bob"])] {
        assert!(matches!(
            store.create_conversation(new_direct(id, pair)).await.unwrap(),
            Created::New(_)
        ));
    }
    // A group of the same two is another matter.
    make_group(&**store, "g1", &["alice", "bob"]).await;
    make_group(&**store, "g2", &["alice", "bob"]).await;
}

pub(super) async fn a_raced_direct_conversation_is_made_once<P: Place>() {
    let place = P::new().await;
    make_users(&**place.store(), &["alice", "bob"]).await;
    let tries: Vec<_> = (0..32)
        .map(|n| {
            let store = place.store().clone();
            let pair = if n % 2 == 0 { ["alice", "bob"] } else { ["bob", "alice"] };
            let new = new_direct(&format!("d{n}"), pair);
            tokio::spawn(async move { store.create_conversation(new).await.unwrap() })
        })
        .collect();
    let (mut ids, mut made) = (Vec::new(), 0);
    for tried in tries {
        match tried.await.unwrap() {
            Created::New(conversation) => {
                made += 1;
                ids.push(conversation.id);
            }
            Created::Existing(conversation) => ids.push(conversation.id),
        }
    }
    ids.dedup();
    assert_eq!((made, ids.len()), (1, 1));
}

pub(super) async fn an_existing_id_changes_nothing<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob", "carol"]).await;
    let made = make_group(&**store, "g", &["alice", "bob"]).await;
    for again in [
        new_group("g", &["carol"]),
        new_direct("g", ["bob", "carol"]),
        new_group("g", &["nobody"]),
    ] {
        let again = NewConversation {
            title: Some("Other".to_owned()),
            ..again
        };
        assert_eq!(
            store.create_conversation(again).await.unwrap(),
            Created::Existing(made.clone())
        );
    }
    assert_eq!(store.conversation(&cid("g")).await.unwrap(), Some(made));
}

pub(super) async fn unknown_users_are_named<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice"]).await;
    let refused = store
        .create_conversation(new_group("g", &["zed", "alice", "eve"]))
        .await;
    match refused {
        Err(ConversationError::UnknownUsers(ids)) => assert_eq!(ids, [uid("zed"), uid("eve")]),
        other => panic!("{other:?}"),
    }
    assert!(store.conversation(&cid("g")).await.unwrap().is_none());
    assert_eq!(store.conversations_of(&uid("alice")).await.unwrap(), []);
}

pub(super) async fn unknown_conversations<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice"]).await;
    let (nowhere, alice, nobody) = (cid("nowhere"), uid("alice"), uid("nobody"));
    assert_eq!(store.conversation(&nowhere).await.unwrap(), None);
    assert_eq!(store.conversation_of(&nowhere, &alice).await.unwrap(), None);
    assert_eq!(store.conversations_of(&nobody).await.unwrap(), []);
    assert_eq!(
        store.conversation_ids_of(std::slice::from_ref(&nobody)).await.unwrap(),
        []
    );
    let added = store.add_participants(&nowhere, &[alice.clone(), nobody], at(1)).await;
    assert!(matches!(added, Err(ConversationError::NotFound)));
    let removed = store.remove_participant(&nowhere, &alice, at(1)).await;
    assert!(matches!(removed, Err(ConversationError::NotFound)));
}

pub(super) async fn the_list_has_the_newest_message_first<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob"]).await;
    for (id, millis) in [("old", 10), ("silent", 250), ("busy", 20), ("oldest", 5)] {
        let new = NewConversation {
            at: at(millis),
            ..new_group(id, &["alice", "bob"])
        };
        store.create_conversation(new).await.unwrap();
    }
    make_group(&**store, "without-alice", &["bob"]).await;
    for (id, millis) in [("busy", 100), ("old", 200), ("busy", 300)] {
        let said = Draft {
            at: at(millis),
            ..draft(id, "bob", &format!("at {millis}"))
        };
        assert!(matches!(store.append(said).await.unwrap(), Appended::New(_)));
    }
    let list = store.conversations_of(&uid("alice")).await.unwrap();
    let seen: Vec<(&str, Option<Timestamp>)> = list
        .iter()
        .map(|c| {
            (
                c.conversation.id.as_str(),
                c.last_message.as_ref().map(|m| m.created_at),
            )
        })
        .collect();
    let expected = [
        ("busy", Some(at(300))),
        ("silent", None),
        ("old", Some(at(200))),
        ("oldest", None),
    ];
    assert_eq!(seen, expected);
    for one in &list {
        assert_eq!(one.conversation.participants.len(), 2);
        let alone = store
            .conversation_of(&one.conversation.id, &uid("alice"))
            .await
            .unwrap();
        assert_eq!(alone.as_ref(), Some(one));
        assert_eq!(
            store.conversation(&one.conversation.id).await.unwrap().as_ref(),
            Some(&one.conversation)
        );
    }
}

async fn view<P: Place>(place: &P, id: &str, user: &str) -> ConversationOfUser {
    place
        .store()
        .conversation_of(&cid(id), &uid(user))
        .await
        .unwrap()
        .unwrap()
}

pub(super) async fn unread_counts_the_messages_of_others<P: Place>() {
    let place = P::new().await;
    make_users(&**place.store(), &["alice", "bob"]).await;
    make_group(&**place.store(), "g", &["alice", "bob"]).await;
    for sender in ["alice", "bob", "alice", "bob", "bob"] {
        say(&**place.store(), "g", sender, "hello").await;
    }
    assert_eq!(
        (
            view(&place, "g", "alice").await.unread,
            view(&place, "g", "bob").await.unread
        ),
        (3, 2)
    );
    let alice = view(&place, "g", "alice").await;
    assert_eq!((alice.received_seq, alice.read_seq), (Seq::ZERO, Seq::ZERO));
}

pub(super) async fn unread_is_counted_up_to_a_bound<P: Place>() {
    let place = P::new().await;
    make_users(&**place.store(), &["alice", "bob"]).await;
    make_group(&**place.store(), "g", &["alice", "bob"]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..=UNREAD_MAX {
        let store = place.store().clone();
        tasks.spawn(async move { say(&*store, "g", "bob", "hello").await });
    }
    tasks.join_all().await;
    assert_eq!(view(&place, "g", "alice").await.unread, UNREAD_MAX);
    assert_eq!(view(&place, "g", "bob").await.unread, 0);
}

pub(super) async fn conversation_ids_are_named_once<P: Place>() {
    let place = P::new().await;
    let store = place.store();
    make_users(&**store, &["alice", "bob", "carol", "dave", "eve"]).await;
    make_group(&**store, "g1", &["alice", "bob", "carol"]).await;
    make_group(&**store, "g2", &["alice", "bob"]).await;
    make_group(&**store, "g3", &["dave", "bob"]).await;
    let asked = ["alice", "eve", "nobody", "dave"].map(uid);
    let mut ids = store.conversation_ids_of(&asked).await.unwrap();
    ids.sort();
    let expected = [("alice", "g1"), ("alice", "g2"), ("dave", "g3")];
    assert_eq!(ids, expected.map(|(user, group)| (uid(user), cid(group))));
    assert_eq!(store.conversation_ids_of(&[]).await.unwrap(), []);
}
