//! What the consumer holds of each conversation: what is new, what is double, what is missing.
//!
//! Pure. A message is given out only when it is the next one; anything later waits (by being fetched again) until the gap
//! before it is filled, so that nothing has to be kept here but numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rollcall_protocol::chat_core::limits::RESUME_MESSAGES_MAX;
use rollcall_protocol::chat_core::{ConversationId, Epoch, Message, Seq};
use rollcall_protocol::event::{NotResumed, Resumed, Session};
use rollcall_protocol::{ConversationView, WireError};
use tokio::time::Instant;

use crate::event::{Gap, GapOutcome, LostReason};
use crate::limits::{EARLY_MAX, HEADS_GRACE};

/// What a client holds: give it to another one ([`crate::Builder::resume`]) and that one goes on from there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The database that the seqs belong to.
    pub epoch: Option<Epoch>,
    /// The last seq of each conversation that was given out.
    pub seqs: BTreeMap<ConversationId, Seq>,
}

/// What to do with a message that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Give it out.
    Deliver,
    /// It was given out before.
    Duplicate,
    /// It is after a gap: report that, and fetch from `gap.after` on. The message comes again with what is fetched.
    Gap(Gap),
    /// It is after a gap that is being filled already.
    Wait,
}

#[derive(Debug)]
struct Position {
    /// Everything up to here was given out, or was there before this client.
    held: Seq,
    /// The head when this client came. Up to it the consumer loads history; what comes live all the same was on its way.
    base: Seq,
    /// Seqs up to `base` that came live.
    early: BTreeSet<Seq>,
    /// The head that a running fetch has to reach, and from where it began.
    filling: Option<Filling>,
    /// The head that `heads` told, and when it is believed to be missing.
    suspected: Option<(Seq, Instant)>,
}

#[derive(Debug, Clone, Copy)]
struct Filling {
    from: Seq,
    target: Seq,
}

impl Position {
    fn at(seq: Seq) -> Self {
        Self {
            held: seq,
            base: seq,
            early: BTreeSet::new(),
            filling: None,
            suspected: None,
        }
    }

    /// Held by a consumer already, so nothing up to here is new.
    fn resumed_at(seq: Seq) -> Self {
        Self {
            base: Seq::ZERO,
            ..Self::at(seq)
        }
    }

    fn is_early(&mut self, seq: Seq) -> bool {
        // A message that was on its way when the session began is one of the newest.
        let recent = seq <= self.base && seq.0.saturating_add(EARLY_MAX as u64) > self.base.0;
        recent && self.early.len() < EARLY_MAX && self.early.insert(seq)
    }

    fn gap(&self, conversation: &ConversationId, until: Seq, outcome: GapOutcome) -> Gap {
        Gap {
            conversation_id: conversation.clone(),
            after: self.held,
            until,
            outcome,
        }
    }
}

/// What follows a page of fetched messages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    /// Fetch on, after this one.
    More(Seq),
    /// The gap is closed.
    Done(Gap),
    /// It cannot be closed by fetching.
    Lost(Gap),
    /// The conversation is not followed any more.
    Forgotten,
}

/// Every conversation's position.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    epoch: Option<Epoch>,
    of: HashMap<ConversationId, Position>,
    /// Left by the consumer's own `leave_conversation`: no live messages, and `heads` is no news.
    left: BTreeSet<ConversationId>,
    /// When the first suspicion is ripe, so that nobody looks through the positions before.
    ripe_at: Option<Instant>,
}

impl Positions {
    pub(crate) fn new(held: Held) -> Self {
        let of = held.seqs.into_iter().map(|(id, seq)| (id, Position::resumed_at(seq)));
        Self {
            epoch: held.epoch,
            of: of.collect(),
            ..Self::default()
        }
    }

