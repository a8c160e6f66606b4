//! The live rooms of a socket: joined and left here, and always read back from socketioxide itself.

use chat_core::ids::conversation_room;
use chat_core::{ConversationId, Timestamp};

use super::LiveSocket;

impl LiveSocket {
    /// Leaves every room: it is gone.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(in crate::hub) fn leave_all_rooms(&self) {
        self.link.leave_all();
    }

    /// Joins a live room and reads it back: true when the room holds this socket.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(in crate::hub) fn join_room(&self, room: &str, at: Timestamp) -> bool {
        self.link.join(room.to_owned());
        self.joined.lock().entry(room.to_owned()).or_insert(at);
        self.is_in(room)
    }

    /// Leaves a live room and reads it back: true when the room no longer holds this socket.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(in crate::hub) fn leave_room(&self, room: &str) -> bool {
        self.link.leave(room.to_owned());
        self.joined.lock().remove(room);
        !self.is_in(room)
    }

    /// Does the live room hold this socket?
    pub fn is_in(&self, room: &str) -> bool {
        self.link.rooms().iter().any(|name| name == room)
    }

    /// Does the live room of the conversation hold this socket?
    pub fn is_in_conversation(&self, conversation: &ConversationId) -> bool {
        self.is_in(&conversation_room(conversation))
    }

    /// The live rooms that hold this socket, by name.
    pub fn rooms(&self) -> Vec<String> {
        let mut rooms: Vec<String> = self
            .link
            .rooms()
            .into_iter()
            .map(std::borrow::Cow::into_owned)
            .collect();
        rooms.sort_unstable();
        rooms
    }

    /// When it joined that room.
    pub fn joined_at(&self, room: &str) -> Timestamp {
        self.joined.lock().get(room).copied().unwrap_or(self.connected_at)
    }
}
