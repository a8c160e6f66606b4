//! The use cases: send, join, leave, sync, conversations.
//!
//! In: an [`Actor`] and a typed request, from whichever transport. Out: a typed reply, or a refusal with a code. Guarantees:
//! nothing is said to anybody unless it is committed; whoever may not do something learns so and why; each use case
//! reads top-down: authorise, act, announce.

pub mod arrivals;
pub mod assembly;
pub mod conversations;
pub mod directory;
pub mod edit;
pub mod expiry;
pub mod explain;
pub mod heads;
pub mod inspection;
pub mod moderation;
pub mod one_copy;
pub mod presence;
pub mod provisioning;
pub mod reading;
pub mod receipts;
pub mod refusal;
pub mod rooms;
pub mod search;
pub mod send;
pub mod session;
pub mod standing;
pub mod typing;
pub mod watchers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_core::ports::moderation::Moderation;
use chat_core::ports::{Accounts, Clock, Conversations, DeliveryLog, IdSource, MessageLog, Vitals};
use chat_core::{ConversationId, Message, Role, UserId};
use rollcall_protocol::event::ConversationView;
use rollcall_protocol::reply::Delivery;
use rollcall_protocol::{ErrorCode, UserView, WireError};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use self::directory::{Directory, Entry};
use self::receipts::MovedCursors;
use self::refusal::from_store;
use self::typing::TypingMarks;
use self::watchers::Watchers;
use crate::delivery::RollCall;
use crate::delivery::evidence::Collector;
use crate::delivery::notices::{Notice, NoticeKind};
use crate::fanout::Fanout;
use crate::fanout::tally::Totals;
use crate::hub::{Hub, LiveSocket};
use crate::identity::RateLimits;
use crate::telemetry::labels::Via;
use crate::telemetry::{ChatMetrics, GatewayMetrics};

/// Who asks, and which way they came.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Who.
    pub user: UserView,
    /// What they may do now: at most what their account may.
    pub role: Role,
    /// The way they came.
    pub via: Via,
}

impl Actor {
    /// Who asks.
    pub fn id(&self) -> &UserId {
        &self.user.id
    }

    /// The actor behind a live socket.
    pub fn of_socket(socket: &LiveSocket) -> Self {
        let role = socket.role();
        let via = if role == Role::Service {
            Via::Service
        } else if socket.plain().is_some() {
            Via::WebSocket
        } else {
            Via::SocketIo
        };
        Self {
            user: UserView {
                role,
                ..UserView::from(&**socket.user())
            },
            role,
            via,
        }
    }
}

/// The ports that the use cases need.
#[derive(Clone)]
pub struct Ports {
    /// Accounts.
    pub accounts: Arc<dyn Accounts>,
    /// Conversations.
    pub conversations: Arc<dyn Conversations>,
    /// Mutes and bans.
    pub moderation: Arc<dyn Moderation>,
    /// Messages.
    pub log: Arc<dyn MessageLog>,
    /// What is written down about deliveries.
    pub deliveries: Arc<dyn DeliveryLog>,
    /// The store's own state.
    pub vitals: Arc<dyn Vitals>,
    /// The time of stored facts.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
}

impl Ports {
    /// All that is stored in one store.
    pub fn over<S>(store: &Arc<S>, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self
    where
        S: Accounts + Conversations + Moderation + MessageLog + DeliveryLog + Vitals + 'static,
    {
        Self {
            accounts: store.clone(),
            conversations: store.clone(),
            moderation: store.clone(),
            log: store.clone(),
            deliveries: store.clone(),
            vitals: store.clone(),
            clock,
            ids,
        }
    }
}

/// The use cases.
pub struct Chat {
    ports: Ports,
    directory: Arc<Directory>,
    hub: Arc<Hub>,
    fanout: Arc<Fanout>,
    rates: Arc<RateLimits>,
    roll_call: Arc<RollCall>,
    collector: Collector,
    moved_cursors: MovedCursors,
    typing: TypingMarks,
    watchers: Watchers,
    message_bytes_max: usize,
    closing: AtomicBool,
    /// Messages between their acceptance and their announcement: what a stop waits for.
    in_flight: TaskTracker,
    metrics: ChatMetrics,
    events: GatewayMetrics,
}

impl std::fmt::Debug for Chat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chat")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// What the use cases are made of.
#[derive(Debug)]
pub struct Parts {
    /// The conversations in use.
    pub directory: Arc<Directory>,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// From a commit to every socket.
    pub fanout: Arc<Fanout>,
    /// How often is too often.
    pub rates: Arc<RateLimits>,
    /// What happens to messages.
    pub roll_call: Arc<RollCall>,
    /// The evidence of it.
    pub collector: Collector,
    /// A message's content, in bytes.
    pub message_bytes_max: usize,
    /// What the use cases count.
    pub metrics: ChatMetrics,
    /// What the gateway counts; limits that were hit are among it.
    pub events: GatewayMetrics,
}

impl Chat {
    /// Puts the use cases together.
    pub fn new(ports: Ports, parts: Parts) -> Self {
        Self {
            ports,
            directory: parts.directory,
            hub: parts.hub,
            fanout: parts.fanout,
            rates: parts.rates,
            collector: parts.collector,
            roll_call: parts.roll_call,
            moved_cursors: MovedCursors::default(),
            typing: TypingMarks::default(),
            watchers: Watchers::default(),
            message_bytes_max: parts.message_bytes_max,
            closing: AtomicBool::new(false),
            in_flight: TaskTracker::new(),
            metrics: parts.metrics,
            events: parts.events,
        }
    }

