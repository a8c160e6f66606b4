//! A look at the wire: every packet in and out, as it stands there.

use std::fmt;
use std::sync::Arc;

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the server.
    In,
    /// To the server.
    Out,
}

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TappedPacket<'a> {
    /// Which way.
    pub direction: Direction,
    /// As it stands on the wire, Engine.IO's digit first; tokens are replaced by `…`.
    pub text: &'a str,
}

/// Called for every packet by the task that reads and writes, so it must be quick and must not block.
#[derive(Clone, Default)]
pub(crate) struct Tap(Option<Arc<Look>>);

type Look = dyn Fn(TappedPacket<'_>) + Send + Sync;

impl Tap {
    pub(crate) fn new(tap: impl Fn(TappedPacket<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tap)))
    }

    pub(crate) fn incoming(&self, text: &str) {
        self.see(Direction::In, text);
    }

    pub(crate) fn outgoing(&self, text: &str) {
        self.see(Direction::Out, text);
    }

    /// Is anybody looking? Saves making a text that is only for the tap.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    fn see(&self, direction: Direction, text: &str) {
        if let Some(tap) = &self.0 {
            tap(TappedPacket { direction, text });
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Tap(on)" } else { "Tap(off)" })
    }
}
