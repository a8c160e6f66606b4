//! Receipts that the client sends by itself: cumulative, the first at once, then at most once per interval, for every
//! conversation in which something is due. In a crowd they wait longer, unless it was quiet.

use std::collections::{BTreeMap, HashMap};

use rollcall_protocol::chat_core::{ConversationId, Seq};
use rollcall_protocol::event::{ConversationView, Session};
use tokio::time::Instant;

use crate::limits::{CROWD_ABOVE, CROWD_QUIET, CROWD_RECEIPT_DELAY, RECEIPT_INTERVAL};

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
    /// Conversations of many.
    crowds: HashMap<ConversationId, Crowd>,
}

#[derive(Debug, Default)]
struct Crowd {
    /// When the newest message came.
    busy_at: Option<Instant>,
    /// When what is due there is to be sent.
    ripe_at: Option<Instant>,
}

impl Receipts {
    /// The session is what it knows from here on.
    pub(crate) fn begins(&mut self, session: &Session) {
        self.crowds.clear();
        for view in &session.conversations {
            self.knows(view);
        }
    }

    /// The conversation is as this says.
    pub(crate) fn knows(&mut self, view: &ConversationView) {
        if view.participants.len() > CROWD_ABOVE {
            self.crowds.entry(view.id.clone()).or_default();
        } else {
            self.crowds.remove(&view.id);
        }
    }

    /// The conversation is none of this user's any more.
    pub(crate) fn forgets(&mut self, conversation: &ConversationId) {
        self.crowds.remove(conversation);
    }

    /// The consumer has it.
    pub(crate) fn note(&mut self, conversation: &ConversationId, seq: Seq, now: Instant) {
        let is_first = !self.due.contains_key(conversation);
        let due = self.due.entry(conversation.clone()).or_insert(seq);
        *due = seq.max(*due);
        let Some(crowd) = self.crowds.get_mut(conversation) else {
            return;
        };
        let was_busy = crowd.busy_at.is_some_and(|at| now < at + CROWD_QUIET);
        if is_first {
            crowd.ripe_at = was_busy.then(|| now + CROWD_RECEIPT_DELAY);
        }
        crowd.busy_at = Some(now);
    }

    /// When [`Self::take`] gives something.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let ripe = self.due.keys().map(|id| self.ripe_at(id).unwrap_or(now)).min()?;
        Some(ripe.max(self.quiet_until.unwrap_or(now)))
    }

    /// When what is due in this conversation is to be sent, if that is not at once.
    fn ripe_at(&self, conversation: &ConversationId) -> Option<Instant> {
        self.crowds.get(conversation)?.ripe_at
    }

    /// What is to be sent now.
    pub(crate) fn take(&mut self, now: Instant) -> BTreeMap<ConversationId, Seq> {
        if self.due.is_empty() || self.quiet_until.is_some_and(|until| now < until) {
            return BTreeMap::new();
        }
        let (ripe, waiting) = std::mem::take(&mut self.due)
            .into_iter()
            .partition(|(id, _)| self.ripe_at(id).is_none_or(|at| at <= now));
        self.due = waiting;
        let ripe: BTreeMap<ConversationId, Seq> = ripe;
        if !ripe.is_empty() {
            self.quiet_until = Some(now + RECEIPT_INTERVAL);
        }
        ripe
    }

    /// Everything that is due, ripe or not: there is no later.
    pub(crate) fn take_all(&mut self) -> BTreeMap<ConversationId, Seq> {
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
        receipts.note(&conversation, Seq(1), start);
        assert_eq!(receipts.take(start).get(&conversation), Some(&Seq(1)));
        for seq in [2, 4, 3] {
            receipts.note(&conversation, Seq(seq), start);
        }
        assert!(receipts.take(start).is_empty());
        let due = receipts.deadline(start).unwrap();
        assert_eq!(due, start + RECEIPT_INTERVAL);
        assert_eq!(receipts.take(due).get(&conversation), Some(&Seq(4)));
        assert_eq!(receipts.deadline(due), None);
    }

    fn view(id: &str, participants: usize) -> ConversationView {
        let of =
            |n: usize| serde_json::json!({"id": format!("u{n}"), "username": "u", "display_name": "u", "online": true});
        serde_json::from_value(serde_json::json!({
            "id": id, "kind": "group", "title": null, "room": format!("conversation:{id}"),
            "participants": (0..participants).map(of).collect::<Vec<_>>(),
            "last_seq": 0, "received_seq": 0, "read_seq": 0, "unread": 0,
        }))
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_told_less_often_and_holds_up_nobody_else() {
        let (crowd, few) = (
            ConversationId::parse("crowd").unwrap(),
            ConversationId::parse("few").unwrap(),
        );
        let mut receipts = Receipts::default();
        receipts.knows(&view("crowd", CROWD_ABOVE + 1));
        receipts.knows(&view("few", CROWD_ABOVE));
        let start = Instant::now();
        receipts.note(&crowd, Seq(1), start);
        assert_eq!(receipts.take(start).len(), 1, "nothing was said for long: at once");
        let second = start + RECEIPT_INTERVAL / 2;
        receipts.note(&crowd, Seq(2), second);
        let ripe = second + CROWD_RECEIPT_DELAY;
        assert_eq!(receipts.deadline(second), Some(ripe));
        let next = start + RECEIPT_INTERVAL;
        receipts.note(&few, Seq(7), next);
        assert_eq!(receipts.deadline(next), Some(next), "the others need not wait");
        assert_eq!(
            receipts.take(next).into_iter().collect::<Vec<_>>(),
            [(few.clone(), Seq(7))]
        );
        receipts.note(&crowd, Seq(3), ripe - RECEIPT_INTERVAL);
        assert!(receipts.take(ripe - RECEIPT_INTERVAL).is_empty());
        assert_eq!(
            receipts.deadline(next),
            Some(ripe),
            "a second one puts it off no further"
        );
        assert_eq!(receipts.take(ripe).get(&crowd), Some(&Seq(3)));

        let later = ripe - RECEIPT_INTERVAL + CROWD_QUIET;
        receipts.note(&crowd, Seq(4), later);
        assert_eq!(receipts.take(later).get(&crowd), Some(&Seq(4)), "quiet again");
        receipts.note(&crowd, Seq(5), later);
        receipts.knows(&view("crowd", CROWD_ABOVE));
        assert_eq!(
            receipts.deadline(later),
            Some(later + RECEIPT_INTERVAL),
            "a crowd no more"
        );
        receipts.knows(&view("crowd", CROWD_ABOVE + 1));
        receipts.forgets(&crowd);
        assert_eq!(receipts.crowds.len(), 0);
        assert_eq!(receipts.take_all().get(&crowd), Some(&Seq(5)));
    }
}
