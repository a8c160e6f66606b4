use std::path::Path;

use chat_core::ports::{Accounts as _, Vitals as _};
use sqlx::{ConnectOptions as _, Connection as _};

use super::*;
use crate::store::contract::open_in;
use crate::store::migrate;

async fn refusal(path: &Path) -> String {
    match SqliteStore::open(path, &SystemClock, &UuidSource, StoreMetrics::noop()).await {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

async fn with_sql(path: &Path, sql: &'static str) {
    let options = open::writer_options(path, Duration::from_secs(5)).create_if_missing(true);
    let mut db = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

#[tokio::test]
async fn a_new_database_is_readable_by_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_in(folder.path()).await;
    store.check().await.unwrap();
    #[cfg(unix)]
    for file in ["rollcall.db", "rollcall.db-wal"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn two_databases_have_two_epochs() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    assert_ne!(open_in(one.path()).await.epoch(), open_in(two.path()).await.epoch());
}

#[tokio::test]
async fn migrating_makes_a_database_and_may_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    migrate(&path).await.unwrap();
    migrate(&path).await.unwrap();
    assert_eq!(
        open_in(folder.path()).await.search_users("", 1).await.unwrap().items,
        []
    );
}

#[tokio::test]
async fn refusals_are_sentences() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);

    let said = refusal(&place("missing/rollcall.db")).await;
    assert!(
        said.contains("cannot be opened for writing: No such file or directory"),
        "{said}"
    );

    std::fs::create_dir(place("folder")).unwrap();
    let said = refusal(&place("folder")).await;
    assert!(said.contains("cannot be opened"), "{said}");

    std::fs::write(place("notes.txt"), "these are my notes, and no database\n".repeat(99)).unwrap();
    let said = refusal(&place("notes.txt")).await;
    assert!(said.contains("is not a SQLite database"), "{said}");
    assert!(
        std::fs::read_to_string(place("notes.txt"))
            .unwrap()
            .starts_with("these are my notes")
    );

    with_sql(&place("songs.db"), "CREATE TABLE songs (title TEXT)").await;
    let said = refusal(&place("songs.db")).await;
    assert!(said.contains("of another program"), "{said}");

    migrate(&place("newer.db")).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', 1, x'00', 0)";
    with_sql(&place("newer.db"), newer).await;
    let said = refusal(&place("newer.db")).await;
    assert!(
        said.contains("has migration 9999, which this version of Rollcall does not know"),
        "{said}"
    );
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rollcall.db"), "").unwrap();
    open_in(folder.path()).await.check().await.unwrap();
}

#[tokio::test]
async fn the_writer_syncs_every_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rollcall.db");
    let mut db = open::first_connection(&path, Duration::from_secs(5)).await.unwrap();
    let (synchronous, foreign_keys): (i64, i64) =
        sqlx::query_as("SELECT * FROM pragma_synchronous, pragma_foreign_keys")
            .fetch_one(&mut db)
            .await
            .unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!((synchronous, foreign_keys, mode.as_str()), (2, 1, "wal"));
}

#[tokio::test]
async fn readers_cannot_write() {
    let place = Place::new().await;
    let mut reader = place.store.reader().await.unwrap();
    assert!(
        sqlx::query("UPDATE users SET role = 'admin'")
            .execute(&mut *reader)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_database_may_be_opened_by_several_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let openings = (0..4).map(|_| {
            let folder = folder.path().to_owned();
            tokio::spawn(async move { open_in(&folder).await })
        });
        let mut epochs = Vec::new();
        for opening in openings.collect::<Vec<_>>() {
            epochs.push(opening.await.unwrap().epoch().clone());
        }
        epochs.dedup();
        assert_eq!(epochs.len(), 1);
    }
}
