//! What a live socket was handed of each conversation: the lanes, and every way into and out of them.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use chat_core::{ConversationId, Seq, Timestamp};

use super::{EmitError, HeldLane, LiveSocket};
use crate::hub::adapter::EncodedEvent;
use crate::hub::lane::{Lane, Lanes, Mode, Offer, Outstanding, Path, Turn};
use crate::hub::run::Run;
use crate::limits::FORMER_LANES_MAX;

impl LiveSocket {
    /// Message `seq` of `conversation` is committed: hand it over if it is this socket's turn.
    pub(crate) fn offer(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        message: &EncodedEvent,
        how: (Path, Timestamp),
    ) -> Offer {
        let mut lanes = self.lanes.lock();
        let lane = match lanes.get_mut(conversation) {
            Some(lane) => lane,
            // The session is being made: whoever makes it sets where the lane begins, and finds the head here.
            None if self.opening.load(Ordering::Relaxed) => {
                let lane = lanes
                    .entry(conversation.clone())
                    .or_insert(Lane::held(Seq(seq.0.saturating_sub(1))));
                lane.head = lane.head.max(seq);
                return Offer::Later;
            }
            None => return Offer::NoLane,
        };
        match lane.turn(seq) {
            Turn::Not(outcome) => outcome,
            // Its buffer was full, and something that was said before waits for room: this belongs behind it.
            Turn::Now if self.waits.load(Ordering::Acquire) => {
                lane.mode = Mode::Behind;
                self.lags(how.1);
                Offer::Lagging
            }
            Turn::Now => match self.first_emit(message) {
                Ok(()) => {
                    lane.handed_over(seq);
                    if self.receipts {
                        lane.awaits(seq, how.0, how.1);
                    }
                    Offer::HandedOff
                }
                Err(EmitError::Full) => {
                    lane.mode = Mode::Behind;
                    self.lags(how.1);
                    Offer::Lagging
                }
                Err(EmitError::Closed) => Offer::Closed,
            },
        }
    }

    /// Hands messages over by writing them to the connection at once: all of them, where the lane is live and has room, and nothing
    /// that was said before is still on its way. False: nothing was done, and each must be offered.
    pub(crate) fn takes_at_once(&self, conversation: &ConversationId, run: &Run, at: Timestamp) -> bool {
        // Whoever has no line that can be written to is offered everything: a second look for its lane would be for nothing.
        if self.straight.is_none() {
            return false;
        }
        let mut lanes = self.lanes.lock();
        let Some(lane) = lanes.get_mut(conversation) else {
            return false;
        };
        let its_turn = lane.mode == Mode::Live && run.first() == lane.handed.next();
        if !its_turn || self.waits.load(Ordering::Acquire) || self.faults.may_drop_handovers() || self.is_full() {
            return false;
        }
        if !self.write_now(run) {
            return false;
        }
        lane.head = lane.head.max(run.last());
        for (seq, _) in run.iter() {
            lane.handed_over(seq);
            if self.receipts {
                lane.awaits(seq, Path::Room, at);
            }
        }
        true
    }

    fn first_emit(&self, message: &EncodedEvent) -> Result<(), EmitError> {
        if self.faults.drops_handover() {
            return Ok(());
        }
        self.emit_message(message)
    }

    /// Opens a lane that begins after `handed`, while messages up to `head` exist; a lane that is there only learns of the head. True when the
    /// feeder has work now. While the session is being made the lane stays held.
    pub(crate) fn open_lane(&self, conversation: &ConversationId, handed: Seq, head: Seq) -> bool {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get_mut(conversation) {
            // Opened from an older reading of the conversation: what was announced since is missing, and nobody offers it again.
            return lane.catch_up_to(head);
        }
        let mut lane = Lane {
            head: head.max(handed),
            ..Lane::held(handed)
        };
        let work = !self.opening.load(Ordering::Relaxed) && lane.release();
        lanes.insert(conversation.clone(), lane);
        work
    }

    /// Message `seq` exists and cannot be handed over, as the socket is not in the room: whatever comes to the lane next
    /// finds the gap and has it fed from the store.
    pub(crate) fn misses(&self, conversation: &ConversationId, seq: Seq) {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(conversation.clone()).or_insert_with(|| Lane {
            mode: Mode::Live,
            ..Lane::held(Seq(seq.0.saturating_sub(1)))
        });
        lane.head = lane.head.max(seq);
    }

