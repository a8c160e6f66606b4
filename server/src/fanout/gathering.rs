//! Messages that were saved together are announced together.
//!
//! A group commit answers many senders in one moment, and each one's task brings its message to the sequencer when its turn comes. The
//! first of a conversation to come waits until the others had theirs, and announces all of them: a socket that is written
//! ten messages in one call of the kernel costs little more than one that is written one.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::Fanout;
use super::sequencer::Sequencer;
use crate::chat::directory::Entry;

/// Announces what has come to a conversation's sequencer when it is dropped, so that even a caller that goes away in between leaves
/// nothing behind that nobody announces.
#[derive(Debug)]
pub(super) struct Gathering<'a> {
    fanout: &'a Fanout,
    entry: &'a Arc<Entry>,
}

impl<'a> Gathering<'a> {
    /// For the first to come; `None` while somebody gathers already, who will announce what the caller has brought.
    pub(super) fn begin(fanout: &'a Fanout, entry: &'a Arc<Entry>, sequencer: &mut Sequencer) -> Option<Self> {
        let is_first = !std::mem::replace(&mut sequencer.is_gathering, true);
        // Lazily: one that is made is dropped, and announces.
        is_first.then(|| Self { fanout, entry })
    }
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        let mut sequencer = self.entry.sequencer.lock();
        sequencer.is_gathering = false;
        // Where the server ends with everything in it there is nobody left to announce to, nor anything to do it with.
        if Handle::try_current().is_ok() {
            self.fanout.announce_all(self.entry, &mut sequencer);
        }
    }
}
