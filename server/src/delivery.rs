//! The roll call: what was handed over to whom, what was confirmed, what did not go by the book.
//!
//! In: hand-overs, receipts, comings and goings, noted by the stages before it. Out: the delivery of a message, participant
//! by participant, and the evidence that `explain` judges. Guarantees: it sends nothing itself; its memory grows with messages +
//! sockets + exceptions, never with messages × sockets, and is bounded in bytes; what matters for yesterday is stored.

pub mod announced;
pub mod closed;
pub mod evidence;
pub mod ledger;
pub mod notices;
pub mod recorder;
pub mod refusals;
pub mod remembered;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, DeliveryException, ExceptionKind};
use chat_core::{ConversationId, NodeId, Seq, Sid, Timestamp, UserId};
use parking_lot::Mutex;

use self::announced::Announcements;
use self::closed::ClosedSockets;
use self::ledger::{Broadcast, Ledger};
use self::notices::Notices;
use self::recorder::Recorder;
use self::refusals::Refusals;
use crate::hub::LiveSocket;
use crate::hub::lane::{Mode, Outstanding};
use crate::telemetry::labels::{DeliveryOutcome, RetryResult};
use crate::telemetry::{CounterBy, DeliveryMetrics};

/// Notes what happens, for whoever asks later.
pub struct RollCall {
    /// The newest messages' broadcasts.
    pub ledger: Ledger,
    /// The newest closed sockets.
    pub closed: ClosedSockets,
    /// Writes evidence down.
    pub recorder: Arc<Recorder>,
    /// The newest messages that were refused.
    pub refusals: Refusals,
    /// How far conversations were announced.
    pub announcements: Announcements,
    /// What happens, for the webhook.
    pub notices: Notices,
    node_id: NodeId,
    confirmed: AtomicU64,
    unconfirmed: AtomicUsize,
    // Locked after a socket's lanes, and for no longer than it takes to copy it.
    latencies: Mutex<Latencies>,
    metrics: DeliveryMetrics,
    metrics_retries: CounterBy<RetryResult>,
}

/// Figures for the Overview.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Given up, now.
    pub unconfirmed: usize,
    /// Confirmed since the start.
    pub confirmed: u64,
    /// The middle and the slowest hundredth of the newest confirmations, in milliseconds.
    pub latencies: Option<(f64, f64)>,
}

/// The newest times from hand-over to receipt.
#[derive(Debug, Default)]
struct Latencies(VecDeque<u64>);

/// Enough for a p99 that means something.
const LATENCIES_MAX: usize = 2_048;

impl Latencies {
    fn note(&mut self, millis: u64, times: usize) {
        let times = times.min(LATENCIES_MAX);
        let too_many = (self.0.len() + times).saturating_sub(LATENCIES_MAX);
        self.0.drain(..too_many);
        self.0.extend(std::iter::repeat_n(millis, times));
    }

    fn copied(&self) -> Vec<u64> {
        self.0.iter().copied().collect()
    }

    fn percentiles(mut sorted: Vec<u64>) -> Option<(f64, f64)> {
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds of a connection's life are far below 2^52"
        )]
        let at = |share: usize| sorted[last * share / 100] as f64;
        Some((at(50), at(99)))
    }
}

impl std::fmt::Debug for RollCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RollCall")
    }
}

impl RollCall {
    /// An empty one, that stores through `recorder`.
    pub fn new(
        node_id: NodeId,
        recorder: Arc<Recorder>,
        metrics: DeliveryMetrics,
        metrics_retries: CounterBy<RetryResult>,
    ) -> Self {
        Self {
            ledger: Ledger::new(metrics.clone()),
            closed: ClosedSockets::default(),
            refusals: Refusals::default(),
            announcements: Announcements::default(),
            notices: Notices::default(),
            recorder,
            node_id,
            confirmed: AtomicU64::new(0),
            unconfirmed: AtomicUsize::new(0),
            latencies: Mutex::default(),
            metrics,
            metrics_retries,
        }
    }

    /// A message is about to be handed to the first socket.
    pub fn announces(&self, conversation: &ConversationId, seq: Seq, at: Timestamp) {
        self.announcements.mark(conversation, seq, at);
    }

    /// A message was announced.
    pub fn announced(&self, conversation: &ConversationId, broadcast: Broadcast) {
        self.ledger.note(conversation, broadcast);
    }

