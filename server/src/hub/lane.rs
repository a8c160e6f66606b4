//! A lane: what one socket has been handed of one conversation, and whether it may be handed more right now.
//!
//! All order and completeness of delivery hangs on this small state machine: within a lane messages are handed over by
//! rising seq, each once, without gaps. Whatever cannot be handed over at once is left to the feeder, which reads it from
//! the store; a full buffer is therefore a delay and never a loss.

use std::collections::{HashMap, VecDeque};

use chat_core::{ConversationId, Seq, Timestamp};

use crate::limits::{CONFIRMATIONS_MAX, FED_RUNS_MAX, OUTSTANDING_MAX};

/// Who may hand messages to a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nobody yet: its socket is being set up, or an acknowledgement that belongs before the next message is on its way.
    Held,
    /// The feeder, from the store.
    Behind,
    /// The fan-out, directly.
    Live,
    /// Nobody: the client left by its own `leave_conversation`.
    Left,
}

/// What became of a message that was offered to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// It is in the socket's buffer.
    HandedOff,
    /// The feeder, or whoever holds the lane, will hand it over.
    Later,
    /// The socket's buffer is full; the feeder must be woken.
    Lagging,
    /// It was handed over before.
    Already,
    /// The client left this conversation itself.
    Left,
    /// The socket has no lane here: it was never joined.
    NoLane,
    /// The connection is gone.
    Closed,
}

/// How a message came to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// With everybody else, through the room.
    Room,
    /// The socket was not in the room; it was joined and sent to.
    Repair,
    /// From the store, when the client came back or its buffer had drained.
    Resume,
}

/// A message that was handed over and is not confirmed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outstanding {
    /// Which.
    pub seq: Seq,
    /// When it was first handed over.
    pub first_at: Timestamp,
    /// How.
    pub path: Path,
    /// How often it was handed over.
    pub attempts: u8,
    /// The last retry was in vain.
    pub given_up: bool,
}

/// A receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// Everything up to here.
    pub upto: Seq,
    /// When it came.
    pub at: Timestamp,
}

/// The state of one socket in one conversation. What every message looks at comes first and shares a line of memory.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct Lane {
    /// The last seq that was handed over (or that the client held when it came).
    pub handed: Seq,
    /// The newest seq that is known to exist.
    pub head: Seq,
    /// Who may hand over.
    pub mode: Mode,
    /// The lane begins after this seq: what the client held when it came, or the newest message when it joined.
    pub begins: Seq,
    /// Confirmed by this socket up to here.
    pub confirmed: Seq,
    /// What was handed over and is not confirmed, of a socket that promised receipts: the oldest first.
    pub outstanding: VecDeque<Outstanding>,
    /// The newest receipts, the oldest first.
    pub confirmations: VecDeque<Confirmation>,
    /// When it was left by the client itself, and when it was joined last.
    pub left_at: Option<Timestamp>,
    /// The newest runs of messages that came from the store instead of the fan-out: from and to, the oldest first.
    pub fed: VecDeque<(Seq, Seq)>,
}

/// A socket's lanes, by conversation. They are looked up once per message and socket, which is worth a quicker hash than the one that
/// withstands keys made to collide; its seed is drawn anew by each process.
pub type Lanes = HashMap<ConversationId, Lane, foldhash::fast::RandomState>;

/// What the fan-out is to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Hand it over now; then call [`Lane::handed_over`].
    Now,
    /// Nothing to do, for this reason.
    Not(Offer),
}

impl Lane {
    /// A lane that begins after `handed` and is held.
    pub fn held(handed: Seq) -> Self {
        Self {
            begins: handed,
            handed,
            head: handed,
            mode: Mode::Held,
            confirmed: handed,
            outstanding: VecDeque::new(),
            confirmations: VecDeque::new(),
            left_at: None,
            fed: VecDeque::new(),
        }
    }

