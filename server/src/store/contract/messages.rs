use std::sync::Arc;

use chat_core::ids::ClientMessageId;
use chat_core::ports::{AppendError, Conversations as _, MessageLog as _, PageFrom, StoreTrouble};
use chat_core::{Draft, MessageId, Seq};

use super::{
    Place, assert_gapless, cid, draft, is_new, is_repeat, make_group, make_users, new_user, say, uid, with_client_id,
};

async fn place_with_groups<P: Place>(groups: &[&str]) -> P {
    let place = P::new().await;
    make_users(&**place.store(), &["alice", "bob"]).await;
    for id in groups {
        make_group(&**place.store(), id, &["alice", "bob"]).await;
    }
    place
}

pub(super) async fn seqs_have_no_gaps_under_concurrency<P: Place>() {
    let place: P = place_with_groups(&["a", "b", "c"]).await;
    let mut tasks = Vec::new();
    for n in 0..120 {
        let store = place.store().clone();
        let conversation = ["a", "b", "c"][n % 3];
        tasks.push(tokio::spawn(async move {
            for _ in 0..3 {
                say(&*store, conversation, "alice", "hello").await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for conversation in ["a", "b", "c"] {
        let page = place
            .store()
            .page(&cid(conversation), PageFrom::After(Seq::ZERO), 1000)
            .await
            .unwrap();
        assert_eq!((page.items.len(), page.more), (120, false));
        assert_gapless(&page.items);
        let stored = place.store().conversation(&cid(conversation)).await.unwrap().unwrap();
        assert_eq!(stored.last_seq, Seq(120));
    }
}

pub(super) async fn one_caller_gets_rising_seqs<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    for n in 1..=20 {
        assert_eq!(say(&**place.store(), "a", "alice", "hello").await.seq, Seq(n));
    }
}

pub(super) async fn a_repeat_returns_the_first_message<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    let store = place.store();
    let first = is_new(
        store
            .append(with_client_id(draft("a", "alice", "one"), "k"))
            .await
            .unwrap(),
    );
    let second = is_repeat(
        store
            .append(with_client_id(draft("a", "alice", "two"), "k"))
            .await
            .unwrap(),
    );
    assert_eq!(second, first);
    assert_eq!(say(&**store, "a", "alice", "three").await.seq, Seq(2));
    let found = store
        .message_by_client_id(&cid("a"), &uid("alice"), &ClientMessageId::parse("k").unwrap())
        .await;
    assert_eq!(found.unwrap(), Some(first));
}

pub(super) async fn concurrent_repeats_store_one_message<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    let tries: Vec<_> = (0..64)
        .map(|n| {
            let store = place.store().clone();
            let draft = with_client_id(draft("a", "alice", &format!("try {n}")), &format!("k{}", n % 4));
            tokio::spawn(async move { store.append(draft).await.unwrap() })
        })
        .collect();
    let (mut new, mut repeats) = (Vec::new(), Vec::new());
    for tried in tries {
        match tried.await.unwrap() {
            chat_core::ports::Appended::New(message) => new.push(message),
            chat_core::ports::Appended::Repeat(message) => repeats.push(message),
        }
    }
    assert_eq!((new.len(), repeats.len()), (4, 60));
    assert_gapless(&new);
    assert!(repeats.iter().all(|repeat| new.contains(repeat)));
}

pub(super) async fn a_client_id_is_per_sender_and_conversation<P: Place>() {
    let place: P = place_with_groups(&["a", "b"]).await;
    for (conversation, sender) in [("a", "alice"), ("a", "bob"), ("b", "alice")] {
        let draft = with_client_id(draft(conversation, sender, "hello"), "k");
        is_new(place.store().append(draft).await.unwrap());
    }
    // Without one there is nothing to repeat.
    say(&**place.store(), "a", "alice", "same").await;
    say(&**place.store(), "a", "alice", "same").await;
    let unknown = ClientMessageId::parse("k").unwrap();
    assert_eq!(
        place
            .store()
            .message_by_client_id(&cid("b"), &uid("bob"), &unknown)
            .await
            .unwrap(),
        None
    );
}

pub(super) async fn a_repeat_is_known_after_a_restart<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    let first = is_new(
        place
            .store()
            .append(with_client_id(draft("a", "alice", "one"), "k"))
            .await
            .unwrap(),
    );
    let place = place.reopen().await;
    let again = place
        .store()
        .append(with_client_id(draft("a", "alice", "two"), "k"))
        .await
        .unwrap();
    assert_eq!(is_repeat(again), first);
    assert_eq!(say(&**place.store(), "a", "alice", "next").await.seq, Seq(2));
}

pub(super) async fn content_comes_back_byte_for_byte<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    let contents = [
        "\0",
        "before\0after\0\0",
        "\\u0000 \\0 \\",
        "'",
        "\"",
        "'; DROP TABLE messages; --",
        "`${x}`",
        "%s _ %",
        "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
        "\u{202e}right to left שלום مرحبا\u{202c}",
        "zero\u{200b}width\u{feff}\u{2060}",
        "e\u{301} is not é",
        "\u{1}\u{7f}\u{85}\u{2028}\u{ffff}\u{10ffff}",
        "line\r\nline\n\ttab ",
        "  spaces  ",
        "{\"json\": [null, \"\\u0000\"]}",
        &"x".repeat(16_384),
        &"🦀\0".repeat(3_000),
    ];
    // The rules refuse it; the store does not care.
    assert_eq!(&*say(&**place.store(), "a", "alice", "").await.content, "");
    // Together, so that they share statements, and none may shift another.
    let tries = contents.map(|content| {
        let (store, draft) = (place.store().clone(), draft("a", "alice", content));
        tokio::spawn(async move { store.append(draft).await.unwrap() })
    });
    let mut made = Vec::new();
    for (tried, content) in tries.into_iter().zip(contents) {
        let message = is_new(tried.await.unwrap());
        assert_eq!(&*message.content, content);
        made.push(message);
    }
    let place = place.reopen().await;
    for message in &made {
        assert_eq!(
            place.store().message(&message.id).await.unwrap().as_ref(),
            Some(message)
        );
    }
    made.sort_by_key(|message| message.seq);
    let page = place
        .store()
        .page(&cid("a"), PageFrom::After(Seq::ZERO), 100)
        .await
        .unwrap();
    assert_eq!(page.items[1..], made);
}

