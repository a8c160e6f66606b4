//! Writes evidence down, in batches, beside every message's way: a database that is slow or gone delays nobody's message.

use std::sync::Arc;

use chat_core::delivery::{ConnectionEvent, DeliveryException};
use chat_core::ports::{Clock, DeliveryLog};
use parking_lot::Mutex;

use crate::limits::{EVIDENCE_INTERVAL, EVIDENCE_KEPT_MS, EVIDENCE_WAITING_MAX};

#[derive(Debug, Default)]
struct Waiting {
    exceptions: Vec<DeliveryException>,
    connections: Vec<ConnectionEvent>,
    dropped: u64,
}

/// Old evidence is forgotten at every so many intervals: about once a minute.
const PRUNE_EVERY: u32 = 240;

/// Takes evidence and stores it soon.
pub struct Recorder {
    log: Arc<dyn DeliveryLog>,
    waiting: Mutex<Waiting>,
    // One writer at a time, so that a flush that returns has seen everything that was noted before it.
    writing: tokio::sync::Mutex<()>,
}

impl Recorder {
    /// Stores in `log`.
    pub fn new(log: Arc<dyn DeliveryLog>) -> Self {
        Self {
            log,
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::new(()),
        }
    }

    /// Takes an exception.
    pub fn exception(&self, exception: DeliveryException) {
        let mut waiting = self.waiting.lock();
        if waiting.exceptions.len() < EVIDENCE_WAITING_MAX {
            waiting.exceptions.push(exception);
        } else {
            waiting.dropped += 1;
        }
    }

    /// Takes an entry of a connection history.
    pub fn connection(&self, event: ConnectionEvent) {
        let mut waiting = self.waiting.lock();
        if waiting.connections.len() < EVIDENCE_WAITING_MAX {
            waiting.connections.push(event);
        } else {
            waiting.dropped += 1;
        }
    }

    /// Stores everything that was taken so far. What the database refuses is put back, as far as there is room.
    pub async fn flush(&self) {
        let _one_at_a_time = self.writing.lock().await;
        let taken = std::mem::take(&mut *self.waiting.lock());
        if taken.dropped > 0 {
            tracing::warn!(
                dropped = taken.dropped,
                "evidence was dropped: more came than could be stored"
            );
        }
        if !taken.exceptions.is_empty()
            && let Err(error) = self.log.note_exceptions(&taken.exceptions).await
        {
            tracing::warn!(%error, "delivery exceptions could not be stored yet");
            self.put_back(taken.exceptions, |waiting| &mut waiting.exceptions);
        }
        if !taken.connections.is_empty()
            && let Err(error) = self.log.note_connections(&taken.connections).await
        {
            tracing::warn!(%error, "connection histories could not be stored yet");
            self.put_back(taken.connections, |waiting| &mut waiting.connections);
        }
    }

    fn put_back<T>(&self, mut older: Vec<T>, place: impl Fn(&mut Waiting) -> &mut Vec<T>) {
        let mut waiting = self.waiting.lock();
        let newer = std::mem::take(place(&mut waiting));
        older.extend(newer);
        let over = older.len().saturating_sub(EVIDENCE_WAITING_MAX);
        older.drain(..over);
        waiting.dropped += over as u64;
        *place(&mut waiting) = older;
    }

    /// Stores at every interval, and forgets what is too old, until the task is dropped.
    pub async fn run(self: Arc<Self>, clock: Arc<dyn Clock>) {
        let mut ticks = tokio::time::interval(EVIDENCE_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut count = 0_u32;
        loop {
            ticks.tick().await;
            self.flush().await;
            count = (count + 1) % PRUNE_EVERY;
            if count == 0
                && let Err(error) = self
                    .log
                    .prune_evidence(clock.now().plus_millis(-EVIDENCE_KEPT_MS))
                    .await
            {
                tracing::warn!(%error, "old evidence could not be forgotten yet");
            }
        }
    }
}
