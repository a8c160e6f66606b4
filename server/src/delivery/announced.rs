//! How far each conversation was announced: stored in batches, and until then in a journal, so that the next process knows what
//! the last one saved and never sent.
//!
//! A message is marked before it is handed to the first socket. Marks reach the database once a second; whatever the process
//! dies of in between, short of the machine itself, the journal's pages stay with the kernel. Nothing on a message's way waits
//! for a disk: a thread of its own writes.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use chat_core::ports::{Clock, DeliveryLog};
use chat_core::{ConversationId, Epoch, NodeId, Seq};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use self::journal::Journal;
use crate::limits::ALIVE_NOTED_EVERY;

mod journal;

pub use self::journal::left_behind;

type Marks = HashMap<ConversationId, Seq>;

#[derive(Debug, Default)]
struct Inbox {
    /// Neither stored nor in the journal yet. Bounded by conversations: each is in it once.
    marks: Marks,
    /// Somebody wants what is to be stored.
    asked: Option<oneshot::Sender<Marks>>,
    /// A thread takes the marks from here to the journal.
    kept: bool,
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
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
        let shared = Arc::clone(&self.shared);
        let writes = move || Writer::new(journal, clock).run(&shared);
        let thread = std::thread::Builder::new().name("announcements".into()).spawn(writes)?;
        self.shared.inbox.lock().kept = true;
        *self.thread.lock() = Some(thread);
        Ok(())
    }

    /// Message `seq` is about to be handed to sockets.
    pub fn mark(&self, conversation: &ConversationId, seq: Seq) {
        let mut inbox = self.shared.inbox.lock();
        match inbox.marks.get_mut(conversation) {
            Some(mark) => *mark = seq.max(*mark),
            None => {
                inbox.marks.insert(conversation.clone(), seq);
            }
        }
        drop(inbox);
        self.shared.wake.notify_one();
    }

    /// Stores what is not stored yet. What could not be stored stays.
    pub async fn save(&self, log: &dyn DeliveryLog) {
        let batch: Vec<(ConversationId, Seq)> = self.take().await.into_iter().collect();
        if batch.is_empty() {
            return;
        }
        if let Err(error) = log.note_announced(&batch).await {
            tracing::warn!(%error, conversations = batch.len(), "announcements could not be noted yet");
            for (conversation, seq) in batch {
                self.mark(&conversation, seq);
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
        let mut inbox = self.shared.inbox.lock();
        if !inbox.kept {
            return Ok(std::mem::take(&mut inbox.marks));
        }
        let (answer, answered) = oneshot::channel();
        inbox.asked = Some(answer);
        self.shared.wake.notify_one();
        Err(answered)
    }

    /// The process stops in order: when everything is stored, nothing is left behind.
    pub fn close(&self) {
        self.shared.inbox.lock().closed = true;
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

/// The thread that writes the journal.
struct Writer {
    /// `None` after a trouble: without a journal nobody claims to know what was not announced.
    journal: Option<Journal>,
    clock: Arc<dyn Clock>,
    /// In the journal, and not taken to be stored.
    unsaved: Marks,
}

impl Writer {
    fn new(journal: Journal, clock: Arc<dyn Clock>) -> Self {
        Self {
            journal: Some(journal),
            clock,
            unsaved: Marks::new(),
        }
    }

    fn run(mut self, shared: &Shared) {
        loop {
            let mut inbox = shared.inbox.lock();
            if inbox.marks.is_empty() && inbox.asked.is_none() && !inbox.closed {
                shared.wake.wait_for(&mut inbox, ALIVE_NOTED_EVERY);
            }
            let (marks, asked, closed) = (std::mem::take(&mut inbox.marks), inbox.asked.take(), inbox.closed);
            // From here on nobody asks a thread that is gone.
            inbox.kept = !closed;
            drop(inbox);
            self.write(&marks);
            for (conversation, seq) in marks {
                let mark = self.unsaved.entry(conversation).or_default();
                *mark = seq.max(*mark);
            }
            if let Some(asked) = asked {
                self.hand_out(asked);
            }
            if closed {
                if let Some(journal) = self.journal.filter(|_| self.unsaved.is_empty()) {
                    journal.remove();
                }
                return;
            }
        }
    }

    fn write(&mut self, marks: &Marks) {
        let now = self.clock.now();
        self.attempt(|journal| journal.write(marks, now));
    }

    /// Hands out what is to be stored. Its lines stay in the journal until the next time, when it is stored or has come back.
    fn hand_out(&mut self, asked: oneshot::Sender<Marks>) {
        if !self.unsaved.is_empty() {
            let now = self.clock.now();
            self.attempt(|journal| journal.turn_over(now));
        }
        if let Err(not_taken) = asked.send(std::mem::take(&mut self.unsaved)) {
            self.unsaved = not_taken;
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

#[cfg(test)]
mod tests;
