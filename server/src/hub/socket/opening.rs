//! What is said to a socket, in order: `session` first, and nothing of before it; then whatever waited.
//!
//! The session is one look at the truth. What changes while that look is taken makes it stale, and it is taken again; so there
//! is a moment ([`LiveSocket::begin_session`]) before which a change of the user's conversations is in `session`, and after
//! which it is said behind it. Without that moment a removal that `session` knows of would be said after it, and the
//! client would forget what it was just handed.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use chat_core::{ConversationId, Seq};
use rollcall_protocol::event::name;
use serde_json::value::RawValue;

use super::{EmitError, LiveSocket};
use crate::hub::adapter::EncodedEvent;
use crate::hub::lane::Lane;
use crate::limits::BACKLOG_EVENTS_MAX;

/// How far a socket's session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The user's conversations are being read.
    Reading {
        /// They changed meanwhile.
        stale: bool,
    },
    /// `session` is out (or first in the line); what was missed is handed over.
    Feeding,
    /// Everything goes out as it comes.
    Open,
}

/// What waits to be said to a socket, the oldest first.
#[derive(Debug)]
pub(super) struct Outbox {
    phase: Phase,
    waiting: VecDeque<(&'static str, Box<RawValue>)>,
}

impl Default for Outbox {
    fn default() -> Self {
        Self {
            phase: Phase::Reading { stale: false },
            waiting: VecDeque::new(),
        }
    }
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// `event` tells of a change that `session` will tell of.
    fn is_told_by_session(&mut self, event: &str) -> bool {
        let told = event == name::CONVERSATION_UPDATED || event == name::CONVERSATION_REMOVED;
        match &mut self.phase {
            Phase::Reading { stale } if told => {
                *stale = true;
                true
            }
            _ => false,
        }
    }
}

/// Where a lane of the session begins: after which seq, and the newest that existed when it was read.
pub(crate) type Beginning = (ConversationId, Seq, Seq);

impl LiveSocket {
    /// The user's conversations are about to be read for `session`.
    pub(crate) fn begin_reading(&self) {
        let mut outbox = self.outbox.lock();
        if let Phase::Reading { stale } = &mut outbox.phase {
            *stale = false;
        }
    }

    /// One of the user's conversations changes, and the change is stored: call this before anything of it is done to the socket. What
    /// was read for `session` before now is not the truth any more.
    pub(crate) fn changes(&self) {
        if !self.is_opening() {
            return;
        }
        let mut outbox = self.outbox.lock();
        if let Phase::Reading { stale } = &mut outbox.phase {
            *stale = true;
        }
    }

    /// Says `session` and lets exactly its lanes begin, all still held. False when what it was made from changed meanwhile: then nothing was
    /// said, and it must be read again.
    pub(crate) fn begin_session(&self, beginnings: &[Beginning], session: &RawValue) -> bool {
        let mut lanes = self.lanes.lock();
        let mut outbox = self.outbox.lock();
        match outbox.phase {
            Phase::Reading { stale: true } => return false,
            Phase::Reading { stale: false } => {}
            Phase::Feeding | Phase::Open => return true,
        }
        // What was announced meanwhile has opened lanes already; they know how far the conversation is by now.
        let mut early = std::mem::take(&mut *lanes);
        for (id, handed, head) in beginnings {
            let announced = early.remove(id).map_or(Seq::ZERO, |lane| lane.head);
            let lane = Lane {
                head: announced.max(*head).max(*handed),
                ..Lane::held(*handed)
            };
            lanes.insert(id.clone(), lane);
        }
        outbox.phase = Phase::Feeding;
        // Nobody else speaks before it, so there is room, unless the client is gone.
        if self.emit(name::SESSION, session) == Err(EmitError::Full) {
            outbox.waiting.push_front((name::SESSION, session.to_owned()));
        }
        self.waits.store(!outbox.is_empty(), Ordering::Release);
        true
    }

    /// Everything that was missed is out: says what waited, then ends every hold. True when the feeder has work now.
    pub(crate) fn release_all(&self) -> bool {
        let mut lanes = self.lanes.lock();
        // Both locks at once: what waited is said before the first live message, and nothing begins to wait for a session
        // that is out.
        let mut outbox = self.outbox.lock();
        outbox.phase = Phase::Open;
        self.opening.store(false, Ordering::Release);
        let _full_or_closed = self.flush(&mut outbox);
        let mut work = !outbox.is_empty();
        for lane in lanes.values_mut() {
            work |= lane.release();
        }
        work
    }

    /// Says `event` now, or as soon as the socket's buffer has room. `Full` when too many already wait.
    ///
    /// Until the session is through everything waits; what the session tells by itself is not said again.
    pub(crate) fn emit_surely(&self, event: &EncodedEvent) -> Result<Wait, EmitError> {
        let mut outbox = self.outbox.lock();
        if outbox.is_told_by_session(event.event) {
            return Ok(Wait::ForSession);
        }
        let opening = outbox.phase != Phase::Open;
        if outbox.is_empty() && !opening {
            match self.say_once(event) {
                Ok(()) => return Ok(Wait::None),
                Err(EmitError::Closed) => return Err(EmitError::Closed),
                Err(EmitError::Full) => {}
            }
        }
        if outbox.waiting.len() >= BACKLOG_EVENTS_MAX {
            return Err(EmitError::Full);
        }
        outbox.waiting.push_back((event.event, event.data.clone()));
        self.waits.store(true, Ordering::Release);
        Ok(if opening { Wait::ForSession } else { Wait::ForFeeder })
    }

    /// Says what waited. `Full` when some of it still waits.
    pub(crate) fn flush_backlog(&self) -> Result<(), EmitError> {
        let mut outbox = self.outbox.lock();
        if matches!(outbox.phase, Phase::Reading { .. }) {
            return Ok(());
        }
        self.flush(&mut outbox)
    }

    fn flush(&self, outbox: &mut Outbox) -> Result<(), EmitError> {
        while let Some((event, data)) = outbox.waiting.front() {
            self.emit(event, data)?;
            outbox.waiting.pop_front();
        }
        self.waits.store(false, Ordering::Release);
        Ok(())
    }
}

/// Whether an event went out at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It is in the socket's buffer.
    None,
    /// It waits; the feeder must be woken.
    ForFeeder,
    /// It waits for `session`, or is in it.
    ForSession,
}
