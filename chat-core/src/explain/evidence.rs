//! What goes in: everything that is known about one message and one user. Whoever collects it leaves out what they do not
//! know; a gap leads to `unknown`, never to somebody's fault.

use crate::explain::connection::{Connection, End, NodeLoss, Rejected};
use crate::explain::verdict::Path;
use crate::ids::{ClientMessageId, TraceId, conversation_room};
use crate::{ConversationId, MessageId, NodeId, Seq, Sid, Timestamp, UserId};

/// What is known about one message (or one that would be sent now) and one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When the question is asked.
    pub now: Timestamp,
    /// Whom it is about.
    pub user: Person,
    /// What it is about.
    pub subject: Subject,
    /// Their memberships of the conversation, in any order; empty when there never was one, `None` when it is not known.
    pub membership: Option<Vec<Membership>>,
    /// The announcement of the message. Not looked at for a message sent now.
    pub broadcast: Broadcast,
    /// Their sockets in `/`, live ones and those that ended, as far as the record reaches.
    pub sockets: Vec<SocketEvidence>,
    /// Their connections in `/` as the history knows them; may repeat those of `sockets`.
    pub connections: Vec<Connection>,
    /// Their attempts to connect that were refused, in any order.
    pub rejected: Vec<Rejected>,
    /// Nodes that died.
    pub node_losses: Vec<NodeLoss>,
    /// From here on `sockets` and `connections` have no holes, on any node: only then does their silence mean absence.
    /// `None` when even that is not known, as when a node does not answer.
    pub complete_since: Option<Timestamp>,
}

/// Somebody with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// The name for people.
    pub username: String,
}

/// What the question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A message that is in the store.
    Saved(SavedMessage),
    /// A message that was refused.
    Refused(Refusal),
    /// A message that would be sent now.
    Now {
        /// Where.
        conversation_id: ConversationId,
    },
}

impl Evidence {
    /// The trace of the message's way, as far as it came.
    pub fn trace_id(&self) -> Option<&TraceId> {
        match (&self.subject, &self.broadcast) {
            (Subject::Refused(refusal), _) => refusal.trace_id.as_ref(),
            (Subject::Saved(_), Broadcast::Made(record)) => record.trace_id.as_ref(),
            (Subject::Saved(_) | Subject::Now { .. }, _) => None,
        }
    }
}

impl Subject {
    /// The conversation that it is about.
    pub fn conversation_id(&self) -> &ConversationId {
        match self {
            Subject::Saved(message) => &message.conversation_id,
            Subject::Refused(refusal) => &refusal.conversation_id,
            Subject::Now { conversation_id } => conversation_id,
        }
    }

    /// The name of its room.
    pub(super) fn room(&self) -> String {
        conversation_room(self.conversation_id())
    }
}

/// A message that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMessage {
    /// Lasting id.
    pub id: MessageId,
    /// Where it was said.
    pub conversation_id: ConversationId,
    /// Its number there.
    pub seq: Seq,
    /// Who said it.
    pub sender: Person,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A message that was refused, as the ring of refusals keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where it was to be said.
    pub conversation_id: ConversationId,
    /// Who wanted to say it.
    pub sender: Person,
    /// The sender's own id of it.
    pub client_message_id: Option<ClientMessageId>,
    /// When.
    pub at: Timestamp,
    /// The code of the error that the sender got.
    pub code: String,
    /// Its words.
    pub message: String,
    /// Its hint: the best remedy there is.
    pub hint: Option<String>,
    /// The trace of its way so far, if it was traced.
    pub trace_id: Option<TraceId>,
}

/// A time during which the user was in the conversation. Messages after `joined_seq` up to `left_seq` were meant for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Since when.
    pub joined_at: Timestamp,
    /// The conversation's last seq then.
    pub joined_seq: Seq,
    /// How it ended; `None` while it lasts.
    pub left: Option<Left>,
    /// What their clients said during this membership; `None` when it is not known.
    pub cursors: Option<Cursors>,
}

/// The end of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// When.
    pub at: Timestamp,
    /// The conversation's last seq then.
    pub seq: Seq,
}

/// A user's own word on what they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursors {
    /// Everything up to here was received.
    pub received_seq: Seq,
    /// Everything up to here was read, which implies received.
    pub read_seq: Seq,
}

/// What is known of the announcement of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broadcast {
    /// It was made.
    Made(BroadcastRecord),
    /// It is certain that none was made.
    NotMade {
        /// When the server that should have made it stopped, if it is known that it did.
        stopped_at: Option<Timestamp>,
    },
    /// No record is kept.
    Unknown,
}

/// The announcement of a message, as `GET messages/{id}/delivery` shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BroadcastRecord {
    /// When.
    pub at: Timestamp,
    /// To which room.
    pub room: String,
    /// In which namespace.
    pub namespace: String,
    /// Whether anybody was in that room.
    pub room_existed: bool,
    /// How many rooms there were.
    pub rooms_in_namespace: u64,
    /// Rooms with a name like it, the nearest first.
    pub similar_rooms: Vec<String>,
    /// How many nodes took part.
    pub nodes: u32,
    /// The trace of the message's way, if it was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
}

/// One socket of the user in `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketEvidence {
    /// Which socket.
    pub sid: Sid,
    /// The process that holds or held it.
    pub node_id: NodeId,
    /// `name/version`, as the client says.
    pub client: Option<String>,
    /// It promised to send receipts.
    pub receipts: bool,
    /// Since when.
    pub connected_at: Timestamp,
    /// How it ended; `None` while it is open (or when its node died with it: see [`Evidence::node_losses`]).
    pub disconnected: Option<End>,
    /// Whether the live room held it when the message was announced (before any repair); for a message sent now, whether
    /// it does now.
    pub in_room: Option<bool>,
    /// When it last left by its own `leave_conversation`.
    pub left_by_itself_at: Option<Timestamp>,
    /// When it last joined the room.
    pub joined_room_at: Option<Timestamp>,
    /// What it was handed of this conversation.
    pub lane: Option<LaneRange>,
    /// How the message was handed to it. For a message sent now: the oldest one that it was handed and did not confirm.
    pub hand_over: Option<HandOver>,
    /// Its newest receipt; for a saved message better the first one that covers it.
    pub confirmed: Option<Confirmed>,
    /// Since when its buffer has been full.
    pub lagging_since: Option<Timestamp>,
    /// When anything was last heard from it, pongs included; for one that ended, the last time before its end.
    pub last_alive_at: Option<Timestamp>,
}

/// The messages that a socket was handed: those after `begin` up to `handed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneRange {
    /// Messages up to here were never meant for this socket: its client had them, or loads them as history.
    pub begin: Seq,
    /// The last one that was handed over.
    pub handed: Seq,
}

/// How a message was handed to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// By which way.
    pub path: Path,
    /// When it first went into the socket's buffer; `None` when every attempt failed.
    pub first_at: Option<Timestamp>,
    /// Attempts, the first one included.
    pub attempts: u32,
    /// What was wrong with the last attempt.
    pub error: Option<HandOverError>,
}

/// Why an attempt to hand a message over failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    /// The socket takes too slowly what it is sent.
    #[error("its buffer is full")]
    BufferFull,
    /// The connection is gone.
    #[error("the connection is gone")]
    Closed,
    /// It was not in the room, and could not be joined to it.
    #[error("it is not in the room and could not be joined to it")]
    NotJoined,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// A receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmed {
    /// Everything up to here.
    pub seq: Seq,
    /// When; `None`: so long ago that only the receipt is remembered, and not its time.
    pub at: Option<Timestamp>,
}
