//! The newest messages: when each was announced, and to how many.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chat_core::{ConversationId, MessageId, Seq, Timestamp};
use opentelemetry::trace::TraceId;
use parking_lot::Mutex;
use rollcall_protocol::reply::Delivery;

use crate::limits::LEDGER_BYTES_MAX;
use crate::telemetry::DeliveryMetrics;

/// How a message went out from this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast {
    /// Which message.
    pub message_id: MessageId,
    /// Its number.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Anybody was in the conversation's room.
    pub room_existed: bool,
    /// Live rooms of the namespace at that time.
    pub rooms_in_namespace: usize,
    /// Live rooms with a similar name, when this one did not exist.
    pub similar_rooms: Vec<String>,
    /// Where it went.
    pub delivery: Delivery,
    /// The trace of its way, if it was traced: few are, so the others pay for no more than the pointer.
    pub trace: Option<Box<TraceId>>,
}

impl Broadcast {
    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let names: usize = self
            .similar_rooms
            .iter()
            .map(|name| name.len() + size_of::<String>())
            .sum();
        // The reference in the conversation's queue and the one in the order, and the id's own allocation.
        let trace = if self.trace.is_some() { size_of::<TraceId>() } else { 0 };
        size_of::<Self>() + self.message_id.as_str().len() + names + trace + 64
    }
}

#[derive(Debug, Default)]
struct Held {
    by_conversation: HashMap<ConversationId, VecDeque<Arc<Broadcast>>>,
    /// Whose message is the oldest: one entry per broadcast.
    order: VecDeque<ConversationId>,
    bytes: usize,
}

/// The newest broadcasts, bounded in bytes.
#[derive(Debug)]
pub struct Ledger {
    held: Mutex<Held>,
    bytes_max: usize,
    metrics: DeliveryMetrics,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(metrics: DeliveryMetrics) -> Self {
        Self {
            held: Mutex::default(),
            bytes_max: LEDGER_BYTES_MAX,
            metrics,
        }
    }