    /// Not in the room of a conversation that it should hear: is that somebody's doing who is not through yet (a join, the
    /// session), the client's own wish, or a fault to repair?
    pub(crate) fn needs_repair(&self, conversation: &ConversationId) -> bool {
        let lanes = self.lanes.lock();
        !self.opening.load(Ordering::Relaxed)
            && lanes
                .get(conversation)
                .is_none_or(|lane| matches!(lane.mode, Mode::Live | Mode::Behind))
    }

    /// Hands over the next message from the store. `None` when the lane no longer wants it from the feeder.
    pub(crate) fn feed(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        message: &EncodedEvent,
        at: Timestamp,
    ) -> Option<Result<(), EmitError>> {
        let mut lanes = self.lanes.lock();
        let lane = lanes.get_mut(conversation).filter(|lane| lane.mode == Mode::Behind)?;
        if seq != lane.handed.next() {
            return None;
        }
        let outcome = self.emit_message(message);
        match outcome {
            Ok(()) => {
                lane.fed(seq);
                if self.receipts {
                    lane.awaits(seq, Path::Resume, at);
                }
            }
            Err(EmitError::Full) => self.lags(at),
            Err(EmitError::Closed) => {}
        }
        Some(outcome)
    }

    /// A lane that the feeder has work in, and the seq after which it goes on.
    pub(crate) fn next_behind(&self) -> Option<(ConversationId, Seq)> {
        let lanes = self.lanes.lock();
        lanes
            .iter()
            .find(|(_, lane)| lane.mode == Mode::Behind)
            .map(|(id, lane)| (id.clone(), lane.handed))
    }

    /// True for exactly one caller until [`Self::stop_feeding`] agrees.
    pub(crate) fn start_feeding(&self) -> bool {
        !self.feeding.swap(true, Ordering::AcqRel)
    }

    /// Ends feeding unless new work came meanwhile; true when it ended.
    pub(crate) fn stop_feeding(&self) -> bool {
        let lanes = self.lanes.lock();
        let outbox = self.outbox.lock();
        if outbox.is_empty() && lanes.values().all(|lane| lane.mode != Mode::Behind) {
            self.lagging_since.store(0, Ordering::Relaxed);
            self.feeding.store(false, Ordering::Release);
            return true;
        }
        false
    }

    /// Holds the lane, making it if there is none, and tells the last seq that was handed over through it.
    /// A new one, and one that was left, begins after what `begin` gives.
    pub(crate) fn hold_lane(&self, conversation: &ConversationId) -> HeldLane {
        let mut lanes = self.lanes.lock();
        match lanes.get_mut(conversation) {
            Some(lane) if lane.mode != Mode::Left => {
                let continues = HeldLane::Continues(lane.handed);
                lane.mode = Mode::Held;
                continues
            }
            _ => {
                let left_at = lanes.get(conversation).and_then(|lane| lane.left_at);
                let begun = Lane {
                    left_at,
                    ..Lane::held(Seq::ZERO)
                };
                let ended = lanes.insert(conversation.clone(), begun);
                self.remember_lane(conversation, ended);
                HeldLane::Begins
            }
        }
    }

    /// A join that failed: as if it had not been tried.
    pub(crate) fn abandon_lane(&self, conversation: &ConversationId, began: HeldLane) {
        if began == HeldLane::Begins {
            self.drop_lane(conversation);
        }
    }

    /// Says where a held lane begins, which is the newest message that exists. False when it ended meanwhile: the user was removed.
    pub(crate) fn begin_lane(&self, conversation: &ConversationId, head: Seq) -> bool {
        let mut lanes = self.lanes.lock();
        let Some(lane) = lanes.get_mut(conversation) else {
            return false;
        };
        *lane = Lane {
            head: lane.head.max(head),
            left_at: lane.left_at,
            ..Lane::held(head)
        };
        true
    }

    /// Ends the hold on one lane; true when the feeder has work now.
    pub(crate) fn release_lane(&self, conversation: &ConversationId) -> bool {
        self.lanes.lock().get_mut(conversation).is_some_and(Lane::release)
    }

    /// The client left by itself: nothing live until it joins again.
    pub(crate) fn leave_lane(&self, conversation: &ConversationId, at: Timestamp) {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(conversation.clone()).or_insert(Lane::held(Seq::ZERO));
        lane.mode = Mode::Left;
        lane.left_at = Some(at);
        // What it was handed it may still confirm, but nobody hands it over again to a client that left.
        lane.outstanding.clear();
    }

