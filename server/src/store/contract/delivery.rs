use chat_core::Seq;
use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, Cursor, DeliveryException, ExceptionKind};
use chat_core::ids::{NodeId, Sid};
use chat_core::ports::{Conversations as _, DeliveryLog};

use super::{Place, at, cid, make_group, make_users, say, uid};

/// Alice and bob in group `a` with `count` messages; carol in none.
async fn place_with_messages<P: Place>(count: usize) -> P {
    let place = P::new().await;
    make_users(&**place.store(), &["alice", "bob", "carol"]).await;
    make_group(&**place.store(), "a", &["alice", "bob"]).await;
    for _ in 0..count {
        say(&**place.store(), "a", "alice", "hello").await;
    }
    place
}

fn cursor(conversation: &str, user: &str, received: u64, read: u64) -> Cursor {
    Cursor {
        conversation_id: cid(conversation),
        user_id: uid(user),
        received: Seq(received),
        read: Seq(read),
    }
}

pub(super) async fn cursors_only_move_forward<P: Place>() {
    let place: P = place_with_messages(10).await;
    let store = place.store();
    let untouched = cursor("a", "alice", 0, 0);
    let steps = [
        ((0, 0), (0, 0)),
        ((4, 2), (4, 2)),
        ((3, 1), (4, 2)), // never back
        ((2, 3), (4, 3)), // one forward, the other stays
        ((5, 0), (5, 3)),
        ((0, 7), (7, 7)), // what is read was received
        ((11, 0), (10, 7)),
        ((0, u64::MAX), (10, 10)), // never beyond the last message
        ((u64::MAX, u64::MAX), (10, 10)),
    ];
    for ((received, read), (now_received, now_read)) in steps {
        store
            .advance_cursors(&[cursor("a", "bob", received, read)])
            .await
            .unwrap();
        let expected = [untouched.clone(), cursor("a", "bob", now_received, now_read)];
        assert_eq!(
            store.cursors(&cid("a")).await.unwrap(),
            expected,
            "after {received}, {read}"
        );
    }
    let seen = store.conversation_of(&cid("a"), &uid("bob")).await.unwrap().unwrap();
    assert_eq!((seen.received_seq, seen.read_seq, seen.unread), (Seq(10), Seq(10), 0));
}

pub(super) async fn a_batch_of_cursors_skips_those_of_strangers<P: Place>() {
    let place: P = place_with_messages(5).await;
    let store = place.store();
    make_group(&**store, "b", &["bob", "carol"]).await;
    say(&**store, "b", "bob", "hello").await;
    let batch = [
        cursor("a", "carol", 3, 3),
        cursor("a", "nobody", 3, 3),
        cursor("nowhere", "alice", 3, 3),
        cursor("a", "bob", 1, 4),
        cursor("b", "bob", 5, 0),
        cursor("a", "bob", 5, 2), // of the same one: the farthest counts
        cursor("a", "alice", 2, 1),
        cursor("a", "alice", 1, 1),
    ];
    store.advance_cursors(&batch).await.unwrap();
    store.advance_cursors(&[]).await.unwrap();
    assert_eq!(
        store.cursors(&cid("a")).await.unwrap(),
        [cursor("a", "alice", 2, 1), cursor("a", "bob", 5, 4)]
    );
    assert_eq!(
        store.cursors(&cid("b")).await.unwrap(),
        [cursor("b", "bob", 1, 0), cursor("b", "carol", 0, 0)]
    );
    assert_eq!(store.cursors(&cid("nowhere")).await.unwrap(), []);
    store.remove_participant(&cid("a"), &uid("bob"), at(1)).await.unwrap();
    assert_eq!(
        store.cursors(&cid("a")).await.unwrap(),
        [cursor("a", "alice", 2, 1)],
        "who left has none"
    );
}

fn exception(user: &str, first: u64, last: u64, kind: ExceptionKind, millis: i64) -> DeliveryException {
    DeliveryException {
        conversation_id: cid("a"),
        first_seq: Seq(first),
        last_seq: Seq(last),
        user_id: uid(user),
        sid: Sid::parse("s1").unwrap(),
        node_id: NodeId::parse("n1").unwrap(),
        kind,
        at: at(millis),
        detail: format!("{first} to {last}"),
    }
}

