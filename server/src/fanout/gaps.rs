//! Seqs that do not come: their messages are read from the store, so that those behind them need not wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_core::Seq;

use super::Fanout;
use crate::chat::directory::Entry;
use crate::limits::SEQ_GAP_WAIT;

impl Fanout {
    /// Sees to it that messages which wait for one before them do not wait for ever.
    pub(super) fn watch_for_gaps(self: &Arc<Self>, entry: &Arc<Entry>) {
        if entry.sequencer.lock().gap().is_some() && !entry.gap_watched.swap(true, Ordering::AcqRel) {
            self.close_gaps_later(Arc::clone(entry));
        }
    }

    /// Reads what is missing from the store if nobody has brought it after a moment. One task per conversation.
    fn close_gaps_later(self: &Arc<Self>, entry: Arc<Entry>) {
        let fanout = Arc::clone(self);
        tokio::spawn(async move {
            let mut missing = entry.sequencer.lock().gap();
            while let Some(seq) = missing {
                tokio::time::sleep(SEQ_GAP_WAIT).await;
                let still = entry.sequencer.lock().gap();
                if still == Some(seq) {
                    fanout.fill_gap(&entry, seq).await;
                }
                missing = entry.sequencer.lock().gap();
            }
            entry.gap_watched.store(false, Ordering::Release);
            // One may have opened between the last look and the mark.
            fanout.watch_for_gaps(&entry);
        });
    }

    async fn fill_gap(&self, entry: &Arc<Entry>, missing: Seq) {
        let id = entry.conversation().id.clone();
        let page = match self.feeder.read_after(&id, Seq(missing.0.saturating_sub(1))).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(conversation.id = %id, %error, "a gap could not be read from the store yet");
                return;
            }
        };
        let mut sequencer = entry.sequencer.lock();
        for message in page {
            sequencer.fill(message);
        }
        self.announce_all(entry, &mut sequencer);
    }
}
