//! How many messages of a conversation are on their way at the same time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Entry;

/// A message that is on its way to the store, and from there to its sockets, as long as this lives.
#[derive(Debug)]
pub struct UnderWay(Arc<Entry>);

impl UnderWay {
    /// One more.
    pub fn of(entry: &Arc<Entry>) -> Self {
        entry.under_way.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(entry))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
