use std::path::Path;
use std::process::Command;

use chat_core::Seq;
use chat_core::ports::{
    Accounts as _, AppendError, Appended, MessageLog as _, PageFrom, StoreError, StoreTrouble, Vitals as _,
};
use sqlx::{ConnectOptions as _, Connection as _};

use super::{Place, open, open_impatient};
use crate::store::contract::{assert_gapless, cid, draft, make_group, make_users, open_in, say, uid};
use crate::store::{SqliteStore, StoreMetrics};

fn trouble(appended: Result<Appended, AppendError>) -> StoreTrouble {
    match appended {
        Err(AppendError::Store(error)) => error.trouble(),
        other => panic!("{other:?}"),
    }
}

async fn assert_holds(store: &SqliteStore, count: usize) {
    let page = store.page(&cid("a"), PageFrom::After(Seq::ZERO), 10_000).await.unwrap();
    assert_eq!(page.items.len(), count);
    assert_gapless(&page.items);
}

#[tokio::test]
async fn a_full_database_stores_nothing_and_gets_well() {
    let place = Place::new().await;
    say(&place.store, "a", "alice", "first").await;
    place.sql("PRAGMA max_page_count = 1").await.unwrap(); // SQLite makes it the present size
    let long = "x".repeat(100_000);
    assert_eq!(
        trouble(place.store.append(draft("a", "alice", &long)).await),
        StoreTrouble::Full
    );
    assert_holds(&place.store, 1).await;
    place.sql("PRAGMA max_page_count = 1000000").await.unwrap();
    assert_eq!(say(&place.store, "a", "alice", &long).await.seq, Seq(2));
    assert_holds(&place.store, 2).await;
}

/// A file system of its own, unmounted when dropped; `None` where we may not mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn a_full_disk_stores_nothing_and_gets_well() {
    let Some(disk) = SmallDisk::mount("4m") else {
        println!("skipped: mounting a small disk needs root");
        return;
    };
    let store = open_in(disk.0.path()).await;
    make_users(&store, &["alice"]).await;
    make_group(&store, "a", &["alice"]).await;
    let ballast = disk.0.path().join("ballast");
    let mut stored = 0;
    // Opens a reader: otherwise the writer, which closes after the failure, would remove the WAL and so make room.
    assert_holds(&store, stored).await;
    for round in 0..3 {
        fill(&ballast);
        assert_eq!(
            trouble(store.append(draft("a", "alice", &"x".repeat(100_000))).await),
            StoreTrouble::Full
        );
        assert_eq!(
            store.check().await.unwrap_err().trouble(),
            StoreTrouble::Full,
            "round {round}"
        );
        assert_eq!(
            trouble(store.append(draft("a", "alice", "short")).await),
            StoreTrouble::Full
        );
        assert_holds(&store, stored).await;
        std::fs::remove_file(&ballast).unwrap();
        store.check().await.unwrap();
        say(&store, "a", "alice", "there is room again").await;
        stored += 1;
        assert_holds(&store, stored).await;
    }
    // Nothing that was refused comes back with the next start.
    drop(store);
    assert_holds(&open_in(disk.0.path()).await, stored).await;
}