    /// For `auth.resume` and `auth.epoch`.
    pub(crate) fn held(&self) -> Held {
        Held {
            epoch: self.epoch.clone(),
            seqs: self
                .of
                .iter()
                .map(|(id, position)| (id.clone(), position.held))
                .collect(),
        }
    }

    /// The connection is gone: the next one resumes, so whatever was being fetched is not any more.
    pub(crate) fn disconnected(&mut self) {
        self.left.clear();
        self.ripe_at = None;
        for position in self.of.values_mut() {
            position.filling = None;
            position.suspected = None;
        }
    }

    /// `session`: what was resumed and what was not. The gaps that are [`GapOutcome::Filling`] are to be fetched.
    pub(crate) fn session(&mut self, session: &Session) -> Vec<Gap> {
        self.epoch = Some(session.epoch.clone());
        let mut gaps = Vec::new();
        for view in &session.conversations {
            gaps.extend(self.resumed(view, session.resume.get(&view.id)));
        }
        let present: BTreeSet<&ConversationId> = session.conversations.iter().map(|view| &view.id).collect();
        self.of.retain(|id, _| present.contains(id));
        gaps
    }

    fn resumed(&mut self, view: &ConversationView, resumed: Option<&Resumed>) -> Option<Gap> {
        let Some(position) = self.of.get_mut(&view.id) else {
            self.of.insert(view.id.clone(), Position::at(view.last_seq));
            return None;
        };
        match resumed {
            Some(Resumed { recovered: true, .. }) => None,
            Some(Resumed { reason, .. }) => {
                let reason = LostReason::NotResumed(reason.unwrap_or(NotResumed::TooFarBehind));
                let gap = position.gap(&view.id, view.last_seq, GapOutcome::Lost(reason));
                *position = Position::at(view.last_seq);
                Some(gap)
            }
            // The server did not answer for it: ask by `sync`.
            None => self.behind(&view.id, view.last_seq),
        }
    }

    /// The head is at `head`; what is missing up to there, if that is news.
    fn behind(&mut self, conversation: &ConversationId, head: Seq) -> Option<Gap> {
        let position = self.of.get_mut(conversation)?;
        if head <= position.held {
            return None;
        }
        if let Some(filling) = &mut position.filling {
            filling.target = filling.target.max(head);
            return None;
        }
        if head.0 - position.held.0 > RESUME_MESSAGES_MAX {
            let reason = LostReason::NotResumed(NotResumed::TooFarBehind);
            let gap = position.gap(conversation, head, GapOutcome::Lost(reason));
            *position = Position::at(head);
            return Some(gap);
        }
        position.filling = Some(Filling {
            from: position.held,
            target: head,
        });
        Some(position.gap(conversation, head, GapOutcome::Filling))
    }

    /// A live or resumed message.
    pub(crate) fn message(&mut self, message: &Message) -> Verdict {
        let (id, seq) = (&message.conversation_id, message.seq);
        let Some(position) = self.of.get_mut(id) else {
            // The first word of a conversation that began, or was joined, after the session.
            self.of.insert(id.clone(), Position::resumed_at(seq));
            return Verdict::Deliver;
        };
        if seq <= position.held {
            return if position.is_early(seq) {
                Verdict::Deliver
            } else {
                Verdict::Duplicate
            };
        }
        if position.filling.is_none() && seq.0 == position.held.0 + 1 {
            position.held = seq;
            return Verdict::Deliver;
        }
        match self.behind(id, seq) {
            Some(gap) => Verdict::Gap(gap),
            None => Verdict::Wait,
        }
    }

