//! Messages of one conversation that follow each other without a gap, encoded once for all the sockets that hear them.

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use chat_core::Seq;

use super::adapter::EncodedEvent;

/// One message or more, by rising seq.
#[derive(Debug)]
pub struct Run {
    first: Seq,
    events: Vec<EncodedEvent>,
    frames: OnceLock<Option<Bytes>>,
}

impl Run {
    /// The message with seq `first` and those right behind it.
    pub fn new(first: Seq, events: Vec<EncodedEvent>) -> Self {
        Self {
            first,
            events,
            frames: OnceLock::new(),
        }
    }

    /// How many messages these are.
    pub fn messages(&self) -> usize {
        self.events.len()
    }

    /// The seq of the first.
    pub fn first(&self) -> Seq {
        self.first
    }

    /// The seq of the last.
    pub fn last(&self) -> Seq {
        Seq(self.first.0 + self.events.len() as u64 - 1)
    }

    /// Each with its seq.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, &EncodedEvent)> {
        (self.first.0..).map(Seq).zip(&self.events)
    }

    /// All of them as they stand on the wire of a WebSocket, frame behind frame: made for the first socket that is written so.
    pub(super) fn frames(&self) -> Option<&Bytes> {
        let frames = self.frames.get_or_init(|| {
            let mut each = self.events.iter().map(EncodedEvent::whole_frame);
            if self.events.len() == 1 {
                return each.next()?.cloned();
            }
            each.try_fold(BytesMut::new(), |mut all, frame| {
                all.extend_from_slice(frame?);
                Some(all)
            })
            .map(BytesMut::freeze)
        });
        frames.as_ref()
    }
}
