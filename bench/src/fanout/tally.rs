//! What was seen of messages to rooms, over all rooms.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::add;
use crate::figures::Figures;

/// One in so many latencies is kept.
const LATENCY_SAMPLE: u64 = 7;

/// Counted while it is measuring.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) measuring: Cell<bool>,
    pub(super) stopping: Cell<bool>,
    deliveries: Cell<u64>,
    messages: Cell<u64>,
    /// Messages of the same room as the one that was through before.
    in_a_row: Cell<u64>,
    newest: Cell<Option<usize>>,
    pub(super) out_of_order: Cell<u64>,
    pub(super) refused: Cell<u64>,
    each: RefCell<Vec<Duration>>,
    last: RefCell<Vec<Duration>>,
}

impl Tally {
    /// A member heard a message.
    pub(super) fn heard(&self, after: Duration) {
        if self.measuring.get() {
            add(&self.deliveries, 1);
            if self.deliveries.get().is_multiple_of(LATENCY_SAMPLE) {
                self.each.borrow_mut().push(after);
            }
        }
    }

    /// The last member of a room heard it.
    pub(super) fn heard_by_all(&self, room: usize, after: Duration) {
        let before = self.newest.replace(Some(room));
        if self.measuring.get() {
            add(&self.messages, 1);
            add(&self.in_a_row, u64::from(before == Some(room)));
            self.last.borrow_mut().push(after);
        }
    }

    /// `server` and `load` are seconds of processor time.
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    pub(super) fn figures(&self, took: Duration, server: f64, load: f64, lost: usize) -> Figures {
        let (deliveries, messages) = (self.deliveries.get() as f64, self.messages.get() as f64);
        let mut figures = Figures::default();
        figures.set("server CPU per delivery, µs", server * 1e6 / deliveries.max(1.0));
        figures.set("server CPU per message, µs", server * 1e6 / messages.max(1.0));
        figures.set("deliveries per second", deliveries / took.as_secs_f64());
        figures.set("messages per second", messages / took.as_secs_f64());
        figures.latencies("one delivery", &mut self.each.borrow_mut());
        figures.latencies("the last socket", &mut self.last.borrow_mut());
        // 0 where the rooms take turns; in one that is served again and again the sockets are still in the caches.
        let in_a_row = self.in_a_row.get() as f64 / messages.max(1.0);
        figures.set("messages of the room before, share", in_a_row);
        figures.set("server CPU, share of a core", server / took.as_secs_f64());
        figures.set("load CPU, share of a core", load / took.as_secs_f64());
        figures.set("out of order", self.out_of_order.get() as f64);
        figures.set("lost", lost as f64);
        figures
    }
}
