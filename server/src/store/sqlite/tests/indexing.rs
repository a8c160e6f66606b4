//! Messages are indexed in bites: never more at a time, never one of them twice or not at all.

use chat_core::ports::MessageLog as _;
use futures_util::future::join_all;

use super::Place;
use crate::store::contract::{draft, is_new, make_group};
use crate::store::sqlite::search::Index;

async fn count(place: &Place, sql: &'static str) -> i64 {
    let mut db = place.store.reader().await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut *db).await.unwrap()
}

async fn say_many(place: &Place, conversation: &str, times: usize) {
    let said = join_all((0..times).map(|_| place.store.append(draft(conversation, "alice", "word")))).await;
    for appended in said {
        is_new(appended.unwrap());
    }
}

#[tokio::test]
async fn what_is_more_than_a_bite_is_indexed_over_several() {
    let place = Place::new().await;
    make_group(&place.store, "b", &["alice", "bob"]).await;
    make_group(&place.store, "c", &["alice", "bob"]).await;
    // The first bite ends within `b`, the second within `c`.
    for (conversation, times) in [("a", 200), ("b", 450), ("c", 600)] {
        say_many(&place, conversation, times).await;
    }
    let indexed = "SELECT count(*) FROM message_words WHERE message_words MATCH 'word'";
    for (after, more) in [(500, true), (1_000, true), (1_250, false)] {
        assert_eq!(place.store.index_messages(1).await.unwrap(), more);
        assert_eq!(count(&place, indexed).await, after);
    }
    let missing = "SELECT count(*) FROM messages AS m LEFT JOIN message_words AS w
        ON w.rowid = (m.conversation_key << 32) | m.seq WHERE w.rowid IS NULL";
    assert_eq!(count(&place, missing).await, 0);
    let behind = "SELECT count(*) FROM conversations WHERE indexed_seq <> last_seq";
    assert_eq!(count(&place, behind).await, 0);
    assert!(!place.store.index_messages(1).await.unwrap(), "nothing is left");
}

#[tokio::test]
async fn a_whole_bite_leaves_nothing() {
    let place = Place::new().await;
    say_many(&place, "a", 500).await;
    assert!(!place.store.index_messages(1).await.unwrap());
    assert_eq!(
        count(&place, "SELECT indexed_seq FROM conversations WHERE id = 'a'").await,
        500
    );
}

/// Whoever looked before the writer's turn came saw less than a bite; the bite begins with what came since.
#[tokio::test]
async fn what_is_left_is_told_by_whoever_takes_the_bite() {
    let place = Place::new().await;
    make_group(&place.store, "b", &["alice", "bob"]).await;
    say_many(&place, "b", 450).await;
    say_many(&place, "a", 200).await;
    assert!(place.store.writer.change(Index).await.unwrap());
    let left = "SELECT last_seq - indexed_seq FROM conversations WHERE id = 'b'";
    assert_eq!(count(&place, left).await, 150);
    assert!(!place.store.writer.change(Index).await.unwrap());
    assert_eq!(count(&place, left).await, 0);
}

#[tokio::test]
async fn a_few_wait_until_they_are_asked_for() {
    let place = Place::new().await;
    say_many(&place, "a", 3).await;
    assert!(!place.store.index_messages(4).await.unwrap());
    assert_eq!(count(&place, "SELECT count(*) FROM message_words").await, 0);
    assert!(!place.store.index_messages(3).await.unwrap());
    assert_eq!(count(&place, "SELECT count(*) FROM message_words").await, 3);
}
