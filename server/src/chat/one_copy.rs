//! One copy in memory of each conversation's id, for everybody who keeps it for long.
//!
//! Every socket has a lane for each of its conversations, and finds it by the id of the message that is announced: the letters of two
//! copies are compared one by one, in memory that nothing else needs; that a copy is the same one is seen by its address.
//! Reading a conversation makes a new copy each time, and after a restart everybody's are read before any is in use.

use std::collections::HashSet;

use chat_core::ConversationId;
use parking_lot::Mutex;

/// Ids that somebody holds, and some that nobody holds any more.
#[derive(Debug, Default)]
pub struct OneCopy(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    ids: HashSet<ConversationId>,
    /// How many there were when those that nobody held were dropped last.
    swept: usize,
}

/// So few are not looked through.
const FEW: usize = 1_024;

impl OneCopy {
    /// This id as everybody holds it.
    pub fn of(&self, id: &ConversationId) -> ConversationId {
        let mut kept = self.0.lock();
        if let Some(one) = kept.ids.get(id) {
            return one.clone();
        }
        // At twice what was left the last time: each id is looked at about once more for each that comes.
        if kept.ids.len() >= FEW.max(2 * kept.swept) {
            kept.ids.retain(ConversationId::is_shared);
            kept.swept = kept.ids.len();
        }
        kept.ids.insert(id.clone());
        id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ConversationId {
        ConversationId::parse(format!("c{number}")).unwrap()
    }

    #[test]
    fn what_somebody_holds_stays_and_the_rest_is_forgotten() {
        let one_copy = OneCopy::default();
        let held: Vec<ConversationId> = (0..10).map(|number| one_copy.of(&id(number))).collect();
        for number in 10..10 * FEW {
            one_copy.of(&id(number));
        }
        assert!(one_copy.0.lock().ids.len() <= FEW, "bounded by what is held");
        for (number, held) in held.iter().enumerate() {
            let again = one_copy.of(&id(number));
            assert_eq!(again.as_str().as_ptr(), held.as_str().as_ptr());
        }
    }
}
