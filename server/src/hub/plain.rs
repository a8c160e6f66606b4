//! Plain WebSockets as the hub sees them: a bounded queue of frames to write, and rooms.
//!
//! Socket.IO's adapter knows the rooms of Socket.IO's sockets only. Those of plain sockets are kept here, and wherever the
//! hub reads a room it reads both: nobody outside can tell a room's sockets apart by how they came.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use rollcall_protocol::event::name;
use serde::Serialize;
use serde_json::Value;
use socketioxide_core::Sid;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{CloseReason, EmitError};
use crate::limits::{REFUSALS_MAX, REFUSALS_WITHIN, SOCKET_BUFFER_PACKETS};

/// The rooms of every plain socket of this process.
#[derive(Debug, Default)]
pub struct PlainRooms(RwLock<Members>);

#[derive(Debug, Default)]
struct Members {
    of_room: HashMap<String, HashSet<Sid>>,
    of_socket: HashMap<Sid, BTreeSet<String>>,
}

impl PlainRooms {
    fn join(&self, sid: Sid, room: &str) {
        let mut members = self.0.write();
        members.of_room.entry(room.to_owned()).or_default().insert(sid);
        members.of_socket.entry(sid).or_default().insert(room.to_owned());
    }

    fn leave(&self, sid: Sid, room: &str) {
        let mut members = self.0.write();
        members.take_out(sid, room);
        if let Some(rooms) = members.of_socket.get_mut(&sid) {
            rooms.remove(room);
        }
    }

    fn leave_all(&self, sid: Sid) {
        let mut members = self.0.write();
        for room in members.of_socket.remove(&sid).unwrap_or_default() {
            members.take_out(sid, &room);
        }
    }

    fn holds(&self, sid: Sid, room: &str) -> bool {
        self.0.read().of_room.get(room).is_some_and(|sids| sids.contains(&sid))
    }

    fn rooms_of(&self, sid: Sid) -> Vec<String> {
        let members = self.0.read();
        members.of_socket.get(&sid).into_iter().flatten().cloned().collect()
    }

    /// Adds the plain sockets in that room.
    pub(super) fn add_members(&self, room: &str, to: &mut Vec<Sid>) {
        if let Some(sids) = self.0.read().of_room.get(room) {
            to.extend(sids);
        }
    }

    /// Every room with the number of plain sockets in it.
    pub(super) fn sizes(&self) -> Vec<(String, usize)> {
        let members = self.0.read();
        members
            .of_room
            .iter()
            .map(|(room, sids)| (room.clone(), sids.len()))
            .collect()
    }

    /// Plain sockets that are in any room: all of them, as each is in a room of its own.
    pub(super) fn sockets(&self) -> usize {
        self.0.read().of_socket.len()
    }
}

impl Members {
    fn take_out(&mut self, sid: Sid, room: &str) {
        if let Some(sids) = self.of_room.get_mut(room) {
            sids.remove(&sid);
            if sids.is_empty() {
                self.of_room.remove(room);
            }
        }
    }
}

/// What an event looks like on the wire.
#[derive(Serialize)]
struct EventFrame<'a, T: ?Sized> {
    event: &'static str,
    data: &'a T,
    /// The client answers it, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

/// An event that several links are handed.
pub(super) fn event_frame<T: Serialize + ?Sized>(event: &'static str, data: &T) -> Option<Utf8Bytes> {
    in_text(&EventFrame { event, data, id: None }, event)
}

fn in_text<T: Serialize>(frame: &T, event: &'static str) -> Option<Utf8Bytes> {
    match serde_json::to_string(frame) {
        Ok(text) => Some(text.into()),
        // Our own types always serialize; a defect must be seen, not turned into a dead connection.
        Err(error) => {
            tracing::error!(event, %error, "an event could not be encoded");
            None
        }
    }
}

/// What an answer looks like on the wire.
#[derive(Serialize)]
struct AnswerFrame<'a, T: ?Sized> {
    reply_to: &'a Value,
    data: &'a T,
}

