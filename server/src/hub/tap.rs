//! The tap: events on their way in and out of every socket, for whoever looks.
//!
//! In: every event that a socket was handed or sent. Out: those that a listener asked for, shortened and without secrets.
//! Guarantees: while nobody listens an event costs one load of a flag; nothing is read or copied for a listener that does not
//! want it or has had its share; each listener holds a bounded queue, and whatever it asked for and did not get is counted.

mod filter;
mod shown;

use std::cell::LazyCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chat_core::ports::Clock;
use chat_core::{Sid, Timestamp, UserId};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub use self::filter::Filter;
use self::shown::{Payload, name_shown, preview};

use super::LiveSocket;
use super::inspect::CHAT_NAMESPACE;

/// Which way an event goes, seen from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a client.
    In,
    /// To a client.
    Out,
}

/// An event that went past.
#[derive(Debug, Clone)]
pub struct TrafficEvent {
    /// When.
    pub at: Timestamp,
    /// Which way.
    pub direction: Direction,
    /// Its name, shortened.
    pub event: String,
    /// From or to which socket.
    pub sid: Sid,
    /// Whose socket.
    pub user_id: UserId,
    /// What they are called.
    pub username: String,
    /// The socket's namespace.
    pub namespace: &'static str,
    /// The room that it is about, when it is about one.
    pub room: Option<String>,
    /// Its size on the wire, in bytes: name and payload as JSON.
    pub bytes: usize,
    /// Its payload, shortened and without secrets.
    pub data: Value,
}

/// The same, as the admin's stream has it.
#[derive(Debug, Serialize)]
pub struct TrafficLine<'a> {
    at: Timestamp,
    direction: Direction,
    event: &'a str,
    sid: &'a Sid,
    user_id: &'a UserId,
    username: &'a str,
    namespace: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_name: Option<String>,
    bytes: usize,
    preview: String,
}

impl TrafficEvent {
    /// As one line of text shows it, with what the room is called, where that is known.
    pub fn line(&self, room_name: Option<String>) -> TrafficLine<'_> {
        TrafficLine {
            at: self.at,
            direction: self.direction,
            event: &self.event,
            sid: &self.sid,
            user_id: &self.user_id,
            username: &self.username,
            namespace: self.namespace,
            room: self.room.as_deref(),
            room_name,
            bytes: self.bytes,
            preview: preview(&self.data),
        }
    }
}

/// How much a listener may get.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Events a second.
    pub per_second: u32,
    /// Events at once, after a quiet time.
    pub burst: u32,
    /// Events that wait for a listener that is slow.
    pub waiting_max: usize,
}

/// What is left of a listener's share: a bucket that fills by the second.
#[derive(Debug)]
struct Allowance {
    left: f64,
    filled_at: Instant,
}

#[derive(Debug)]
struct Listener {
    filter: Filter,
    share: Share,
    allowance: Mutex<Allowance>,
    queue: mpsc::Sender<Arc<TrafficEvent>>,
    dropped: AtomicU64,
}

impl Listener {
    fn may_have_one(&self) -> bool {
        let now = Instant::now();
        let mut allowance = self.allowance.lock();
        let since = now.duration_since(allowance.filled_at).as_secs_f64();
        allowance.left = (allowance.left + since * f64::from(self.share.per_second)).min(f64::from(self.share.burst));
        allowance.filled_at = now;
        let may = allowance.left >= 1.0 && self.queue.capacity() > 0;
        if may {
            allowance.left -= 1.0;
        }
        may
    }

    fn drops_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where events go past.
pub struct Tap {
    clock: Arc<dyn Clock>,
    /// Somebody is in `listeners`: what the way of every event looks at.
    listening: AtomicBool,
    listeners: RwLock<Vec<Arc<Listener>>>,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tap({} listeners)", self.listeners.read().len())
    }
}

/// Whose event it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whose<'a> {
    pub(crate) sid: &'a Sid,
    pub(crate) user_id: &'a UserId,
    pub(crate) username: &'a str,
}

impl<'a> Whose<'a> {
    fn of(socket: &'a LiveSocket) -> Self {
        Self {
            sid: &socket.sid,
            user_id: socket.user_id(),
            username: &socket.user().username,
        }
    }
}

