//! What `update` wants done outside, as data, and what came of it.

use rollcall_client::CallError;
use rollcall_client::protocol::chat_core::ids::ClientMessageId;
use rollcall_client::protocol::chat_core::{ConversationId, Seq};
use rollcall_client::protocol::reply::{Joined, Sent, Synced};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Enter a room and ask what it is like.
    Join(ConversationId),
    /// Fetch the page of messages after a seq.
    Fetch {
        conversation: ConversationId,
        after: Seq,
        limit: u32,
    },
    /// Send; in the order of these effects.
    Send {
        conversation: ConversationId,
        id: ClientMessageId,
        content: String,
    },
    /// Say that one types, or does not.
    Typing(ConversationId, bool),
    /// Say that everything up to a seq was read.
    Read(ConversationId, Seq),
    /// Drop the connection and come back.
    Reconnect,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Joined(ConversationId, Result<Joined, CallError>),
    Fetched(ConversationId, Result<Synced, CallError>),
    Sent(ConversationId, ClientMessageId, Result<Box<Sent>, CallError>),
}
