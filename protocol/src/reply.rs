//! What an acknowledgement holds: `{ok: true, …}` or `{ok: false, error}`.

use chat_core::{ConversationId, Message, NodeId, Seq, Sid, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::WireError;
use crate::event::{BanView, ConversationView, UserView};

/// A failure; as event `error` it also names the event that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Always false.
    pub ok: bool,
    /// Why.
    pub error: WireError,
    /// Which event, when there was no callback to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

impl Refused {
    /// For an acknowledgement.
    pub fn new(error: WireError) -> Self {
        Self {
            ok: false,
            error,
            event: None,
        }
    }
}

/// A success: `{ok: true}` and the fields of `T`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done<T> {
    /// Always true.
    pub ok: bool,
    /// What the event adds.
    #[serde(flatten)]
    pub adds: T,
}

impl<T> Done<T> {
    /// Success with `adds`.
    pub fn new(adds: T) -> Self {
        Self { ok: true, adds }
    }
}

/// Nothing beyond `ok`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// `join_conversation`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The room's name.
    pub room: String,
    /// Its namespace.
    pub namespace: String,
    /// The socket that joined.
    pub sid: Sid,
    /// The live room was read afterwards and held this socket.
    pub verified: bool,
    /// Sockets in the room now.
    pub sockets_in_room: usize,
    /// The newest message's number.
    pub last_seq: Seq,
    /// The messages after `after_seq`.
    pub missed: Vec<Message>,
    /// There are more than these: use `sync` or REST.
    pub more: bool,
}

/// `leave_conversation`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The room's name.
    pub room: String,
    /// The live room was read afterwards and no longer held this socket.
    pub verified: bool,
}

/// How a message was handed over, by the numbers of the node that accepted it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Participants of the conversation, the sender included.
    pub participants: usize,
    /// Those with at least one live socket.
    pub online: usize,
    /// Their sockets, the sending one included.
    pub sockets: usize,
    /// Sockets that it was handed to.
    pub handed_off: usize,
    /// Sockets that it could not be handed to.
    pub failed: usize,
    /// Sockets that were not in the room, were joined to it, and got it.
    pub repaired: usize,
}

/// `send_message`, and the answer of `POST messages`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// As it was committed.
    pub message: Message,
    /// It had been sent before; nothing went out now.
    pub duplicate: bool,
    /// Where it went.
    pub delivery: Delivery,
}

/// `sync`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synced {
    /// In rising seq.
    pub messages: Vec<Message>,
    /// There are more.
    pub more: bool,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundMessage {
    /// As it is now.
    #[serde(flatten)]
    pub message: Message,
    /// A line of it around the first of the words, as plain text.
    pub snippet: String,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The newest first.
    pub messages: Vec<FoundMessage>,
    /// There are more.
    pub more: bool,
}

/// `list_conversations`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Newest message first.
    pub conversations: Vec<ConversationView>,
}

/// `create_conversation`, `add_participants`, `remove_participant`, `mute_conversation`, `ban_participant`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// As it is now.
    pub conversation: ConversationView,
}

/// `list_bans`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bans {
    /// The newest first.
    pub bans: Vec<BanView>,
}

/// `watch_receipts`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watching {
    /// Conversations that this socket asked for by their ids.
    pub watching: usize,
    /// It hears those of every conversation that its user made.
    pub created: bool,
}

/// `edit_message`, `delete_message`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updated {
    /// As it is now.
    pub message: Message,
}

/// `whoami`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whoami {
    /// This socket.
    pub sid: Sid,
    /// Its namespace.
    pub namespace: String,
    /// The process that holds it.
    pub node_id: NodeId,
    /// `polling`, `websocket` or `plain-websocket`.
    pub transport: String,
    /// The live rooms that it is in.
    pub rooms: Vec<String>,
    /// Who the server takes it for.
    pub user: UserView,
    /// Its conversations.
    pub conversations: Vec<WhoamiConversation>,
}

/// A conversation in `whoami`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoamiConversation {
    /// Which.
    pub id: ConversationId,
    /// The live room holds this socket.
    pub in_room: bool,
    /// The newest message's number.
    pub last_seq: Seq,
    /// Received up to here, by the user's own word.
    pub received_seq: Seq,
}

/// `refresh_token`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// When the new token ends.
    pub expires_at: Timestamp,
}