/// The server's end of one plain WebSocket: frames that wait to be written, its rooms, and its end.
#[derive(Debug)]
pub struct PlainLink {
    sid: Sid,
    frames: mpsc::Sender<Utf8Bytes>,
    rooms: Arc<PlainRooms>,
    gone: AtomicBool,
    closing: watch::Sender<Option<CloseReason>>,
    /// What the client was asked and has not answered: a probe, and no more of them than run at a time.
    asked: Mutex<HashMap<String, oneshot::Sender<()>>>,
    /// When the newest refusals were given, the oldest first.
    refusals: Mutex<VecDeque<Instant>>,
}

impl PlainLink {
    /// A link with a new SID, and the queue that whoever writes to the WebSocket reads.
    pub fn new(rooms: Arc<PlainRooms>) -> (Arc<Self>, mpsc::Receiver<Utf8Bytes>) {
        let (frames, queue) = mpsc::channel(SOCKET_BUFFER_PACKETS);
        let link = Self {
            sid: Sid::new(),
            frames,
            rooms,
            gone: AtomicBool::new(false),
            closing: watch::Sender::new(None),
            asked: Mutex::default(),
            refusals: Mutex::default(),
        };
        (Arc::new(link), queue)
    }

    /// Its id, of the same kind as those of Socket.IO's sockets.
    pub fn sid(&self) -> Sid {
        self.sid
    }

    /// Why the server wants it closed, as soon as it does.
    pub fn closing(&self) -> watch::Receiver<Option<CloseReason>> {
        self.closing.subscribe()
    }

    /// Asks whoever writes to it to close it. The first reason counts.
    pub fn close(&self, reason: CloseReason) {
        self.closing.send_if_modified(|closing| {
            let first = closing.is_none();
            closing.get_or_insert(reason);
            first
        });
    }

    /// Nobody writes to it any more.
    pub fn went(&self) {
        self.gone.store(true, Ordering::Release);
    }

    pub(super) fn is_connected(&self) -> bool {
        !self.gone.load(Ordering::Acquire)
    }

    /// Puts an event into the queue.
    pub(super) fn emit<T: Serialize + ?Sized>(&self, event: &'static str, data: &T) -> Result<(), EmitError> {
        self.put(&EventFrame { event, data, id: None }, event)
    }

