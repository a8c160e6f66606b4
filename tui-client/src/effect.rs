//! What `update` wants done outside, as data, and what came of it.

use rollcall_client::CallError;
use rollcall_client::protocol::chat_core::ids::ClientMessageId;
use rollcall_client::protocol::chat_core::{ConversationId, Message, MessageId, Seq};
use rollcall_client::protocol::reply::{Joined, Sent, Synced, Whoami};
use serde_json::Value;

use crate::model::looking::Fault;

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
        reply_to: Option<MessageId>,
    },
    /// Give a message another content.
    Edit(MessageId, String),
    /// Delete a message.
    Delete(MessageId),
    /// Say that one types, or does not.
    Typing(ConversationId, bool),
    /// Say that everything up to a seq was read.
    Read(ConversationId, Seq),
    /// Mute a conversation, or unmute it.
    Mute(ConversationId, bool),
    /// Drop the connection and come back.
    Reconnect,
    /// Ask what the server believes of this socket.
    Whoami,
    /// Ask the ledger about a message.
    Delivery(MessageId),
    /// Ask why a user did not get a message.
    Explain { message: String, user: String },
    /// Ask every socket of a room to answer.
    Probe(String),
    /// Make something go wrong.
    Fault(Fault, Option<ConversationId>),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reply {
    Joined(ConversationId, Result<Joined, CallError>),
    Fetched(ConversationId, Result<Synced, CallError>),
    Sent(ConversationId, ClientMessageId, Result<Box<Sent>, CallError>),
    Edited(Result<Box<Message>, CallError>),
    Whoami(Result<Box<Whoami>, CallError>),
    Delivery(MessageId, Result<Box<Value>, String>),
    Explained(Result<Box<Value>, String>),
    /// Something was done, and this is what to say of it.
    Did(String),
}
