//! The live rooms of a socket: joined and left here, and always read back from what holds them.

use chat_core::ids::conversation_room;
use chat_core::{ConversationId, Timestamp};

use super::LiveSocket;

impl LiveSocket {
    /// Leaves every room: it is gone.
    pub(in crate::hub) fn leave_all_rooms(&self) {
        self.outlet.leave_all();
    }

    /// Joins a live room and reads it back: true when the room holds this socket.
    pub(in crate::hub) fn join_room(&self, room: &str, at: Timestamp) -> bool {
        self.outlet.join(room);
        self.joined.lock().entry(room.to_owned()).or_insert(at);
        self.is_in(room)
    }

    /// Leaves a live room and reads it back: true when the room no longer holds this socket.
    pub(in crate::hub) fn leave_room(&self, room: &str) -> bool {
        self.outlet.leave(room);
        self.joined.lock().remove(room);
        !self.is_in(room)
    }

    /// A plain socket that ended: nobody else takes it out of its rooms, and `explain` has looked at them.
    pub(crate) fn leave_rooms(&self) {
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
        self.joined.lock().get(room).copied().unwrap_or(self.connected_at)
    }
}