    /// The user is no longer in the conversation.
    pub(crate) fn drop_lane(&self, conversation: &ConversationId) {
        let ended = self.lanes.lock().remove(conversation);
        self.remember_lane(conversation, ended);
    }

    /// What a lane was handed stays true after its end: whoever was removed, or left and came back, keeps what happened.
    pub(super) fn remember_lane(&self, conversation: &ConversationId, ended: Option<Lane>) {
        let Some(lane) = ended.filter(|lane| lane.handed > lane.begins || lane.left_at.is_some()) else {
            return;
        };
        let mut former = self.former.lock();
        let of_conversation = former.entry(conversation.clone()).or_default();
        if of_conversation.len() >= FORMER_LANES_MAX {
            of_conversation.remove(0);
        }
        of_conversation.push(lane);
    }

    /// Did the client leave this conversation itself?
    pub fn has_left(&self, conversation: &ConversationId) -> bool {
        self.lanes
            .lock()
            .get(conversation)
            .is_some_and(|lane| lane.mode == Mode::Left)
    }

    /// The last seq handed over in this conversation.
    pub fn handed(&self, conversation: &ConversationId) -> Option<Seq> {
        self.lanes.lock().get(conversation).map(|lane| lane.handed)
    }

    /// The client confirms everything up to `upto`; `closes` is shown what waited for that, the oldest first, in one piece or two.
    pub(crate) fn confirm(
        &self,
        conversation: &ConversationId,
        upto: Seq,
        at: Timestamp,
        closes: impl FnMut(&[Outstanding]),
    ) {
        if let Some(lane) = self.lanes.lock().get_mut(conversation) {
            lane.confirm(upto, at, closes);
        }
    }

    /// Runs `look` over the lanes in which something waits for a receipt.
    pub(crate) fn with_waiting_lanes(&self, mut look: impl FnMut(&ConversationId, &mut Lane)) {
        for (conversation, lane) in self.lanes.lock().iter_mut() {
            if !lane.outstanding.is_empty() {
                look(conversation, lane);
            }
        }
    }

    /// Hands a message over again that the client has not confirmed; `None` when it has meanwhile.
    pub(crate) fn again(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        message: &EncodedEvent,
    ) -> Option<Result<(), EmitError>> {
        let mut lanes = self.lanes.lock();
        let lane = lanes.get_mut(conversation)?;
        let waits = lane.outstanding.iter_mut().find(|waits| waits.seq == seq)?;
        let outcome = self.emit_message(message);
        if outcome.is_ok() {
            waits.attempts = waits.attempts.saturating_add(1);
        }
        Some(outcome)
    }

    /// This socket's newest receipt in a conversation.
    pub(crate) fn last_receipt(&self, conversation: &ConversationId) -> Option<(Seq, Timestamp)> {
        let lanes = self.lanes.lock();
        let newest = lanes.get(conversation)?.confirmations.back()?;
        Some((newest.upto, newest.at))
    }

    /// Messages that are no longer tried again.
    pub(crate) fn given_up(&self) -> usize {
        let mut all = 0;
        self.with_waiting_lanes(|_, lane| all += lane.outstanding.iter().filter(|waits| waits.given_up).count());
        all
    }

    /// The conversations whose live messages this socket is to hear, each with what it was handed and the newest there is.
    pub(crate) fn hears(&self) -> Vec<(ConversationId, Seq, Seq)> {
        let lanes = self.lanes.lock();
        let heard = lanes
            .iter()
            .filter(|(_, lane)| matches!(lane.mode, Mode::Live | Mode::Behind));
        heard.map(|(id, lane)| (id.clone(), lane.handed, lane.head)).collect()
    }

    /// A copy of the lane, for whoever explains.
    pub fn lane(&self, conversation: &ConversationId) -> Option<Lane> {
        self.lanes.lock().get(conversation).cloned()
    }

    /// Copies of the ended lanes of a conversation, the oldest first, for whoever explains.
    pub fn former_lanes(&self, conversation: &ConversationId) -> Vec<Lane> {
        self.former.lock().get(conversation).cloned().unwrap_or_default()
    }

    /// Copies of all ended lanes, for whoever remembers a closed socket.
    pub(crate) fn all_former_lanes(&self) -> HashMap<ConversationId, Vec<Lane>> {
        self.former.lock().clone()
    }

    /// Copies of all lanes, for whoever remembers a closed socket.
    pub(crate) fn lanes(&self) -> Lanes {
        self.lanes.lock().clone()
    }
}
