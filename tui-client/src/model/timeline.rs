//! The messages of one conversation, one's own that are on their way, and how far others are.

use std::collections::{BTreeMap, HashMap};

use rollcall_client::protocol::chat_core::ids::ClientMessageId;
use rollcall_client::protocol::chat_core::{Message, MessageId, Seq, UserId};
use rollcall_client::protocol::event::Cursor;
use rollcall_client::protocol::reply::Delivery;

/// Messages that are kept of one conversation; older ones are loaded again when scrolled to.
pub(crate) const MESSAGES_MAX: usize = 2_000;

/// A message of one's own that has no seq yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) id: ClientMessageId,
    pub(crate) content: String,
    pub(crate) reply_to: Option<MessageId>,
    /// Why it was not saved; `None` while it is on its way.
    pub(crate) failed: Option<String>,
}

/// What is being loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Loading {
    #[default]
    Nothing,
    Newest,
    Older,
}

/// One conversation's messages.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Timeline {
    messages: BTreeMap<Seq, Message>,
    pub(crate) outgoing: Vec<Outgoing>,
    /// What the acknowledgement said of one's own messages.
    delivery: HashMap<Seq, Delivery>,
    /// How far each participant is.
    cursors: HashMap<UserId, Cursor>,
    pub(crate) loading: Loading,
    /// Was a page of history asked for since the last connection?
    pub(crate) loaded: bool,
    /// An older page came back empty: what is before is not ours to see.
    pub(crate) nothing_older: bool,
}

impl Timeline {
    pub(crate) fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.values()
    }

    pub(crate) fn of_seq(&self, seq: Seq) -> Option<&Message> {
        self.messages.get(&seq)
    }

    pub(crate) fn first_seq(&self) -> Option<Seq> {
        self.messages.keys().next().copied()
    }

    pub(crate) fn last_seq(&self) -> Option<Seq> {
        self.messages.keys().next_back().copied()
    }

    /// Is there anything before the first message here?
    pub(crate) fn has_older(&self) -> bool {
        !self.nothing_older && self.first_seq().is_some_and(|first| first > Seq(1))
    }

    /// Takes in a message; one of one's own is not on its way any more. Tells whether it is new.
    pub(crate) fn add(&mut self, message: Message) -> bool {
        if let Some(id) = &message.client_message_id {
            self.outgoing.retain(|own| own.id != *id);
        }
        self.messages.insert(message.seq, message).is_none()
    }

    /// Takes in an edit or a deletion, if the message is here.
    pub(crate) fn replace(&mut self, message: Message) {
        if let Some(kept) = self.messages.get_mut(&message.seq).filter(|kept| kept.id == message.id) {
            *kept = message;
        }
    }

    /// Lets go of the oldest beyond the bound.
    pub(crate) fn trim(&mut self) {
        while self.messages.len() > MESSAGES_MAX
            && let Some((seq, _)) = self.messages.pop_first()
        {
            self.delivery.remove(&seq);
        }
    }

    /// Forgets what the server's history holds, for loading it anew.
    pub(crate) fn reset(&mut self) {
        let outgoing = std::mem::take(&mut self.outgoing);
        *self = Self {
            outgoing,
            ..Self::default()
        };
    }

    pub(crate) fn saved(&mut self, seq: Seq, delivery: Delivery) {
        self.delivery.insert(seq, delivery);
    }

    pub(crate) fn delivery(&self, seq: Seq) -> Option<Delivery> {
        self.delivery.get(&seq).copied()
    }

    pub(crate) fn failed(&mut self, id: &ClientMessageId, why: String) {
        if let Some(own) = self.outgoing.iter_mut().find(|own| own.id == *id) {
            own.failed = Some(why);
        }
    }

    /// Those that failed, marked as on their way again.
    pub(crate) fn retry(&mut self) -> Vec<(ClientMessageId, String, Option<MessageId>)> {
        let failed = self.outgoing.iter_mut().filter(|own| own.failed.is_some());
        let again = failed.map(|own| {
            own.failed = None;
            (own.id.clone(), own.content.clone(), own.reply_to.clone())
        });
        again.collect()
    }

    pub(crate) fn moved(&mut self, cursor: Cursor) {
        self.cursors.insert(cursor.user_id.clone(), cursor);
    }

    /// How many of `others` have received, and read, this seq.
    pub(crate) fn reached<'a>(&self, seq: Seq, others: impl Iterator<Item = &'a UserId>) -> (usize, usize) {
        let cursors = others.filter_map(|user| self.cursors.get(user));
        cursors.fold((0, 0), |(received, read), cursor| {
            (
                received + usize::from(cursor.received >= seq),
                read + usize::from(cursor.read >= seq),
            )
        })
    }
}