    /// From now on nothing new is accepted: the server is about to stop.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.in_flight.close();
    }

    /// Waits until every message that was accepted is committed and announced, or refused.
    pub async fn drained(&self) {
        self.in_flight.wait().await;
    }

    /// Is the server about to stop?
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Notes something for the webhook.
    pub(crate) fn notice(&self, kind: NoticeKind, notice: impl FnOnce() -> Notice) {
        self.roll_call.notices.note(kind, self.ports.clock.now(), notice);
    }

    /// Notes a message for the webhook.
    pub(crate) fn message_notice(&self, entry: &Entry, message: &Message, delivery: Delivery) {
        let said = || (message.clone(), delivery, entry.conversation());
        self.roll_call.notices.note_message(self.ports.clock.now(), said);
    }

    /// Running totals since the start.
    pub fn totals(&self) -> Totals {
        self.fanout.totals()
    }

    #[cfg(test)]
    pub(crate) fn entry_in_use(&self, conversation: &chat_core::ConversationId) -> Option<Arc<Entry>> {
        self.directory.cached(conversation)
    }

    /// The live sockets and rooms.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The conversation, for somebody who may take part in it. Others' are told apart from those that do not exist.
    pub(crate) async fn entry_for(&self, actor: &Actor, id: &ConversationId) -> Result<Arc<Entry>, WireError> {
        let entry = self.directory.get(id).await.map_err(|error| from_store(&error))?;
        let entry = entry.ok_or_else(|| refusal::no_conversation(id))?;
        if entry.conversation().may_take_part(actor.id(), actor.role) {
            Ok(entry)
        } else {
            Err(self.outsider(actor.id(), id).await)
        }
    }

    /// The conversation as `user` sees it now. A service that is no participant sees it without cursors.
    pub(crate) async fn view(&self, entry: &Entry, user: &UserId) -> Result<ConversationView, WireError> {
        let conversation = entry.conversation();
        self.save_cursors_of(user).await;
        let online = |id: &UserId| self.hub.is_online(id);
        let seen = self.ports.conversations.conversation_of(&conversation.id, user).await;
        Ok(match seen.map_err(|error| from_store(&error))? {
            Some(seen) => ConversationView::of_user(&seen, online),
            None => ConversationView {
                last_seq: entry.head(),
                ..ConversationView::new(&conversation, online)
            },
        })
    }

    pub(crate) fn refuse_when_closing(&self) -> Result<(), WireError> {
        if !self.is_closing() {
            return Ok(());
        }
        Err(WireError::new(
            ErrorCode::ShuttingDown,
            "the server is about to stop; nothing was saved",
        )
        .with_hint("connect again and repeat with the same client_message_id")
        .with_retry_after_ms(crate::limits::SHUTDOWN_RETRY_AFTER_MS))
    }
}

/// Runs `operation` to its end even if the caller goes away: an HTTP client that hangs up halfway must not leave behind a change
/// that is stored and that nobody was told of.
pub(crate) async fn to_its_end<T, F>(operation: F) -> Result<T, WireError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, WireError>> + Send + 'static,
{
    // Its lines still say whose request it was.
    tokio::spawn(operation.in_current_span()).await.unwrap_or_else(|error| {
        tracing::error!(%error, "an operation failed inside the server");
        Err(WireError::new(
            ErrorCode::Internal,
            "the server failed while it did this",
        ))
    })
}
