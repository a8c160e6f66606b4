//! A live socket: who is behind it, what it was handed, and the only way to say something to it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use chat_core::ids::conversation_room;
use chat_core::{ConversationId, Role, Seq, Sid, Timestamp, User, UserId};
use parking_lot::Mutex;
use rollcall_protocol::event::name;
use serde::Serialize;
use serde_json::value::RawValue;
use socketioxide::extract::SocketRef;
use socketioxide::{SendError, SocketError};

use super::lane::{Lane, Mode, Offer, Outstanding, Path, Turn};
use crate::gateway::listener::Line;
use crate::limits::{BACKLOG_EVENTS_MAX, FORMER_LANES_MAX};

/// What is known of a connection when it is admitted.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose connection it is.
    pub user: Arc<User>,
    /// What it may do: at most what the account may.
    pub role: Role,
    /// When its token ends.
    pub expires_at: Timestamp,
    /// It promised to send receipts.
    pub receipts: bool,
    /// `name/version`, as the client says.
    pub client: Option<String>,
    /// The client's address, as far as the trusted proxies tell.
    pub address: String,
    /// As it came, shortened.
    pub user_agent: Option<String>,
}

/// Why something could not be said to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// Its buffer is full.
    #[error("the socket's buffer is full")]
    Full,
    /// The connection is gone.
    #[error("the connection is closed")]
    Closed,
}

/// One live connection in namespace `/`.
#[derive(Debug)]
pub struct LiveSocket {
    /// Its id.
    pub sid: Sid,
    /// When it was admitted.
    pub connected_at: Timestamp,
    caller: Caller,
    link: SocketRef,
    expires_at: AtomicI64,
    /// Set while `session` is not out yet.
    opening: AtomicBool,
    /// One feeder at a time.
    feeding: AtomicBool,
    /// In milliseconds since the epoch; 0: it is not lagging.
    lagging_since: AtomicI64,
    // Guards order: a message is put into the buffer under this lock. Never held across an await.
    lanes: Mutex<HashMap<ConversationId, Lane>>,
    // Evidence only: lanes that ended by a leave or a removal. Locked after `lanes`.
    former: Mutex<HashMap<ConversationId, Vec<Lane>>>,
    joined: Mutex<HashMap<String, Timestamp>>,
    backlog: Mutex<VecDeque<(&'static str, Box<RawValue>)>>,
    line: Mutex<Option<Arc<Line>>>,
    /// Why the server closed it, when it was the server.
    closing: Mutex<Option<super::CloseReason>>,
}

impl LiveSocket {
    pub(super) fn new(link: SocketRef, sid: Sid, caller: Caller, line: Option<Arc<Line>>, at: Timestamp) -> Self {
        Self {
            sid,
            connected_at: at,
            expires_at: AtomicI64::new(caller.expires_at.as_millis()),
            caller,
            link,
            opening: AtomicBool::new(true),
            feeding: AtomicBool::new(false),
            lagging_since: AtomicI64::new(0),
            lanes: Mutex::default(),
            former: Mutex::default(),
            joined: Mutex::default(),
            backlog: Mutex::default(),
            line: Mutex::new(line),
            closing: Mutex::new(None),
        }
    }

    /// Whose it is.
    pub fn user(&self) -> &Arc<User> {
        &self.caller.user
    }

    /// Whose it is.
    pub fn user_id(&self) -> &UserId {
        &self.caller.user.id
    }

    /// What is known of the connection.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// When its token ends.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at.load(Ordering::Relaxed))
    }

    /// A fresh token was given.
    pub fn set_expires_at(&self, at: Timestamp) {
        self.expires_at.store(at.as_millis(), Ordering::Relaxed);
    }

    /// Its buffer was full and it is being fed from the store.
    pub fn is_lagging(&self) -> bool {
        self.lagging_since.load(Ordering::Relaxed) != 0
    }

    /// Since when its buffer has been full.
    pub fn lagging_since(&self) -> Option<Timestamp> {
        let since = self.lagging_since.load(Ordering::Relaxed);
        (since != 0).then(|| Timestamp::from_millis(since))
    }

