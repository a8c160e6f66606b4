//! Feeds sockets that could not take a message at once: from the store, by seq, as their buffers drain.
//!
//! One feeder at a time per socket. It serves the missed messages of a resume, lagging sockets and gaps alike. A socket
//! that takes nothing for too long is closed as slow; its client comes back and resumes.

use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::{Clock, MessageLog, PageFrom, StoreError};
use chat_core::{ConversationId, Message, Seq};
use rollcall_protocol::event::name;
use serde_json::value::to_raw_value;
use tokio::time::Instant;

use super::tally::Tally;
use crate::hub::{CloseReason, EmitError, Hub, LiveSocket};
use crate::limits::{FEED_PAGE, FEED_RETRY, FEED_STORE_RETRY_MAX, LAGGING_WITHOUT_PROGRESS_MAX};
use crate::telemetry::labels::DeliveryOutcome;
use crate::telemetry::{ChatMetrics, FanoutMetrics, GatewayMetrics};

/// Feeds from a message log.
#[derive(Clone)]
pub struct Feeder {
    log: Arc<dyn MessageLog>,
    hub: Arc<Hub>,
    metrics: FeederMetrics,
    tally: Arc<Tally>,
    clock: Arc<dyn Clock>,
}

/// What feeding counts.
#[derive(Debug, Clone)]
pub struct FeederMetrics {
    /// Missed messages that were handed over on coming back.
    pub chat: ChatMetrics,
    /// Every hand-over.
    pub fanout: FanoutMetrics,
    /// Every event.
    pub events: GatewayMetrics,
}

impl std::fmt::Debug for Feeder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Feeder")
    }
}

/// How a step of feeding ended.
enum Step {
    /// A page of so many bytes went out, or (0) there was nothing to do.
    Fed(u64),
    /// The buffer is full; something may have gone out before.
    Full {
        /// Something did.
        moved: bool,
    },
    /// The store did not answer, or does not show yet what was announced: not the client's fault.
    StoreSilent,
    /// The connection is gone.
    Gone,
}

/// How long a socket has taken nothing.
struct Patience {
    moved_at: Instant,
    written: u64,
}

impl Patience {
    fn new(socket: &LiveSocket) -> Self {
        Self {
            moved_at: Instant::now(),
            written: socket.bytes_written(),
        }
    }

    fn moved(&mut self) {
        self.moved_at = Instant::now();
    }

    /// Looks at what the kernel took; true when nothing has moved for too long.
    fn is_over(&mut self, socket: &LiveSocket) -> bool {
        let written = socket.bytes_written();
        if written != self.written {
            self.written = written;
            self.moved();
        }
        self.moved_at.elapsed() > LAGGING_WITHOUT_PROGRESS_MAX
    }
}

impl Feeder {
    /// Reads from `log`.
    pub fn new(log: Arc<dyn MessageLog>, hub: Arc<Hub>, clock: Arc<dyn Clock>, metrics: FeederMetrics) -> Self {
        Self {
            log,
            hub,
            metrics,
            tally: Arc::default(),
            clock,
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
        let mut patience = Patience::new(socket);
        let mut store_pause = FEED_RETRY;
        loop {
            let before = socket.bytes_written();
            let step = self.step(socket).await;
            if !matches!(step, Step::StoreSilent) {
                store_pause = FEED_RETRY;
            }
            match step {
                Step::Gone => return,
                Step::Fed(bytes) => {
                    patience.moved();
                    if socket.stop_feeding() {
                        return;
                    }
                    if bytes > 0 && !self.drains(socket, before + bytes / 2, &mut patience).await {
                        return;
                    }
                }
                Step::Full { moved } => {
                    if moved {
                        patience.moved();
                    }
                    if patience.is_over(socket) {
                        return self.give_up(socket);
                    }
                    tokio::time::sleep(FEED_RETRY).await;
                }
                Step::StoreSilent => {
                    patience.moved();
                    tokio::time::sleep(store_pause).await;
                    store_pause = (store_pause * 2).min(FEED_STORE_RETRY_MAX);
                }
            }
        }
    }

    /// Waits until about half of what was fed last is on its way, so that the socket's buffer never stays full: the heartbeat needs
    /// a place in it. Long polling writes when it is asked, and cannot be watched this way. False when it was given up.
    async fn drains(&self, socket: &Arc<LiveSocket>, target: u64, patience: &mut Patience) -> bool {
        tokio::task::yield_now().await;
        let mut pause = DRAIN_LOOK_FIRST;
        while socket.has_own_line() && socket.is_connected() && socket.bytes_written() < target {
            if patience.is_over(socket) {
                self.give_up(socket);
                return false;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(FEED_RETRY);
        }
        true
    }

    fn give_up(&self, socket: &LiveSocket) {
        tracing::warn!(sid = %socket.sid, user.id = %socket.user_id(), "closed as slow: it took nothing for 30 s");
        self.hub.disconnect(socket, CloseReason::Slow);
    }

    async fn step(&self, socket: &LiveSocket) -> Step {
        match socket.flush_backlog() {
            Ok(()) => {}
            Err(EmitError::Full) => return Step::Full { moved: false },
            Err(EmitError::Closed) => return Step::Gone,
        }
        let Some((conversation, after)) = socket.next_behind() else {
            return Step::Fed(0);
        };
        let page = match self.read_after(&conversation, after).await {
            Ok(page) => page,
            Err(error) => {
                tracing::debug!(sid = %socket.sid, conversation.id = %conversation, %error, "feeding waits for the store");
                return if socket.is_connected() {
                    Step::StoreSilent
                } else {
                    Step::Gone
                };
            }
        };
        if page.is_empty() {
            // Announced, but this reader of the database does not see it yet.
            return Step::StoreSilent;
        }
        self.feed_page(socket, &conversation, &page)
    }

    /// A message was fed: one that was missed while the client was away, or one that waited for room in its buffer.
    fn count(&self, socket: &LiveSocket) {
        let outcome = if socket.is_opening() {
            self.metrics.chat.resumed_messages.increment(1);
            DeliveryOutcome::Resumed
        } else {
            DeliveryOutcome::HandedOff
        };
        self.metrics.fanout.deliveries.increment(outcome);
        self.metrics.events.sent(name::NEW_MESSAGE, 1);
        self.tally.fed();
    }

    fn feed_page(&self, socket: &LiveSocket, conversation: &ConversationId, page: &[Message]) -> Step {
        let mut bytes = 0;
        for message in page {
            let Ok(payload) = to_raw_value(message) else { continue };
            let payload = self.hub.encode(name::NEW_MESSAGE, payload);
            match socket.feed(conversation, message.seq, &payload, self.clock.now()) {
                Some(Ok(())) => {
                    bytes += payload.data.get().len() as u64;
                    self.count(socket);
                }
                Some(Err(EmitError::Full)) => return Step::Full { moved: bytes > 0 },
                Some(Err(EmitError::Closed)) => return Step::Gone,
                // Held, left or removed meanwhile.
                None => return Step::Fed(bytes),
            }
        }
        Step::Fed(bytes)
    }
}

/// How soon after a page the feeder first looks whether it drains: a client that reads has taken it by then.
const DRAIN_LOOK_FIRST: Duration = Duration::from_millis(1);
