//! What a participant wants to hear of, and who may not be in a conversation.

use async_trait::async_trait;

use super::{ConversationError, StoreError};
use crate::{Conversation, ConversationId, Timestamp, User, UserId};

/// A ban that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBan {
    /// From which conversation.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// By whom.
    pub by: UserId,
    /// Why, in their words; already parsed.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

/// Somebody who may not be in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// Who.
    pub user: User,
    /// By whom.
    pub by: UserId,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

/// Muting and banning.
#[async_trait]
pub trait Moderation: Send + Sync {
    /// Mutes (`Some`) or unmutes (`None`) a conversation for one participant; muting again keeps the first time. `None`: they are
    /// not in it.
    async fn set_muted(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Option<Timestamp>,
    ) -> Result<Option<Conversation>, StoreError>;

    /// Removes a user, as [`super::Conversations::remove_participant`] does, and keeps them out: from now on they cannot be added. One who
    /// is not in it is banned all the same; who is banned already is so from now on with the new words. At most
    /// [`crate::limits::BANS_MAX`] in one conversation.
    async fn ban(&self, ban: NewBan) -> Result<Conversation, ConversationError>;

    /// Lifts a ban; false when there is none.
    async fn unban(&self, id: &ConversationId, user: &UserId) -> Result<bool, StoreError>;

    /// Who is banned, the newest first.
    async fn bans(&self, id: &ConversationId) -> Result<Vec<Ban>, StoreError>;

    /// This user's ban.
    async fn ban_of(&self, id: &ConversationId, user: &UserId) -> Result<Option<Ban>, StoreError>;
}
