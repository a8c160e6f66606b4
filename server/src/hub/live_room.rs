//! Who is in a room at this moment, to be held against who should be.

use std::collections::HashSet;

use socketioxide_core::Sid;

use super::roster::Roster;

/// The sockets in a live room, as one look found them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveRoom {
    members: Vec<Sid>,
    mark: Mark,
}

/// A mark of a set of sockets that does not depend on their order: how many there are, and the sum of their SIDs as numbers.
///
/// SIDs are drawn by the server at random, 96 bits each: two sets with the same mark are the same set, but for a chance that is
/// far smaller than that of a memory error. Comparing two marks costs an addition per socket, where comparing two sets costs
/// building one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    count: usize,
    sum: u128,
}

impl Mark {
    pub(super) fn of(sids: impl Iterator<Item = Sid>) -> Self {
        sids.fold(Self::default(), |mark, sid| Self {
            count: mark.count + 1,
            sum: mark.sum.wrapping_add(number(sid)),
        })
    }
}

fn number(sid: Sid) -> u128 {
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(sid.as_str().bytes()) {
        *byte = letter;
    }
    u128::from_ne_bytes(bytes)
}

impl LiveRoom {
    /// A room with these in it, each once.
    pub(super) fn of(members: Vec<Sid>) -> Self {
        let mark = Mark::of(members.iter().copied());
        Self { members, mark }
    }

    /// What it is compared by.
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// Sockets in it.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Is nobody in it? Then it does not exist.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Who is in it, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Sid> {
        self.members.iter()
    }

    /// Are exactly those in it who should get its conversation's messages?
    pub fn holds_exactly(&self, roster: &Roster) -> bool {
        self.mark == roster.mark
    }

    /// The same as a set, for whoever asks for one socket after the other.
    pub fn to_set(&self) -> HashSet<Sid> {
        self.members.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_compared_as_a_set() {
        let all: Vec<Sid> = (0..100).map(|_| Sid::new()).collect();
        let room = LiveRoom::of(all.clone());
        let is_exactly = |sids: &mut dyn Iterator<Item = Sid>| room.mark == Mark::of(sids);
        assert!(is_exactly(&mut all.iter().rev().copied()), "whatever the order");
        assert!(!is_exactly(&mut all[1..].iter().copied()), "one is missing");
        let mut with_another = all[1..].iter().copied().chain([Sid::new()]);
        assert!(!is_exactly(&mut with_another), "one is another");
        let mut with_one_more = all.iter().copied().chain([Sid::new()]);
        assert!(!is_exactly(&mut with_one_more), "one is too many");
        assert_eq!(LiveRoom::default().mark, Mark::of(std::iter::empty()));
        assert_eq!(room.to_set().len(), 100);
    }
}
