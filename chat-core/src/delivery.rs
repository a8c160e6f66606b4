//! What is written down about deliveries: cursors, exceptions, connections, memberships.
//!
//! A delivery that goes well leaves nothing but a cursor that moved. What is stored here is what did not go by the book, and
//! who was connected when: enough to explain yesterday's message, growing with exceptions and connections and never with
//! messages × sockets.

use serde::{Deserialize, Serialize};

use crate::explain::NodeLoss;
use crate::{ConversationId, NodeId, Seq, Sid, Timestamp, UserId};

/// How far a user is in a conversation, by their own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// Received everything up to here.
    pub received: Seq,
    /// Read everything up to here; never beyond `received`.
    pub read: Seq,
}

/// What did not go by the book at one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// It could not be handed over.
    Failed,
    /// The socket was not in the room; it was joined and sent to.
    Repaired,
    /// The socket's buffer was full; it was fed later from the store.
    Lagging,
    /// No receipt came in time; it was handed over again.
    Retried,
    /// No receipt came after the last retry.
    Unconfirmed,
    /// The connection ended before a receipt came.
    Disconnected,
    /// It was handed over when the client came back.
    Resumed,
    /// The client had left the room itself.
    Left,
    /// It was not in the room, and joining it failed.
    NotJoined,
    /// The connection ended before it could be handed over.
    Missed,
}

impl ExceptionKind {
    /// Every kind.
    pub const ALL: [ExceptionKind; 10] = [
        ExceptionKind::Failed,
        ExceptionKind::Repaired,
        ExceptionKind::Lagging,
        ExceptionKind::Retried,
        ExceptionKind::Unconfirmed,
        ExceptionKind::Disconnected,
        ExceptionKind::Resumed,
        ExceptionKind::Left,
        ExceptionKind::NotJoined,
        ExceptionKind::Missed,
    ];

    /// The kind as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            ExceptionKind::Failed => "failed",
            ExceptionKind::Repaired => "repaired",
            ExceptionKind::Lagging => "lagging",
            ExceptionKind::Retried => "retried",
            ExceptionKind::Unconfirmed => "unconfirmed",
            ExceptionKind::Disconnected => "disconnected",
            ExceptionKind::Resumed => "resumed",
            ExceptionKind::Left => "left",
            ExceptionKind::NotJoined => "not_joined",
            ExceptionKind::Missed => "missed",
        }
    }
}

/// Something that did not go by the book with one message, or a run of messages, at one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryException {
    /// Where.
    pub conversation_id: ConversationId,
    /// The first message that it is about.
    pub first_seq: Seq,
    /// The last message that it is about.
    pub last_seq: Seq,
    /// Whose socket.
    pub user_id: UserId,
    /// Which socket.
    pub sid: Sid,
    /// On which node.
    pub node_id: NodeId,
    /// What.
    pub kind: ExceptionKind,
    /// When.
    pub at: Timestamp,
    /// In words, or empty.
    pub detail: String,
}

/// What happened to a user's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionEventKind {
    /// A socket was admitted to namespace `/`.
    Connected,
    /// It ended; the detail is the reason.
    Disconnected,
    /// It joined a conversation's room; the detail is the conversation's id.
    Joined,
    /// It left a conversation's room by its own wish; the detail is the conversation's id.
    Left,
    /// An admin took it out of a room; the detail is the room.
    Removed,
    /// A connection was refused; the detail begins with the reason's label.
    Rejected,
}

impl ConnectionEventKind {
    /// Every kind.
    pub const ALL: [ConnectionEventKind; 6] = [
        ConnectionEventKind::Connected,
        ConnectionEventKind::Disconnected,
        ConnectionEventKind::Joined,
        ConnectionEventKind::Left,
        ConnectionEventKind::Removed,
        ConnectionEventKind::Rejected,
    ];

    /// The kind as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            ConnectionEventKind::Connected => "connected",
            ConnectionEventKind::Disconnected => "disconnected",
            ConnectionEventKind::Joined => "joined",
            ConnectionEventKind::Left => "left",
            ConnectionEventKind::Removed => "removed",
            ConnectionEventKind::Rejected => "rejected",
        }
    }
}

/// One entry of a user's connection history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionEvent {
    /// Whose.
    pub user_id: UserId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: ConnectionEventKind,
    /// Which socket; a refused connection has none.
    pub sid: Option<Sid>,
    /// On which node.
    pub node_id: NodeId,
    /// See [`ConnectionEventKind`]; bounded by whoever makes it.
    pub detail: String,
}

/// A time during which a user was a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipSpan {
    /// Since when.
    pub joined_at: Timestamp,
    /// The conversation's `last_seq` at that moment: messages after it were meant for them.
    pub joined_seq: Seq,
    /// Until when, and the `last_seq` at that moment; `None`: they still are.
    pub left: Option<(Timestamp, Seq)>,
    /// Received and read up to here during it, as far as it is stored; `None`: it ended before this was kept.
    pub cursors: Option<(Seq, Seq)>,
}

impl MembershipSpan {
    /// Was message `seq` meant for them?
    pub fn covers(&self, seq: Seq) -> bool {
        seq > self.joined_seq && self.left.is_none_or(|(_, last)| seq <= last)
    }
}

/// What a process that did not stop in order left behind, as the next one finds it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// Which process, and when it was last certain to run; `None` when nothing is known of one.
    pub ended: Option<NodeLoss>,
    /// How far conversations were announced, beyond what the store knows.
    pub announced: Vec<(ConversationId, Seq)>,
    /// `announced` and the store together hold every announcement: what is in neither was never made.
    pub complete: bool,
}
