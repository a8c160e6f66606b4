//! The one writer: a task that owns the only connection that writes.
//!
//! In come operations, in order; out go their answers, after a commit that is on disk. While one commit runs, others
//! queue; the next transaction takes all of them, so that one `fsync` pays for many. There is no timer: an idle store
//! commits a single operation at once. An operation that fails never fails its neighbours: the group is then rolled
//! back and carried out again with a savepoint around each.

mod group;
pub(super) mod room;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chat_core::Draft;
use chat_core::ports::{AppendError, Appended, StoreError, StoreTrouble};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

pub(super) use self::group::{Failed, Job, command};
use self::room::Room;
use super::append::AppendRun;
use super::errors::{Stop, unavailable};
use super::identity::FileIdentity;
use super::open;
use crate::store::StoreMetrics;

/// Operations in one transaction: enough to make the `fsync` a small part of each, few enough that an answer waits
/// for some milliseconds of SQL at most.
pub(super) const BATCH_MAX: usize = 512;

/// Contents in one statement, which copies them: only servers that take very long messages ever reach it.
const RUN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Operations that wait. Eight full batches are more than a healthy disk ever lets pile up; beyond them callers wait
/// for a place, which holds back the sockets that they read from.
pub(super) const QUEUE_MAX: usize = 4096;

/// A write other than an append: one domain operation, in the order of its arrival.
#[async_trait]
pub(super) trait Change: Send + Sync + 'static {
    /// What it comes to.
    type Done: Send + 'static;
    /// What its port calls a failure.
    type Refused: From<StoreError> + Send + 'static;

    /// It is a single statement, and so a transaction even where none is begun. After one that failed it is carried out again.
    const ONE_STATEMENT: bool = false;

    /// It only asks what the writer's connection alone can tell, and is not counted among the writes.
    const ASKS: bool = false;

    /// Carries it out inside the writer's transaction, or as one where it is [`Self::ONE_STATEMENT`]. May be called again after a
    /// rollback, or after its only statement was undone.
    async fn apply(&self, db: &mut SqliteConnection) -> Result<Self::Done, Stop<Self::Refused>>;
}

pub(super) type AppendAnswer = oneshot::Sender<Result<Appended, AppendError>>;

/// What the queue holds.
enum Work {
    Append(Draft, AppendAnswer),
    Change(Box<dyn Job>),
    Close(oneshot::Sender<Result<(), StoreError>>),
}

/// The callers' end.
#[derive(Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Work>,
    metrics: StoreMetrics,
}

impl Writer {
    /// Starts the task that owns `db`. It ends when it is closed, or when every `Writer` is gone and the queue is empty.
    pub(super) fn start(
        db: SqliteConnection,
        path: PathBuf,
        identity: Arc<FileIdentity>,
        busy_timeout: Duration,
        metrics: StoreMetrics,
    ) -> Self {
        let (queue, inbox) = mpsc::channel(QUEUE_MAX);
        let task = Task {
            inbox,
            room: Room::of(&path, Instant::now()),
            link: Link {
                db: Some(db),
                path,
                identity,
                busy_timeout,
            },
            metrics: metrics.clone(),
        };
        // Owned by its queue: it ends with the last `Writer`, or by `close`, which waits for it.
        tokio::spawn(task.run());
        Self { queue, metrics }
    }

    /// Gives a draft its place in the queue; what is returned resolves when it is through.
    pub(super) async fn queue(&self, draft: Draft) -> Result<Waiting, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Work::Append(draft, answer)).await?;
        Ok(answered)
    }

    /// Carries out any other write.
    pub(super) async fn change<C: Change>(&self, change: C) -> Result<C::Done, C::Refused> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Work::Change(Box::new(group::Waiting::new(change, answer))))
            .await?;
        answered.await.unwrap_or_else(|_| Err(closed().into()))
    }

    /// Finishes what is queued, moves the WAL into the database file and closes it.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.enqueue(Work::Close(answer)).await.is_err() {
            return Ok(()); // closed before
        }
        answered.await.unwrap_or(Ok(()))
    }

    async fn enqueue(&self, work: Work) -> Result<(), StoreError> {
        let place = self.queue.reserve().await.map_err(|_| closed())?;
        self.metrics.queue_depth.increment(1.0);
        place.send(work);
        Ok(())
    }
}

/// What becomes of an append.
pub(super) type Waiting = oneshot::Receiver<Result<Appended, AppendError>>;

pub(super) fn closed() -> StoreError {
    StoreError::Unavailable {
        trouble: StoreTrouble::Connection,
        detail: "the store is closed".to_owned(),
    }
}

/// The connection, which is given up and opened anew after troubles that it may not survive.
struct Link {
    db: Option<SqliteConnection>,
    path: PathBuf,
    identity: Arc<FileIdentity>,
    busy_timeout: Duration,
}

impl Link {
    /// The connection, if the path still names the file that it writes to.
    async fn get(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.identity.verify()?;
        let db = match self.db.take() {
            Some(db) => db,
            None => open::reconnect_writer(&self.path, self.busy_timeout)
                .await
                .map_err(|error| unavailable(&error))?,
        };
        Ok(self.db.insert(db))
    }

