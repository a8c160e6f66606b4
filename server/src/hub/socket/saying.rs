//! The only ways to say something to a socket, and which way it takes to the connection.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{EmitError, LiveSocket};
use crate::gateway::listener::given;
use crate::hub::adapter::EncodedEvent;
use crate::hub::run::Run;

impl LiveSocket {
    /// Says `event` once; an error is the caller's to deal with.
    pub(crate) fn emit(&self, event: &'static str, data: &RawValue) -> Result<(), EmitError> {
        given(&self.given, || self.outlet.emit(event, data))?;
        self.went_out(event, data.get());
        Ok(())
    }

    /// Says an event that is encoded already, once.
    pub(crate) fn say_once(&self, event: &EncodedEvent) -> Result<(), EmitError> {
        given(&self.given, || self.outlet.hand(event))?;
        self.went_out(event.event, event.data.get());
        Ok(())
    }

    /// The same, past everybody that would have to be woken for it where nothing that was said before is still on its way.
    pub(crate) fn say_at_once(&self, event: &EncodedEvent) -> Result<(), EmitError> {
        if !self.write_frames(|| event.whole_frame()) {
            return self.say_once(event);
        }
        self.went_out(event.event, event.data.get());
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn given_to_library(&self) -> u64 {
        self.given.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Everything that the library was given for it is out, as far as is known.
    #[cfg(test)]
    pub(crate) fn nothing_waits(&self) -> bool {
        let line = self.straight.as_ref();
        line.is_some_and(|line| line.is_clear(&self.given))
    }

    /// Writes messages to the connection at once, if nothing that was said before is still on its way there. All of them or none.
    pub(super) fn write_now(&self, run: &Run) -> bool {
        let written = self.write_frames(|| run.frames());
        if written {
            for (_, message) in run.iter() {
                self.went_out(message.event, message.data.get());
            }
        }
        written
    }

    /// Writes whole frames to the connection, where that can be done past the library.
    fn write_frames<'a>(&self, frames: impl FnOnce() -> Option<&'a Bytes>) -> bool {
        let Some(line) = &self.straight else { return false };
        self.outlet.is_connected() && frames().is_some_and(|frames| line.write_now(frames, &self.given))
    }

    /// Its buffer has no room for a message. Full is also a socket that has too many bytes before it still: the heartbeat queues behind
    /// them, and a client that reads slowly but steadily would be closed for not answering it.
    pub(super) fn is_full(&self) -> bool {
        self.ahead
            .too_many(|| self.has_own_line().then(|| self.bytes_written()))
    }

    /// It is in the buffer: counts it, and shows it to whoever watches.
    pub(in crate::hub) fn went_out(&self, event: &'static str, data: &str) {
        self.ahead.said(event.len() + data.len());
        self.tap.went_out(self, event, data);
    }

    /// Puts a message into the socket's buffer.
    pub(super) fn emit_message(&self, message: &EncodedEvent) -> Result<(), EmitError> {
        if self.is_full() {
            return Err(EmitError::Full);
        }
        self.say_once(message)
    }
}
