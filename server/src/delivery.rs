//! The roll call: what was handed over to whom, what was confirmed, what did not go by the book.
//!
//! In: hand-overs, receipts, comings and goings, noted by the stages before it. Out: the delivery of a message, participant
//! by participant, and the evidence that `explain` judges. Guarantees: it sends nothing itself; its memory grows with messages +
//! sockets + exceptions, never with messages × sockets, and is bounded in bytes; what matters for yesterday is stored.

pub mod closed;
pub mod evidence;
pub mod ledger;
pub mod recorder;
pub mod retries;

use std::sync::Arc;

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, DeliveryException, ExceptionKind};
use chat_core::{ConversationId, NodeId, Seq, Sid, Timestamp, UserId};

use self::closed::ClosedSockets;
use self::ledger::{Broadcast, Ledger};
use self::recorder::Recorder;
use crate::hub::LiveSocket;
use crate::telemetry::DeliveryMetrics;
use crate::telemetry::labels::DeliveryOutcome;

/// Notes what happens, for whoever asks later.
pub struct RollCall {
    /// The newest messages' broadcasts.
    pub ledger: Ledger,
    /// The newest closed sockets.
    pub closed: ClosedSockets,
    /// Writes evidence down.
    pub recorder: Recorder,
    node_id: NodeId,
    metrics: DeliveryMetrics,
}

impl std::fmt::Debug for RollCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RollCall")
    }
}

impl RollCall {
    /// An empty one, that stores through `recorder`.
    pub fn new(node_id: NodeId, recorder: Recorder, metrics: DeliveryMetrics) -> Self {
        Self { ledger: Ledger::new(metrics.clone()), closed: ClosedSockets::default(), recorder, node_id, metrics }
    }

    /// A message was announced.
    pub fn announced(&self, conversation: &ConversationId, broadcast: Broadcast) {
        self.ledger.note(conversation, broadcast);
    }

    /// A receipt of this socket came.
    pub fn confirmed(&self, socket: &LiveSocket, conversation: &ConversationId, upto: Seq, at: Timestamp) {
        for closed in socket.confirm(conversation, upto, at) {
            self.metrics.deliveries.increment(DeliveryOutcome::Confirmed);
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a connection's life are far below 2^52")]
            self.metrics.delivery_confirm_seconds.record(at.millis_since(closed.first_at) as f64 / 1_000.0);
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
            if let (Some(first), Some(last)) = (lane.outstanding.front(), lane.outstanding.back()) {
                self.exception(socket, conversation, (first.seq, last.seq), ExceptionKind::Disconnected, at);
            }
        }
        self.closed.remember(closed::ClosedSocket::of(socket, lanes, reason, at));
    }
}
