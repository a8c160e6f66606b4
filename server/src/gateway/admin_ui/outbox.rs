//! What waits for one Admin UI: bounded, and never so that it shows something wrong for long.
//!
//! An Admin UI builds its picture from what it is told, one change at a time. One that cannot take a change must not go on
//! without it: everything that waits for it is dropped, and when it has room again it is shown everything anew.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::hub::EmitError;
use crate::hub::admins::Args;
use crate::limits::{ADMIN_UI_WAITING_BYTES_MAX, ADMIN_UI_WAITING_MAX};

/// What an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It changes the picture of sockets and rooms.
    Change,
    /// It stands for itself: what went by, figures. Leaving it out makes nothing wrong.
    News,
}

/// An event for every Admin UI, encoded once.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) event: &'static str,
    pub(super) args: Arc<Args>,
    pub(super) kind: Kind,
}

impl Item {
    pub(super) fn new(event: &'static str, args: &[Value], kind: Kind) -> Self {
        Self::of(event, None, args, kind)
    }

    /// With an argument before the others that is encoded already.
    pub(super) fn with_first(event: &'static str, first: Box<RawValue>, args: &[Value], kind: Kind) -> Self {
        Self::of(event, Some(first), args, kind)
    }

    fn of(event: &'static str, first: Option<Box<RawValue>>, args: &[Value], kind: Kind) -> Self {
        let args = args.iter().filter_map(|arg| to_raw_value(arg).ok());
        Self {
            event,
            args: Arc::new(Args(first.into_iter().chain(args).collect())),
            kind,
        }
    }
}

/// What waits.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: VecDeque<Item>,
    bytes: usize,
    /// It is to be shown everything, when it has room.
    everything: bool,
    /// When it last took something.
    took_at: Instant,
    /// News that it did not get.
    pub(super) dropped: u64,
}

/// The connection is gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

