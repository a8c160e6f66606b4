//! The only ways to say something to a socket, and which way it takes to the connection.

use serde_json::value::RawValue;

use super::{EmitError, LiveSocket};
use crate::gateway::listener::given;
use crate::hub::adapter::EncodedEvent;

/// How a message is to come to its socket's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// By the library's channel and its task, which writes all that waits there together.
    Together,
    /// At once where that keeps the order, else together.
    AtOnce,
}

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

    /// Writes an event to the connection at once, if nothing that was said before is still on its way there.
    fn write_now(&self, event: &EncodedEvent) -> bool {
        let Some(line) = &self.straight else { return false };
        let written = self.outlet.is_connected()
            && event
                .whole_frame()
                .is_some_and(|frame| line.write_now(frame, &self.given));
        if written {
            self.went_out(event.event, event.data.get());
        }
        written
    }

    /// It is in the buffer: counts it, and shows it to whoever watches.
    pub(in crate::hub) fn went_out(&self, event: &'static str, data: &str) {
        self.ahead.said(event.len() + data.len());
        self.tap.went_out(self, event, data);
    }

    /// Hands a message over. Full is also a socket that has too many bytes before it still: the heartbeat queues behind them, and a client
    /// that reads slowly but steadily would be closed for not answering it.
    pub(super) fn emit_message(&self, message: &EncodedEvent, how: Writing) -> Result<(), EmitError> {
        if self
            .ahead
            .too_many(|| self.has_own_line().then(|| self.bytes_written()))
        {
            return Err(EmitError::Full);
        }
        if how == Writing::AtOnce && self.write_now(message) {
            return Ok(());
        }
        self.say_once(message)
    }
}
