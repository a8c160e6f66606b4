//! One transaction for a group of operations.

use async_trait::async_trait;
use chat_core::ports::{StoreError, StoreTrouble};
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::Change;
use crate::store::sqlite::errors::{Stop, unavailable};
use crate::store::sqlite::trip::carry_out;

/// One or more operations that are carried out together, and those who wait for them.
#[async_trait]
pub(in crate::store::sqlite) trait Job: Send {
    /// How many operations.
    fn operations(&self) -> usize;

    /// How many of them write.
    fn writes(&self) -> usize {
        self.operations()
    }

    /// Carries them out and keeps what they came to. Fails when the database fails; a refusal is no failure. May be
    /// called again when what it did was undone.
    async fn run(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError>;

    /// Carries them out in a transaction of their own. On failure the caller rolls back.
    async fn transact(&mut self, db: &mut SqliteConnection) -> Result<(), Failed> {
        within_transaction(self, db).await
    }

    /// The same operations, one job each.
    fn apart(self: Box<Self>) -> Vec<Box<dyn Job>>;

    /// Tells everybody: what their operation came to when the group is committed, else why it is not.
    fn answer(self: Box<Self>, committed: Result<(), &StoreError>);
}

async fn within_transaction<J: Job + ?Sized>(job: &mut J, db: &mut SqliteConnection) -> Result<(), Failed> {
    command(db, BEGIN).await?;
    job.run(db).await.map_err(Failed::Job)?;
    command(db, COMMIT).await
}

/// One change and who waits for it.
pub(super) struct Waiting<C: Change> {
    change: C,
    answer: oneshot::Sender<Result<C::Done, C::Refused>>,
    outcome: Option<Result<C::Done, C::Refused>>,
}

impl<C: Change> Waiting<C> {
    pub(super) fn new(change: C, answer: oneshot::Sender<Result<C::Done, C::Refused>>) -> Self {
        Self {
            change,
            answer,
            outcome: None,
        }
    }
}

#[async_trait]
impl<C: Change> Job for Waiting<C> {
    fn operations(&self) -> usize {
        1
    }

    fn writes(&self) -> usize {
        usize::from(!C::ASKS)
    }

    async fn run(&mut self, db: &mut SqliteConnection) -> Result<(), StoreError> {
        match self.change.apply(db).await {
            Ok(done) => self.outcome = Some(Ok(done)),
            Err(Stop::Refused(refused)) => self.outcome = Some(Err(refused)),
            Err(Stop::Failed(error)) => {
                self.outcome = Some(Err(error.clone().into()));
                return Err(error);
            }
        }
        Ok(())
    }

    async fn transact(&mut self, db: &mut SqliteConnection) -> Result<(), Failed> {
        if C::ONE_STATEMENT {
            match self.run(db).await {
                Ok(()) => return Ok(()),
                Err(error) => match error.trouble() {
                    // It was waited for already.
                    StoreTrouble::Busy => return Err(Failed::Group(error)),
                    StoreTrouble::Connection => return Err(Failed::Job(error)),
                    // SQLite has undone the statement. What lasts the usual way meets too, which knows how to go on from there.
                    StoreTrouble::Full | StoreTrouble::ReadOnly | StoreTrouble::Constraint | StoreTrouble::Other => {}
                },
            }
        }
        within_transaction(self, db).await
    }

    fn apart(self: Box<Self>) -> Vec<Box<dyn Job>> {
        vec![self]
    }

    fn answer(self: Box<Self>, committed: Result<(), &StoreError>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => return, // never run: dropping the sender says so
            (Err(error), _) => Err(error.clone().into()),
        };
        let _ = self.answer.send(answer); // the caller may have gone; what is committed stays
    }
}

/// IMMEDIATE: the lock is had before anything is read, so that nothing that was read can have changed.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const COMMIT: &str = "COMMIT";

/// How a group is carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The usual way: the first failure ends the transaction.
    Together,
    /// After a failure: a savepoint around each job, so that only the failing ones fail.
    Apart,
}

/// Why a transaction was not committed.
#[derive(Debug)]
pub(in crate::store::sqlite) enum Failed {
    /// One of the jobs failed.
    Job(StoreError),
    /// The transaction itself.
    Group(StoreError),
}

impl Failed {
    pub(super) fn error(&self) -> &StoreError {
        match self {
            Failed::Job(error) | Failed::Group(error) => error,
        }
    }

    pub(in crate::store::sqlite) fn into_error(self) -> StoreError {
        match self {
            Failed::Job(error) | Failed::Group(error) => error,
        }
    }
}

/// Carries out every job in one transaction. On failure the caller rolls back.
pub(super) async fn transact(db: &mut SqliteConnection, jobs: &mut [Box<dyn Job>], mode: Mode) -> Result<(), Failed> {
    if let ([job], Mode::Together) = (&mut *jobs, mode) {
        return job.transact(db).await;
    }
    command(db, BEGIN).await?;
    for job in jobs {
        match mode {
            Mode::Together => job.run(db).await.map_err(Failed::Job)?,
            Mode::Apart => within_savepoint(db, job.as_mut()).await?,
        }
    }
    command(db, COMMIT).await
}

async fn within_savepoint(db: &mut SqliteConnection, job: &mut dyn Job) -> Result<(), Failed> {
    command(db, "SAVEPOINT job").await?;
    if let Err(error) = job.run(db).await {
        // After some errors SQLite has already rolled back everything; then there is no such savepoint any more, and
        // the whole group has failed for the job's reason.
        if command(db, "ROLLBACK TO job").await.is_err() {
            return Err(Failed::Group(error));
        }
    }
    command(db, "RELEASE job").await
}

pub(in crate::store::sqlite) async fn command(db: &mut SqliteConnection, sql: &'static str) -> Result<(), Failed> {
    match carry_out(db, sqlx::query(sql), 1).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failed::Group(unavailable(&error))),
    }
}
