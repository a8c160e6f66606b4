//! What comes out: a status, at most one cause, the message's way in eight steps, and what to do. The names are the wire's.

use serde::{Deserialize, Serialize};

use crate::ids::TraceId;
use crate::{NodeId, Sid, Timestamp};

/// What became of a message for one participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A receipt covers it.
    Delivered,
    /// A read receipt covers it.
    Read,
    /// Handed to a socket that gives no receipts, or whose receipt is not due yet.
    Sent,
    /// Handed to a socket that promised receipts and gave none in time.
    Unconfirmed,
    /// It did not reach them.
    Missed,
    /// They were not there.
    Offline,
}

impl Status {
    /// Every status, in the order of the contract.
    pub const ALL: [Status; 6] = [
        Status::Delivered,
        Status::Read,
        Status::Sent,
        Status::Unconfirmed,
        Status::Missed,
        Status::Offline,
    ];

    /// The status as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Delivered => "delivered",
            Status::Read => "read",
            Status::Sent => "sent",
            Status::Unconfirmed => "unconfirmed",
            Status::Missed => "missed",
            Status::Offline => "offline",
        }
    }
}

/// Why a participant did not get a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Not in the conversation when it was sent.
    NotParticipant,
    /// No connection, and no attempt at one.
    Offline,
    /// Trying to connect to another namespace than `/`.
    WrongNamespace,
    /// Connected, not in the room, and a repair was impossible or failed.
    NotInRoom,
    /// Came to the conversation after it.
    JoinedLater,
    /// Every socket had left by its own `leave_conversation`.
    LeftBefore,
    /// The connection ended before the receipt.
    DisconnectedDuring,
    /// Handed over, the connection open, never confirmed.
    NoReceipt,
    /// The client takes too slowly what it is sent.
    BufferFull,
    /// The attempts to connect were refused.
    HandshakeRejected,
    /// The process that held the connection died.
    NodeLost,
    /// The message was refused.
    NotSaved,
    /// Saved, but the server stopped before the broadcast.
    NotBroadcast,
    /// The client connects again and again, and no connection lasts.
    ReconnectLoop,
    /// The evidence does not say.
    Unknown,
}

impl Cause {
    /// Every cause, in the order of the contract.
    pub const ALL: [Cause; 15] = [
        Cause::NotParticipant,
        Cause::Offline,
        Cause::WrongNamespace,
        Cause::NotInRoom,
        Cause::JoinedLater,
        Cause::LeftBefore,
        Cause::DisconnectedDuring,
        Cause::NoReceipt,
        Cause::BufferFull,
        Cause::HandshakeRejected,
        Cause::NodeLost,
        Cause::NotSaved,
        Cause::NotBroadcast,
        Cause::ReconnectLoop,
        Cause::Unknown,
    ];

    /// The cause as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::NotParticipant => "not_participant",
            Cause::Offline => "offline",
            Cause::WrongNamespace => "wrong_namespace",
            Cause::NotInRoom => "not_in_room",
            Cause::JoinedLater => "joined_later",
            Cause::LeftBefore => "left_before",
            Cause::DisconnectedDuring => "disconnected_during",
            Cause::NoReceipt => "no_receipt",
            Cause::BufferFull => "buffer_full",
            Cause::HandshakeRejected => "handshake_rejected",
            Cause::NodeLost => "node_lost",
            Cause::NotSaved => "not_saved",
            Cause::NotBroadcast => "not_broadcast",
            Cause::ReconnectLoop => "reconnect_loop",
            Cause::Unknown => "unknown",
        }
    }
}

/// A station of a message's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Committed to the store.
    Saved,
    /// The user was meant to get it.
    Participant,
    /// They had a socket in `/`.
    Connected,
    /// That socket was in the conversation's room.
    InRoom,
    /// The server announced the message.
    Broadcast,
    /// It was put into the socket's buffer.
    HandedOver,
    /// The client said that it has it.
    Confirmed,
    /// The client said that it was read.
    Read,
}

impl StepName {
    /// The whole way, in order.
    pub const ALL: [StepName; 8] = [
        StepName::Saved,
        StepName::Participant,
        StepName::Connected,
        StepName::InRoom,
        StepName::Broadcast,
        StepName::HandedOver,
        StepName::Confirmed,
        StepName::Read,
    ];

    /// The step as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            StepName::Saved => "saved",
            StepName::Participant => "participant",
            StepName::Connected => "connected",
            StepName::InRoom => "in_room",
            StepName::Broadcast => "broadcast",
            StepName::HandedOver => "handed_over",
            StepName::Confirmed => "confirmed",
            StepName::Read => "read",
        }
    }
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It took place.
    Ok,
    /// It did not, and should have.
    Failed,
    /// Not known, or not decided yet.
    Unknown,
    /// Not reached, or not called for.
    Skipped,
}

/// One station of the message's way, with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which station.
    pub step: StepName,
    /// How it went.
    pub status: StepStatus,
    /// When, if that is known.
    pub at: Option<Timestamp>,
    /// The evidence in words.
    pub detail: String,
}

/// The answer to "did they get it, and if not, why not".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What became of it.
    pub verdict: Status,
    /// Why it did not arrive; `None` exactly for delivered, read and sent.
    pub cause: Option<Cause>,
    /// One or two sentences for whoever asks.
    pub summary: String,
    /// The eight stations, always all of them, in order.
    pub steps: Vec<Step>,
    /// What to do; there for every cause.
    pub remedy: Option<String>,
    /// The trace of the message's way through the server, while that is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
}

/// How a message came to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Live, as a member of the room.
    Room,
    /// Live, after having been put back into the room.
    Repair,
    /// Again, because no receipt came.
    Retry,
    /// With what was missed, on coming back.
    Resume,
}

impl Path {
    /// The path as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Path::Room => "room",
            Path::Repair => "repair",
            Path::Retry => "retry",
            Path::Resume => "resume",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What happened to a message at one socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketDelivery {
    /// Which socket.
    pub sid: Sid,
    /// The process that holds or held it.
    pub node_id: NodeId,
    /// What it is, as it says itself: `name/version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// How it came there; `None` when it did not, or that is not on record.
    pub path: Option<Path>,
    /// When it was first put into the socket's buffer.
    pub handed_off_at: Option<Timestamp>,
    /// Attempts, the first one included.
    pub attempts: u32,
    /// When a receipt of this socket first covered it.
    pub confirmed_at: Option<Timestamp>,
    /// A receipt of this socket covers it, which came so long ago that its time is not remembered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirmed_earlier: bool,
    /// From the first hand-over to the receipt.
    pub latency_ms: Option<u64>,
    /// Why it did not arrive here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What happened to a message for one participant: the answer of `GET messages/{id}/delivery`, without who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantDelivery {
    /// What became of it.
    pub status: Status,
    /// Why it did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Socket by socket, those that it was meant for or came to.
    pub sockets: Vec<SocketDelivery>,
}
