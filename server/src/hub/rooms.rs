//! The live rooms of namespace `/`: joined and left here and nowhere else, and always read back.

use serde_json::value::RawValue;

use super::adapter::EncodedEvent;
use super::inspect::CHAT_NAMESPACE;
use super::live_room::LiveRoom;
use super::{Hub, LiveSocket};
use crate::telemetry::labels::JoinResult;

impl Hub {
    /// Joins a conversation's room and reads the room back.
    pub fn join_conversation_room(&self, socket: &LiveSocket, room: &str) -> bool {
        self.join_conversation_rooms(socket, &[room.to_owned()]).is_empty()
    }

    /// The same for many at once; those that do not show the socket are returned.
    pub fn join_conversation_rooms<'a>(&self, socket: &LiveSocket, rooms: &'a [String]) -> Vec<&'a str> {
        let failed = self.join_all(socket, rooms);
        let count = |result, number: usize| self.metrics.room_joins.at(result).increment(number as u64);
        count(JoinResult::Verified, rooms.len() - failed.len());
        count(JoinResult::Failed, failed.len());
        failed
    }

    /// A wish to join a conversation's room that was refused.
    pub fn join_refused(&self) {
        self.metrics.room_joins.increment(JoinResult::Refused);
    }

    /// Joins a room and reads it back: true when the live room holds the socket.
    pub fn join(&self, socket: &LiveSocket, room: &str) -> bool {
        self.join_all(socket, &[room.to_owned()]).is_empty()
    }

    /// Joins rooms, reads all of them back with one look, and returns those that do not show the socket.
    fn join_all<'a>(&self, socket: &LiveSocket, rooms: &'a [String]) -> Vec<&'a str> {
        let names = rooms.iter().map(String::as_str);
        let (faulty, wanted): (Vec<&str>, Vec<&str>) = names.partition(|room| self.faults.fails_join(room));
        let mut failed = socket.join_rooms(&wanted, self.clock.now(), |room| self.room_counts.joined(room));
        // Gone meanwhile: whoever took it out has left its rooms already, and nobody will again.
        if !self.registry.read().sockets.contains_key(&socket.sid) {
            socket.leave_all_rooms();
            return rooms.iter().map(String::as_str).collect();
        }
        for room in &wanted {
            self.happenings.joined(CHAT_NAMESPACE, &socket.sid, room);
        }
        self.changed();
        failed.extend(faulty);
        failed
    }

    /// Leaves a room and reads it back: true when the live room no longer holds the socket.
    pub fn leave(&self, socket: &LiveSocket, room: &str) -> bool {
        let verified = socket.leave_room(room, || self.room_counts.left(room));
        self.happenings.left(CHAT_NAMESPACE, &socket.sid, room);
        self.changed();
        verified
    }

    /// A socket was put back into a room that it should have been in.
    pub fn repaired(&self) {
        self.metrics.room_repairs.increment(1);
    }

    /// Who is in a room of namespace `/`, read from the live adapter.
    pub fn room(&self, room: &str) -> LiveRoom {
        let mut sids = self.live_rooms.members(room);
        self.plain_rooms.add_members(room, &mut sids);
        LiveRoom::of(sids)
    }

    /// Encodes an event once for all the sockets that it is handed to.
    pub(crate) fn encode(&self, event: &'static str, data: Box<RawValue>) -> EncodedEvent {
        self.live_rooms.encode(event, data)
    }

    /// Live rooms of namespace `/`.
    pub fn rooms_count(&self) -> usize {
        self.room_counts.rooms()
    }

    /// Those of conversations.
    pub fn conversation_rooms(&self) -> usize {
        self.room_counts.conversations()
    }
}
