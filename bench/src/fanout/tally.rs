//! What was seen of messages to rooms, over all rooms.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::add;
use crate::figures::Figures;

/// One in so many latencies is kept.
const LATENCY_SAMPLE: u64 = 7;
/// Rooms whose turns are looked at, the latest.
const TURNS_MAX: usize = 64;

/// Counted while it is measuring.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) measuring: Cell<bool>,
    pub(super) stopping: Cell<bool>,
    deliveries: Cell<u64>,
    messages: Cell<u64>,
    turns: RefCell<Turns>,
    pub(super) out_of_order: Cell<u64>,
    pub(super) refused: Cell<u64>,
    each: RefCell<Vec<Duration>>,
    last: RefCell<Vec<Duration>>,
}

/// How many other rooms are served between two turns of one: of ten that are served in turn nine, and of ten of which some are
/// served again and again while the others wait fewer. What a socket needs is then still in the processor's caches.
#[derive(Default)]
struct Turns {
    /// The room that was served last first.
    latest: Vec<usize>,
    sum: u64,
    count: u64,
}

impl Turns {
    /// A room is served; how many others were since it was last. Several messages in a row are one turn.
    fn between(&mut self, room: usize) -> Option<usize> {
        let found = self.latest.iter().position(|other| *other == room);
        if let Some(at) = found {
            self.latest[..=at].rotate_right(1);
        } else {
            self.latest.insert(0, room);
            self.latest.truncate(TURNS_MAX);
        }
        found.filter(|at| *at > 0)
    }

    fn count(&mut self, between: Option<usize>) {
        if let Some(between) = between {
            self.sum += between as u64;
            self.count += 1;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }
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
        let between = self.turns.borrow_mut().between(room);
        if self.measuring.get() {
            add(&self.messages, 1);
            self.turns.borrow_mut().count(between);
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
        if let Some(mean) = self.turns.borrow().mean() {
            figures.set("rooms between two turns of one", mean);
        }
        figures.set("server CPU, share of a core", server / took.as_secs_f64());
        figures.set("load CPU, share of a core", load / took.as_secs_f64());
        figures.set("out of order", self.out_of_order.get() as f64);
        figures.set("lost", lost as f64);
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(served: &[usize]) -> Option<f64> {
        let mut turns = Turns::default();
        for room in served {
            let between = turns.between(*room);
            turns.count(between);
        }
        turns.mean()
    }

    #[test]
    fn turns_are_counted_by_the_rooms_between_them() {
        assert_eq!(mean(&[0, 1, 2, 3, 0, 1, 2, 3]), Some(3.0), "in turn");
        assert_eq!(
            mean(&[0, 1, 2, 3, 0, 1, 0, 1, 0, 1]),
            Some(10.0 / 6.0),
            "two again and again"
        );
        assert_eq!(mean(&[0, 0, 0, 1, 1, 0, 0]), Some(1.0), "several in a row are one turn");
        assert_eq!(mean(&[0, 0, 0]), None, "one room has no turns");
    }
}
