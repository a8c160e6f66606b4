//! Conversations and who is in them.

use async_trait::async_trait;

use super::StoreError;
use crate::conversation::ConversationOfUser;
use crate::{Conversation, ConversationId, ConversationKind, Seq, Timestamp, UserId};

/// A conversation to be made.
#[derive(Debug, Clone)]
pub struct NewConversation {
    /// From the id source, or a service's own.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// Already parsed.
    pub title: Option<String>,
    /// The owner; a service owns nothing and gives `None`.
    pub owner: Option<UserId>,
    /// Who makes it: the owner, or a service that becomes no participant.
    pub created_by: Option<UserId>,
    /// Everybody, the owner included, without doubles; two for a direct one.
    pub participant_ids: Vec<UserId>,
    /// Becomes `created_at` and everybody's `joined_at`.
    pub at: Timestamp,
}

/// What making a conversation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New(Conversation),
    /// A direct one of these two, or one with this id, was there before; nothing was changed.
    Existing(Conversation),
}

/// Why a conversation could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// There is no such conversation.
    #[error("there is no such conversation")]
    NotFound,
    /// These ids are no accounts.
    #[error("there is no user {}", list(.0))]
    UnknownUsers(Vec<UserId>),
    /// These users are banned from it.
    #[error("banned from this conversation: {}", list(.0))]
    Banned(Vec<UserId>),
    /// The group would have more than [`crate::limits::PARTICIPANTS_MAX`] participants, or the user more than
    /// [`crate::limits::CONVERSATIONS_PER_USER_MAX`] conversations.
    #[error("{0}")]
    TooMany(&'static str),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(ids: &[UserId]) -> String {
    ids.iter().map(UserId::as_str).collect::<Vec<_>>().join(", ")
}

/// What an import brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Into which conversation.
    pub conversation_id: ConversationId,
    /// Messages up to here; they are history, which is announced to nobody.
    pub upto: Seq,
}

/// Conversations and their participants. Every [`Conversation`] that is returned has its participants sorted by user id.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// Makes a conversation, or finds the one that is there.
    async fn create_conversation(&self, new: NewConversation) -> Result<Created, ConversationError>;

    /// The conversation as it is now.
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;

    /// The conversation as `user` sees it; `None` when it does not exist or they are not in it.
    async fn conversation_of(
        &self,
        id: &ConversationId,
        user: &UserId,
    ) -> Result<Option<ConversationOfUser>, StoreError>;

    /// Every conversation of `user`, the one with the newest message first (those without any by their making).
    async fn conversations_of(&self, user: &UserId) -> Result<Vec<ConversationOfUser>, StoreError>;

    /// Adds users as members with `joined_seq` = the present `last_seq`; those who are in already stay as they are. One who is banned
    /// is named, and nobody is added.
    async fn add_participants(
        &self,
        id: &ConversationId,
        user_ids: &[UserId],
        at: Timestamp,
    ) -> Result<Conversation, ConversationError>;

    /// Removes a user and keeps the times and the cursors of their membership; nothing happens when they are not in it.
    async fn remove_participant(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Conversation, ConversationError>;

    /// Conversations that another process brought in, or brought messages into, by an import, and that were not welcomed yet.
    async fn arrivals(&self) -> Result<Vec<Arrival>, StoreError>;

    /// This one is in use here: it is told no more, unless more of it came meanwhile.
    async fn welcomed(&self, arrival: &Arrival) -> Result<(), StoreError>;

    /// The conversations of each of these users, who are named once each, in no order.
    async fn conversation_ids_of(&self, users: &[UserId]) -> Result<Vec<(UserId, ConversationId)>, StoreError>;
}
