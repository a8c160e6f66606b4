//! The live rooms of a socket: joined and left here, and always read back from what holds them.

use std::collections::{HashMap, HashSet};

use chat_core::ids::conversation_room;
use chat_core::{ConversationId, Timestamp};

use super::LiveSocket;

/// The rooms that a socket joined.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// Since when it is in each.
    since: HashMap<String, Timestamp>,
    /// Its connection ended: it is in none, and what is left here is for whoever explains.
    ended: bool,
}

impl LiveSocket {
    /// Leaves every room: it is gone.
    pub(in crate::hub) fn leave_all_rooms(&self) {
        self.outlet.leave_all();
    }

    /// Joins live rooms, reads them back, and returns those that do not hold this socket. `first` is called for each that holds it and
    /// did not before.
    pub(in crate::hub) fn join_rooms<'a>(
        &self,
        rooms: &[&'a str],
        at: Timestamp,
        mut first: impl FnMut(&str),
    ) -> Vec<&'a str> {
        let mut joined = self.joined.lock();
        self.outlet.join(rooms);
        // One look for all of them: each is a copy of every room that the socket is in.
        let (verified, failed): (Vec<&str>, Vec<&str>) = if let [room] = rooms {
            [*room].into_iter().partition(|room| self.is_in(room))
        } else {
            let live: HashSet<String> = self.outlet.rooms().into_iter().collect();
            rooms.iter().copied().partition(|room| live.contains(*room))
        };
        for room in verified {
            if !joined.ended && !joined.since.contains_key(room) {
                joined.since.insert(room.to_owned(), at);
                first(room);
            }
        }
        failed
    }

    /// Leaves a live room and reads it back: true when the room no longer holds this socket. `last` is called if it did before.
    pub(in crate::hub) fn leave_room(&self, room: &str, last: impl FnOnce()) -> bool {
        let mut joined = self.joined.lock();
        self.outlet.leave(room);
        let left = !self.is_in(room);
        if left && !joined.ended && joined.since.remove(room).is_some() {
            last();
        }
        left
    }

    /// Its connection ended: `left` is called for every room that it was in, once.
    pub(in crate::hub) fn end_in_rooms(&self, left: impl FnMut(&str)) {
        let mut joined = self.joined.lock();
        if !std::mem::replace(&mut joined.ended, true) {
            joined.since.keys().map(String::as_str).for_each(left);
        }
    }

    /// A plain socket that ended: nobody else takes it out of its rooms, and `explain` has looked at them.
    pub fn leave_rooms(&self) {
        self.leave_all_rooms();
    }

    /// Does the live room hold this socket?
    pub fn is_in(&self, room: &str) -> bool {
        self.outlet.is_in(room)
    }

    /// Does the live room of the conversation hold this socket?
    pub fn is_in_conversation(&self, conversation: &ConversationId) -> bool {
        self.is_in(&conversation_room(conversation))
    }

    /// The live rooms that hold this socket, by name.
    pub fn rooms(&self) -> Vec<String> {
        let mut rooms = self.outlet.rooms();
        rooms.sort_unstable();
        rooms
    }

    /// When it joined that room.
    pub fn joined_at(&self, room: &str) -> Timestamp {
        self.joined.lock().since.get(room).copied().unwrap_or(self.connected_at)
    }
}
