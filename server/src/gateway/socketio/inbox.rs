//! A socket's events, waiting for their turn.
//!
//! Events are put in from the synchronous part of socketioxide's handler, in the order of the wire, and are carried out by one runner
//! at a time. There is no task per idle socket: whoever puts an event into an idle inbox runs it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::packet::RawEvent;
use crate::hub::LiveSocket;
use crate::limits::{INBOX_BYTES_MAX, INBOX_EVENTS_MAX, REFUSALS_WAITING_MAX};

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<RawEvent>,
    bytes: usize,
    /// Set once `session` is out; taken when the connection closes, so that the two do not keep each other alive.
    socket: Option<Arc<LiveSocket>>,
    running: bool,
    closed: bool,
}

/// What putting an event in came to.
#[derive(Debug)]
pub enum Put {
    /// It waits, and somebody runs the inbox (or will, when the session is out).
    Waits,
    /// It waits, and the caller must run the inbox.
    Run,
    /// There are too many; it was not taken.
    Full(RawEvent),
    /// The connection is gone; so is the event.
    Closed,
}

/// The events of one socket.
#[derive(Debug)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    came: Notify,
    refusals: Arc<Semaphore>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            came: Notify::new(),
            refusals: Arc::new(Semaphore::new(REFUSALS_WAITING_MAX)),
        }
    }
}

impl Inbox {
    /// Puts an event at the end.
    pub fn put(&self, event: RawEvent) -> Put {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Put::Closed;
        }
        let bytes = event.bytes();
        // An event alone is always taken, whatever its size: it was read already.
        let full = waiting.events.len() >= INBOX_EVENTS_MAX || waiting.bytes + bytes > INBOX_BYTES_MAX;
        if full && !waiting.events.is_empty() {
            return Put::Full(event);
        }
        waiting.bytes += bytes;
        waiting.events.push_back(event);
        if waiting.socket.is_some() && !waiting.running {
            waiting.running = true;
            return Put::Run;
        }
        drop(waiting);
        self.came.notify_one();
        Put::Waits
    }

    /// A place among the refusals that wait to be told; none when there are too many.
    pub fn refusal(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.refusals).try_acquire_owned().ok()
    }

    /// The session is out. True when events wait already and the caller must run the inbox.
    pub fn start(&self, socket: Arc<LiveSocket>) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return false;
        }
        waiting.socket = Some(socket);
        waiting.running = !waiting.events.is_empty();
        waiting.running
    }

    /// The next event and the socket that it came from. `None`: nothing waits.
    pub fn take(&self) -> Option<(Arc<LiveSocket>, RawEvent)> {
        let mut waiting = self.waiting.lock();
        let socket = waiting.socket.clone()?;
        let event = waiting.events.pop_front()?;
        waiting.bytes -= event.bytes();
        Some((socket, event))
    }

    /// Ends running if nothing waits; true when it ended.
    pub fn stop(&self) -> bool {
        let mut waiting = self.waiting.lock();
        if waiting.events.is_empty() || waiting.closed {
            waiting.running = false;
            // What it grew to would stay with every socket that ever said something: 640 bytes at least, and more after each burst.
            waiting.events = VecDeque::new();
        }
        !waiting.running
    }

    /// The socket, once its session is out.
    pub fn socket(&self) -> Option<Arc<LiveSocket>> {
        self.waiting.lock().socket.clone()
    }

    /// The same if nothing waits and nothing is being carried out: all that it said before is through.
    pub fn idle_socket(&self) -> Option<Arc<LiveSocket>> {
        let waiting = self.waiting.lock();
        let idle = !waiting.running && waiting.events.is_empty();
        waiting.socket.clone().filter(|_| idle)
    }

    /// Waits until an event came (or may have come).
    pub async fn came(&self) {
        self.came.notified().await;
    }

    /// The connection is gone: what still waits is dropped, as the client that is gone will not hear the answers.
    pub fn close(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        waiting.socket = None;
        waiting.events.clear();
        waiting.bytes = 0;
    }

    /// Is the connection gone?
    pub fn is_closed(&self) -> bool {
        self.waiting.lock().closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inbox_that_is_through_keeps_no_room() {
        let inbox = Inbox::default();
        let room = || inbox.waiting.lock().events.capacity();
        {
            let mut waiting = inbox.waiting.lock();
            waiting.events.reserve(INBOX_EVENTS_MAX);
            waiting.running = true;
        }
        assert!(room() >= INBOX_EVENTS_MAX);
        assert!(inbox.stop());
        assert_eq!(room(), 0);
    }
}
