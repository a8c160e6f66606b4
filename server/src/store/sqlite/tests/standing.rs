use std::time::Duration;

use chat_core::ports::{Accounts as _, StoreTrouble, Vitals as _};
use sqlx::{ConnectOptions as _, Connection as _};

use super::Place;
use crate::store::contract::{say, uid};

async fn standing(place: &Place) -> i64 {
    place.store.standing().await.unwrap()
}

#[tokio::test]
async fn what_another_connection_writes_shows_and_what_we_write_does_not() {
    let place = Place::new().await;
    let first = standing(&place).await;
    say(&place.store, "a", "alice", "hello").await;
    place.store.check().await.unwrap();
    assert_eq!(standing(&place).await, first);

    let options = super::super::open::options(&place.path(), Duration::from_secs(5));
    let mut other = options.connect().await.unwrap();
    sqlx::query("UPDATE users SET disabled_at = 1 WHERE id = 'bob'")
        .execute(&mut other)
        .await
        .unwrap();
    let second = standing(&place).await;
    assert_ne!(second, first);
    assert_eq!(standing(&place).await, second);
    other.close().await.unwrap();
}

#[tokio::test]
async fn a_writer_that_was_opened_again_does_not_count_on_as_if_nothing_had_happened() {
    let place = Place::new().await;
    // Opens a reader, so that the database is not closed whole.
    place.store.user(&uid("alice")).await.unwrap();
    let first = standing(&place).await;
    place.sql("PRAGMA query_only = 1").await.unwrap();
    let refused = place.store.check().await.unwrap_err();
    assert_eq!(refused.trouble(), StoreTrouble::ReadOnly);
    // The connection was given up; the next one is new.
    place.store.check().await.unwrap();
    assert_ne!(standing(&place).await, first);
}