impl Outbox {
    /// Of somebody who is to be shown everything first, if `everything`.
    pub(super) fn new(everything: bool) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            everything,
            took_at: Instant::now(),
            dropped: 0,
        }
    }

    /// Does something wait?
    pub(super) fn waits(&self) -> bool {
        self.everything || !self.waiting.is_empty()
    }

    /// Since when it takes nothing of what waits.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.waits().then_some(self.took_at)
    }

    /// It must be shown everything again.
    pub(super) fn start_over(&mut self) {
        if !self.waits() {
            self.took_at = Instant::now();
        }
        self.dropped += self.waiting.iter().filter(|item| item.kind == Kind::News).count() as u64;
        self.waiting.clear();
        self.bytes = 0;
        self.everything = true;
    }

    /// Says `item`, or lets it wait.
    pub(super) fn offer(
        &mut self,
        item: &Item,
        mut emit: impl FnMut(&'static str, &Args) -> Result<(), EmitError>,
    ) -> Result<(), Gone> {
        // What everything will show need not be said.
        if self.everything && item.kind == Kind::Change {
            return Ok(());
        }
        if !self.waits() {
            match emit(item.event, &item.args) {
                Ok(()) => {
                    self.took_at = Instant::now();
                    return Ok(());
                }
                Err(EmitError::Closed) => return Err(Gone),
                Err(EmitError::Full) => self.took_at = Instant::now(),
            }
        }
        let bytes = item.args.bytes();
        let full = self.waiting.len() >= ADMIN_UI_WAITING_MAX || self.bytes + bytes > ADMIN_UI_WAITING_BYTES_MAX;
        match (full, item.kind) {
            (false, _) => {
                self.bytes += bytes;
                self.waiting.push_back(item.clone());
            }
            (true, Kind::News) => self.dropped += 1,
            (true, Kind::Change) => self.start_over(),
        }
        Ok(())
    }

    /// Says what waits, as far as there is room. `everything` makes what shows everything.
    pub(super) fn flush(
        &mut self,
        everything: impl FnOnce() -> Item,
        mut emit: impl FnMut(&'static str, &Args) -> Result<(), EmitError>,
    ) -> Result<(), Gone> {
        if self.everything {
            let item = everything();
            match emit(item.event, &item.args) {
                Ok(()) => {
                    self.everything = false;
                    self.took_at = Instant::now();
                }
                Err(EmitError::Full) => return Ok(()),
                Err(EmitError::Closed) => return Err(Gone),
            }
        }
        while let Some(item) = self.waiting.front() {
            match emit(item.event, &item.args) {
                Ok(()) => {
                    self.bytes -= item.args.bytes();
                    self.waiting.pop_front();
                    self.took_at = Instant::now();
                }
                Err(EmitError::Full) => return Ok(()),
                Err(EmitError::Closed) => return Err(Gone),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(event: &'static str, kind: Kind) -> Item {
        Item {
            event,
            args: Arc::new(Args(vec![to_raw_value(event).unwrap()])),
            kind,
        }
    }

    fn everything() -> Item {
        item("all_sockets", Kind::Change)
    }

    /// A client with a buffer of `room` events.
    struct Client {
        room: usize,
        heard: Vec<&'static str>,
    }

    impl Client {
        fn hear(&mut self, event: &'static str) -> Result<(), EmitError> {
            if self.room == 0 {
                return Err(EmitError::Full);
            }
            self.room -= 1;
            self.heard.push(event);
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_waits_in_its_order() {
        let mut client = Client { room: 1, heard: vec![] };
        let mut outbox = Outbox::new(false);
        for event in ["one", "two", "three"] {
            outbox
                .offer(&item(event, Kind::Change), |event, _| client.hear(event))
                .unwrap();
        }
        assert_eq!(client.heard, ["one"]);
        client.room = 9;
        outbox.flush(everything, |event, _| client.hear(event)).unwrap();
        assert_eq!(client.heard, ["one", "two", "three"]);
        assert!(!outbox.waits() && outbox.stuck_since().is_none());
    }

    #[tokio::test]
    async fn one_that_misses_a_change_is_shown_everything_anew() {
        let mut client = Client { room: 0, heard: vec![] };
        let mut outbox = Outbox::new(false);
        for _ in 0..ADMIN_UI_WAITING_MAX {
            outbox
                .offer(&item("event_sent", Kind::News), |event, _| client.hear(event))
                .unwrap();
        }
        outbox
            .offer(&item("event_sent", Kind::News), |event, _| client.hear(event))
            .unwrap();
        assert_eq!(outbox.dropped, 1, "news can be left out");
        for _ in 0..3 {
            outbox
                .offer(&item("room_left", Kind::Change), |event, _| client.hear(event))
                .unwrap();
        }
        assert_eq!(outbox.dropped, 1 + ADMIN_UI_WAITING_MAX as u64);
        outbox
            .offer(&item("server_stats", Kind::News), |event, _| client.hear(event))
            .unwrap();
        outbox.flush(everything, |event, _| client.hear(event)).unwrap();
        assert!(client.heard.is_empty() && outbox.waits());
        client.room = 9;
        outbox.flush(everything, |event, _| client.hear(event)).unwrap();
        assert_eq!(client.heard, ["all_sockets", "server_stats"]);
        outbox
            .offer(&item("room_left", Kind::Change), |event, _| client.hear(event))
            .unwrap();
        assert_eq!(client.heard.last(), Some(&"room_left"));
    }

    #[tokio::test]
    async fn it_is_bounded_in_bytes_too() {
        let mut outbox = Outbox::new(false);
        let large = Item {
            event: "event_sent",
            args: Arc::new(Args(vec![to_raw_value(&"x".repeat(1 << 20)).unwrap()])),
            kind: Kind::News,
        };
        for _ in 0..10 {
            outbox.offer(&large, |_, _| Err(EmitError::Full)).unwrap();
        }
        assert!(outbox.bytes <= ADMIN_UI_WAITING_BYTES_MAX);
        assert_eq!(outbox.dropped, 7);
        assert_eq!(outbox.flush(everything, |_, _| Err(EmitError::Closed)), Err(Gone));
    }
}
