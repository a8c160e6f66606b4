//! From a commit to every socket.
//!
//! In: committed messages, each once, from whoever committed them. Out: `new_message` at every socket of every participant,
//! and the numbers of what happened. Guarantees: per socket and conversation rising seqs, each once, without gaps; who
//! should get a message is read from the membership, who is in the room from the live room, and the two are compared on
//! every message; a full buffer is a delay, never a loss.

mod announcing;
pub mod feeder;
mod gaps;
mod gathering;
pub mod retries;
mod saying;
pub mod sequencer;
pub mod tally;

use std::sync::Arc;

use chat_core::ports::Clock;
use chat_core::{Conversation, Message, Seq};
use rollcall_protocol::reply::Delivery;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use self::feeder::Feeder;
use self::tally::{Tally, Totals};
use crate::chat::directory::Entry;
use crate::delivery::RollCall;
use crate::hub::{Hub, LiveSocket};
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
            if entry.is_alone() {
                self.announce_all(entry, &mut sequencer);
            } else {
                self.announce_gathered(entry, &mut sequencer);
            }
            (told, !sequencer.is_gathering && sequencer.gap().is_some())
        };
        if gap {
            self.watch_for_gaps(entry);
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

    /// Totals since the start.
    pub fn totals(&self) -> Totals {
        self.tally.totals()
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