    /// So many hand-overs are given up at this moment.
    pub fn unconfirmed_now(&self, count: usize) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge takes f64; counts of hand-overs are far below 2^52"
        )]
        self.metrics.deliveries_unconfirmed.set(count as f64);
        self.unconfirmed.store(count, Ordering::Relaxed);
    }

    /// Hand-overs that are given up now, and those that were confirmed since the start.
    pub fn figures(&self) -> Figures {
        let latencies = self.latencies.lock().copied();
        Figures {
            unconfirmed: self.unconfirmed.load(Ordering::Relaxed),
            confirmed: self.confirmed.load(Ordering::Relaxed),
            latencies: Latencies::percentiles(latencies),
        }
    }

    /// A receipt of this socket came.
    pub fn confirmed(&self, socket: &LiveSocket, conversation: &ConversationId, upto: Seq, at: Timestamp) {
        socket.confirm(conversation, upto, at, |closed| self.count_confirmed(closed, at));
    }

    fn count_confirmed(&self, closed: &[Outstanding], at: Timestamp) {
        let count = closed.len() as u64;
        self.metrics.deliveries.at(DeliveryOutcome::Confirmed).increment(count);
        self.confirmed.fetch_add(count, Ordering::Relaxed);
        let retried = closed.iter().filter(|closed| closed.attempts > 1).count();
        self.metrics_retries
            .at(RetryResult::Confirmed)
            .increment(retried as u64);
        let mut latencies = self.latencies.lock();
        // One receipt confirms many, of which those that were handed over together took equally long.
        for together in closed.chunk_by(|one, next| one.first_at == next.first_at) {
            let millis = at.millis_since(together[0].first_at);
            latencies.note(millis, together.len());
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of a connection's life are far below 2^52"
            )]
            let seconds = millis as f64 / 1_000.0;
            self.metrics
                .delivery_confirm_seconds
                .record_many(seconds, together.len() as u64);
        }
    }

    /// Something did not go by the book.
    pub fn exception(
        &self,
        socket: &LiveSocket,
        conversation: &ConversationId,
        seqs: (Seq, Seq),
        kind: ExceptionKind,
        at: Timestamp,
    ) {
        self.recorder.exception(DeliveryException {
            conversation_id: conversation.clone(),
            first_seq: seqs.0,
            last_seq: seqs.1,
            user_id: socket.user_id().clone(),
            sid: socket.sid.clone(),
            node_id: self.node_id.clone(),
            kind,
            at,
            detail: String::new(),
        });
    }

    /// An entry of a user's connection history.
    pub fn connection(
        &self,
        user: &UserId,
        sid: Option<&Sid>,
        kind: ConnectionEventKind,
        detail: impl Into<String>,
        at: Timestamp,
    ) {
        self.recorder.connection(ConnectionEvent {
            user_id: user.clone(),
            at,
            kind,
            sid: sid.cloned(),
            node_id: self.node_id.clone(),
            detail: detail.into(),
        });
    }

    /// A socket closed: it is remembered for a while, and what it had not confirmed is written down.
    pub fn closed(&self, socket: &Arc<LiveSocket>, reason: &'static str, at: Timestamp) {
        let user = socket.user_id();
        self.connection(user, Some(&socket.sid), ConnectionEventKind::Disconnected, reason, at);
        let lanes = socket.lanes();
        for (conversation, lane) in &lanes {
            for _ in lane
                .outstanding
                .iter()
                .filter(|waits| waits.attempts > 1 && !waits.given_up)
            {
                self.metrics_retries.increment(RetryResult::Closed);
            }
            if let (Some(first), Some(last)) = (lane.outstanding.front(), lane.outstanding.back()) {
                self.exception(
                    socket,
                    conversation,
                    (first.seq, last.seq),
                    ExceptionKind::Disconnected,
                    at,
                );
            }
            // Of these nothing else tells: what is written by nobody went by the book.
            let waited = matches!(lane.mode, Mode::Behind | Mode::Live) && lane.head > lane.handed;
            if waited {
                let seqs = (lane.handed.next(), lane.head);
                self.exception(socket, conversation, seqs, ExceptionKind::Missed, at);
            }
            // Messages that came while it had left by itself: without this the next process would look for a fault.
            if let Some(left_at) = lane
                .left_at
                .filter(|_| lane.mode == Mode::Left && lane.head > lane.handed)
            {
                let seqs = (lane.handed.next(), lane.head);
                self.exception(socket, conversation, seqs, ExceptionKind::Left, left_at);
            }
        }
        self.closed
            .remember(closed::ClosedSocket::of(socket, lanes, reason, at));
    }
}
