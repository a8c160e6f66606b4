//! What operators ask of the store: lists to search in, and the log of their own changes.
//!
//! A port of its own, so that the use cases of chat cannot reach it: only the admin pages see everybody's messages.

use async_trait::async_trait;
use serde::Serialize;

use super::StoreError;
use crate::delivery::{ConnectionEvent, DeliveryException};
use crate::{ConversationId, ConversationKind, Message, Role, Seq, Sid, Timestamp, User, UserId};

/// Messages that one search reads: somebody waits for it. Words are looked up in an index first, which knows all messages.
pub const MESSAGES_LOOKED_AT_MAX: u32 = 10_000;

/// Entries of connection histories that are looked through for a socket: they are kept by user, and a SID alone names none.
pub const CONNECTIONS_LOOKED_THROUGH_MAX: u32 = 200_000;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Rows before it.
    pub skip: u64,
    /// Rows in it at most.
    pub limit: u32,
}

/// Part of a list, and how long the whole of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
}

/// What accounts can be sorted by. Equal ones are sorted by username.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrder {
    /// The unique name.
    Username,
    /// What others see.
    DisplayName,
    /// What the account may do.
    Role,
    /// When it was made.
    CreatedAt,
    /// When its last socket closed.
    LastSeen,
}

/// Which accounts, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFilter {
    /// Part of the id, the username or the display name; ASCII letters match in either case.
    pub text: Option<String>,
    /// Only those that may do this.
    pub role: Option<Role>,
    /// Sorted by.
    pub order: UserOrder,
    /// The largest first.
    pub falling: bool,
}

/// What conversations can be sorted by. Equal ones are sorted by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationOrder {
    /// The time of the newest message, or of the making.
    Active,
    /// When it was made.
    CreatedAt,
    /// The title.
    Title,
    /// How many are in it.
    Participants,
    /// How many messages it has.
    Messages,
}

/// Which conversations, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Part of the id or the title, or the whole username of a participant; ASCII letters match in either case.
    pub text: Option<String>,
    /// Only of this kind.
    pub kind: Option<ConversationKind>,
    /// Sorted by.
    pub order: ConversationOrder,
    /// The largest first.
    pub falling: bool,
}

/// A conversation as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConversationSummary {
    /// Lasting id.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's title.
    pub title: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The newest message's number: also how many there are.
    pub last_seq: Seq,
    /// When that message was committed.
    pub last_message_at: Option<Timestamp>,
    /// How many are in it.
    pub participants: u64,
    /// The usernames of the first three of them.
    pub names: Vec<String>,
}

/// Which messages; the newest come first. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Of this conversation.
    pub conversation_id: Option<ConversationId>,
    /// By this sender.
    pub sender_id: Option<UserId>,
    /// With words that begin as each of these does, in either case; if there are none, with this in the text, the words of which may
    /// then stand within others (see [`Sought`]).
    pub text: Option<String>,
    /// Committed at this time or later.
    pub from: Option<Timestamp>,
    /// Committed before this time.
    pub to: Option<Timestamp>,
}

impl MessageFilter {
    /// Must messages be read to know whether they are wanted?
    pub fn looks_inside(&self) -> bool {
        self.sender_id.is_some() || self.text.is_some() || self.from.is_some() || self.to.is_some()
    }
}

/// How a text was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// Its words in the index of all messages; or there was no text.
    Words,
    /// It holds no word (letters or digits) that an index could know, so that messages were read.
    NoWords,
    /// No message has words that begin like this, so that messages were read.
    WithinWords,
    /// More than [`MESSAGES_LOOKED_AT_MAX`] messages have these words, so that the newest ones were read.
    Common,
}

/// What a search for messages found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMessages {
    /// The newest first.
    pub items: Vec<Message>,
    /// How many there are among those that were looked at.
    pub total: u64,
    /// Older ones were not looked at: there are more than [`MESSAGES_LOOKED_AT_MAX`].
    pub cut: bool,
    /// How the text was looked for.
    pub sought: Sought,
}

/// Reading for operators.
#[async_trait]
pub trait OperatorReads: Send + Sync {
    /// Accounts.
    async fn list_users(&self, filter: &UserFilter, slice: Slice) -> Result<Listed<User>, StoreError>;

    /// Conversations.
    async fn list_conversations(
        &self,
        filter: &ConversationFilter,
        slice: Slice,
    ) -> Result<Listed<ConversationSummary>, StoreError>;

    /// Messages, the newest first by their ids, which are made in the order of time.
    async fn find_messages(&self, filter: &MessageFilter, slice: Slice) -> Result<FoundMessages, StoreError>;

    /// What did not go by the book for a user, in any conversation, the newest first.
    async fn exceptions_of(&self, user: &UserId, limit: u32) -> Result<Vec<DeliveryException>, StoreError>;

    /// What happened to a socket, open or closed, the newest first: of the newest [`CONNECTIONS_LOOKED_THROUGH_MAX`] entries of everybody.
    async fn connections_of_socket(&self, sid: &Sid, limit: u32) -> Result<Vec<ConnectionEvent>, StoreError>;
}

/// A change that an operator made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// The username of who did it.
    pub actor: String,
    /// A verb, such as `disconnect`.
    pub action: String,
    /// To what: a SID, a room, a username.
    pub target: String,
    /// The rest in words.
    pub detail: String,
}

/// Where changes are noted, for good.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Notes a change. It is called before the change is made: what cannot be noted is not done.
    async fn note(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// The newest first, of those in which some part contains `text` (ASCII letters in either case), or of all.
    async fn audit(&self, text: Option<&str>, slice: Slice) -> Result<Listed<AuditEntry>, StoreError>;
}
