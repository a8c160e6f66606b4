//! The store in memory, which can be made to wait or fail at the moments that a busy one would choose.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use chat_core::conversation::ConversationOfUser;
use chat_core::ids::ClientMessageId;
use chat_core::ports::{
    Appending, Arrival, ConversationError, Conversations, Created, MessageLog, NewConversation, Page, PageFrom,
    SearchQuery, StoreError, StoreTrouble,
};
use chat_core::{Conversation, ConversationId, Draft, Message, MessageId, Timestamp, UserId};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::in_time;
use crate::store::memory::MemoryStore;

/// Stops the first who passes after it was shut, until it is opened.
#[derive(Default)]
pub(super) struct Gate {
    shut: AtomicBool,
    reached: Notify,
    opened: Notify,
}

impl Gate {
    pub(super) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    /// Waits until somebody stands before it.
    pub(super) async fn reached(&self) {
        in_time("somebody reaches the gate", self.reached.notified()).await;
    }

    pub(super) fn open(&self) {
        self.opened.notify_one();
    }

    async fn pass(&self) {
        if self.shut.swap(false, Ordering::SeqCst) {
            self.reached.notify_one();
            self.opened.notified().await;
        }
    }
}

/// Each gate is behind what it is named after: that is done, and nobody was told of it yet.
#[derive(Default)]
pub(super) struct Gates {
    pub(super) conversations_of: Gate,
    pub(super) add: Gate,
    pub(super) remove: Gate,
    pub(super) conversation_ids_of: Gate,
    /// So many reads of somebody's conversations fail.
    pub(super) failures: AtomicU32,
    /// So many times it cannot be read whom somebody's coming and going concerns.
    pub(super) receivers_unknown: AtomicU32,
    /// Every other draft takes long to find its place in the queue.
    pub(super) uneven: AtomicBool,
    drafts: AtomicU32,
    /// What another process brought in.
    pub(super) arrivals: Mutex<Vec<Arrival>>,
    /// This conversation cannot be read.
    pub(super) unreadable: Mutex<Option<ConversationId>>,
}

pub(super) struct Gated {
    pub(super) store: Arc<MemoryStore>,
    pub(super) gates: Gates,
}

fn as_asked() -> StoreError {
    StoreError::Unavailable {
        trouble: StoreTrouble::Connection,
        detail: "as the test asked".to_owned(),
    }
}

fn fail_while_asked(times: &AtomicU32) -> Result<(), StoreError> {
    let fails = |left: u32| left.checked_sub(1);
    if times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_err() {
        return Ok(());
    }
    Err(as_asked())
}

#[async_trait]
impl Conversations for Gated {
    async fn create_conversation(&self, new: NewConversation) -> Result<Created, ConversationError> {
        self.store.create_conversation(new).await
    }

    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        if self.gates.unreadable.lock().as_ref() == Some(id) {
            return Err(as_asked());
        }
        self.store.conversation(id).await
    }

    async fn conversation_of(
        &self,
        id: &ConversationId,
        user: &UserId,
    ) -> Result<Option<ConversationOfUser>, StoreError> {
        self.store.conversation_of(id, user).await
    }

    async fn conversations_of(&self, user: &UserId) -> Result<Vec<ConversationOfUser>, StoreError> {
        fail_while_asked(&self.gates.failures)?;
        let mut seen = self.store.conversations_of(user).await?;
        for seen in &mut seen {
            // As a database reads it: a copy of its own each time.
            seen.conversation.id = ConversationId::parse(seen.conversation.id.as_str()).expect("an id");
        }
        self.gates.conversations_of.pass().await;
        Ok(seen)
    }

    async fn add_participants(
        &self,
        id: &ConversationId,
        user_ids: &[UserId],
        at: Timestamp,
    ) -> Result<Conversation, ConversationError> {
        let changed = self.store.add_participants(id, user_ids, at).await;
        self.gates.add.pass().await;
        changed
    }

    async fn remove_participant(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Conversation, ConversationError> {
        let changed = self.store.remove_participant(id, user, at).await;
        self.gates.remove.pass().await;
        changed
    }

    async fn arrivals(&self) -> Result<Vec<Arrival>, StoreError> {
        Ok(self.gates.arrivals.lock().clone())
    }

    async fn welcomed(&self, arrival: &Arrival) -> Result<(), StoreError> {
        self.gates.arrivals.lock().retain(|noted| noted != arrival);
        Ok(())
    }

    async fn conversation_ids_of(&self, users: &[UserId]) -> Result<Vec<(UserId, ConversationId)>, StoreError> {
        fail_while_asked(&self.gates.receivers_unknown)?;
        let ids = self.store.conversation_ids_of(users).await;
        self.gates.conversation_ids_of.pass().await;
        ids
    }
}

#[async_trait]
impl MessageLog for Gated {
    async fn queue(&self, draft: Draft) -> Appending {
        let number = self.gates.drafts.fetch_add(1, Ordering::SeqCst);
        if self.gates.uneven.load(Ordering::SeqCst) && number.is_multiple_of(2) {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
        self.store.queue(draft).await
    }

    async fn page(&self, id: &ConversationId, from: PageFrom, limit: u32) -> Result<Page<Message>, StoreError> {
        self.store.page(id, from, limit).await
    }

    async fn edit(&self, id: &MessageId, content: &str, at: Timestamp) -> Result<Option<Message>, StoreError> {
        self.store.edit(id, content, at).await
    }

    async fn delete(&self, id: &MessageId, at: Timestamp) -> Result<Option<Message>, StoreError> {
        self.store.delete(id, at).await
    }

    async fn forget_messages(&self, before: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
        self.store.forget_messages(before, at).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>, StoreError> {
        self.store.search(query).await
    }

    async fn index_messages(&self, at_least: u32) -> Result<bool, StoreError> {
        self.store.index_messages(at_least).await
    }

    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        self.store.message(id).await
    }

    async fn message_by_client_id(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>, StoreError> {
        self.store
            .message_by_client_id(conversation, sender, client_message_id)
            .await
    }
}
