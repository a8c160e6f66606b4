//! The latest rejected connections.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::ports::Clock;
use chat_core::{Timestamp, UserId};
use http::request::Parts;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;

use super::fault::Fault;
use super::sanitized;
use crate::telemetry::label::Label;
use crate::telemetry::labels::RejectReason;
use crate::telemetry::{CounterBy, GatewayMetrics};

/// Enough to find yesterday's one misconfigured client among today's; at about 1 KiB each, 1 MiB at most.
const REJECTED_MAX: usize = 1_000;

/// An address that is over its rate is kept once (for each user that is known by a token) in this time, though every refusal is counted: else one loop of
/// reconnects would push out everything else.
const RATE_QUIET_MILLIS: u64 = 10_000;

/// How far back such an earlier entry is looked for: a flood must not make each refusal a walk through the ring.
const RATE_LOOK_BACK: usize = 64;

/// How many entries a slow live page may be behind before it must read the list again.
const LIVE_BACKLOG: usize = 64;

/// A connection that was refused.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// What is wrong.
    pub fault: Fault,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The page that made it, if it was a page.
    pub origin: Option<String>,
    /// What was asked for, without secrets.
    pub path: String,
    /// Who it was, if a good token said so.
    pub user_id: Option<UserId>,
}

impl Rejection {
    /// Of a request: takes its origin and its path from it, without anything secret.
    pub fn of(parts: &Parts, address: Option<IpAddr>, fault: Fault) -> Self {
        Self {
            fault,
            address,
            origin: sanitized::origin(&parts.headers).map(|origin| sanitized::shown_origin(&origin)),
            path: sanitized::path(&parts.uri),
            user_id: None,
        }
    }

    /// The same, of a known user.
    pub fn by(mut self, user_id: UserId) -> Self {
        self.user_id = Some(user_id);
        self
    }
}

/// A rejected connection as the admin pages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// When.
    pub at: Timestamp,
    /// The kind: `token`, `origin`, `path`, `protocol`, `namespace` or `rate`.
    pub reason: &'static str,
    /// What came, and what is right.
    pub detail: String,
    /// What to do.
    pub remedy: &'static str,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// The page that made it.
    pub origin: Option<String>,
    /// What was asked for.
    pub path: String,
    /// Who it was, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// Some of them, the newest first.
#[derive(Debug, Clone)]
pub struct RejectedPage {
    /// The page's entries.
    pub items: Vec<Arc<Rejected>>,
    /// How many there are on all pages.
    pub total: usize,
}

/// The latest rejected connections, counted and bounded.
pub struct RejectedRing {
    clock: Arc<dyn Clock>,
    counted: CounterBy<RejectReason>,
    /// Newest at the front. The lock guards the queue only and is never held across an await.
    kept: Mutex<VecDeque<Arc<Rejected>>>,
    live: broadcast::Sender<Arc<Rejected>>,
    noted: AtomicU64,
}

impl std::fmt::Debug for RejectedRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RejectedRing").finish_non_exhaustive()
    }
}

impl RejectedRing {
    /// An empty ring.
    pub fn new(clock: Arc<dyn Clock>, metrics: &GatewayMetrics) -> Self {
        Self {
            clock,
            counted: metrics.handshakes_rejected.clone(),
            kept: Mutex::new(VecDeque::new()),
            live: broadcast::channel(LIVE_BACKLOG).0,
            noted: AtomicU64::new(0),
        }
    }

    /// Counts it, keeps it, tells the live pages. False when it was only counted: one just like it was kept a moment ago.
    pub fn note(&self, rejection: Rejection) -> bool {
        self.noted.fetch_add(1, Ordering::Relaxed);
        let reason = rejection.fault.reason();
        self.counted.increment(reason);
        tracing::debug!(reason = reason.as_str(), path = rejection.path, "gateway.rejected");
        let rejected = Arc::new(Rejected {
            at: self.clock.now(),
            reason: reason.as_str(),
            detail: rejection.fault.detail(),
            remedy: rejection.fault.remedy(),
            address: rejection.address,
            origin: rejection.origin,
            path: rejection.path,
            user_id: rejection.user_id,
        });
        {
            let mut kept = self.kept.lock();
            if reason == RejectReason::Rate && was_just_kept(&kept, &rejected) {
                return false;
            }
            kept.truncate(REJECTED_MAX - 1);
            kept.push_front(Arc::clone(&rejected));
        }
        // Nobody watching is no error.
        let _ = self.live.send(rejected);
        true
    }

    /// How many there were since the start, also those that the ring no longer holds.
    pub fn total(&self) -> u64 {
        self.noted.load(Ordering::Relaxed)
    }

    /// A page, counted from 1, of those that `wanted` picks.
    pub fn page(&self, page: usize, page_size: usize, wanted: impl Fn(&Rejected) -> bool) -> RejectedPage {
        let kept = self.kept.lock();
        let mut total = 0;
        let skipped = page.saturating_sub(1).saturating_mul(page_size);
        let mut items = Vec::new();
        for rejected in kept.iter().filter(|rejected| wanted(rejected)) {
            if total >= skipped && items.len() < page_size {
                items.push(Arc::clone(rejected));
            }
            total += 1;
        }
        RejectedPage { items, total }
    }

    /// The latest of a user, the newest first.
    pub fn of_user(&self, user_id: &UserId, most: usize) -> Vec<Arc<Rejected>> {
        self.page(1, most, |rejected| rejected.user_id.as_ref() == Some(user_id))
            .items
    }

    /// Each one from now on. A receiver that lags reads the page again.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Rejected>> {
        self.live.subscribe()
    }
}

fn was_just_kept(kept: &VecDeque<Arc<Rejected>>, rejected: &Rejected) -> bool {
    kept.iter().take(RATE_LOOK_BACK).any(|earlier| {
        earlier.reason == rejected.reason
            && earlier.address == rejected.address
            && earlier.user_id == rejected.user_id
            && rejected.at.millis_since(earlier.at) < RATE_QUIET_MILLIS
    })
}
