//! Everything else that is said to sockets: what must arrive, and what may be dropped.

use std::sync::Arc;

use rollcall_protocol::event::{Session, name};
use serde::Serialize;

use super::{Fanout, encode};
use crate::hub::adapter::EncodedEvent;
use crate::hub::socket::{Beginning, Wait};
use crate::hub::{CloseReason, EmitError, LiveSocket};

impl Fanout {
    /// Says an event that must arrive: it waits for a socket whose buffer is full, and one that cannot even let it wait is
    /// closed as slow, so that it comes back and sees the truth.
    pub fn say<T: Serialize>(&self, socket: &Arc<LiveSocket>, event: &'static str, data: &T) {
        self.say_to_all([socket], event, data);
    }

    /// The same to many, encoded once.
    pub fn say_to_all<'a, T: Serialize>(
        &self,
        sockets: impl IntoIterator<Item = &'a Arc<LiveSocket>>,
        event: &'static str,
        data: &T,
    ) {
        if let Some(payload) = self.encode(event, data) {
            for socket in sockets {
                self.say_encoded(socket, &payload);
            }
        }
    }

    /// Encodes an event once for all the sockets that [`Self::say_encoded`] says it to.
    pub fn encode<T: Serialize>(&self, event: &'static str, data: &T) -> Option<EncodedEvent> {
        Some(self.hub.encode(event, encode(data)?))
    }

    /// Says `session`, once, and lets its lanes begin. False when it must be made again, from what is true now.
    pub(crate) fn say_session(&self, socket: &LiveSocket, beginnings: &[Beginning], session: &Session) -> bool {
        let Some(payload) = encode(session) else { return true };
        let said = socket.begin_session(beginnings, &payload);
        self.events.sent(name::SESSION, u64::from(said));
        said
    }

    /// The same as [`Self::say`] with an event that is encoded already.
    pub fn say_encoded(&self, socket: &Arc<LiveSocket>, event: &EncodedEvent) {
        match socket.emit_surely(event) {
            Ok(Wait::None | Wait::ForSession) => self.events.sent(event.event, 1),
            Ok(Wait::ForFeeder) => {
                self.events.sent(event.event, 1);
                self.feeder.wake(socket);
            }
            Err(EmitError::Closed) => {}
            Err(EmitError::Full) => self.hub.disconnect(socket, CloseReason::Slow),
        }
    }

    /// Says an event that may be dropped at a socket whose buffer is full: the next one of its kind replaces it.
    pub fn say_if_room<T: Serialize>(&self, sockets: &[Arc<LiveSocket>], event: &'static str, data: &T) {
        let Some(payload) = self.encode(event, data) else {
            return;
        };
        let heard = sockets
            .iter()
            .filter(|socket| socket.say_once(&payload).is_ok())
            .count();
        self.events.sent(event, heard as u64);
    }

    /// The same to one socket with an event that is encoded already, written to its connection at once where that is possible.
    pub fn say_at_once_if_room(&self, socket: &LiveSocket, event: &EncodedEvent) {
        let heard = socket.say_at_once(event).is_ok();
        self.events.sent(event.event, u64::from(heard));
    }

    /// Says an event if there is room for it now; false when there is none.
    pub fn try_say<T: Serialize>(&self, socket: &LiveSocket, event: &'static str, data: &T) -> bool {
        let Some(payload) = encode(data) else { return false };
        let said = socket.emit(event, &payload).is_ok();
        self.events.sent(event, u64::from(said));
        said
    }

    /// Wakes the feeder for a socket that has something to catch up with.
    pub fn wake_feeder(&self, socket: &Arc<LiveSocket>) {
        self.feeder.wake(socket);
    }

    /// Feeds what the socket missed before anything else is released to it.
    pub async fn feed_missed(&self, socket: &Arc<LiveSocket>) {
        self.feeder.feed_now(socket).await;
    }
}
