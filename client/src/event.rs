//! What a consumer is told.

use std::time::Duration;

use rollcall_protocol::chat_core::{ConversationId, Seq, Sid};
use rollcall_protocol::event::NotResumed;
use rollcall_protocol::{ServerEvent, WireError};
use tokio::sync::mpsc;

use crate::error::DownReason;

/// What became of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The first attempt, or a further one, is being made.
    Connecting,
    /// There is one.
    Connected {
        /// Its id.
        sid: Sid,
    },
    /// There is none; another attempt follows.
    Reconnecting {
        /// Which attempt in a row it will be, from 1.
        attempt: u32,
        /// After this wait.
        retry_in: Duration,
        /// Why there is none.
        reason: DownReason,
    },
    /// There is none, and no attempt follows.
    Closed {
        /// Why.
        reason: DownReason,
    },
}

impl State {
    /// Is there a connection?
    pub fn is_connected(&self) -> bool {
        matches!(self, State::Connected { .. })
    }
}

/// Messages that did not come by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub conversation_id: ConversationId,
    /// The last seq that was given out.
    pub after: Seq,
    /// The newest seq that is known to exist: `after + 1` up to this one are missing.
    pub until: Seq,
    /// What is done about it.
    pub outcome: GapOutcome,
}

/// What is done about a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapOutcome {
    /// The missing ones are being fetched; they and later ones follow in order.
    Filling,
    /// They were given out.
    Filled {
        /// How many.
        messages: u64,
    },
    /// They cannot be fetched one by one: reload by REST. Live messages go on after `until`.
    Lost(LostReason),
}

/// Why a gap stays one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostReason {
    /// The server did not resume.
    NotResumed(NotResumed),
    /// The server refused to `sync`.
    Refused(WireError),
}

/// What a consumer is told, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientEvent {
    /// The connection changed.
    State(State),
    /// The server said something.
    Server(ServerEvent),
    /// Messages did not come by themselves.
    Gap(Gap),
    /// A message came again; it was dropped.
    Duplicate {
        /// Where.
        conversation_id: ConversationId,
        /// Which.
        seq: Seq,
    },
    /// Something came that cannot be read; it was dropped.
    Undecodable {
        /// The event, if it got that far.
        event: Option<String>,
        /// Why not.
        why: String,
        /// Its beginning.
        preview: String,
    },
}

/// The events of one [`crate::Client`]. Bounded: see the crate's page for what happens to a consumer that does not take them.
///
/// Dropping it means that nobody listens: the connection lives on for calls, what the server says is thrown away, and no
/// receipt is sent by the client itself.
#[derive(Debug)]
pub struct Events {
    pub(crate) receiver: mpsc::Receiver<ClientEvent>,
}

impl Events {
    /// The next event; `None` after [`State::Closed`]. Safe to cancel.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        self.receiver.recv().await
    }

    /// The next event, if one is there already.
    pub fn try_next(&mut self) -> Option<ClientEvent> {
        self.receiver.try_recv().ok()
    }
}
