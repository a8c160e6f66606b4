//! The canary: two virtual users who message each other through the real path, so that whoever runs the server learns that
//! it does not work before anybody else does.
//!
//! In: the writer of the store, the hub, the fan-out. Out: `rollcall_canary_up`, `rollcall_canary_seconds`, and a line of the Overview.
//! A message of theirs waits for its turn at the store's writer and for a commit, is announced by the fan-out, put into a
//! virtual socket's buffer, read out of it and confirmed. Guarantees: they exist in no table and no list; what they do counts
//! in no figure but their own; a path that hangs is told as well as one that fails.

mod flight;

use std::sync::Arc;
use std::time::Duration;

use chat_core::Timestamp;
use chat_core::ports::{Clock, IdSource, StoreTrouble, Vitals};
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::fanout::Fanout;
use crate::hub::Hub;
use crate::limits::{CANARY_INTERVAL, CANARY_PATIENCE};
use crate::telemetry::CanaryMetrics;

/// Where a message of the canary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Station {
    /// Its users are being put among those who are here.
    Entering,
    /// It waits for its commit.
    Commit,
    /// It is being announced.
    FanOut,
    /// It is on its way to the other one's virtual socket.
    Socket,
}

impl Station {
    fn in_words(self) -> &'static str {
        match self {
            Station::Entering => "a place among the live sockets",
            Station::Commit => "its commit",
            Station::FanOut => "the fan-out",
            Station::Socket => "its hand-over to the other one's socket",
        }
    }
}

/// Why a message of the canary did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The store refused.
    #[error("the database takes no commit ({})", .0.as_str())]
    Store(StoreTrouble),
    /// It takes too long.
    #[error("a message of its own still waited for {} after {} s", .0.in_words(), .1.as_secs())]
    Late(Station, Duration),
    /// The fan-out did not find both of them.
    #[error("the fan-out handed its message to {0} of 2 sockets")]
    NotHandedOver(usize),
    /// The virtual socket was closed.
    #[error("its virtual socket was closed")]
    Closed,
    /// The receipt closed nothing.
    #[error("its receipt closed nothing: the hand-over was not waiting for one")]
    NotConfirmed,
    /// A defect.
    #[error("the canary itself failed: {0}")]
    Defect(String),
}

/// How the canary is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Health {
    /// It has not flown yet, or is switched off.
    #[default]
    Unknown,
    /// Its last message arrived.
    Well {
        /// From its sending to its receipt.
        took: Duration,
    },
    /// Its last message did not arrive.
    Ill {
        /// Why.
        why: Failure,
        /// Since when none has arrived.
        since: Timestamp,
    },
}

/// What the canary flies through.
#[derive(Clone)]
pub struct Cage {
    /// Whose writer commits.
    pub vitals: Arc<dyn Vitals>,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// From a commit to every socket.
    pub fanout: Arc<Fanout>,
    /// The time of facts.
    pub clock: Arc<dyn Clock>,
    /// New ids: its users are others on every flight.
    pub ids: Arc<dyn IdSource>,
}

/// The two virtual users.
pub struct Canary {
    cage: Cage,
    patience: Duration,
    metrics: CanaryMetrics,
    health: Mutex<Health>,
    station: Mutex<Station>,
}

impl std::fmt::Debug for Canary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canary")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

impl Canary {
    /// One that has not flown yet.
    pub fn new(cage: Cage, metrics: CanaryMetrics) -> Self {
        Self {
            cage,
            patience: CANARY_PATIENCE,
            metrics,
            health: Mutex::default(),
            station: Mutex::new(Station::Entering),
        }
    }

    /// How it is.
    pub fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// Flies at every interval until the task is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = interval(CANARY_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            Arc::clone(&self).fly().await;
        }
    }

    /// One message each way, on a task of its own: a path that blocks its thread must not keep this one from saying so. Returns when that
    /// task has ended, so that there is never a second one behind a first that hangs.
    async fn fly(self: Arc<Self>) {
        let flying = Arc::clone(&self);
        let mut flight = tokio::spawn(async move { flying.both_ways().await });
        match timeout(self.patience, &mut flight).await {
            Ok(Ok(outcome)) => self.note(outcome),
            Ok(Err(panicked)) => self.note(Err(Failure::Defect(panicked.to_string()))),
            Err(_) => {
                let station = *self.station.lock();
                self.note(Err(Failure::Late(station, self.patience)));
                flight.abort();
                let _ended = flight.await;
            }
        }
    }

    fn at(&self, station: Station) {
        *self.station.lock() = station;
    }

    fn note(&self, outcome: Result<Duration, Failure>) {
        let mut health = self.health.lock();
        match outcome {
            Ok(took) => {
                if let Health::Ill { since, .. } = &*health {
                    tracing::info!(%since, "the canary's messages arrive again");
                }
                self.metrics.up.set(1.0);
                *health = Health::Well { took };
            }
            Err(why) => {
                let since = match &*health {
                    Health::Ill { since, .. } => *since,
                    _ => self.cage.clock.now(),
                };
                // Once for each reason, not every ten seconds.
                if !matches!(&*health, Health::Ill { why: before, .. } if *before == why) {
                    tracing::error!(%why, "the canary's own messages do not arrive");
                }
                self.metrics.up.set(0.0);
                *health = Health::Ill { why, since };
            }
        }
    }

    async fn both_ways(&self) -> Result<Duration, Failure> {
        self.at(Station::Entering);
        let mut pair = flight::Pair::enter(&self.cage)?;
        let mut took = Duration::ZERO;
        for from in 0..2 {
            let began = Instant::now();
            pair.message(self, from).await?;
            took = began.elapsed();
            self.metrics.seconds.record(took);
        }
        Ok(took)
    }
}

#[cfg(test)]
mod tests;
