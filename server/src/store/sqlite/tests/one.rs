use std::time::Duration;

use chat_core::ports::{Appended, MessageLog as _, PageFrom};
use chat_core::{Draft, MessageId, Seq};
use sqlx::{Row as _, SqliteConnection};

use super::Place;
use crate::store::contract::{cid, draft, is_new, make_group, say, with_client_id};
use crate::store::sqlite::append::one;
use crate::store::sqlite::open;

async fn writer(place: &Place) -> SqliteConnection {
    open::reconnect_writer(&place.path(), Duration::from_millis(100))
        .await
        .unwrap()
}

fn in_reply_to(mut draft: Draft, answered: &MessageId) -> Draft {
    draft.reply_to = Some(answered.clone());
    draft
}

#[tokio::test]
async fn a_plain_message_needs_one_statement_and_is_what_the_usual_way_makes_of_it() {
    let place = Place::new().await;
    let first = say(&place.store, "a", "alice", "first").await;
    let mut db = writer(&place).await;
    let plain = [
        draft("a", "bob", "plain"),
        draft("a", "bob", "with a NUL: \0 and 'quotes'"),
        with_client_id(draft("a", "bob", "named"), "b-1"),
        in_reply_to(draft("a", "alice", "an answer"), &first.id),
    ];
    for (draft, seq) in plain.iter().zip(2..) {
        let saved = is_new(one::save(&mut db, draft).await.unwrap().unwrap());
        assert_eq!(saved.seq, Seq(seq));
        let read = place.store.page(&cid("a"), PageFrom::After(Seq(seq - 1)), 1).await;
        assert_eq!(read.unwrap().items, [saved], "what is told is what is stored");
    }
    assert_eq!(
        say(&place.store, "a", "bob", "next").await.seq,
        Seq(6),
        "the head moved"
    );
}

#[tokio::test]
async fn what_one_statement_cannot_tell_is_left_to_the_usual_way_and_nothing_is_written() {
    let place = Place::new().await;
    make_group(&place.store, "b", &["alice", "bob"]).await;
    let elsewhere = say(&place.store, "b", "alice", "elsewhere").await;
    place
        .store
        .append(with_client_id(draft("a", "bob", "first"), "b-1"))
        .await
        .unwrap();
    let mut db = writer(&place).await;
    let left = [
        ("repeated", with_client_id(draft("a", "bob", "again"), "b-1")),
        ("no conversation", draft("nowhere", "bob", "hello")),
        ("nobody", draft("a", "nobody", "hello")),
        (
            "answers what was said elsewhere",
            in_reply_to(draft("a", "bob", "what?"), &elsewhere.id),
        ),
        ("names somebody", draft("a", "bob", "@alice look")),
    ];
    for (why, draft) in left {
        let saved: Option<Appended> = one::save(&mut db, &draft).await.unwrap();
        assert_eq!(saved, None, "{why}");
    }
    let page = place
        .store
        .page(&cid("a"), PageFrom::After(Seq::ZERO), 10)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(
        say(&place.store, "a", "bob", "next").await.seq,
        Seq(2),
        "the head did not move"
    );
}

#[tokio::test]
async fn one_statement_scans_no_table() {
    let place = Place::new().await;
    let mut db = writer(&place).await;
    let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", one::SAVE));
    let plan = sqlx::query(explain).fetch_all(&mut db).await.unwrap();
    let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
    assert!(steps.iter().any(|step| step.starts_with("SEARCH")), "{steps:#?}");
    assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{steps:#?}");
}
