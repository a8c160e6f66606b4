//! Messages whose turn it is, from the sequencer to every socket.

use std::sync::Arc;

use chat_core::delivery::ExceptionKind;
use chat_core::ids::conversation_room;
use chat_core::{ConversationId, Message, Seq, Timestamp};
use rollcall_protocol::event::name;
use rollcall_protocol::reply::Delivery;
use tokio::time::Instant;

use super::sequencer::{Ready, Sequencer};
use super::{Fanout, encode};
use crate::chat::directory::Entry;
use crate::delivery::ledger::Broadcast;
use crate::hub::LiveSocket;
use crate::hub::adapter::EncodedEvent;
use crate::hub::lane::{Offer, Path};
use crate::hub::run::Run;
use crate::limits::{RUN_BYTES_MAX, RUN_MESSAGES_MAX, RUN_WRITES_MAX, WRITTEN_AT_ONCE_MAX};
use crate::telemetry::labels::DeliveryOutcome;

/// A conversation's room as it was looked at before the first hand-over.
struct RoomNow<'a> {
    name: &'a str,
    /// The socket whose turn it is was not in it.
    lacks_it: bool,
}

/// What became of an attempt to put a socket back into its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repair {
    Joined,
    /// The client had left by itself meanwhile.
    Left,
    /// The live room does not show it. It gets the message when a later join succeeds, whoever makes it.
    Failed,
}

impl Fanout {
    /// Announces everything whose turn it is. Called with the conversation's sequencer locked: that is what keeps the order. Nothing
    /// here waits.
    pub(crate) fn announce_all(&self, entry: &Arc<Entry>, sequencer: &mut Sequencer) {
        while self.announce_next(entry, sequencer) {}
    }

    /// Announces the next run of those, and tells whoever brought them; false when there is none.
    pub(super) fn announce_next(&self, entry: &Arc<Entry>, sequencer: &mut Sequencer) -> bool {
        let Some((run, ready)) = self.next_run(entry, sequencer) else {
            return false;
        };
        let deliveries = self.announce(entry, &run, &ready);
        for (ready, delivery) in ready.into_iter().zip(deliveries) {
            ready.tell(delivery);
        }
        true
    }

    /// The next messages whose turn it is, encoded: what one connection is written in one go.
    fn next_run(&self, entry: &Entry, sequencer: &mut Sequencer) -> Option<(Run, Vec<Ready>)> {
        let (mut messages, mut events, mut bytes) = (Vec::new(), Vec::new(), 0);
        while messages.len() < RUN_MESSAGES_MAX && bytes < RUN_BYTES_MAX {
            let Some(ready) = sequencer.next_ready() else { break };
            let Some(payload) = encode(&ready.message) else {
                // A hole in the lanes, which the feeder meets. What comes behind it is another run.
                ready.tell(self.census(&entry.conversation(), None));
                if messages.is_empty() {
                    continue;
                }
                break;
            };
            bytes += payload.get().len();
            events.push(self.hub.encode(name::NEW_MESSAGE, payload));
            messages.push(ready);
        }
        let first = messages.first()?.message.seq;
        Some((Run::new(first, events), messages))
    }

    /// Hands messages to every socket of every participant, and tells where each went.
    fn announce(&self, entry: &Arc<Entry>, run: &Run, messages: &[Ready]) -> Vec<Delivery> {
        let started = Instant::now();
        // First of all: the receipt of a quick client may come while the others are being handed the message, and must not be cut
        // to the one before it; and whoever joins in this moment reads this seq after `conversation` was read without them.
        entry.published(run.last());
        let conversation = entry.conversation();
        // Before the first hand-over: what is not marked was handed to nobody, whenever this process dies.
        let at = self.clock.now();
        if !entry.is_unseen() {
            for (seq, _) in run.iter() {
                self.roll_call.announces(&conversation.id, seq, at);
            }
        }
        let room = conversation_room(&conversation.id);
        let in_room = self.hub.room(&room);
        let roster = self.hub.roster(&conversation, &entry.roster);
        let nothing_yet = Delivery {
            participants: conversation.participants.len(),
            online: roster.online,
            sockets: roster.sockets.len(),
            ..Delivery::default()
        };
        let mut deliveries = vec![nothing_yet; messages.len()];
        let lacking = roster.lacking_in(&in_room);
        let mut lacking = lacking.iter().peekable();
        let at_once_from = written_at_once_from(run, roster.sockets.len());
        let mut at_once = 0;
        for (place, socket) in roster.sockets.iter().enumerate() {
            let room_now = RoomNow {
                name: &room,
                lacks_it: lacking.next_if_eq(&&place).is_some(),
            };
            if place >= at_once_from && !room_now.lacks_it && socket.takes_at_once(&conversation.id, run, at) {
                at_once += 1;
                continue;
            }
            for (((_, payload), ready), delivery) in run.iter().zip(messages).zip(&mut deliveries) {
                let message = (&conversation.id, &ready.message);
                self.hand_over(socket, message, payload, &room_now, at, delivery);
            }
        }
        for (ready, delivery) in messages.iter().zip(&mut deliveries) {
            delivery.handed_off += at_once;
            // The canary looks at its own delivery; nobody else's figures know of it.
            if !entry.is_unseen() {
                self.note(&ready.message, &room, !in_room.is_empty(), at, *delivery);
                self.count(delivery, started);
            }
        }
        deliveries
    }

