//! Messages that were refused lately: the answer to "I sent it, where is it?" when it never was saved.

use std::collections::VecDeque;

use chat_core::ConversationId;
use chat_core::explain::Refusal;
use chat_core::ids::ClientMessageId;
use parking_lot::Mutex;

/// Refusals that are kept: at some 300 bytes each, a third of a megabyte.
const REFUSALS_MAX: usize = 1_000;

/// The newest refusals.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<VecDeque<Refusal>>);

impl Refusals {
    /// Keeps one; the oldest makes room for it.
    pub fn note(&self, refusal: Refusal) {
        let mut kept = self.0.lock();
        if kept.len() >= REFUSALS_MAX {
            kept.pop_front();
        }
        kept.push_back(refusal);
    }

    /// The newest refusal of the message with this id of its sender's.
    pub fn find(&self, conversation: &ConversationId, id: &ClientMessageId) -> Option<Refusal> {
        let kept = self.0.lock();
        let found = |refusal: &&Refusal| {
            refusal.conversation_id == *conversation && refusal.client_message_id.as_ref() == Some(id)
        };
        kept.iter().rev().find(found).cloned()
    }
}
