//! Events on their way to the consumer: a bounded channel, and a short queue in front of it for what one packet brings.

use std::collections::VecDeque;

use rollcall_protocol::ServerEvent;
use rollcall_protocol::chat_core::{ConversationId, Seq};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::event::ClientEvent;

/// Nothing is read from the socket while something waits here, so it never holds more than one packet's worth.
#[derive(Debug)]
pub(crate) struct Outbox {
    channel: mpsc::Sender<ClientEvent>,
    waiting: VecDeque<ClientEvent>,
    /// Messages that reached the channel since the last look, if anybody wants to know.
    given: Option<Vec<(ConversationId, Seq)>>,
}

impl Outbox {
    pub(crate) fn new(channel: mpsc::Sender<ClientEvent>, note_given: bool) -> Self {
        Self {
            channel,
            waiting: VecDeque::new(),
            given: note_given.then(Vec::new),
        }
    }

    /// May more be read from the socket?
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, event: ClientEvent) {
        self.waiting.push_back(event);
        self.push_waiting();
    }

    fn push_waiting(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            let message = Self::message_of(&event);
            match self.channel.try_send(event) {
                Ok(()) => {
                    if let (Some(given), Some(message)) = (&mut self.given, message) {
                        given.push(message);
                    }
                }
                // Nobody listens: not an error, and nothing was received.
                Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(event)) => {
                    self.waiting.push_front(event);
                    return;
                }
            }
        }
    }

    fn message_of(event: &ClientEvent) -> Option<(ConversationId, Seq)> {
        match event {
            ClientEvent::Server(ServerEvent::NewMessage(message)) => {
                Some((message.conversation_id.clone(), message.seq))
            }
            _ => None,
        }
    }

    /// Waits for room and fills it. Never ends while nothing waits; safe to cancel.
    pub(crate) async fn drain(&mut self) {
        if self.waiting.is_empty() {
            std::future::pending::<()>().await;
        }
        // The permit only tells that there is room (or nobody); it is given back before the queue moves.
        drop(self.channel.reserve().await);
        self.push_waiting();
    }

    /// The messages that reached the consumer's channel since the last call.
    pub(crate) fn take_given(&mut self) -> Vec<(ConversationId, Seq)> {
        self.given.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