/// Writes until nothing fits any more.
fn fill(path: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap();
    for size in [65_536, 4_096, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

#[tokio::test]
async fn a_read_only_connection_is_replaced() {
    let place = Place::new().await;
    place.sql("PRAGMA query_only = ON").await.unwrap();
    assert_eq!(
        trouble(place.store.append(draft("a", "alice", "lost")).await),
        StoreTrouble::ReadOnly
    );
    assert_eq!(say(&place.store, "a", "alice", "kept").await.seq, Seq(1));
    assert_holds(&place.store, 1).await;
}

#[tokio::test]
async fn a_locked_database_is_busy_until_the_lock_goes() {
    let place = Place::new().await;
    let patience = std::time::Duration::from_secs(5);
    let mut other = open::writer_options(&place.path(), patience).connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    assert_eq!(
        trouble(place.store.append(draft("a", "alice", "lost")).await),
        StoreTrouble::Busy
    );
    assert_eq!(place.store.check().await.unwrap_err().trouble(), StoreTrouble::Busy);
    assert_holds(&place.store, 0).await; // readers do not wait for writers
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(say(&place.store, "a", "alice", "kept").await.seq, Seq(1));
    other.close().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_acknowledged_while_the_file_is_gone() {
    let place = Place::new().await;
    say(&place.store, "a", "alice", "first").await;
    let (path, elsewhere) = (place.path(), place.folder.path().join("elsewhere"));
    std::fs::rename(&path, &elsewhere).unwrap();
    let gone = |error: StoreError| assert_eq!(error.trouble(), StoreTrouble::Connection);
    for _ in 0..2 {
        assert_eq!(
            trouble(place.store.append(draft("a", "alice", "lost")).await),
            StoreTrouble::Connection
        );
        gone(place.store.check().await.unwrap_err());
        gone(place.store.user(&uid("alice")).await.unwrap_err());
    }
    // Another file in its place is not ours, whatever it holds.
    std::fs::copy(&elsewhere, &path).unwrap();
    assert_eq!(
        trouble(place.store.append(draft("a", "alice", "lost")).await),
        StoreTrouble::Connection
    );
    gone(place.store.user(&uid("alice")).await.unwrap_err());
    std::fs::rename(&elsewhere, &path).unwrap();
    assert_eq!(say(&place.store, "a", "alice", "second").await.seq, Seq(2));
    assert_holds(&place.store, 2).await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_stop_without_close() {
    let place = Place::new().await;
    for _ in 0..3 {
        say(&place.store, "a", "alice", "hello").await;
    }
    // As after a power cut: what is on disk now, and nothing that a close would still write.
    let copy = tempfile::tempdir().unwrap();
    for file in ["rollcall.db", "rollcall.db-wal"] {
        std::fs::copy(place.folder.path().join(file), copy.path().join(file)).unwrap();
    }
    let store = open_in(copy.path()).await;
    assert_holds(&store, 3).await;
    assert_eq!(say(&store, "a", "alice", "next").await.seq, Seq(4));
    assert_eq!(store.epoch(), place.store.epoch());

    drop(place.store);
    assert_holds(&open_in(place.folder.path()).await, 3).await;
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_not_called_missing() {
    let place = Place::new().await;
    place
        .sql("UPDATE users SET id = 'no id at all' WHERE id = 'bob'")
        .await
        .unwrap();
    let found = place.store.search_users("bob", 10).await;
    assert!(
        matches!(found, Err(StoreError::Inconsistent { table: "users", .. })),
        "{found:?}"
    );
    assert_eq!(place.store.user(&uid("bob")).await.unwrap(), None);
}

#[tokio::test]
async fn after_close_everything_is_refused_and_nothing_is_left_in_the_wal() {
    let place = Place::new().await;
    say(&place.store, "a", "alice", "hello").await;
    place.store.close().await.unwrap();
    assert!(!place.folder.path().join("rollcall.db-wal").exists());
    assert_eq!(
        trouble(place.store.append(draft("a", "alice", "late")).await),
        StoreTrouble::Connection
    );
    assert!(place.store.user(&uid("alice")).await.is_err());
    assert!(place.store.check().await.is_err());
    place.store.close().await.unwrap();
    assert_holds(&open_impatient(&place.path(), StoreMetrics::noop()).await, 1).await;
}

#[tokio::test]
async fn close_finishes_what_is_queued() {
    let place = Place::new().await;
    let store = std::sync::Arc::new(place.store);
    let release = super::hold_the_writer(&store).await;
    let mut appends: Vec<_> = (0..20).map(|_| store.append(draft("a", "alice", "hello"))).collect();
    for append in &mut appends {
        assert!(futures_util::poll!(append).is_pending());
    }
    let mut close = Box::pin(store.writer.close());
    assert!(futures_util::poll!(&mut close).is_pending());
    release.notify_one();
    close.await.unwrap();
    for append in appends {
        append.await.unwrap();
    }
    assert_holds(&open_in(place.folder.path()).await, 20).await;
}