    /// The same with an `id` that the client is to answer; the receiver hears of it.
    pub(super) fn ask<T: Serialize + ?Sized>(
        &self,
        event: &'static str,
        data: &T,
        id: &str,
    ) -> Result<oneshot::Receiver<()>, EmitError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut asked = self.asked.lock();
            // Whoever gave up waiting.
            asked.retain(|_, answer| !answer.is_closed());
            asked.insert(id.to_owned(), answer);
        }
        self.put(
            &EventFrame {
                event,
                data,
                id: Some(id),
            },
            event,
        )?;
        Ok(answered)
    }

    /// The client answered what it was asked with this `id`; false when nobody waits for that.
    pub fn answered(&self, id: &Value) -> bool {
        let asked = id.as_str().and_then(|id| self.asked.lock().remove(id));
        asked.is_some_and(|answer| answer.send(()).is_ok())
    }

    /// Puts the answer to an event with this `id` into the queue.
    pub fn answer<T: Serialize + ?Sized>(&self, id: &Value, data: &T) -> Result<(), EmitError> {
        self.put(&AnswerFrame { reply_to: id, data }, name::ERROR)
    }

    /// Puts an event into the queue that is a frame already; `None` is one that could not be encoded.
    pub(super) fn hand(&self, frame: Option<&Utf8Bytes>) -> Result<(), EmitError> {
        self.put_frame(|| frame.cloned())
    }

    fn put<T: Serialize>(&self, frame: &T, event: &'static str) -> Result<(), EmitError> {
        self.put_frame(|| in_text(frame, event))
    }

    fn put_frame(&self, frame: impl FnOnce() -> Option<Utf8Bytes>) -> Result<(), EmitError> {
        if !self.is_connected() {
            return Err(EmitError::Closed);
        }
        let place = self.frames.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => EmitError::Full,
            mpsc::error::TrySendError::Closed(()) => EmitError::Closed,
        })?;
        if let Some(frame) = frame() {
            place.send(frame);
        }
        Ok(())
    }

    /// An event of this client was refused. True when that happens so often that the connection is to be closed.
    pub fn refused(&self) -> bool {
        let mut refusals = self.refusals.lock();
        let now = Instant::now();
        refusals.push_back(now);
        if refusals.len() < REFUSALS_MAX {
            return false;
        }
        refusals
            .pop_front()
            .is_some_and(|oldest| now.duration_since(oldest) < REFUSALS_WITHIN)
    }

    pub(super) fn join(&self, room: &str) {
        self.rooms.join(self.sid, room);
    }

    pub(super) fn leave(&self, room: &str) {
        self.rooms.leave(self.sid, room);
    }

    pub(super) fn leave_all(&self) {
        self.rooms.leave_all(self.sid);
    }

    pub(super) fn is_in(&self, room: &str) -> bool {
        self.rooms.holds(self.sid, room)
    }

    pub(super) fn rooms(&self) -> Vec<String> {
        self.rooms.rooms_of(self.sid)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::hub::adapter::LiveRooms;

    #[test]
    fn a_room_is_there_while_somebody_is_in_it() {
        let rooms = Arc::new(PlainRooms::default());
        let ((one, _one), (two, _two)) = (PlainLink::new(Arc::clone(&rooms)), PlainLink::new(Arc::clone(&rooms)));
        one.join("a");
        one.join("b");
        two.join("a");
        two.join("a");
        let mut in_a = Vec::new();
        rooms.add_members("a", &mut in_a);
        let in_a: HashSet<Sid> = in_a.into_iter().collect();
        assert_eq!((in_a, rooms.sockets()), (HashSet::from([one.sid(), two.sid()]), 2));
        one.leave_all();
        assert_eq!((rooms.sizes(), rooms.sockets()), (vec![("a".to_owned(), 1)], 1));
        assert!(!one.is_in("a") && two.is_in("a"));
        two.leave("a");
        assert!(rooms.sizes().is_empty());
    }

    #[tokio::test]
    async fn frames_are_bounded_and_end_with_the_connection() {
        let (link, mut queue) = PlainLink::new(Arc::default());
        for _ in 0..SOCKET_BUFFER_PACKETS {
            link.emit(name::ERROR, &json!({})).unwrap();
        }
        assert_eq!(link.emit(name::ERROR, &json!({})), Err(EmitError::Full));
        assert_eq!(queue.recv().await.unwrap(), r#"{"event":"error","data":{}}"#);
        link.answer(&json!(7), &json!({"ok": true})).unwrap();
        link.went();
        assert_eq!(link.emit(name::ERROR, &json!({})), Err(EmitError::Closed));
    }

    #[tokio::test]
    async fn an_event_for_many_is_made_a_frame_once() {
        let data = serde_json::value::to_raw_value(&json!({"seq": 1})).unwrap();
        let event = LiveRooms::default().encode(name::NEW_MESSAGE, data);
        let (one, mut of_one) = PlainLink::new(Arc::default());
        let (other, mut of_other) = PlainLink::new(Arc::default());
        one.hand(event.frame()).unwrap();
        other.hand(event.frame()).unwrap();
        let (first, second) = (of_one.recv().await.unwrap(), of_other.recv().await.unwrap());
        assert_eq!(first, r#"{"event":"new_message","data":{"seq":1}}"#);
        assert_eq!(first.as_ptr(), second.as_ptr(), "the same bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_refusals_in_ten_seconds_are_too_many() {
        let (link, _queue) = PlainLink::new(Arc::default());
        for _ in 1..REFUSALS_MAX {
            assert!(!link.refused());
        }
        tokio::time::advance(REFUSALS_WITHIN).await;
        assert!(!link.refused(), "the first of them was long ago");
        for _ in 2..REFUSALS_MAX {
            let _ = link.refused();
        }
        assert!(link.refused());
    }
}
