//! Receipts that the client sends by itself: cumulative, the first at once, then at most once per interval, for every
//! conversation in which something is due.

use std::collections::BTreeMap;

use rollcall_protocol::chat_core::{ConversationId, Seq};
use tokio::time::Instant;

use crate::limits::RECEIPT_INTERVAL;

/// What the client promised about receipts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ReceiptMode {
    /// Nothing.
    #[default]
    None,
    /// To send them; the client does it when a message has been given to the consumer.
    Automatic,
    /// To send them; the consumer does it.
    Manual,
}

/// What is to be confirmed.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    due: BTreeMap<ConversationId, Seq>,
    /// Until then nothing is sent.
    quiet_until: Option<Instant>,
}

impl Receipts {
    /// The consumer has it.
    pub(crate) fn note(&mut self, conversation: &ConversationId, seq: Seq) {
        match self.due.get_mut(conversation) {
            Some(due) => *due = seq.max(*due),
            None => {
                self.due.insert(conversation.clone(), seq);
            }
        }
    }

    /// When [`Self::take`] gives something.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        (!self.due.is_empty()).then(|| self.quiet_until.unwrap_or(now))
    }

    /// What is to be sent now.
    pub(crate) fn take(&mut self, now: Instant) -> BTreeMap<ConversationId, Seq> {
        if self.due.is_empty() || self.quiet_until.is_some_and(|until| now < until) {
            return BTreeMap::new();
        }
        self.quiet_until = Some(now + RECEIPT_INTERVAL);
        std::mem::take(&mut self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_at_once_the_rest_together() {
        let conversation = ConversationId::parse("c").unwrap();
        let mut receipts = Receipts::default();
        let start = Instant::now();
        assert_eq!(receipts.deadline(start), None);
        receipts.note(&conversation, Seq(1));
        assert_eq!(receipts.take(start).get(&conversation), Some(&Seq(1)));
        for seq in [2, 4, 3] {
            receipts.note(&conversation, Seq(seq));
        }
        assert!(receipts.take(start).is_empty());
        let due = receipts.deadline(start).unwrap();
        assert_eq!(due, start + RECEIPT_INTERVAL);
        assert_eq!(receipts.take(due).get(&conversation), Some(&Seq(4)));
        assert_eq!(receipts.deadline(due), None);
    }
}