pub(super) async fn a_reply_names_a_message_of_the_conversation<P: Place>() {
    let place: P = place_with_groups(&["a", "b"]).await;
    let store = place.store();
    let question = say(&**store, "a", "alice", "who?").await;
    let elsewhere = say(&**store, "b", "alice", "elsewhere").await;
    let reply = |id: &MessageId| Draft {
        reply_to: Some(id.clone()),
        ..draft("a", "bob", "me")
    };
    let answer = is_new(store.append(reply(&question.id)).await.unwrap());
    assert_eq!(answer.reply_to, Some(question.id));
    assert_eq!(store.message(&answer.id).await.unwrap(), Some(answer));
    for wrong in [elsewhere.id, MessageId::parse("nothing").unwrap()] {
        assert!(matches!(store.append(reply(&wrong)).await, Err(AppendError::BadReply)));
    }
}

pub(super) async fn a_bad_draft_fails_alone<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    let taken = say(&**place.store(), "a", "alice", "first").await;
    let tries: Vec<_> = (0..100)
        .map(|n| {
            let mut draft = draft("a", "alice", "hello");
            match n % 10 {
                3 => draft.conversation_id = cid("nowhere"),
                5 => draft.reply_to = Some(MessageId::parse("nothing").unwrap()),
                7 => draft.sender_id = uid("nobody"),
                9 => draft.id = taken.id.clone(),
                _ => {}
            }
            let store = place.store().clone();
            tokio::spawn(async move { store.append(draft).await })
        })
        .collect();
    let mut good = vec![taken];
    for (n, tried) in tries.into_iter().enumerate() {
        match (n % 10, tried.await.unwrap()) {
            (3, Err(AppendError::NotFound)) | (5, Err(AppendError::BadReply)) => {}
            (7 | 9, Err(AppendError::Store(error))) => assert_eq!(error.trouble(), StoreTrouble::Constraint),
            (3 | 5 | 7 | 9, other) => panic!("draft {n}: {other:?}"),
            (_, appended) => good.push(is_new(appended.unwrap())),
        }
    }
    assert_eq!(good.len(), 61);
    assert_gapless(&good);
}