impl Tap {
    /// A tap that nobody listens to.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            listening: AtomicBool::new(false),
            listeners: RwLock::default(),
        }
    }

    /// Does anybody listen?
    pub fn is_open(&self) -> bool {
        self.listening.load(Ordering::Relaxed)
    }

    /// Listens from now on, until the reader is dropped.
    pub fn listen(self: &Arc<Self>, filter: Filter, share: Share) -> TrafficReader {
        let (sender, queue) = mpsc::channel(share.waiting_max.max(1));
        let listener = Arc::new(Listener {
            filter,
            share,
            allowance: Mutex::new(Allowance {
                left: f64::from(share.burst),
                filled_at: Instant::now(),
            }),
            queue: sender,
            dropped: AtomicU64::new(0),
        });
        self.listeners.write().push(Arc::clone(&listener));
        self.listening.store(true, Ordering::Relaxed);
        TrafficReader {
            tap: Arc::clone(self),
            listener,
            queue,
        }
    }

    /// A socket's client sent an event; `data` is its argument, if it could be read.
    pub(crate) fn came_in(&self, socket: &LiveSocket, event: &str, bytes: usize, data: Option<&Value>) {
        if self.is_open() {
            let payload = data.map_or(Payload::Unreadable, Payload::Read);
            self.pass(Whose::of(socket), Direction::In, event, bytes, payload);
        }
    }

    /// A socket was handed an event; `text` is its payload, as JSON.
    pub(crate) fn went_out(&self, socket: &LiveSocket, event: &str, text: &str) {
        if self.is_open() {
            // `["event",data]`, as `bytes` is of an event that came.
            let bytes = text.len() + event.len() + r#"["",]"#.len();
            self.pass(Whose::of(socket), Direction::Out, event, bytes, Payload::Text(text));
        }
    }

    fn pass(&self, whose: Whose<'_>, direction: Direction, event: &str, bytes: usize, payload: Payload<'_>) {
        let listeners = self.listeners.read();
        let mut wanting = listeners
            .iter()
            .filter(|listener| listener.filter.wants(whose, direction, event))
            .peekable();
        if wanting.peek().is_none() {
            return;
        }
        // Looked for only when somebody asks for a room, or is shown the event.
        let room = LazyCell::new(|| payload.room());
        let mut made: Option<Arc<TrafficEvent>> = None;
        for listener in wanting {
            if listener.filter.room.is_some() && !listener.filter.wants_room(whose, room.as_deref()) {
                continue;
            }
            if !listener.may_have_one() {
                listener.drops_one();
                continue;
            }
            let event = made.get_or_insert_with(|| {
                Arc::new(TrafficEvent {
                    at: self.clock.now(),
                    direction,
                    event: name_shown(event),
                    sid: whose.sid.clone(),
                    user_id: whose.user_id.clone(),
                    username: whose.username.to_owned(),
                    namespace: CHAT_NAMESPACE,
                    room: room.clone(),
                    bytes,
                    data: payload.shown(),
                })
            });
            if listener.queue.try_send(Arc::clone(event)).is_err() {
                listener.drops_one();
            }
        }
    }
}

/// Hears what its filter asks for.
#[derive(Debug)]
pub struct TrafficReader {
    tap: Arc<Tap>,
    listener: Arc<Listener>,
    queue: mpsc::Receiver<Arc<TrafficEvent>>,
}

impl TrafficReader {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Option<Arc<TrafficEvent>> {
        self.queue.recv().await
    }

    /// The next event, if one waits.
    pub fn try_next(&mut self) -> Option<Arc<TrafficEvent>> {
        self.queue.try_recv().ok()
    }

    /// How many events that it asked for it did not get, since it was last asked.
    pub fn take_dropped(&self) -> u64 {
        self.listener.dropped.swap(0, Ordering::Relaxed)
    }
}

impl Drop for TrafficReader {
    fn drop(&mut self) {
        let mut listeners = self.tap.listeners.write();
        listeners.retain(|listener| !Arc::ptr_eq(listener, &self.listener));
        // Under the lock that `listen` takes to add one.
        self.tap.listening.store(!listeners.is_empty(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