pub(super) async fn an_exception_comes_back_as_it_was<P: Place>() {
    let place: P = place_with_messages(0).await;
    let store = place.store();
    store.note_exceptions(&[]).await.unwrap();
    let details = ["", "a\0b", "\"quotes\" \\ and \u{1f980}", "plain"];
    let all: Vec<_> = ExceptionKind::ALL
        .into_iter()
        .enumerate()
        .map(|(n, kind)| DeliveryException {
            detail: details[n % details.len()].to_owned(),
            ..exception("bob", 1, 1, kind, 5) // the same time: the order of noting decides
        })
        .collect();
    store.note_exceptions(&all).await.unwrap();
    assert_eq!(store.exceptions(&cid("a"), Seq(1), None).await.unwrap(), all);
    let place = place.reopen().await;
    assert_eq!(place.store().exceptions(&cid("a"), Seq(1), None).await.unwrap(), all);
}

pub(super) async fn exceptions_are_found_by_any_message_of_their_run<P: Place>() {
    let place: P = place_with_messages(0).await;
    let store = place.store();
    make_group(&**store, "b", &["alice"]).await;
    let runs = [
        (1, 1),
        (1, 2),
        (2, 4),
        (3, 1002),
        (5, 5),
        (7, 7),
        (8, 15),
        (0, u64::MAX),
        (9, 8), // about nothing
        (1000, 1003),
        (1_000_000, 5_000_000),
    ];
    let mut all = Vec::new();
    for (millis, (first, last)) in runs.into_iter().enumerate() {
        for user in ["bob", "alice"] {
            all.push(exception(
                user,
                first,
                last,
                ExceptionKind::Lagging,
                i64::try_from(millis).unwrap(),
            ));
        }
    }
    let elsewhere = DeliveryException {
        conversation_id: cid("b"),
        ..exception("alice", 1, 10, ExceptionKind::Failed, 0)
    };
    let unknown = [
        exception("nobody", 1, 10, ExceptionKind::Failed, 0),
        DeliveryException {
            conversation_id: cid("nowhere"),
            ..elsewhere.clone()
        },
    ];
    // Noted in another order than that of their times, and with some that are skipped in between.
    let mixed: Vec<_> = unknown
        .iter()
        .chain([&elsewhere])
        .chain(all.iter().rev())
        .cloned()
        .collect();
    store.note_exceptions(&mixed).await.unwrap();
    let ends = runs.iter().flat_map(|(first, last)| [*first, *last]);
    for seq in ends.flat_map(|end| [end.saturating_sub(1), end, end.saturating_add(1)]) {
        let about = |user: Option<&str>| {
            let mut found: Vec<_> = mixed[3..]
                .iter()
                .filter(|e| (e.first_seq..=e.last_seq).contains(&Seq(seq)))
                .filter(|e| user.is_none_or(|user| e.user_id == uid(user)))
                .cloned()
                .collect();
            found.sort_by_key(|e| e.at);
            clamped(found)
        };
        for user in [None, Some("alice"), Some("bob"), Some("carol"), Some("nobody")] {
            let id = user.map(uid);
            let found = store.exceptions(&cid("a"), Seq(seq), id.as_ref()).await.unwrap();
            assert_eq!(clamped(found), about(user), "message {seq}, {user:?}");
        }
    }
    assert_eq!(store.exceptions(&cid("b"), Seq(5), None).await.unwrap(), [elsewhere]);
    assert_eq!(store.exceptions(&cid("nowhere"), Seq(5), None).await.unwrap(), []);
}

/// No conversation gets as far as the greatest number that a database knows.
fn clamped(mut exceptions: Vec<DeliveryException>) -> Vec<DeliveryException> {
    for exception in &mut exceptions {
        exception.last_seq = exception.last_seq.min(Seq(i64::MAX.unsigned_abs()));
    }
    exceptions
}

fn event(user: &str, kind: ConnectionEventKind, millis: i64, detail: &str) -> ConnectionEvent {
    ConnectionEvent {
        user_id: uid(user),
        at: at(millis),
        kind,
        sid: (kind != ConnectionEventKind::Rejected).then(|| Sid::parse("s1").unwrap()),
        node_id: NodeId::parse("n1").unwrap(),
        detail: detail.to_owned(),
    }
}