pub(super) async fn pages_in_every_direction<P: Place>() {
    let place: P = place_with_groups(&["a", "b"]).await;
    let store = place.store();
    for _ in 1..=10 {
        say(&**store, "a", "alice", "hello").await;
        say(&**store, "b", "alice", "elsewhere").await;
    }
    let (after, before) = (|seq| PageFrom::After(Seq(seq)), |seq| PageFrom::Before(Seq(seq)));
    let cases: [(PageFrom, u32, &[u64], bool); 17] = [
        (after(0), 3, &[1, 2, 3], true),
        (after(7), 3, &[8, 9, 10], false),
        (after(6), 3, &[7, 8, 9], true),
        (after(9), 3, &[10], false),
        (after(10), 3, &[], false),
        (after(u64::MAX), 3, &[], false),
        (after(0), 0, &[], true),
        (after(0), u32::MAX, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false),
        (before(0), 3, &[], false),
        (before(1), 3, &[], false),
        (before(2), 3, &[1], false),
        (before(4), 3, &[1, 2, 3], false),
        (before(5), 3, &[2, 3, 4], true),
        (before(u64::MAX), 2, &[9, 10], true),
        (PageFrom::Newest, 3, &[8, 9, 10], true),
        (PageFrom::Newest, 10, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false),
        (PageFrom::Newest, 0, &[], true),
    ];
    for (from, limit, seqs, more) in cases {
        let page = store.page(&cid("a"), from, limit).await.unwrap();
        let found: Vec<u64> = page.items.iter().map(|message| message.seq.0).collect();
        assert_eq!((&found[..], page.more), (seqs, more), "{from:?} limit {limit}");
        assert!(page.items.iter().all(|message| message.conversation_id == cid("a")));
    }
}

pub(super) async fn pages_of_nothing<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    for conversation in ["a", "nowhere"] {
        for from in [PageFrom::After(Seq::ZERO), PageFrom::Before(Seq(5)), PageFrom::Newest] {
            let page = place.store().page(&cid(conversation), from, 10).await.unwrap();
            assert_eq!((page.items.len(), page.more), (0, false));
        }
    }
    assert_eq!(
        place
            .store()
            .message(&MessageId::parse("nothing").unwrap())
            .await
            .unwrap(),
        None
    );
}

pub(super) async fn the_senders_name_is_the_present_one<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    let message = say(&**place.store(), "a", "alice", "hello").await;
    assert_eq!(message.sender_name, Arc::from(new_user("alice").display_name));
    let page = place.store().page(&cid("a"), PageFrom::Newest, 1).await.unwrap();
    assert_eq!(page.items, [message]);
}

pub(super) async fn a_caller_that_goes_away_leaves_all_or_nothing<P: Place>() {
    let place: P = place_with_groups(&["a"]).await;
    for n in 0..50 {
        let (store, draft) = (
            place.store().clone(),
            with_client_id(draft("a", "alice", "gone"), &format!("k{n}")),
        );
        let caller = tokio::spawn(async move { store.append(draft).await });
        for _ in 0..n % 5 {
            tokio::task::yield_now().await;
        }
        caller.abort();
        // Gone only when it has ended: until then it may still be saving on another thread.
        let _gone = caller.await;
    }
    let last = say(&**place.store(), "a", "alice", "still here").await;
    let page = place
        .store()
        .page(&cid("a"), PageFrom::After(Seq::ZERO), 100)
        .await
        .unwrap();
    assert_gapless(&page.items);
    assert_eq!(page.items.len() as u64, last.seq.0);
}