    fn lags(&self, at: Timestamp) {
        let _since = self
            .lagging_since
            .compare_exchange(0, at.as_millis(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Nothing that was written to it waits in the kernel, as far as can be seen.
    pub fn took_everything(&self) -> bool {
        self.line
            .lock()
            .as_ref()
            .is_none_or(|line| line.stalled_for().is_none())
    }

    /// The kernel has taken what was written to it, as far as can be seen: it reads.
    pub fn reads(&self) -> bool {
        self.is_connected()
            && self
                .line
                .lock()
                .as_ref()
                .is_none_or(|line| line.stalled_for().is_none())
    }

    /// `polling` or `websocket`.
    pub fn transport(&self) -> &'static str {
        match self.link.transport_type() {
            socketioxide::TransportType::Polling => "polling",
            socketioxide::TransportType::Websocket => "websocket",
        }
    }

    /// Is the connection still there?
    pub fn is_connected(&self) -> bool {
        self.link.connected()
    }

    /// Is its `session` not out yet?
    pub fn is_opening(&self) -> bool {
        self.opening.load(Ordering::Relaxed)
    }

    /// What the live rooms know it by.
    pub fn room_key(&self) -> socketioxide_core::Sid {
        self.link.id
    }

    pub(super) fn link(&self) -> &SocketRef {
        &self.link
    }

    pub(super) fn set_line(&self, line: Arc<Line>) {
        *self.line.lock() = Some(line);
    }

    pub(super) fn line(&self) -> Option<Arc<Line>> {
        self.line.lock().clone()
    }

    /// Bytes that the kernel has taken for this connection so far: what tells a slow reader from a dead one.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.line.lock().as_ref().map_or(0, |line| line.written())
    }

    pub(super) fn close_because(&self, reason: super::CloseReason) {
        self.closing.lock().get_or_insert(reason);
    }

    pub(super) fn closed_because(&self) -> Option<super::CloseReason> {
        *self.closing.lock()
    }

    // === saying something ===

    /// Says `event` once; an error is the caller's to deal with.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(crate) fn emit<T: Serialize + ?Sized>(&self, event: &'static str, data: &T) -> Result<(), EmitError> {
        match self.link.emit(event, data) {
            Ok(()) => Ok(()),
            Err(SendError::Socket(SocketError::InternalChannelFull)) => Err(EmitError::Full),
            Err(SendError::Socket(_)) => Err(EmitError::Closed),
            Err(SendError::Serialize(error)) => {
                // Our own types always serialize; a defect must be seen, not turned into a dead connection.
                tracing::error!(event, %error, "an event could not be encoded");
                Ok(())
            }
        }
    }

    /// Says `event` now, or as soon as the socket's buffer has room. `Full` when too many already wait.
    ///
    /// While the session is being made everything but `session` itself waits: it is the first event on every connection.
    pub(crate) fn emit_surely(&self, event: &'static str, data: &RawValue) -> Result<Wait, EmitError> {
        let mut backlog = self.backlog.lock();
        let is_session = event == name::SESSION;
        let waits = self.opening.load(Ordering::Relaxed) && !is_session;
        // Everything that waits waits for the session, so that it goes past them.
        if (backlog.is_empty() || is_session) && !waits {
            match self.emit(event, data) {
                Ok(()) => return Ok(Wait::None),
                Err(EmitError::Closed) => return Err(EmitError::Closed),
                Err(EmitError::Full) => {}
            }
        }
        if is_session {
            backlog.push_front((event, data.to_owned()));
            return Ok(Wait::ForFeeder);
        }
        if backlog.len() >= BACKLOG_EVENTS_MAX {
            return Err(EmitError::Full);
        }
        backlog.push_back((event, data.to_owned()));
        Ok(if waits { Wait::ForSession } else { Wait::ForFeeder })
    }

    /// Says what waited. `Full` when some of it still waits.
    pub(crate) fn flush_backlog(&self) -> Result<(), EmitError> {
        let mut backlog = self.backlog.lock();
        while let Some((event, data)) = backlog.front() {
            self.emit(event, data)?;
            backlog.pop_front();
        }
        Ok(())
    }

    // === lanes ===

