//! How far each conversation was announced: stored in batches, and until then in a journal, so that the next process knows what
//! the last one saved and never sent.
//!
//! A message is marked before it is handed to the first socket: its line is with the kernel when [`Announcements::mark`] returns, and
//! stays there whatever the process dies of, short of the machine itself. That is one short write to the page cache per message;
//! what may wait for a disk (making, emptying and removing files) is done by a thread of its own. Marks reach the database every
//! two seconds.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use chat_core::ports::{Clock, DeliveryLog};
use chat_core::{ConversationId, Epoch, NodeId, Seq, Timestamp};
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

use self::journal::Journal;
use crate::limits::ALIVE_NOTED_EVERY;

mod journal;

pub use self::journal::left_behind;

type Marks = HashMap<ConversationId, Seq>;

#[derive(Debug, Default)]
struct State {
    /// `None` before the first, and after a trouble: without a journal nobody claims to know what was not announced.
    journal: Option<Journal>,
    /// Marked, and not taken to be stored. Bounded by conversations: each is in it once.
    unsaved: Marks,
    /// Somebody wants what is to be stored.
    asked: Option<oneshot::Sender<Marks>>,
    /// A thread hands out what is to be stored.
    kept: bool,
    closed: bool,
}

impl State {
    fn mark(&mut self, conversation: &ConversationId, seq: Seq, at: Timestamp) {
        self.attempt(|journal| journal.mark(conversation, seq, at));
        self.remember(conversation, seq);
    }

    fn remember(&mut self, conversation: &ConversationId, seq: Seq) {
        match self.unsaved.get_mut(conversation) {
            Some(mark) => *mark = seq.max(*mark),
            None => {
                self.unsaved.insert(conversation.clone(), seq);
            }
        }
    }

    fn attempt(&mut self, write: impl FnOnce(&mut Journal) -> std::io::Result<()>) {
        let Some(mut journal) = self.journal.take() else { return };
        match write(&mut journal) {
            Ok(()) => self.journal = Some(journal),
            Err(error) => {
                tracing::warn!(%error, "the journal of announcements cannot be written; after a crash nobody will know what was not sent");
                journal.remove();
            }
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

/// Marks how far conversations were announced.
#[derive(Debug, Default)]
pub struct Announcements {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Announcements {
    /// Keeps a journal in `dir` from now on, in place of the last process's: read that before, by [`left_behind`].
    pub fn keep_in(&self, dir: &Path, epoch: &Epoch, node_id: &NodeId, clock: Arc<dyn Clock>) -> std::io::Result<()> {
        let journal = Journal::begin(dir, epoch, node_id, clock.now())?;
        let keeper = Keeper {
            shared: Arc::clone(&self.shared),
            clock,
        };
        let mut state = self.shared.state.lock();
        let thread = std::thread::Builder::new()
            .name("announcements".into())
            .spawn(move || keeper.run())?;
        (state.journal, state.kept) = (Some(journal), true);
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Message `seq` is about to be handed to sockets.
    pub fn mark(&self, conversation: &ConversationId, seq: Seq, at: Timestamp) {
        self.shared.state.lock().mark(conversation, seq, at);
    }

    /// Stores what is not stored yet. What could not be stored stays.
    pub async fn save(&self, log: &dyn DeliveryLog, at: Timestamp) {
        let batch: Vec<(ConversationId, Seq)> = self.take().await.into_iter().collect();
        if batch.is_empty() {
            return;
        }
        if let Err(error) = log.note_announced(&batch).await {
            tracing::warn!(%error, conversations = batch.len(), "announcements could not be noted yet");
            for (conversation, seq) in batch {
                self.mark(&conversation, seq, at);
            }
        }
    }

    async fn take(&self) -> Marks {
        match self.ask() {
            Ok(marks) => marks,
            Err(answered) => answered.await.unwrap_or_default(),
        }
    }

    /// What is to be stored, or whoever will hand it out.
    fn ask(&self) -> Result<Marks, oneshot::Receiver<Marks>> {
        let mut state = self.shared.state.lock();
        if !state.kept {
            return Ok(std::mem::take(&mut state.unsaved));
        }
        let (answer, answered) = oneshot::channel();
        state.asked = Some(answer);
        self.shared.wake.notify_one();
        Err(answered)
    }

    /// The process stops in order: when everything is stored, nothing is left behind.
    pub fn close(&self) {
        self.shared.state.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for Announcements {
    fn drop(&mut self) {
        self.close();
    }
}

/// The thread that keeps the journal's files.
struct Keeper {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

impl Keeper {
    fn run(self) {
        loop {
            let mut state = self.shared.state.lock();
            if state.asked.is_none() && !state.closed {
                self.shared.wake.wait_for(&mut state, ALIVE_NOTED_EVERY);
            }
            let now = self.clock.now();
            state.attempt(|journal| journal.note_alive(now));
            if let Some(asked) = state.asked.take() {
                self.hand_out(&mut state, asked);
            }
            if state.closed {
                // From here on nobody asks a thread that is gone.
                state.kept = false;
                if state.unsaved.is_empty()
                    && let Some(journal) = state.journal.take()
                {
                    drop(state);
                    journal.remove();
                }
                return;
            }
        }
    }

    /// Hands out what is to be stored. Its lines stay in the journal until the next time, when it is stored or has come back.
    fn hand_out(&self, state: &mut MutexGuard<'_, State>, asked: oneshot::Sender<Marks>) {
        let other = state.journal.as_ref().map(Journal::other);
        if let Some(other) = other.filter(|_| !state.unsaved.is_empty()) {
            // Not under the lock: emptying a file may wait for the disk, and messages must not.
            let emptied = MutexGuard::unlocked(state, || other.empty(self.clock.now()));
            state.attempt(|journal| emptied.map(|file| journal.go_on_in(file)));
        }
        let marks = std::mem::take(&mut state.unsaved);
        if let Err(not_taken) = asked.send(marks) {
            for (conversation, seq) in not_taken {
                state.remember(&conversation, seq);
            }
        }
    }
}

#[cfg(test)]
mod tests;
