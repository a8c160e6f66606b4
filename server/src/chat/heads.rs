//! `heads`: how far each conversation is, so that a client that believes it is up to date notices what it missed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chat_core::{ConversationId, Seq, Sid};
use rollcall_protocol::event::name;

use super::Chat;
use crate::hub::LiveSocket;
use crate::limits::HEADS_INTERVAL;

impl Chat {
    /// Says `heads` at every interval until the task is dropped.
    pub async fn run_heads(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(HEADS_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.say_heads();
        }
    }

    /// Tells every socket of every participant (also those that left the room) the heads that moved since the last time.
    fn say_heads(&self) {
        let mut by_socket: HashMap<Sid, (Arc<LiveSocket>, BTreeMap<ConversationId, Seq>)> = HashMap::new();
        for entry in self.directory.all() {
            self.hub.drop_stale(&entry.roster);
            let Some(head) = entry.take_moved() else { continue };
            let conversation = entry.conversation();
            let of_users = self
                .hub
                .sockets_of_all(conversation.participants.iter().map(|p| &p.user_id));
            for socket in of_users.into_iter().flatten().filter(|socket| !socket.is_opening()) {
                let (_, heads) = by_socket
                    .entry(socket.sid.clone())
                    .or_insert_with(|| (socket, BTreeMap::new()));
                heads.insert(conversation.id.clone(), head);
            }
        }
        for (socket, heads) in by_socket.values() {
            self.fanout
                .say_if_room(std::slice::from_ref(socket), name::HEADS, heads);
        }
    }
}