    /// Message `seq` of `conversation` is committed: hand it over if it is this socket's turn.
    pub(crate) fn offer(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        payload: &RawValue,
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
            Turn::Now => match self.emit(name::NEW_MESSAGE, payload) {
                Ok(()) => {
                    lane.handed_over(seq);
                    if self.caller.receipts {
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

    /// Opens a lane that begins after `handed`, while messages up to `head` exist; a lane that is there stays as it is. True when the
    /// feeder has work now. While the session is being made the lane stays held.
    pub(crate) fn open_lane(&self, conversation: &ConversationId, handed: Seq, head: Seq) -> bool {
        let mut lanes = self.lanes.lock();
        if lanes.contains_key(conversation) {
            return false;
        }
        let mut lane = Lane {
            head: head.max(handed),
            ..Lane::held(handed)
        };
        let work = !self.opening.load(Ordering::Relaxed) && lane.release();
        lanes.insert(conversation.clone(), lane);
        work
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
        payload: &RawValue,
        at: Timestamp,
    ) -> Option<Result<(), EmitError>> {
        let mut lanes = self.lanes.lock();
        let lane = lanes.get_mut(conversation).filter(|lane| lane.mode == Mode::Behind)?;
        if seq != lane.handed.next() {
            return None;
        }
        let outcome = self.emit(name::NEW_MESSAGE, payload);
        match outcome {
            Ok(()) => {
                lane.fed(seq);
                if self.caller.receipts {
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
        let backlog = self.backlog.lock();
        if backlog.is_empty() && lanes.values().all(|lane| lane.mode != Mode::Behind) {
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

    /// Says where a held lane begins; `head` is the newest message that exists.
    pub(crate) fn begin_lane(&self, conversation: &ConversationId, handed: Seq, head: Seq) {
        let mut lanes = self.lanes.lock();
        let lane = lanes.entry(conversation.clone()).or_insert(Lane::held(handed));
        *lane = Lane {
            head: lane.head.max(head).max(handed),
            left_at: lane.left_at,
            ..Lane::held(handed)
        };
    }

    /// Ends the hold on one lane; true when the feeder has work now.
    pub(crate) fn release_lane(&self, conversation: &ConversationId) -> bool {
        self.lanes.lock().get_mut(conversation).is_some_and(Lane::release)
    }

    /// The session is out: ends every hold; true when the feeder has work now.
    pub(crate) fn release_all(&self) -> bool {
        let mut lanes = self.lanes.lock();
        // Under the lock of the backlog, so that no event can begin to wait for a session that is out.
        let backlog = self.backlog.lock();
        self.opening.store(false, Ordering::Relaxed);
        let mut work = !backlog.is_empty();
        drop(backlog);
        for lane in lanes.values_mut() {
            work |= lane.release();
        }
        work
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
    fn remember_lane(&self, conversation: &ConversationId, ended: Option<Lane>) {
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

    // === receipts ===

    /// The client confirms everything up to `upto`; what that closes is returned.
    pub(crate) fn confirm(&self, conversation: &ConversationId, upto: Seq, at: Timestamp) -> Vec<Outstanding> {
        self.lanes
            .lock()
            .get_mut(conversation)
            .map(|lane| lane.confirm(upto, at))
            .unwrap_or_default()
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
        payload: &RawValue,
    ) -> Option<Result<(), EmitError>> {
        let mut lanes = self.lanes.lock();
        let lane = lanes.get_mut(conversation)?;
        let waits = lane.outstanding.iter_mut().find(|waits| waits.seq == seq)?;
        let outcome = self.emit(name::NEW_MESSAGE, payload);
        if outcome.is_ok() {
            waits.attempts = waits.attempts.saturating_add(1);
        }
        Some(outcome)
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
    pub(crate) fn lanes(&self) -> HashMap<ConversationId, Lane> {
        self.lanes.lock().clone()
    }

    // === rooms ===

    /// Leaves every room: it is gone.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn leave_all_rooms(&self) {
        self.link.leave_all();
    }

    /// Joins a live room and reads it back: true when the room holds this socket.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn join_room(&self, room: &str, at: Timestamp) -> bool {
        self.link.join(room.to_owned());
        self.joined.lock().entry(room.to_owned()).or_insert(at);
        self.is_in(room)
    }

    /// Leaves a live room and reads it back: true when the room no longer holds this socket.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn leave_room(&self, room: &str) -> bool {
        self.link.leave(room.to_owned());
        self.joined.lock().remove(room);
        !self.is_in(room)
    }

    /// Does the live room hold this socket?
    pub fn is_in(&self, room: &str) -> bool {
        self.link.rooms().iter().any(|name| name == room)
    }

    /// Does the live room of the conversation hold this socket?
    pub fn is_in_conversation(&self, conversation: &ConversationId) -> bool {
        self.is_in(&conversation_room(conversation))
    }

    /// The live rooms that hold this socket, by name.
    pub fn rooms(&self) -> Vec<String> {
        let mut rooms: Vec<String> = self
            .link
            .rooms()
            .into_iter()
            .map(std::borrow::Cow::into_owned)
            .collect();
        rooms.sort_unstable();
        rooms
    }

    /// When it joined that room.
    pub fn joined_at(&self, room: &str) -> Timestamp {
        self.joined.lock().get(room).copied().unwrap_or(self.connected_at)
    }
}

/// Whether an event went out at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It is in the socket's buffer.
    None,
    /// It waits; the feeder must be woken.
    ForFeeder,
    /// It waits for `session`.
    ForSession,
}

/// What holding a lane found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldLane {
    /// It was live; everything up to this seq was handed over.
    Continues(Seq),
    /// It is new, or was left: say where it begins.
    Begins,
}
