//! The log of messages: appending, reading, searching.

use std::pin::Pin;

use async_trait::async_trait;

use super::{Page, StoreError};
use crate::ids::ClientMessageId;
use crate::search::SearchWords;
use crate::{ConversationId, Draft, Message, MessageId, Seq, Timestamp, UserId};

/// What appending came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Committed now, durable against a power cut.
    New(Message),
    /// The sender had sent this `client_message_id` before; nothing was written.
    Repeat(Message),
}

/// Why a message was not appended. Nothing of it is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// There is no such conversation.
    #[error("there is no such conversation")]
    NotFound,
    /// `reply_to` names no message of this conversation.
    #[error("reply_to names no message of this conversation")]
    BadReply,
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which messages of a conversation a page begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom {
    /// The oldest ones with a greater seq.
    After(Seq),
    /// The newest ones with a smaller seq.
    Before(Seq),
    /// The newest ones.
    Newest,
}

/// Where a search looks. Whose right it is to look there is part of the question, so that no answer can outlive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// In every conversation that this user is in now.
    OfUser(UserId),
    /// In this conversation, if this user is in it now.
    OfUserIn(UserId, ConversationId),
    /// In this conversation.
    In(ConversationId),
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// Where.
    pub reach: Reach,
    /// All of them must occur.
    pub words: SearchWords,
    /// Only messages with a smaller seq.
    pub before: Option<Seq>,
    /// At most so many.
    pub limit: u32,
}

/// The second half of an append: resolves when the draft is committed, found to be a repeat, or refused.
pub type Appending = Pin<Box<dyn Future<Output = Result<Appended, AppendError>> + Send>>;

/// The log of messages.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// Queues the draft. In its turn it is given its conversation's next seq and committed; a repeated `(conversation,
    /// sender, client_message_id)` gives the first message instead. Seqs have no gaps, whatever fails. Drafts that one caller
    /// queues one after the other get rising seqs: when this returns, the draft has its place. A caller that goes away leaves
    /// either nothing or a committed message.
    async fn queue(&self, draft: Draft) -> Appending;

    /// Queues the draft and waits for what it comes to.
    async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.queue(draft).await.await
    }

    /// At most `limit` messages, in rising seq whatever the direction.
    async fn page(&self, id: &ConversationId, from: PageFrom, limit: u32) -> Result<Page<Message>, StoreError>;

    /// Replaces a message's content and sets `edited_at`. `None`: there is no such message, or it is deleted.
    async fn edit(&self, id: &MessageId, content: &str, at: Timestamp) -> Result<Option<Message>, StoreError>;

    /// Empties a message and sets `deleted_at`; its number stays taken. Deleting again changes nothing. `None`: there is no such
    /// message.
    async fn delete(&self, id: &MessageId, at: Timestamp) -> Result<Option<Message>, StoreError>;

    /// Empties some messages that were sent before `before`, as if deleted at `at`; true when there may be more. Their numbers stay.
    async fn forget_messages(&self, before: Timestamp, at: Timestamp) -> Result<bool, StoreError>;

    /// Messages that hold every one of the words, the newest first, as they are now: an edited message is found by what it says
    /// now, a deleted one never.
    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>, StoreError>;

    /// Prepares some messages that came lately for searching, so that the next search is quick, if there are `at_least` so many; true when
    /// there are more. A search finds every message that was committed before it, whether this was called or not.
    async fn index_messages(&self, at_least: u32) -> Result<bool, StoreError>;

    /// One message.
    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError>;

    /// The message that this sender sent with this id, if any.
    async fn message_by_client_id(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>, StoreError>;
}
