//! Messages that were saved together are announced together.
//!
//! A group commit answers many senders in one moment, and each one's task brings its message to the sequencer when its turn comes. The
//! first of a conversation to come has a task begun that lets the others come and announces all of them: a socket that is written
//! ten messages in one call of the kernel costs little more than one that is written one. It is a task of its own since a
//! sender's may be held up by something else, or gone, by then.

use std::sync::Arc;

use tokio::task::yield_now;

use super::Fanout;
use super::sequencer::Sequencer;
use crate::chat::directory::Entry;

/// Lets the next one begin to gather, however this one ends.
struct Gathering(Arc<Entry>);

impl Drop for Gathering {
    fn drop(&mut self) {
        self.0.sequencer.lock().is_gathering = false;
    }
}

impl Fanout {
    /// Announces what has come to the sequencer and what comes in this very moment, soon. Whoever gathers already does it.
    pub(super) fn announce_gathered(self: &Arc<Self>, entry: &Arc<Entry>, sequencer: &mut Sequencer) {
        if std::mem::replace(&mut sequencer.is_gathering, true) {
            return;
        }
        let (fanout, gathering) = (Arc::clone(self), Gathering(Arc::clone(entry)));
        tokio::spawn(async move {
            let entry = &gathering.0;
            loop {
                // Others come to their turn meanwhile, with messages that belong to these, or to say something else.
                yield_now().await;
                let mut sequencer = entry.sequencer.lock();
                if !fanout.announce_next(entry, &mut sequencer) {
                    sequencer.is_gathering = false;
                    break;
                }
            }
            fanout.watch_for_gaps(entry);
        });
    }
}
