//! Puts the messages of one conversation back into the order of their seqs.
//!
//! A group commit answers many senders at once, and their tasks run in any order; on other nodes the same seqs come over a bus. What is
//! announced must rise by one. The lock around a sequencer is also what makes "announce" of one conversation single-file.

use std::collections::BTreeMap;

use chat_core::{Message, Seq};
use rollcall_protocol::reply::Delivery;
use tokio::sync::oneshot;

/// A message whose turn it is.
#[derive(Debug)]
pub struct Ready {
    /// The message.
    pub message: Message,
    told: Option<oneshot::Sender<Delivery>>,
}

impl Ready {
    /// Tells whoever brought it where it went.
    pub fn tell(self, delivery: Delivery) {
        if let Some(told) = self.told {
            // The sender may have gone away meanwhile; the message went out all the same.
            let _gone = told.send(delivery);
        }
    }
}

/// The next seq to announce, and those that came too early.
#[derive(Debug)]
pub struct Sequencer {
    next: Seq,
    waiting: BTreeMap<Seq, Ready>,
    /// A task is there that announces what comes.
    pub(super) is_gathering: bool,
}

impl Sequencer {
    /// Begins after `head`, the newest message when the conversation was read.
    pub fn new(head: Seq) -> Self {
        Self {
            next: head.next(),
            waiting: BTreeMap::new(),
            is_gathering: false,
        }
    }

    /// The newest seq that was announced.
    pub fn head(&self) -> Seq {
        Seq(self.next.0 - 1)
    }

    /// Takes a committed message; what it is told through resolves when it was announced. `None`: it was announced before.
    pub fn put(&mut self, message: Message) -> Option<oneshot::Receiver<Delivery>> {
        if message.seq < self.next {
            return None;
        }
        let (told, hears) = oneshot::channel();
        self.waiting.insert(
            message.seq,
            Ready {
                message,
                told: Some(told),
            },
        );
        Some(hears)
    }

    /// Takes a message that was read from the store to close a gap. One that is waiting already stays as it is.
    pub fn fill(&mut self, message: Message) {
        if message.seq >= self.next {
            self.waiting.entry(message.seq).or_insert(Ready { message, told: None });
        }
    }

    /// The message whose turn it is.
    pub fn next_ready(&mut self) -> Option<Ready> {
        let ready = self.waiting.remove(&self.next)?;
        self.next = self.next.next();
        if self.waiting.is_empty() {
            // An empty tree keeps its last node, room for eleven messages: 2 KiB with every conversation that ever had one.
            self.waiting = BTreeMap::new();
        }
        Some(ready)
    }

    /// Messages up to `upto` were brought in as history, and are nobody's news. It goes on behind them, or with the first that waits here.
    pub fn skip_to(&mut self, upto: Seq) {
        let behind = upto.next();
        let next = self.waiting.keys().next().map_or(behind, |first| behind.min(*first));
        self.next = self.next.max(next);
    }

    /// The seq that is waited for, while later ones are here.
    pub fn gap(&self) -> Option<Seq> {
        (!self.waiting.is_empty()).then_some(self.next)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_core::{ConversationId, MessageId, Timestamp, UserId};
    use proptest::prelude::*;

    use super::*;

    fn message(seq: u64) -> Message {
        Message {
            id: MessageId::parse(format!("m{seq}")).unwrap(),
            conversation_id: ConversationId::parse("c").unwrap(),
            seq: Seq(seq),
            sender_id: UserId::parse("u").unwrap(),
            sender_name: Arc::from("u"),
            content: Arc::from("x"),
            created_at: Timestamp::from_millis(0),
            client_message_id: None,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
        }
    }

    fn drain(sequencer: &mut Sequencer) -> Vec<u64> {
        std::iter::from_fn(|| sequencer.next_ready())
            .map(|ready| ready.message.seq.0)
            .collect()
    }

    #[test]
    fn waits_for_the_one_before_and_names_the_gap() {
        let mut sequencer = Sequencer::new(Seq(4));
        assert!(sequencer.put(message(7)).is_some());
        assert_eq!((drain(&mut sequencer), sequencer.gap()), (vec![], Some(Seq(5))));
        sequencer.fill(message(5));
        sequencer.fill(message(6));
        sequencer.fill(message(7));
        assert_eq!((drain(&mut sequencer), sequencer.gap()), (vec![5, 6, 7], None));
        assert!(sequencer.put(message(6)).is_none(), "announced before");
        assert_eq!(sequencer.head(), Seq(7));
    }

    #[test]
    fn whoever_brought_it_is_told() {
        let mut sequencer = Sequencer::new(Seq::ZERO);
        let mut told = sequencer.put(message(1)).unwrap();
        sequencer.next_ready().unwrap().tell(Delivery {
            sockets: 3,
            ..Delivery::default()
        });
        assert_eq!(told.try_recv().unwrap().sockets, 3);
    }

    #[test]
    fn history_is_skipped_up_to_what_waits() {
        let mut sequencer = Sequencer::new(Seq(4));
        sequencer.skip_to(Seq(9));
        assert_eq!(sequencer.head(), Seq(9));
        sequencer.skip_to(Seq(7));
        assert_eq!(sequencer.head(), Seq(9), "never back");
        let _told = sequencer.put(message(15));
        sequencer.skip_to(Seq(12));
        assert_eq!(sequencer.gap(), Some(Seq(13)));
        sequencer.skip_to(Seq(20));
        assert_eq!(drain(&mut sequencer), [15], "somebody waits to hear of it");
    }

    proptest! {
        #[test]
        fn any_order_in_becomes_rising_out(order in Just((1..=40_u64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut sequencer = Sequencer::new(Seq::ZERO);
            let mut out = Vec::new();
            for seq in order {
                let _told = sequencer.put(message(seq));
                out.extend(drain(&mut sequencer));
            }
            prop_assert_eq!(out, (1..=40).collect::<Vec<_>>());
        }
    }
}
