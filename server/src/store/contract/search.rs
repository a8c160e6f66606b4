use chat_core::ports::{Conversations as _, MessageLog as _, Page, Reach, SearchQuery};
use chat_core::search::SearchWords;
use chat_core::{Draft, Message, Seq};

use super::{Place, at, cid, draft, is_new, make_group, make_users, say, uid};

/// Alice and bob in group `a`, alice and carol in group `b`.
async fn two_groups<P: Place>() -> P {
    let place = P::new().await;
    let store = &**place.store();
    make_users(store, &["alice", "bob", "carol"]).await;
    make_group(store, "a", &["alice", "bob"]).await;
    make_group(store, "b", &["alice", "carol"]).await;
    place
}

fn query(reach: Reach, typed: &str) -> SearchQuery {
    SearchQuery {
        reach,
        words: SearchWords::parse(typed).unwrap(),
        before: None,
        limit: 50,
    }
}

fn of(user: &str) -> Reach {
    Reach::OfUser(uid(user))
}

async fn found<P: Place>(place: &P, reach: Reach, typed: &str) -> Vec<String> {
    let page = place.store().search(&query(reach, typed)).await.unwrap();
    assert!(!page.more);
    page.items.iter().map(|message| message.content.to_string()).collect()
}

pub(super) async fn every_word_must_occur<P: Place>() {
    let place = two_groups::<P>().await;
    for content in [
        "The pager is YOURS",
        "the pagers",
        "yours, the Pager!",
        "ÄRGER mit 42 漢字",
    ] {
        say(&**place.store(), "a", "alice", content).await;
    }
    let both = ["yours, the Pager!", "The pager is YOURS"];
    assert_eq!(found(&place, of("bob"), "pager").await, both);
    assert_eq!(found(&place, of("bob"), "yours PAGER").await, both);
    assert_eq!(found(&place, of("bob"), "pager pagers").await, [""; 0]);
    assert_eq!(found(&place, of("bob"), "ärger 42").await, ["ÄRGER mit 42 漢字"]);
    assert_eq!(found(&place, of("bob"), "漢字").await.len(), 1);
}

pub(super) async fn nobody_finds_what_they_may_not_read<P: Place>() {
    let place = two_groups::<P>().await;
    let store = &**place.store();
    say(store, "a", "alice", "word in a").await;
    say(store, "b", "alice", "word in b").await;
    let within = |user: &str, id: &str| Reach::OfUserIn(uid(user), cid(id));
    assert_eq!(found(&place, of("alice"), "word").await.len(), 2);
    assert_eq!(found(&place, of("bob"), "word").await, ["word in a"]);
    assert_eq!(found(&place, of("carol"), "word").await, ["word in b"]);
    assert_eq!(found(&place, of("nobody"), "word").await, [""; 0]);
    assert_eq!(found(&place, within("alice", "b"), "word").await, ["word in b"]);
    assert_eq!(found(&place, within("bob", "b"), "word").await, [""; 0]);
    assert_eq!(found(&place, Reach::In(cid("b")), "word").await, ["word in b"]);
    assert_eq!(found(&place, Reach::In(cid("nothing")), "word").await, [""; 0]);

    store.remove_participant(&cid("a"), &uid("bob"), at(9)).await.unwrap();
    assert_eq!(found(&place, of("bob"), "word").await, [""; 0], "they were removed");
    store.add_participants(&cid("b"), &[uid("bob")], at(9)).await.unwrap();
    assert_eq!(
        found(&place, of("bob"), "word").await,
        ["word in b"],
        "they may read it by REST, too"
    );
}

