//! How many live rooms there are, kept as sockets join and leave: to count them in the library means to copy the rooms of every
//! socket, and each broadcast notes the number.
//!
//! The hub is the one door to rooms, so it sees every change. Lists of rooms, and whoever asks for one room, read the library.

use std::collections::HashMap;

use chat_core::ids::CONVERSATION_ROOM_PREFIX;
use parking_lot::Mutex;

/// The rooms of namespace `/` with the number of sockets in each.
#[derive(Debug, Default)]
pub(super) struct RoomCounts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sockets: HashMap<String, u32, foldhash::fast::RandomState>,
    conversations: usize,
}

impl RoomCounts {
    /// One more socket is in this room.
    pub(super) fn joined(&self, room: &str) {
        let mut counts = self.0.lock();
        if let Some(sockets) = counts.sockets.get_mut(room) {
            *sockets += 1;
            return;
        }
        counts.sockets.insert(room.to_owned(), 1);
        counts.conversations += usize::from(room.starts_with(CONVERSATION_ROOM_PREFIX));
    }

    /// One socket less is in it.
    pub(super) fn left(&self, room: &str) {
        let mut counts = self.0.lock();
        let Some(sockets) = counts.sockets.get_mut(room) else {
            return;
        };
        *sockets -= 1;
        if *sockets == 0 {
            counts.sockets.remove(room);
            counts.conversations -= usize::from(room.starts_with(CONVERSATION_ROOM_PREFIX));
        }
    }

    /// All of them.
    pub(super) fn rooms(&self) -> usize {
        self.0.lock().sockets.len()
    }

    /// Those of conversations.
    pub(super) fn conversations(&self) -> usize {
        self.0.lock().conversations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_counts_while_somebody_is_in_it() {
        let counts = RoomCounts::default();
        for room in ["conversation:a", "conversation:a", "user:b"] {
            counts.joined(room);
        }
        assert_eq!((counts.rooms(), counts.conversations()), (2, 1));
        counts.left("conversation:a");
        assert_eq!((counts.rooms(), counts.conversations()), (2, 1));
        counts.left("conversation:a");
        counts.left("conversation:a");
        assert_eq!((counts.rooms(), counts.conversations()), (1, 0));
        counts.left("user:b");
        assert_eq!((counts.rooms(), counts.conversations()), (0, 0));
    }
}