async fn details(store: &impl DeliveryLog, user: &str, from: i64, to: i64, limit: u32) -> Vec<String> {
    let found = store.connections(&uid(user), at(from), at(to), limit).await.unwrap();
    found.into_iter().map(|event| event.detail).collect()
}

pub(super) async fn a_connections_history_comes_back_as_it_was<P: Place>() {
    let place: P = place_with_messages(0).await;
    let store = place.store();
    store.note_connections(&[]).await.unwrap();
    let details = ["", "a\0b", "transport close"];
    let mut all: Vec<_> = ConnectionEventKind::ALL
        .into_iter()
        .enumerate()
        .map(|(n, kind)| event("bob", kind, 5, details[n % details.len()]))
        .collect();
    let unknown = event("nobody", ConnectionEventKind::Rejected, 5, "bad_token");
    let batch: Vec<_> = [unknown].into_iter().chain(all.clone()).collect();
    store.note_connections(&batch).await.unwrap();
    all.reverse(); // the newest first, of those with the same time the last one that was noted
    let found = store.connections(&uid("bob"), at(0), at(9), 99).await.unwrap();
    assert_eq!(found, all);
    let nobody = store.connections(&uid("nobody"), at(0), at(9), 99).await.unwrap();
    assert_eq!(nobody, []);
}

pub(super) async fn a_connections_history_is_read_by_time<P: Place>() {
    let place: P = place_with_messages(0).await;
    let store = &**place.store();
    let kind = ConnectionEventKind::Connected;
    let mut batch: Vec<_> = (1..=9).map(|n| event("bob", kind, n * 10, &n.to_string())).collect();
    batch.push(event("alice", kind, 45, "hers"));
    batch.rotate_left(4); // noted late is not newer
    store.note_connections(&batch).await.unwrap();
    assert_eq!(
        details(store, "bob", 30, 60, 99).await,
        ["6", "5", "4", "3"],
        "both ends"
    );
    assert_eq!(details(store, "bob", 31, 59, 99).await, ["5", "4"]);
    assert_eq!(details(store, "bob", 0, 1000, 3).await, ["9", "8", "7"]);
    assert_eq!(details(store, "bob", 0, 69, 3).await, ["6", "5", "4"], "the next page");
    assert_eq!(details(store, "bob", 0, 1000, 0).await, [""; 0]);
    assert_eq!(details(store, "bob", 60, 30, 99).await, [""; 0]);
    assert_eq!(details(store, "alice", 0, 1000, u32::MAX).await, ["hers"]);
}

pub(super) async fn old_evidence_is_forgotten_in_bites<P: Place>() {
    let place: P = place_with_messages(0).await;
    let store = &**place.store();
    assert!(!store.prune_evidence(at(0)).await.unwrap(), "there is nothing");
    let count = 5_500;
    let exceptions: Vec<_> = (0..count)
        .map(|n| exception("bob", 1, 1, ExceptionKind::Failed, n))
        .collect();
    let events: Vec<_> = (0..count)
        .map(|n| event("bob", ConnectionEventKind::Connected, n, ""))
        .collect();
    store.note_exceptions(&exceptions).await.unwrap();
    store.note_connections(&events).await.unwrap();
    let kept = |whole: usize| async move {
        let connections = store
            .connections(&uid("bob"), at(0), at(count), u32::MAX)
            .await
            .unwrap();
        let exceptions = store.exceptions(&cid("a"), Seq(1), None).await.unwrap();
        assert!(whole == 0 || (exceptions.len(), connections.len()) == (whole, whole));
        exceptions.len() + connections.len()
    };
    let (mut before, mut rounds) = (kept(5_500).await, 1);
    while store.prune_evidence(at(5_000)).await.unwrap() {
        let now = kept(0).await;
        assert!(now < before && before - now < 5_000, "{before} before, {now} now");
        (before, rounds) = (now, rounds + 1);
    }
    assert!(rounds > 1);
    assert_eq!(kept(500).await, 1_000);
    assert!(!store.prune_evidence(at(5_000)).await.unwrap());
    assert_eq!(kept(500).await, 1_000, "what is as old as the bound stays");
    let oldest = store.exceptions(&cid("a"), Seq(1), None).await.unwrap().remove(0);
    assert_eq!(oldest.at, at(5_000));
}
