//! From a commit to every socket.
//!
//! In: committed messages, each once, from whoever committed them. Out: `new_message` at every socket of every participant,
//! and the numbers of what happened. Guarantees: per socket and conversation rising seqs, each once, without gaps; who
//! should get a message is read from the membership, who is in the room from the live room, and the two are compared on
//! every message; a full buffer is a delay, never a loss.

pub mod feeder;
mod gaps;
pub mod retries;
mod saying;
pub mod sequencer;
pub mod tally;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_core::delivery::ExceptionKind;
use chat_core::ids::conversation_room;
use chat_core::ports::Clock;
use chat_core::{Conversation, ConversationId, Message, Seq, Timestamp};
use rollcall_protocol::event::name;
use rollcall_protocol::reply::Delivery;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use self::feeder::Feeder;
use self::tally::{Tally, Totals};
use crate::chat::directory::Entry;
use crate::delivery::RollCall;
use crate::delivery::ledger::Broadcast;
use crate::hub::adapter::EncodedEvent;
use crate::hub::lane::{Offer, Path};
use crate::hub::{Hub, LiveSocket, Writing};
use crate::limits::WRITTEN_AT_ONCE_MAX;
use crate::telemetry::labels::DeliveryOutcome;
use crate::telemetry::{FanoutMetrics, GatewayMetrics};

/// Hands committed messages, and everything else that is said to a conversation, to its sockets.
pub struct Fanout {
    hub: Arc<Hub>,
    feeder: Feeder,
    metrics: FanoutMetrics,
    events: GatewayMetrics,
    tally: Arc<Tally>,
    roll_call: Arc<RollCall>,
    clock: Arc<dyn Clock>,
}

/// A conversation's room as it was looked at before the first hand-over.
struct RoomNow<'a> {
    name: &'a str,
    /// The socket whose turn it is was not in it.
    lacks_it: bool,
    /// How that socket's connection is written to.
    writing: Writing,
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

impl std::fmt::Debug for Fanout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fanout").field("hub", &self.hub).finish_non_exhaustive()
    }
}

impl Fanout {
    /// A fan-out over the hub's sockets; `feeder` catches up those that cannot take a message at once.
    pub fn new(
        hub: Arc<Hub>,
        feeder: Feeder,
        roll_call: Arc<RollCall>,
        clock: Arc<dyn Clock>,
        metrics: FanoutMetrics,
        events: GatewayMetrics,
    ) -> Self {
        let tally = Arc::clone(feeder.tally());
        Self {
            hub,
            feeder,
            metrics,
            events,
            tally,
            roll_call,
            clock,
        }
    }

    /// Announces a committed message in its turn and tells where it went. Messages of one conversation go out by seq, whatever
    /// order their senders' tasks come in; a seq that does not come is read from the store.
    pub async fn publish(self: &Arc<Self>, entry: &Arc<Entry>, message: Message) -> Delivery {
        let seq = message.seq;
        let (told, gap) = {
            let mut sequencer = entry.sequencer.lock();
            let told = sequencer.put(message);
            while let Some(ready) = sequencer.next_ready() {
                // Others of this conversation that are right behind it are written together with it.
                let writing = if entry.is_alone() {
                    Writing::AtOnce
                } else {
                    Writing::Together
                };
                let delivery = self.announce(entry, &ready.message, writing);
                ready.tell(delivery);
            }
            (told, sequencer.gap())
        };
        if gap.is_some() && !entry.gap_watched.swap(true, Ordering::AcqRel) {
            self.close_gaps_later(Arc::clone(entry));
        }
        match told {
            // Somebody filled a gap with it before: what the sockets were handed by now is the truth.
            None => self.census(&entry.conversation(), Some(seq)),
            Some(told) => match told.await {
                Ok(delivery) => delivery,
                Err(_) => self.census(&entry.conversation(), Some(seq)),
            },
        }
    }

    /// Hands one message to every socket of every participant. Called with the conversation's sequencer locked: that is
    /// what keeps the order. Nothing here waits.
    fn announce(&self, entry: &Arc<Entry>, message: &Message, writing: Writing) -> Delivery {
        let started = Instant::now();
        // First of all: the receipt of a quick client may come while the others are being handed the message, and must not be cut
        // to the one before it; and whoever joins in this moment reads this seq after `conversation` was read without them.
        entry.published(message.seq);
        let conversation = entry.conversation();
        let Some(payload) = encode(message) else {
            return self.census(&conversation, None);
        };
        // Before the first hand-over: what is not marked was handed to nobody, whenever this process dies.
        let at = self.clock.now();
        if !entry.is_unseen() {
            self.roll_call.announces(&conversation.id, message.seq, at);
        }
        let room = conversation_room(&conversation.id);
        let in_room = self.hub.room(&room);
        let roster = self.hub.roster(&conversation, &entry.roster);
        let mut delivery = Delivery {
            participants: conversation.participants.len(),
            online: roster.online,
            sockets: roster.sockets.len(),
            ..Delivery::default()
        };
        let lacking = roster.lacking_in(&in_room);
        let mut lacking = lacking.iter().peekable();
        let payload = self.hub.encode(name::NEW_MESSAGE, payload);
        // The first ones of a large room are left to the tasks of other threads, while this one writes to the last.
        let written_from = roster.sockets.len().saturating_sub(WRITTEN_AT_ONCE_MAX);
        for (place, socket) in roster.sockets.iter().enumerate() {
            let room_now = RoomNow {
                name: &room,
                lacks_it: lacking.next_if_eq(&&place).is_some(),
                writing: if place >= written_from {
                    writing
                } else {
                    Writing::Together
                },
            };
            self.hand_over(
                socket,
                (&conversation.id, message),
                &payload,
                &room_now,
                at,
                &mut delivery,
            );
        }
        // The canary looks at its own delivery; nobody else's figures know of it.
        if !entry.is_unseen() {
            self.note(message, &room, !in_room.is_empty(), at, delivery);
            self.count(&delivery, started);
        }
        delivery
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
        match socket.offer(conversation, message.seq, payload, (path, at), room.writing) {
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

    /// Totals since the start.
    pub fn totals(&self) -> Totals {
        self.tally.totals()
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

    /// The numbers of now, with nothing handed over: what a repeated `client_message_id` is answered.
    pub fn census(&self, conversation: &Conversation, handed: Option<Seq>) -> Delivery {
        let of_users = self
            .hub
            .sockets_of_all(conversation.participants.iter().map(|p| &p.user_id));
        let has_it = |socket: &&Arc<LiveSocket>| handed.is_some_and(|seq| socket.handed(&conversation.id) >= Some(seq));
        Delivery {
            participants: conversation.participants.len(),
            online: of_users.len(),
            sockets: of_users.iter().map(Vec::len).sum(),
            handed_off: of_users.iter().flatten().filter(has_it).count(),
            ..Delivery::default()
        }
    }
}

/// Encodes once for all sockets.
fn encode<T: Serialize>(data: &T) -> Option<Box<RawValue>> {
    to_raw_value(data)
        .inspect_err(|error| tracing::error!(%error, "an event could not be encoded"))
        .ok()
}
