//! What the hub shows of live sockets and rooms: read from the thing itself at the moment of asking.
//!
//! These are the shapes of the admin JSON (rooms, sockets, namespaces); pages and streams are made from them.

use std::borrow::Cow;

use chat_core::{ConversationId, NodeId, Seq, Sid, Timestamp, UserId};
use serde::Serialize;

/// A namespace and how much is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamespaceView {
    /// Its path, `/` or `/admin`.
    pub name: String,
    /// Live sockets.
    pub sockets: usize,
    /// Live rooms of every kind.
    pub rooms: usize,
}

/// What a room is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RoomKind {
    /// `conversation:<id>` in namespace `/`
    Conversation,
    /// `user:<id>` in namespace `/`
    User,
    /// Named as a SID: holds that one socket.
    Socket,
    /// Anything else.
    Other,
}

/// A room and how many are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomView {
    /// Its namespace.
    pub namespace: Cow<'static, str>,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: RoomKind,
    /// Live sockets in it.
    pub sockets: usize,
    /// The conversation that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
}

/// A socket in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// Which socket.
    pub sid: Sid,
    /// Whose.
    pub user_id: UserId,
    /// Their unique name.
    pub username: String,
    /// `polling`, `websocket` or `plain-websocket`.
    pub transport: &'static str,
    /// The process that holds it.
    pub node_id: NodeId,
    /// When it joined this room.
    pub joined_at: Timestamp,
    /// The newest message of this conversation that it confirmed; `None`: no conversation's room, or no receipt yet.
    pub confirmed_seq: Option<Seq>,
    /// When that receipt came.
    pub confirmed_at: Option<Timestamp>,
    /// It is in a conversation's room, and its user is no participant.
    pub stranger: bool,
}

/// A participant who is online but has sockets that are not in the conversation's room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingView {
    /// Who.
    pub user_id: UserId,
    /// Their unique name.
    pub username: String,
    /// Their sockets that are not in the room, though they did not leave it themselves.
    pub sids: Vec<Sid>,
}

/// A room with everybody in it and everybody who should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomDetail {
    /// The room.
    #[serde(flatten)]
    pub room: RoomView,
    /// Who is in it, by username, then SID.
    pub members: Vec<MemberView>,
    /// Who should be in it and is not (conversations' rooms only).
    pub missing: Vec<MissingView>,
}

/// A live socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SocketView {
    /// Its id.
    pub sid: Sid,
    /// Its namespace.
    pub namespace: String,
    /// Whose.
    pub user_id: UserId,
    /// Their unique name.
    pub username: String,
    /// `polling`, `websocket` or `plain-websocket`.
    pub transport: &'static str,
    /// The process that holds it.
    pub node_id: NodeId,
    /// The client's address, as far as the trusted proxies tell.
    pub address: String,
    /// As it came, shortened.
    pub user_agent: Option<String>,
    /// `name/version`, as the client says.
    pub client: Option<String>,
    /// Since when.
    pub connected_at: Timestamp,
    /// The live rooms that it is in, by name.
    pub rooms: Vec<String>,
    /// It promised to send receipts.
    pub receipts: bool,
    /// Its buffer was full; it is being fed from the store as it drains.
    pub lagging: bool,
    /// Messages that it was handed, that are no longer tried again, and that it has not confirmed.
    pub unconfirmed: usize,
}

/// What went through a live socket since it connected, and how its connection does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActivityView {
    /// Events that its client sent.
    pub events_in: u64,
    /// Events that it was handed; answers to its own are not counted.
    pub events_out: u64,
    /// Those of its client's events that were refused.
    pub events_refused: u64,
    /// From the newest heartbeat to its answer, in milliseconds; `None` for long polling and before the first heartbeat.
    pub round_trip_ms: Option<f64>,
    /// When that answer came.
    pub round_trip_at: Option<Timestamp>,
    /// Bytes that were said to it and that the kernel has not taken, about; `None` for long polling.
    pub buffer_bytes: Option<u64>,
}

/// What a live socket was handed of one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneView {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// The live room holds the socket.
    pub in_room: bool,
    /// The client left it by its own `leave_conversation`.
    pub left: bool,
    /// The newest message.
    pub head_seq: Seq,
    /// The last one that was handed over.
    pub handed_seq: Seq,
    /// Confirmed by this socket up to here.
    pub confirmed_seq: Seq,
    /// When its newest receipt came.
    pub confirmed_at: Option<Timestamp>,
    /// Messages that wait for a receipt.
    pub waiting: usize,
    /// Those of them that are no longer tried.
    pub unconfirmed: usize,
    /// When the oldest of them was handed over.
    pub waiting_since: Option<Timestamp>,
}