    /// Notes a broadcast; the oldest ones make room for it.
    pub fn note(&self, conversation: &ConversationId, broadcast: Broadcast) {
        let mut held = self.held.lock();
        held.bytes += broadcast.bytes();
        held.order.push_back(conversation.clone());
        held.by_conversation
            .entry(conversation.clone())
            .or_default()
            .push_back(Arc::new(broadcast));
        let mut evicted = 0;
        while held.bytes > self.bytes_max {
            let Some(oldest) = held.order.pop_front() else { break };
            let Some(queue) = held.by_conversation.get_mut(&oldest) else {
                continue;
            };
            if let Some(dropped) = queue.pop_front() {
                evicted += 1;
                let bytes = dropped.bytes();
                if queue.is_empty() {
                    held.by_conversation.remove(&oldest);
                }
                held.bytes = held.bytes.saturating_sub(bytes);
            }
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge takes f64; the ledger is bounded far below 2^52"
        )]
        {
            self.metrics.ledger_entries.set(held.order.len() as f64);
            self.metrics.ledger_bytes.set(held.bytes as f64);
        }
        drop(held);
        self.metrics.ledger_evicted.increment(evicted);
    }

    /// Notes the trace of a message's way, if its broadcast is still held.
    pub fn traced(&self, conversation: &ConversationId, seq: Seq, trace: TraceId) {
        let mut held = self.held.lock();
        let queue = held.by_conversation.get_mut(conversation);
        let broadcast = queue.and_then(|queue| {
            let at = queue.binary_search_by(|broadcast| broadcast.seq.cmp(&seq)).ok()?;
            queue.get_mut(at)
        });
        if let Some(broadcast) = broadcast {
            // A copy only if somebody is looking at it in this moment.
            Arc::make_mut(broadcast).trace = Some(Box::new(trace));
            held.bytes += size_of::<TraceId>();
        }
    }

    /// The broadcast of message `seq`, if it is still held.
    pub fn broadcast(&self, conversation: &ConversationId, seq: Seq) -> Option<Arc<Broadcast>> {
        let held = self.held.lock();
        let queue = held.by_conversation.get(conversation)?;
        let at = queue.binary_search_by(|broadcast| broadcast.seq.cmp(&seq)).ok()?;
        queue.get(at).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::lane::{Confirmation, Lane, Outstanding, Path};
    use crate::telemetry::Metrics;

    fn broadcast(seq: u64) -> Broadcast {
        Broadcast {
            message_id: MessageId::parse(format!("m{seq}")).unwrap(),
            seq: Seq(seq),
            at: Timestamp::from_millis(0),
            room_existed: true,
            rooms_in_namespace: 1,
            similar_rooms: Vec::new(),
            delivery: Delivery::default(),
            trace: None,
        }
    }

    /// What one socket's lane takes, its rings included.
    fn bytes_of(lane: &Lane) -> usize {
        size_of::<Lane>()
            + lane.outstanding.capacity() * size_of::<Outstanding>()
            + lane.confirmations.capacity() * size_of::<Confirmation>()
            + lane.fed.capacity() * size_of::<(Seq, Seq)>()
    }

    /// A third of the clients confirm, a third promise to and never do, a third lag behind again and again: a thousand sockets in
    /// one room cost the same after twenty thousand messages as after two thousand, and the messages no more than the bound.
    #[test]
    fn a_thousand_sockets_in_a_room_cost_the_same_however_many_messages_come() {
        const BOUND: usize = 1 << 20;
        let metrics = Metrics::new().unwrap();
        let ledger = Ledger {
            bytes_max: BOUND,
            ..Ledger::new(metrics.delivery.clone())
        };
        let room = ConversationId::parse("room").unwrap();
        let mut lanes: Vec<Lane> = (0..1_000).map(|_| Lane::held(Seq::ZERO)).collect();
        for lane in &mut lanes {
            lane.release();
        }
        let mut measured = Vec::new();
        for seq in (1..=20_000).map(Seq) {
            let at = Timestamp::from_millis(i64::try_from(seq.0).unwrap());
            ledger.note(&room, broadcast(seq.0));
            for (n, lane) in lanes.iter_mut().enumerate() {
                let behind = n % 3 == 2 && seq.0 % 16 == 0;
                let _turn = lane.turn(seq);
                if behind {
                    lane.fed(seq);
                } else {
                    lane.handed_over(seq);
                }
                lane.awaits(seq, Path::Room, at);
                // A real client confirms a burst at once.
                if n % 3 == 0 && seq.0 % 5 == 0 {
                    lane.confirm(seq, at, |_| ());
                }
            }
            if seq.0 % 2_000 == 0 {
                measured.push((lanes.iter().map(bytes_of).sum::<usize>(), ledger.held.lock().bytes));
            }
        }
        let (sockets, held): (Vec<_>, Vec<_>) = measured.into_iter().unzip();
        assert!(sockets.iter().all(|bytes| *bytes == sockets[0]), "{sockets:?}");
        assert!(
            sockets[0] / lanes.len() < 8 << 10,
            "{} bytes for each socket",
            sockets[0] / lanes.len()
        );
        assert!(held.iter().all(|bytes| *bytes <= BOUND), "{held:?}");
        assert!(ledger.broadcast(&room, Seq(20_000)).is_some());
    }

    #[test]
    fn bytes_stay_below_the_bound_and_the_newest_stay() {
        let metrics = Metrics::new().unwrap();
        let ledger = Ledger {
            bytes_max: 10_000,
            ..Ledger::new(metrics.delivery.clone())
        };
        let (a, b) = (ConversationId::parse("a").unwrap(), ConversationId::parse("b").unwrap());
        for seq in 1..=1_000 {
            ledger.note(if seq % 3 == 0 { &b } else { &a }, broadcast(seq));
        }
        assert!(ledger.held.lock().bytes <= 10_000);
        assert!(ledger.broadcast(&a, Seq(1_000)).is_some());
        assert!(ledger.broadcast(&b, Seq(999)).is_some());
        assert_eq!(ledger.broadcast(&a, Seq(1)), None);
        assert!(metrics.render().contains("rollcall_ledger_evicted_total"));
        let held = ledger.held.lock();
        assert_eq!(
            held.order.len(),
            held.by_conversation.values().map(VecDeque::len).sum::<usize>()
        );
    }
}