    fn hand_over(
        &self,
        socket: &Arc<LiveSocket>,
        // The id as lanes have it: the same in memory, so that it is found without a look at its letters.
        (conversation, message): (&ConversationId, &Message),
        payload: &EncodedEvent,
        room: &RoomNow<'_>,
        at: Timestamp,
        delivery: &mut Delivery,
    ) {
        // The look at the room is older than this moment: who is not in it is asked again, before their lane is. A leaving
        // client's lane ends before its place in the room does, so that a leave is never taken for a fault. One that left is
        // known by its lane alone, which costs less than all its rooms.
        let outside = room.lacks_it && socket.needs_repair(conversation) && !socket.is_in(room.name);
        let repair = (outside && socket.needs_repair(conversation)).then(|| self.repair(socket, message, room.name));
        let repaired = repair == Some(Repair::Joined);
        let path = if repaired { Path::Repair } else { Path::Room };
        let exception = |kind| {
            let seqs = (message.seq, message.seq);
            self.roll_call.exception(socket, conversation, seqs, kind, at);
        };
        if repair == Some(Repair::Failed) && socket.is_connected() {
            delivery.failed += 1;
            return exception(ExceptionKind::NotJoined);
        }
        match socket.offer(conversation, message.seq, payload, (path, at)) {
            Offer::HandedOff => {
                delivery.handed_off += 1;
                if repaired {
                    delivery.repaired += 1;
                    exception(ExceptionKind::Repaired);
                }
            }
            Offer::Lagging => {
                self.metrics.deliveries.increment(DeliveryOutcome::Lagging);
                exception(ExceptionKind::Lagging);
                self.feeder.wake(socket);
            }
            Offer::Later | Offer::Already | Offer::Left => {}
            Offer::NoLane => {
                delivery.failed += 1;
                exception(ExceptionKind::NotJoined);
            }
            Offer::Closed => {
                delivery.failed += 1;
                exception(ExceptionKind::Failed);
            }
        }
    }

    /// Notes the broadcast for whoever asks later.
    fn note(&self, message: &Message, room: &str, room_existed: bool, at: Timestamp, delivery: Delivery) {
        tracing::debug!(message.id = %message.id, conversation.id = %message.conversation_id, seq = message.seq.0,
            sockets = delivery.sockets, handed_off = delivery.handed_off, repaired = delivery.repaired,
            failed = delivery.failed, "message announced");
        let broadcast = Broadcast {
            message_id: message.id.clone(),
            seq: message.seq,
            at,
            room_existed,
            rooms_in_namespace: self.hub.rooms_count(),
            // Looked for only when the room is nothing: that is when a name was mistaken.
            similar_rooms: if room_existed {
                Vec::new()
            } else {
                self.hub.similar_rooms(room)
            },
            delivery,
            trace: None,
        };
        self.roll_call.announced(&message.conversation_id, broadcast);
    }

    /// The socket's user is a participant and online, but the socket is not in the room: puts it there.
    fn repair(&self, socket: &Arc<LiveSocket>, message: &Message, room: &str) -> Repair {
        let joined = self.hub.join_conversation_room(socket, room);
        if socket.has_left(&message.conversation_id) {
            // By its own wish, while this looked at it.
            self.hub.leave(socket, room);
            return Repair::Left;
        }
        let before = Seq(message.seq.0.saturating_sub(1));
        if !joined {
            socket.misses(&message.conversation_id, message.seq);
            return Repair::Failed;
        }
        if socket.open_lane(&message.conversation_id, before, before) {
            self.feeder.wake(socket);
        }
        self.hub.repaired();
        tracing::warn!(sid = %socket.sid, user.id = %socket.user_id(), conversation.id = %message.conversation_id,
            message.id = %message.id, "a participant's socket was not in the room; joined it");
        Repair::Joined
    }

    fn count(&self, delivery: &Delivery, started: Instant) {
        self.tally.announced(delivery);
        self.metrics.broadcast_seconds.record(started.elapsed());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a histogram takes f64; socket counts are far below 2^52"
        )]
        self.metrics.broadcast_sockets.record(delivery.handed_off as f64);
        if delivery.sockets == 0 {
            self.metrics.broadcasts_empty.increment(1);
        }
        self.metrics
            .deliveries
            .at(DeliveryOutcome::HandedOff)
            .increment(delivery.handed_off as u64);
        self.metrics
            .deliveries
            .at(DeliveryOutcome::Failed)
            .increment(delivery.failed as u64);
        self.metrics
            .deliveries
            .at(DeliveryOutcome::Repaired)
            .increment(delivery.repaired as u64);
        let offline = delivery.participants.saturating_sub(delivery.online);
        self.metrics
            .deliveries
            .at(DeliveryOutcome::Offline)
            .increment(offline as u64);
        self.events.sent(name::NEW_MESSAGE, delivery.handed_off as u64);
    }
}

/// The place in a roster from which on sockets are written to by whoever announces. The first ones of a large room are left to the tasks
/// of other threads, while this one writes to the last.
fn written_at_once_from(run: &Run, sockets: usize) -> usize {
    sockets.saturating_sub(WRITTEN_AT_ONCE_MAX * run.messages().min(RUN_WRITES_MAX))
}