    /// Message `seq` exists: is it this lane's turn?
    pub fn turn(&mut self, seq: Seq) -> Turn {
        self.head = self.head.max(seq);
        match self.mode {
            Mode::Left => Turn::Not(Offer::Left),
            Mode::Held | Mode::Behind => Turn::Not(Offer::Later),
            Mode::Live if seq <= self.handed => Turn::Not(Offer::Already),
            Mode::Live if seq == self.handed.next() => Turn::Now,
            Mode::Live => {
                // A gap: whatever was missed is in the store.
                self.mode = Mode::Behind;
                Turn::Not(Offer::Lagging)
            }
        }
    }

    /// Message `seq` is in the socket's buffer. True when the feeder has nothing more to do here.
    pub fn handed_over(&mut self, seq: Seq) -> bool {
        debug_assert_eq!(seq, self.handed.next(), "a lane is handed every seq once, in order");
        self.handed = seq;
        self.settle()
    }

    /// The same for a message that the feeder brought from the store.
    pub fn fed(&mut self, seq: Seq) -> bool {
        match self.fed.back_mut() {
            Some((_, to)) if to.next() == seq => *to = seq,
            _ => {
                if self.fed.len() >= FED_RUNS_MAX {
                    self.fed.pop_front();
                }
                self.fed.push_back((seq, seq));
            }
        }
        self.handed_over(seq)
    }

    /// Did message `seq` come from the store, as far as that is remembered?
    pub fn was_fed(&self, seq: Seq) -> bool {
        self.fed.iter().any(|(from, to)| (*from..=*to).contains(&seq))
    }

    /// Messages up to `head` exist and were announced. True when the feeder must be woken.
    pub fn catch_up_to(&mut self, head: Seq) -> bool {
        if self.mode == Mode::Left {
            return false;
        }
        self.head = self.head.max(head);
        if self.mode == Mode::Live && self.handed < self.head {
            self.mode = Mode::Behind;
        }
        self.mode == Mode::Behind
    }

    /// Ends a hold. True when the feeder must be woken.
    pub fn release(&mut self) -> bool {
        if self.mode == Mode::Held {
            self.mode = Mode::Behind;
            self.settle();
        }
        self.mode == Mode::Behind
    }

    /// Remembers that message `seq` waits for a receipt.
    pub fn awaits(&mut self, seq: Seq, path: Path, at: Timestamp) {
        if self.outstanding.len() >= OUTSTANDING_MAX {
            // The newest matter most; what falls out is still known to be unconfirmed, only no longer since when.
            self.outstanding.pop_front();
        }
        let first = Outstanding {
            seq,
            first_at: at,
            path,
            attempts: 1,
            given_up: false,
        };
        self.outstanding.push_back(first);
    }

    /// A receipt came: everything up to `upto` (never beyond what was handed over) is confirmed. `closes` is shown what waited for it, the
    /// oldest first, in one piece or two.
    pub fn confirm(&mut self, upto: Seq, at: Timestamp, mut closes: impl FnMut(&[Outstanding])) {
        let upto = upto.min(self.handed);
        if upto <= self.confirmed {
            return;
        }
        self.confirmed = upto;
        if self.confirmations.len() >= CONFIRMATIONS_MAX {
            self.confirmations.pop_front();
        }
        self.confirmations.push_back(Confirmation { upto, at });
        let closed = self.outstanding.partition_point(|waits| waits.seq <= upto);
        let (older, newer) = self.outstanding.as_slices();
        let of_older = closed.min(older.len());
        for piece in [&older[..of_older], &newer[..closed - of_older]] {
            if !piece.is_empty() {
                closes(piece);
            }
        }
        self.outstanding.drain(..closed);
    }

    /// When a receipt covered message `seq`, as far as it is remembered.
    pub fn confirmed_at(&self, seq: Seq) -> Option<Timestamp> {
        let at = self.confirmations.partition_point(|receipt| receipt.upto < seq);
        // Covered by the oldest receipt that is remembered: it may have been an older one that is not.
        let exact = at > 0 || self.confirmations.len() < CONFIRMATIONS_MAX;
        self.confirmations.get(at).filter(|_| exact).map(|receipt| receipt.at)
    }

    fn settle(&mut self) -> bool {
        let caught_up = self.handed >= self.head;
        if caught_up && self.mode == Mode::Behind {
            self.mode = Mode::Live;
        }
        caught_up
    }
}

#[cfg(test)]
mod tests;