    /// A page of `sync`: which of `messages` are to be given out, and what then.
    pub(crate) fn fetched(
        &mut self,
        id: &ConversationId,
        messages: Vec<Message>,
        more: bool,
    ) -> (Vec<Message>, Filled) {
        let Some((position, filling)) = self.of.get_mut(id).and_then(|p| p.filling.map(|f| (p, f))) else {
            return (Vec::new(), Filled::Forgotten);
        };
        let before = position.held;
        let mut news = Vec::new();
        for message in messages {
            if message.conversation_id == *id && message.seq > position.held {
                position.held = message.seq;
                news.push(message);
            }
        }
        let reached = position.held >= filling.target;
        if !reached && position.held > before && (more || !news.is_empty()) {
            return (news, Filled::More(position.held));
        }
        position.filling = None;
        let messages = position.held.0 - filling.from.0;
        let gap = Gap {
            conversation_id: id.clone(),
            after: filling.from,
            until: position.held.max(filling.target),
            outcome: GapOutcome::Filled { messages },
        };
        if reached {
            return (news, Filled::Done(gap));
        }
        // The server says that there is nothing, and had said that there is: believe neither, go on from the head.
        position.held = filling.target;
        let outcome = GapOutcome::Lost(LostReason::NotResumed(NotResumed::Ahead));
        (news, Filled::Lost(Gap { outcome, ..gap }))
    }

    /// `sync` was refused for good: live messages go on after the gap.
    pub(crate) fn refused(&mut self, id: &ConversationId, error: WireError) -> Option<Gap> {
        let position = self.of.get_mut(id)?;
        let filling = position.filling.take()?;
        let gap = position.gap(id, filling.target, GapOutcome::Lost(LostReason::Refused(error)));
        position.held = filling.target;
        Some(gap)
    }

    /// `heads`: what is ahead is suspected to be missing; a message that is on its way gets some time to arrive.
    pub(crate) fn heads(&mut self, heads: &BTreeMap<ConversationId, Seq>, now: Instant) {
        for (id, head) in heads {
            let Some(position) = self.of.get_mut(id).filter(|_| !self.left.contains(id)) else {
                continue;
            };
            if *head > position.held && position.filling.is_none() {
                let ripe_at = position.suspected.map_or(now + HEADS_GRACE, |(_, at)| at);
                position.suspected = Some((*head, ripe_at));
                self.ripe_at = Some(self.ripe_at.map_or(ripe_at, |first| first.min(ripe_at)));
            }
        }
    }

    /// When [`Self::due`] may give something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ripe_at
    }

    /// Suspicions that have become gaps.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Gap> {
        if self.ripe_at.is_none_or(|at| now < at) {
            return Vec::new();
        }
        let mut ripe = Vec::new();
        for (id, position) in &mut self.of {
            if let Some((head, _)) = position.suspected.take_if(|(_, at)| *at <= now) {
                ripe.push((id.clone(), head));
            }
        }
        self.ripe_at = self
            .of
            .values()
            .filter_map(|position| position.suspected.map(|(_, at)| at))
            .min();
        ripe.into_iter()
            .filter_map(|(id, head)| self.behind(&id, head))
            .collect()
    }

    /// A conversation that began, or that the user was added to.
    pub(crate) fn appeared(&mut self, view: &ConversationView) {
        self.of
            .entry(view.id.clone())
            .or_insert_with(|| Position::at(view.last_seq));
    }

    /// The user is not in it any more.
    pub(crate) fn removed(&mut self, id: &ConversationId) {
        self.of.remove(id);
        self.left.remove(id);
    }

    /// The consumer left the room: live messages stop.
    pub(crate) fn left(&mut self, id: &ConversationId) {
        // Also one that is not known: added again, and left before the word of the adding came.
        self.left.insert(id.clone());
    }

    /// The consumer entered the room, and the head is `last_seq`. What was missed came with the answer, so a position in a room
    /// that had been left jumps to the head; one that was live all the time goes on as it was. One that is not known is one that the
    /// user was removed from before the answer came: whatever comes next says where it begins.
    pub(crate) fn joined(&mut self, id: &ConversationId, last_seq: Seq) {
        if self.left.remove(id) {
            self.of.insert(id.clone(), Position::at(last_seq));
        }
    }
}

#[cfg(test)]
#[path = "positions_tests.rs"]
mod tests;
