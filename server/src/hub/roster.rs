//! The live sockets of a conversation's participants, kept from one message to the next.
//!
//! Who should get a message is read from the membership and from who is here. Neither changes between most messages, and to
//! look a thousand users up costs as much as handing them the message; so what was found is kept, and found anew as soon as
//! anybody comes or goes anywhere, or the participants change.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_core::{Conversation, Participant};
use parking_lot::Mutex;

use super::live_room::{LiveRoom, Mark};
use super::{Hub, LiveSocket};

/// Who should get a message now.
#[derive(Debug)]
pub struct Roster {
    /// The number of comings and goings when this was found.
    changes: u64,
    /// Whose participants.
    of: Arc<Conversation>,
    /// Every live socket of every participant, once.
    pub sockets: Vec<Arc<LiveSocket>>,
    /// Participants with at least one.
    pub online: usize,
    pub(super) mark: Mark,
    lacking: Mutex<Option<Lacking>>,
}

/// Who of a roster a room lacked, and the mark that the room had then.
#[derive(Debug)]
struct Lacking(Mark, Arc<[usize]>);

impl Roster {
    /// Who should be in the room and is not: their places in `sockets`, in rising order. Looked up once for each change of the room or
    /// of the roster; whether that is a fault or a wish is asked of each of them at every message.
    pub fn lacking_in(&self, room: &LiveRoom) -> Arc<[usize]> {
        // Nearly always the room holds exactly those who should be in it, and nobody need be looked up in it.
        if room.holds_exactly(self) {
            return Arc::default();
        }
        let mut lacking = self.lacking.lock();
        if let Some(Lacking(mark, places)) = &*lacking
            && *mark == room.mark()
        {
            return Arc::clone(places);
        }
        let in_room = room.to_set();
        let sockets = self.sockets.iter().enumerate();
        let places: Arc<[usize]> = sockets
            .filter_map(|(place, socket)| (!in_room.contains(&socket.room_key())).then_some(place))
            .collect();
        *lacking = Some(Lacking(room.mark(), Arc::clone(&places)));
        places
    }
}

/// The roster that was found last, for the next message.
#[derive(Debug, Default)]
pub struct KeptRoster(Mutex<Option<Arc<Roster>>>);

impl Hub {
    /// Who should get a message of this conversation now.
    pub fn roster(&self, conversation: &Arc<Conversation>, kept: &KeptRoster) -> Arc<Roster> {
        let mut kept = kept.0.lock();
        if let Some(roster) = &*kept
            && roster.changes == self.comings_and_goings.load(Ordering::Acquire)
            && Arc::ptr_eq(&roster.of, conversation)
        {
            return Arc::clone(roster);
        }
        let found = Arc::new(self.find(conversation));
        *kept = Some(Arc::clone(&found));
        found
    }

    /// Participants without a live socket, all at one moment.
    pub fn offline_of<'a>(&self, conversation: &'a Conversation) -> Vec<&'a Participant> {
        let registry = self.registry.read();
        let people = conversation.participants.iter();
        people.filter(|p| !registry.users.contains_key(&p.user_id)).collect()
    }

    /// Lets go of a roster that is not true any more: it may hold sockets that are gone.
    pub fn drop_stale(&self, kept: &KeptRoster) {
        let now = self.comings_and_goings.load(Ordering::Acquire);
        kept.0.lock().take_if(|roster| roster.changes != now);
    }

    fn find(&self, conversation: &Arc<Conversation>) -> Roster {
        let users = conversation.participants.iter().map(|p| &p.user_id);
        // Most have one socket, some have none, a few have more.
        let mut sockets = Vec::with_capacity(users.len());
        let mut online = 0;
        let registry = self.registry.read();
        // Under the lock: comings and goings are counted under it.
        let changes = self.comings_and_goings.load(Ordering::Acquire);
        for user in users {
            if let Some(of_user) = registry.users.get(user).or_else(|| registry.unseen.get(user)) {
                online += 1;
                sockets.extend_from_slice(of_user);
            }
        }
        drop(registry);
        Roster {
            changes,
            of: Arc::clone(conversation),
            mark: Mark::of(sockets.iter().map(|socket| socket.room_key())),
            sockets,
            online,
            lacking: Mutex::default(),
        }
    }
}
