//! Feeds sockets that could not take a message at once: from the store, by seq, as their buffers drain.
//!
//! One feeder at a time per socket. It serves the missed messages of a resume, lagging sockets and gaps alike. A socket
//! that takes nothing for too long is closed as slow; its client comes back and resumes.

use std::sync::Arc;

use chat_core::ports::{MessageLog, PageFrom, StoreError};
use chat_core::{ConversationId, Message, Seq};
use serde_json::value::to_raw_value;
use tokio::time::Instant;

use super::tally::Tally;
use crate::hub::{CloseReason, EmitError, Hub, LiveSocket};
use crate::limits::{FEED_PAGE, FEED_RETRY, LAGGING_WITHOUT_PROGRESS_MAX};
use crate::telemetry::ChatMetrics;

/// Feeds from a message log.
#[derive(Clone)]
pub struct Feeder {
    log: Arc<dyn MessageLog>,
    hub: Arc<Hub>,
    metrics: ChatMetrics,
    tally: Arc<Tally>,
}

impl std::fmt::Debug for Feeder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Feeder")
    }
}

/// How a step of feeding ended.
enum Step {
    /// Something went out, or there was nothing to do.
    Moved,
    /// The buffer is full, or the store did not answer: wait a little.
    Wait,
    /// The connection is gone.
    Gone,
}

impl Feeder {
    /// Reads from `log`.
    pub fn new(log: Arc<dyn MessageLog>, hub: Arc<Hub>, metrics: ChatMetrics) -> Self {
        Self {
            log,
            hub,
            metrics,
            tally: Arc::default(),
        }
    }

    /// Where its hand-overs are counted.
    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// A page of messages after `after`.
    pub async fn read_after(&self, id: &ConversationId, after: Seq) -> Result<Vec<Message>, StoreError> {
        Ok(self.log.page(id, PageFrom::After(after), FEED_PAGE).await?.items)
    }

    /// Starts feeding in the background, unless somebody feeds this socket already.
    pub fn wake(&self, socket: &Arc<LiveSocket>) {
        if socket.start_feeding() {
            let (feeder, socket) = (self.clone(), Arc::clone(socket));
            tokio::spawn(async move { feeder.run(&socket).await });
        }
    }

    /// Feeds until the socket has caught up, is gone, or is closed as slow.
    pub async fn feed_now(&self, socket: &Arc<LiveSocket>) {
        if socket.start_feeding() {
            self.run(socket).await;
        }
    }

    async fn run(&self, socket: &Arc<LiveSocket>) {
        let (mut moved_at, mut written) = (Instant::now(), socket.bytes_written());
        loop {
            match self.step(socket).await {
                Step::Gone => return,
                Step::Moved => {
                    moved_at = Instant::now();
                    if socket.stop_feeding() {
                        return;
                    }
                }
                Step::Wait => {
                    let now_written = socket.bytes_written();
                    if now_written != written {
                        (moved_at, written) = (Instant::now(), now_written);
                    }
                    if moved_at.elapsed() > LAGGING_WITHOUT_PROGRESS_MAX {
                        tracing::warn!(sid = %socket.sid, user.id = %socket.user_id(), "closed as slow: it took nothing for 30 s");
                        self.hub.disconnect(socket, CloseReason::Slow);
                        return;
                    }
                    tokio::time::sleep(FEED_RETRY).await;
                }
            }
        }
    }

    async fn step(&self, socket: &LiveSocket) -> Step {
        match socket.flush_backlog() {
            Ok(()) => {}
            Err(EmitError::Full) => return Step::Wait,
            Err(EmitError::Closed) => return Step::Gone,
        }
        let Some((conversation, after)) = socket.next_behind() else {
            return Step::Moved;
        };
        let page = match self.read_after(&conversation, after).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(sid = %socket.sid, conversation.id = %conversation, %error, "feeding waits for the store");
                return if socket.is_connected() { Step::Wait } else { Step::Gone };
            }
        };
        if page.is_empty() {
            // Announced, but this reader of the database does not see it yet.
            return Step::Wait;
        }
        for message in page {
            let Ok(payload) = to_raw_value(&message) else { continue };
            match socket.feed(&conversation, message.seq, &payload) {
                Some(Ok(())) => {
                    self.metrics.resumed_messages.increment(1);
                    self.tally.fed();
                }
                Some(Err(EmitError::Full)) => return Step::Wait,
                Some(Err(EmitError::Closed)) => return Step::Gone,
                // Held, left or removed meanwhile.
                None => return Step::Moved,
            }
        }
        Step::Moved
    }
}