    /// After a failed transaction: keeps the connection only when it is surely clean. One that opened a file while it
    /// was read-only stays read-only for good, and after an I/O error nothing that it holds in memory is certain.
    async fn recover(&mut self, trouble: StoreTrouble) {
        let Some(db) = &mut self.db else { return };
        let rolled_back = sqlx::query("ROLLBACK").execute(db).await.is_ok();
        let keeps = match trouble {
            // The lock was not had: there was nothing to roll back.
            StoreTrouble::Busy => true,
            StoreTrouble::Full | StoreTrouble::Constraint => rolled_back,
            StoreTrouble::ReadOnly | StoreTrouble::Connection | StoreTrouble::Other => false,
        };
        // Closing the last connection to a file removes the WAL *at its path*: not while that may be another file's.
        if !keeps && self.identity.verify().is_ok() {
            self.db = None;
        }
    }

    /// Moves the WAL into the file and closes.
    async fn close(mut self) -> Result<(), StoreError> {
        if let Err(error) = self.identity.verify() {
            // As above: left open until the process ends.
            std::mem::forget(self.db.take());
            return Err(error);
        }
        let Some(mut db) = self.db.take() else { return Ok(()) };
        let checkpointed = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut db).await;
        let closed = db.close().await;
        checkpointed.and(closed).map_err(|error| unavailable(&error))
    }
}

/// The writer's end.
struct Task {
    inbox: mpsc::Receiver<Work>,
    link: Link,
    room: Room,
    metrics: StoreMetrics,
}

impl Task {
    async fn run(mut self) {
        let mut arrived = Vec::with_capacity(BATCH_MAX);
        let mut closers = Vec::new();
        loop {
            let count = self.inbox.recv_many(&mut arrived, BATCH_MAX).await;
            if count == 0 {
                break;
            }
            #[expect(clippy::cast_precision_loss, reason = "at most BATCH_MAX")]
            self.metrics.queue_depth.decrement(count as f64);
            let jobs = into_jobs(arrived.drain(..), &mut closers);
            if !closers.is_empty() {
                self.inbox.close(); // what came before is still received
            }
            if !jobs.is_empty() {
                let committed = self.commit(jobs).await;
                if committed && self.room.is_needed(Instant::now()) {
                    self.make_room().await;
                }
            }
        }
        let closed = self.link.close().await;
        for closer in closers {
            let _ = closer.send(closed.clone()); // nobody waits any more: fine
        }
    }

    /// Carries out a group and answers everybody in it. Was it committed?
    async fn commit(&mut self, mut jobs: Vec<Box<dyn Job>>) -> bool {
        let operations: usize = jobs.iter().map(|job| job.operations()).sum();
        let writes: usize = jobs.iter().map(|job| job.writes()).sum();
        if writes > 0 {
            #[expect(clippy::cast_precision_loss, reason = "at most BATCH_MAX")]
            self.metrics.batch_size.record(writes as f64);
        }
        let mut outcome = self.transaction(&mut jobs, group::Mode::Together).await;
        if operations > 1 && matches!(outcome, Err(group::Failed::Job(_))) {
            jobs = jobs.into_iter().flat_map(Job::apart).collect();
            outcome = self.transaction(&mut jobs, group::Mode::Apart).await;
        }
        let outcome = outcome.map_err(group::Failed::into_error);
        for job in jobs {
            job.answer(outcome.as_ref().copied());
        }
        outcome.is_ok()
    }

    /// Makes the log file longer, where the next commits would. Whoever was there before is answered; whoever comes meanwhile waits.
    async fn make_room(&mut self) {
        let Ok(db) = self.link.get().await else { return };
        let mut outcome = group::command(db, group::BEGIN).await;
        if outcome.is_ok() {
            if let Err(error) = self.room.make().await {
                tracing::debug!(%error, "the database's log file could not be made longer ahead of its use");
                self.room.was_refused();
            }
            outcome = group::command(db, group::COMMIT).await;
        }
        if let Err(failed) = outcome {
            self.room.was_refused();
            self.link.recover(failed.error().trouble()).await;
        }
    }

    async fn transaction(&mut self, jobs: &mut [Box<dyn Job>], mode: group::Mode) -> Result<(), group::Failed> {
        let db = self.link.get().await.map_err(group::Failed::Group)?;
        let outcome = group::transact(db, jobs, mode).await;
        if let Err(failed) = &outcome {
            self.link.recover(failed.error().trouble()).await;
        }
        outcome?;
        // Committed, but to a file that will be found again?
        self.link.identity.verify().map_err(group::Failed::Group)
    }
}

/// Neighbouring appends become one run, which is one statement.
fn into_jobs(
    work: impl Iterator<Item = Work>,
    closers: &mut Vec<oneshot::Sender<Result<(), StoreError>>>,
) -> Vec<Box<dyn Job>> {
    let mut jobs: Vec<Box<dyn Job>> = Vec::new();
    let mut run = AppendRun::default();
    for item in work {
        match item {
            Work::Append(draft, answer) => {
                run.push(draft, answer);
                if run.content_bytes() >= RUN_BYTES_MAX {
                    jobs.push(Box::new(std::mem::take(&mut run)));
                }
            }
            Work::Change(job) => {
                if !run.is_empty() {
                    jobs.push(Box::new(std::mem::take(&mut run)));
                }
                jobs.push(job);
            }
            Work::Close(closer) => closers.push(closer),
        }
    }
    if !run.is_empty() {
        jobs.push(Box::new(run));
    }
    jobs
}
