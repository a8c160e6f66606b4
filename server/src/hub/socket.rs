//! A live socket: who is behind it, what it was handed, and the only way to say something to it.

mod ahead;
mod grant;
mod history;
mod lanes;
mod opening;
mod rooms;
mod saying;
mod tally;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use chat_core::{ConversationId, Seq, Sid, Timestamp, User, UserId};
use parking_lot::Mutex;

use self::ahead::Ahead;
pub use self::grant::{Grant, HeldGrant};
pub(crate) use self::opening::Beginning;
use self::opening::Outbox;
pub use self::opening::Wait;
use self::rooms::Joined;
use self::tally::Tally;
use super::lane::{Lane, Lanes};
use super::outlet::Outlet;
use super::tap::Tap;
use crate::faults::Faults;
use crate::gateway::listener::Line;
use crate::limits::RETRY_AFTER;

/// What is known of a connection when it is admitted.
#[derive(Debug)]
pub struct Caller {
    /// Whose connection it is.
    pub user: Arc<User>,
    /// What its token lets it do.
    pub grant: HeldGrant,
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
///
/// What every hand-over touches comes first and stays together: with one message at a time each socket is cold in the processor's
/// caches when its turn comes, and each further line of memory is waited for.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct LiveSocket {
    // Guards order: a message is put into the buffer under this lock. Never held across an await.
    lanes: Mutex<Lanes>,
    outlet: Outlet,
    /// The WebSocket that it came with, whose frames are counted from the first on: what may be written to at once. One that
    /// began with long polling has none, as what it was told by then came another way.
    straight: Option<Arc<Line>>,
    /// Events that were given to the library.
    given: AtomicU64,
    ahead: Ahead,
    tap: Arc<Tap>,
    /// Something waits in the outbox: whatever belongs behind it must wait too.
    waits: AtomicBool,
    /// It promised receipts.
    receipts: bool,
    /// When something that it was handed may have to be handed to it again, at the earliest: milliseconds since the epoch.
    retries_from: AtomicI64,
    faults: Faults,
    /// Its id.
    pub sid: Sid,
    /// When it was admitted.
    pub connected_at: Timestamp,
    caller: Caller,
    /// The changes of presence that its `session` knows of; 0 until that is made.
    saw: AtomicU64,
    /// Set until `session` and everything that was missed is out.
    opening: AtomicBool,
    /// One feeder at a time.
    feeding: AtomicBool,
    /// In milliseconds since the epoch; 0: it is not lagging.
    lagging_since: AtomicI64,
    // Evidence only: lanes that ended by a leave or a removal. Locked after `lanes`.
    former: Mutex<HashMap<ConversationId, Vec<Lane>>>,
    joined: Mutex<Joined>,
    // Locked after `lanes`.
    outbox: Mutex<Outbox>,
    tally: Tally,
    line: Mutex<Option<Arc<Line>>>,
    /// Why the server closed it, when it was the server.
    closing: Mutex<Option<super::CloseReason>>,
}

impl LiveSocket {
    pub(super) fn new(
        outlet: Outlet,
        sid: Sid,
        caller: Caller,
        line: Option<Arc<Line>>,
        (at, tap): (Timestamp, Arc<Tap>),
    ) -> Self {
        Self {
            straight: None,
            given: AtomicU64::new(0),
            tap,
            sid,
            connected_at: at,
            receipts: caller.receipts,
            caller,
            outlet,
            retries_from: AtomicI64::new(0),
            saw: AtomicU64::new(0),
            opening: AtomicBool::new(true),
            feeding: AtomicBool::new(false),
            lagging_since: AtomicI64::new(0),
            lanes: Mutex::default(),
            former: Mutex::default(),
            joined: Mutex::default(),
            outbox: Mutex::default(),
            waits: AtomicBool::new(false),
            ahead: Ahead::default(),
            tally: Tally::default(),
            line: Mutex::new(line),
            closing: Mutex::new(None),
            faults: Faults::default(),
        }
    }

    /// `line` is the connection of the handshake itself.
    pub(super) fn straight(self, line: Option<Arc<Line>>) -> Self {
        let straight = line.filter(|line| matches!(self.outlet, Outlet::SocketIo(_)) && line.claim());
        Self { straight, ..self }
    }

    pub(super) fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
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

    /// Its buffer was full and it is being fed from the store.
    pub fn is_lagging(&self) -> bool {
        self.lagging_since.load(Ordering::Relaxed) != 0
    }

    /// Since when its buffer has been full.
    pub fn lagging_since(&self) -> Option<Timestamp> {
        let since = self.lagging_since.load(Ordering::Relaxed);
        (since != 0).then(|| Timestamp::from_millis(since))
    }

    /// May something that it was handed have to be handed to it again now? One that is being fed gets everything in its turn anyway.
    pub(crate) fn wants_retries(&self, now: Timestamp) -> bool {
        let from = Timestamp::from_millis(self.retries_from.load(Ordering::Relaxed));
        // Further away than it can ever be: the clock was set back.
        let is_wrong = from > now.plus(RETRY_AFTER[0]);
        self.receipts && (now >= from || is_wrong) && !self.is_lagging()
    }

    /// Nothing needs to be handed to it again before `from`.
    pub(crate) fn wants_retries_from(&self, from: Timestamp) {
        self.retries_from.store(from.as_millis(), Ordering::Relaxed);
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

    /// `polling`, `websocket` or `plain-websocket`.
    pub fn transport(&self) -> &'static str {
        self.outlet.transport()
    }

    /// Does it write to a connection of its own? Long polling answers requests as they come.
    pub(crate) fn has_own_line(&self) -> bool {
        self.transport() != "polling"
    }

    /// Its end, if it is a plain WebSocket.
    pub(crate) fn plain(&self) -> Option<&Arc<super::plain::PlainLink>> {
        match &self.outlet {
            Outlet::Plain(link) => Some(link),
            Outlet::SocketIo(_) => None,
        }
    }

    /// Is the connection still there?
    pub fn is_connected(&self) -> bool {
        self.outlet.is_connected()
    }

    /// Is its `session` not out yet?
    pub fn is_opening(&self) -> bool {
        self.opening.load(Ordering::Relaxed)
    }

    /// Its `session` is about to be made, and will know of so many changes of presence.
    pub(crate) fn sees_presence(&self, changes: u64) {
        self.saw.store(changes, Ordering::Release);
    }

    /// The changes of presence that its `session` knows of; 0: it is not made yet, and will know of all until now.
    pub(crate) fn saw_presence(&self) -> u64 {
        self.saw.load(Ordering::Acquire)
    }

    /// What the live rooms know it by.
    pub fn room_key(&self) -> socketioxide_core::Sid {
        self.outlet.sid()
    }

    pub(super) fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// The request that opened a Socket.IO connection.
    pub fn request(&self) -> Option<&http::request::Parts> {
        self.outlet.request()
    }

    pub(super) fn set_line(&self, line: Arc<Line>) {
        let mut of_socket = self.line.lock();
        self.ahead.starts_at(line.written());
        *of_socket = Some(line);
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
}

/// What holding a lane found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldLane {
    /// It was live; everything up to this seq was handed over.
    Continues(Seq),
    /// It is new, or was left: say where it begins.
    Begins,
}
