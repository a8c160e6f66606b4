//! What stands in the file and shows in no answer.

use chat_core::ports::MessageLog as _;
use chat_core::ports::moderation::Moderation as _;

use super::Place;
use crate::store::contract::{at, cid, say, uid};

/// How many entries of the index hold this word.
async fn indexed(place: &Place, word: &str) -> i64 {
    let mut db = place.store.reader().await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM message_words WHERE message_words MATCH ?1")
        .bind(word)
        .fetch_one(&mut *db)
        .await
        .unwrap()
}

/// A search would not show them, but whoever has the file could read them.
#[tokio::test]
async fn the_words_of_what_is_gone_are_in_no_index() {
    let place = Place::new().await;
    let edited = say(&place.store, "a", "alice", "giraffe").await;
    let deleted = say(&place.store, "a", "alice", "giraffe").await;
    say(&place.store, "a", "alice", "giraffe").await;
    while place.store.index_messages(1).await.unwrap() {}
    assert_eq!(indexed(&place, "giraffe").await, 3);
    place.store.edit(&edited.id, "zebra", at(5)).await.unwrap();
    assert_eq!(
        (indexed(&place, "giraffe").await, indexed(&place, "zebra").await),
        (2, 1)
    );
    place.store.delete(&deleted.id, at(6)).await.unwrap();
    assert_eq!(indexed(&place, "giraffe").await, 1);
    let later = at(i64::MAX / 2);
    while place.store.forget_messages(later, later).await.unwrap() {}
    assert_eq!(
        (indexed(&place, "giraffe").await, indexed(&place, "zebra").await),
        (0, 0)
    );
}

#[tokio::test]
async fn who_mutes_again_has_muted_since_the_first_time() {
    let place = Place::new().await;
    let (group, bob) = (cid("a"), uid("bob"));
    let mut written = Vec::new();
    for muted_at in [Some(5), Some(9), None, Some(12)] {
        let set = place.store.set_muted(&group, &bob, muted_at.map(at)).await;
        assert!(set.unwrap().is_some());
        let mut db = place.store.reader().await.unwrap();
        let now: Option<i64> = sqlx::query_scalar(
            "SELECT muted_at FROM participants WHERE user_key = (SELECT user_key FROM users WHERE id = 'bob')",
        )
        .fetch_one(&mut *db)
        .await
        .unwrap();
        written.push(now);
    }
    let since = |millis| Some(at(millis).as_millis());
    assert_eq!(written, [since(5), since(5), None, since(12)]);
}
