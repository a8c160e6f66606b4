//! What is written down about deliveries.

use async_trait::async_trait;

use super::StoreError;
use crate::delivery::{ConnectionEvent, Cursor, DeliveryException, LeftBehind, MembershipSpan};
use crate::explain::NodeLoss;
use crate::{ConversationId, Seq, Timestamp, User, UserId};

/// What is written down about deliveries. Everything here is written in batches and never on a message's way.
#[async_trait]
pub trait DeliveryLog: Send + Sync {
    /// Moves cursors forward; none ever moves back, `read` never passes `received` (a `read` beyond it moves `received` too),
    /// and neither passes the conversation's `last_seq`. Cursors of users who are not in the conversation are skipped.
    async fn advance_cursors(&self, cursors: &[Cursor]) -> Result<(), StoreError>;

    /// The cursors of everybody who is in the conversation now, by user id.
    async fn cursors(&self, conversation: &ConversationId) -> Result<Vec<Cursor>, StoreError>;

    /// Stores exceptions; those of unknown users or conversations are skipped.
    async fn note_exceptions(&self, exceptions: &[DeliveryException]) -> Result<(), StoreError>;

    /// The exceptions that are about message `seq`, by time; of one user, or of everybody.
    async fn exceptions(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        user: Option<&UserId>,
    ) -> Result<Vec<DeliveryException>, StoreError>;

    /// Stores entries of connection histories; those of unknown users are skipped.
    async fn note_connections(&self, events: &[ConnectionEvent]) -> Result<(), StoreError>;

    /// These users' connection histories within `from..=to`, the newest first, of each user at most `limit` entries.
    async fn connections_of(
        &self,
        users: &[UserId],
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<ConnectionEvent>, StoreError>;

    /// The same for one user.
    async fn connections(
        &self,
        user: &UserId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<ConnectionEvent>, StoreError> {
        self.connections_of(std::slice::from_ref(user), from, to, limit).await
    }

    /// The times during which these users were in a conversation, of each user the earliest first.
    async fn memberships_of(
        &self,
        conversation: &ConversationId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, MembershipSpan)>, StoreError>;

    /// The same for one user.
    async fn memberships(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<Vec<MembershipSpan>, StoreError> {
        let spans = self.memberships_of(conversation, std::slice::from_ref(user)).await?;
        Ok(spans.into_iter().map(|(_, span)| span).collect())
    }

    /// Everybody who was in the conversation when message `seq` came, by user id.
    async fn participants_at(&self, conversation: &ConversationId, seq: Seq) -> Result<Vec<User>, StoreError>;

    /// Notes how far conversations were announced. Marks never move back, nor past the conversation's `last_seq`; unknown
    /// conversations are skipped.
    async fn note_announced(&self, announced: &[(ConversationId, Seq)]) -> Result<(), StoreError>;

    /// At a start: takes over what the last process could no longer store, then moves every mark to its conversation's
    /// `last_seq` and tells how many messages lay above the marks. When `left` is complete these are noted as never broadcast, by
    /// a process that stopped just after the newest of them, or when it was last heard of if that is later.
    async fn make_up(&self, left: &LeftBehind) -> Result<u64, StoreError>;

    /// When the process stopped that should have announced message `seq` and did not; `None` when nothing like it is known.
    async fn missed_broadcast(&self, conversation: &ConversationId, seq: Seq) -> Result<Option<Timestamp>, StoreError>;

    /// Processes that died since `from`, by time.
    async fn node_losses(&self, from: Timestamp) -> Result<Vec<NodeLoss>, StoreError>;

    /// Forgets exceptions, connection events, missed broadcasts and lost nodes that are older than `before`, at most a few thousand
    /// at a time; true when there are more.
    async fn prune_evidence(&self, before: Timestamp) -> Result<bool, StoreError>;
}
