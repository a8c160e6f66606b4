//! What only the SQLite adapter promises: durability, groups, and getting well again after trouble.

mod faults;
mod groups;
mod import;
mod indexing;
mod one;
mod opening;
mod plans;
mod room;
mod standing;
mod written;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use chat_core::ports::StoreError;
use sqlx::SqliteConnection;
use tempfile::TempDir;
use tokio::sync::{Notify, oneshot};

use super::*;
use crate::clock::{SystemClock, UuidSource};
use crate::store::contract::{make_group, make_users};

/// A store with alice and bob in group `a`.
pub(super) struct Place {
    pub(super) folder: TempDir,
    pub(super) store: SqliteStore,
}

impl Place {
    pub(super) async fn new() -> Self {
        Self::with_metrics(StoreMetrics::noop()).await
    }

    pub(super) async fn with_metrics(metrics: StoreMetrics) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open_impatient(&folder.path().join("rollcall.db"), metrics).await;
        make_users(&store, &["alice", "bob"]).await;
        make_group(&store, "a", &["alice", "bob"]).await;
        Self { folder, store }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("rollcall.db")
    }

    /// Runs SQL on the writer's connection, within one of its transactions.
    pub(super) async fn sql(&self, sql: &'static str) -> Result<(), StoreError> {
        self.store.writer.change(Sql(sql)).await
    }
}

/// One that does not wait long for locks.
pub(super) async fn open_impatient(path: &Path, metrics: StoreMetrics) -> SqliteStore {
    let patience = Duration::from_millis(100);
    SqliteStore::open_with(path, &SystemClock, &UuidSource, metrics, patience)
        .await
        .unwrap()
}

pub(super) struct Sql(pub(super) &'static str);

#[async_trait]
impl writer::Change for Sql {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), errors::Stop<StoreError>> {
        sqlx::query(self.0).execute(db).await?;
        Ok(())
    }
}

/// Holds the writer inside a transaction until it is released.
pub(super) struct Gate {
    entered: parking_lot::Mutex<Option<oneshot::Sender<()>>>,
    release: Arc<Notify>,
}

#[async_trait]
impl writer::Change for Gate {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, _db: &mut SqliteConnection) -> Result<(), errors::Stop<StoreError>> {
        let entered = self.entered.lock().take();
        if let Some(entered) = entered {
            entered.send(()).unwrap();
            self.release.notified().await;
        }
        Ok(())
    }
}

/// Waits until the writer is held; what is queued until `notify_one` becomes the next group.
pub(super) async fn hold_the_writer(store: &SqliteStore) -> Arc<Notify> {
    let (entered, held) = oneshot::channel();
    let release = Arc::new(Notify::new());
    let gate = Gate {
        entered: parking_lot::Mutex::new(Some(entered)),
        release: release.clone(),
    };
    let writer = store.writer.clone();
    tokio::spawn(async move { writer.change(gate).await });
    held.await.unwrap();
    release
}
