use std::io;
use std::time::Duration;

use chat_core::Seq;
use chat_core::ports::{MessageLog as _, PageFrom};
use sqlx::Connection as _;
use tokio::time::Instant;

use super::Place;
use crate::store::contract::{assert_gapless, cid, open_in, say};
use crate::store::sqlite::open::WAL_BYTES;
use crate::store::sqlite::writer::room::{BITE, FIRST_LOOK, append};

/// Past the next look at the log's length, and past the first. No task runs meanwhile that the clock could hurry.
async fn at_the_next_look() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(6)).await;
    tokio::time::resume();
}

impl Place {
    fn log_length(&self) -> u64 {
        let log = self.folder.path().join("rollcall.db-wal");
        std::fs::metadata(log).unwrap().len()
    }

    /// Says something and waits until the writer is at leisure again: it makes room when everybody is answered.
    async fn say_and_settle(&self, content: &str) {
        say(&self.store, "a", "alice", content).await;
        self.sql("SELECT 1").await.unwrap();
    }
}

#[tokio::test]
async fn a_log_that_grows_is_given_room_ahead_and_grows_no_more() {
    let opened = Instant::now();
    let place = Place::new().await;
    place.say_and_settle("a command is done by now").await;
    let small = place.log_length();
    if opened.elapsed() > FIRST_LOOK {
        println!("skipped: this machine took as long to open a database as a server is given before it makes room");
        return;
    }
    assert!(small < BITE, "no room is made for whoever is done soon: {small}");

    at_the_next_look().await;
    place.say_and_settle("a server stays").await;
    let given = place.log_length();
    assert!((small + BITE..small + 2 * BITE).contains(&given), "{small} → {given}");

    for n in 0..20 {
        at_the_next_look().await;
        place.say_and_settle(&format!("message {n}")).await;
    }
    assert_eq!(place.log_length(), given, "there was room");
}

#[tokio::test]
async fn room_that_was_used_up_is_made_again() {
    let place = Place::new().await;
    let long = "x".repeat(usize::try_from(BITE).unwrap());
    let mut before = 0;
    for n in 0..4 {
        at_the_next_look().await;
        place.say_and_settle(&format!("{n}{long}")).await;
        let length = place.log_length();
        assert!(length >= before + BITE, "{before} → {length}");
        assert!(length > (n + 2) * BITE, "a message and a bite more: {length}");
        before = length;
    }
}

#[test]
fn no_room_is_made_beyond_where_the_log_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, b"frames").unwrap();
    for (length, then) in [
        (WAL_BYTES - 1, WAL_BYTES),
        (WAL_BYTES, WAL_BYTES),
        (WAL_BYTES + 1, WAL_BYTES + 1),
    ] {
        let file = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
        file.set_len(length).unwrap();
        let told = append(&log).unwrap();
        assert_eq!((told, file.metadata().unwrap().len()), (then, then), "from {length}");
    }
}

#[tokio::test]
async fn what_is_acknowledged_survives_a_stop_whatever_room_was_made() {
    let place = Place::new().await;
    for n in 0..3 {
        at_the_next_look().await;
        place.say_and_settle(&format!("message {n}")).await;
    }
    assert!(place.log_length() > BITE);
    // As after a power cut: what is on disk now, zeros and all.
    let copy = tempfile::tempdir().unwrap();
    for file in ["rollcall.db", "rollcall.db-wal"] {
        std::fs::copy(place.folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let store = open_in(copy.path()).await;
    assert_eq!(say(&store, "a", "alice", "next").await.seq, Seq(4));
    let page = store.page(&cid("a"), PageFrom::After(Seq::ZERO), 10).await.unwrap();
    assert_eq!(page.items.len(), 4);
    assert_gapless(&page.items);

    place.store.close().await.unwrap();
    assert!(!place.folder.path().join("rollcall.db-wal").exists());
}

#[tokio::test]
async fn another_connection_writes_between_two_bites() {
    let place = Place::new().await;
    let mut other = super::super::open::options(&place.path(), Duration::from_secs(5));
    other = other.read_only(false);
    let mut other = sqlx::ConnectOptions::connect(&other).await.unwrap();
    for n in 0..3 {
        at_the_next_look().await;
        place.say_and_settle(&format!("message {n}")).await;
        sqlx::query("UPDATE users SET display_name = display_name || '!' WHERE id = 'bob'")
            .execute(&mut other)
            .await
            .unwrap();
    }
    let name: String = sqlx::query_scalar("SELECT display_name FROM users WHERE id = 'bob'")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert!(name.ends_with("!!!"), "{name}");
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(sound, "ok");
    other.close().await.unwrap();
    let page = place.store.page(&cid("a"), PageFrom::After(Seq::ZERO), 10).await;
    assert_gapless(&page.unwrap().items);
}

#[test]
fn a_log_that_is_gone_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let refused = append(&log);
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!log.exists());
}
