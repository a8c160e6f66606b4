//! `heads`: how far each conversation is, so that a client that believes it is up to date notices what it missed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chat_core::{ConversationId, Seq};
use rollcall_protocol::event::name;

use super::Chat;
use super::directory::Entry;
use crate::hub::LiveSocket;
use crate::limits::HEADS_INTERVAL;

/// Sockets that are written to before somebody else's work is let in: about a millisecond's worth.
const SAID_IN_A_ROW: usize = 64;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

impl Chat {
    /// Says `heads` at every interval until the task is dropped.
    pub async fn run_heads(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(HEADS_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.say_heads().await;
        }
    }

    /// Tells every socket of every participant (also those that left the room) the heads that moved since the last time. Those that hear
    /// of the same conversations are told by one event, which is encoded once.
    pub(crate) async fn say_heads(&self) {
        let moved = self.take_moved();
        let mut hearers: Map<usize, (Arc<LiveSocket>, Vec<usize>)> = Map::default();
        for (place, (entry, _)) in moved.iter().enumerate() {
            let conversation = entry.conversation();
            let of_users = self
                .hub
                .sockets_of_all(conversation.participants.iter().map(|p| &p.user_id));
            for socket in of_users.into_iter().flatten().filter(|socket| !socket.is_opening()) {
                let (_, places) = hearers
                    .entry(Arc::as_ptr(&socket).addr())
                    .or_insert_with(|| (socket, Vec::new()));
                places.push(place);
            }
        }
        let mut alike: Map<Vec<usize>, Vec<Arc<LiveSocket>>> = Map::default();
        for (socket, places) in hearers.into_values() {
            alike.entry(places).or_default().push(socket);
        }
        let mut said = 0;
        for (places, sockets) in alike {
            let heads: BTreeMap<ConversationId, Seq> = places
                .iter()
                .filter_map(|place| moved.get(*place))
                .map(|(entry, head)| (entry.conversation().id.clone(), *head))
                .collect();
            let Some(event) = self.fanout.encode(name::HEADS, &heads) else {
                continue;
            };
            for socket in &sockets {
                self.fanout.say_at_once_if_room(socket, &event);
                said += 1;
                if said % SAID_IN_A_ROW == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// The conversations that moved, and how far they are.
    fn take_moved(&self) -> Vec<(Arc<Entry>, Seq)> {
        let all = self.directory.all().into_iter();
        all.filter_map(|entry| {
            self.hub.drop_stale(&entry.roster);
            let head = entry.take_moved()?;
            Some((entry, head))
        })
        .collect()
    }
}