pub(super) async fn edits_and_deletions_are_kept_in_step<P: Place>() {
    let place = two_groups::<P>().await;
    let store = &**place.store();
    for indexed_before in [false, true] {
        let changed = say(store, "a", "alice", "first words").await;
        let gone = say(store, "a", "alice", "second words").await;
        while indexed_before && store.index_messages(1).await.unwrap() {}
        store.edit(&changed.id, "third words", at(5)).await.unwrap().unwrap();
        store.delete(&gone.id, at(6)).await.unwrap().unwrap();
        assert_eq!(found(&place, of("bob"), "words").await, ["third words"]);
        assert_eq!(found(&place, of("bob"), "first").await, [""; 0]);
        assert_eq!(found(&place, of("bob"), "second").await, [""; 0]);
        store.delete(&changed.id, at(7)).await.unwrap().unwrap();
        assert_eq!(found(&place, of("bob"), "third").await, [""; 0]);
    }
}

async fn say_at(store: &impl super::MessageLog, conversation: &str, millis: i64) -> Message {
    let said = Draft {
        at: at(millis),
        ..draft(conversation, "alice", "word")
    };
    is_new(store.append(said).await.unwrap())
}

pub(super) async fn the_newest_come_first_and_pages_are_bounded<P: Place>() {
    let place = two_groups::<P>().await;
    let store = &**place.store();
    let mut said = Vec::new();
    for (conversation, millis) in [("a", 10), ("b", 20), ("b", 30), ("a", 40), ("b", 50)] {
        said.push(say_at(store, conversation, millis).await);
    }
    said.reverse();
    let search = async |reach: Reach, before: Option<u64>, limit: u32| -> Page<Message> {
        let query = SearchQuery {
            before: before.map(Seq),
            limit,
            ..query(reach, "word")
        };
        store.search(&query).await.unwrap()
    };
    let all = search(of("alice"), None, 5).await;
    assert_eq!((&all.items[..], all.more), (&said[..], false));
    let three = search(of("alice"), None, 3).await;
    assert_eq!((&three.items[..], three.more), (&said[..3], true));
    let one = search(Reach::OfUserIn(uid("alice"), cid("b")), Some(3), 1).await;
    assert_eq!((one.items[0].seq, one.more), (Seq(2), true));
    let last = search(Reach::In(cid("b")), Some(2), 1).await;
    assert_eq!((last.items[0].seq, last.more), (Seq(1), false));
    assert_eq!(search(Reach::In(cid("b")), Some(1), 1).await.items, []);
}

pub(super) async fn hostile_texts_are_words_like_any_other<P: Place>() {
    let place = two_groups::<P>().await;
    let store = &**place.store();
    let texts = [
        "NEAR the AND OR NOT",
        "content : x",
        "a\0b",
        "don't \"quote\" me",
        "x'); DROP TABLE messages; --",
    ];
    for text in texts {
        say(store, "a", "alice", text).await;
    }
    for (typed, expected) in [
        ("NOT", texts[0]),
        ("AND OR", texts[0]),
        ("NEAR(the, 3)", ""),
        ("near", texts[0]),
        ("content:x", texts[1]),
        ("{content}: ^x", texts[1]),
        ("a\0b", texts[2]),
        ("b*", texts[2]),
        ("\"quote", texts[3]),
        ("don't", texts[3]),
        ("'); DROP table", texts[4]),
        ("x -messages", texts[4]),
        ("%", ""),
    ] {
        let Ok(words) = SearchWords::parse(typed) else { continue };
        let asked = SearchQuery {
            words,
            ..query(of("bob"), "x")
        };
        let page = store.search(&asked).await.unwrap();
        let found: Vec<&str> = page.items.iter().map(|message| &*message.content).collect();
        let expected: Vec<&str> = [expected].into_iter().filter(|text| !text.is_empty()).collect();
        assert_eq!(found, expected, "{typed:?}");
    }
}

pub(super) async fn what_was_found_before_a_restart_is_found_after_it<P: Place>() {
    let place = two_groups::<P>().await;
    say(&**place.store(), "a", "alice", "word one").await;
    assert_eq!(found(&place, of("bob"), "word").await, ["word one"]);
    say(&**place.store(), "a", "alice", "word two").await;
    let place = place.reopen().await;
    say(&**place.store(), "a", "alice", "word three").await;
    assert_eq!(
        found(&place, of("bob"), "word").await,
        ["word three", "word two", "word one"]
    );
}
