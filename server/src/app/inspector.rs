//! The running server, as the admin asks for it: every answer is read from the thing itself at the moment of asking.

mod unreached;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chat_core::ids::CONVERSATION_ROOM_PREFIX;
use chat_core::ports::{Accounts, Conversations, StoreError, Vitals};
use chat_core::{ConversationId, Seq, User, UserId};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use self::unreached::unreached;
use super::Parts;
use crate::admin::inspect::{Inspect, NodeView, OverviewFigures, Tallies, Vital};
use crate::canary::Health;
use crate::delivery::Figures;
use crate::fanout::tally::Totals;
use crate::hub::admins::ADMIN_NAMESPACE;
use crate::hub::glance::Glance;
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::view::{ActivityView, LaneView, NamespaceView, RoomDetail, RoomView, SocketView};
use crate::hub::{CloseReason, LiveSocket};

/// How often the database is tried, for the Overview and the list of nodes.
const STORE_LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How long the Overview's figures are good enough to be shown again.
const FIGURES_KEPT: Duration = Duration::from_millis(500);

/// How long a connection takes at most from the look at its token to its admission.
const LATE_ADMISSION: Duration = Duration::from_secs(2);

/// Answers the admin from the live parts.
pub struct Inspector {
    parts: Arc<Parts>,
    store_up: AtomicBool,
    /// Every figure of the Overview as it was read last, and when: reading walks every socket and its rooms, and each open page
    /// asks twice a second.
    read: Mutex<Option<(Instant, OverviewFigures)>>,
}

impl Inspector {
    /// Over the live parts.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self {
            parts,
            store_up: AtomicBool::new(true),
            read: Mutex::new(None),
        }
    }

    /// Tries the database again and again, until the task is dropped.
    pub async fn watch_store(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(STORE_LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let up = self.parts.store.check().await.is_ok();
            self.store_up.store(up, Ordering::Relaxed);
        }
    }

    fn canary(&self) -> (Vital, Option<f64>) {
        match self.parts.canary.as_ref().map(|canary| canary.health()) {
            None | Some(Health::Unknown) => (Vital::Unused, None),
            Some(Health::Well { took }) => (Vital::Up, Some(took.as_secs_f64() * 1e3)),
            Some(Health::Ill { why, since }) => (Vital::Down(format!("{why} (since {since})")), None),
        }
    }

    fn live(&self, sid: &str) -> Option<Arc<LiveSocket>> {
        self.parts.hub.socket(sid)
    }

    fn close_all_of(&self, user: &UserId) {
        for socket in self.parts.hub.sockets_of(user) {
            self.parts.hub.disconnect(&socket, CloseReason::Token);
        }
    }
}

#[async_trait]
impl Inspect for Inspector {
    fn namespaces(&self) -> Vec<NamespaceView> {
        self.parts.hub.namespaces()
    }

    fn rooms(&self, namespace: Option<&str>) -> Vec<RoomView> {
        let hub = &self.parts.hub;
        match namespace {
            None => hub.rooms().into_iter().chain(hub.admin_rooms()).collect(),
            Some(CHAT_NAMESPACE) => hub.rooms(),
            Some(ADMIN_NAMESPACE) => hub.admin_rooms(),
            Some(_) => Vec::new(),
        }
    }

    fn sockets_in(&self, namespace: &str, room: &str) -> usize {
        if namespace == CHAT_NAMESPACE {
            self.parts.hub.room(room).len()
        } else {
            0
        }
    }

    async fn room(&self, namespace: &str, room: &str) -> Result<Option<RoomDetail>, StoreError> {
        if namespace == ADMIN_NAMESPACE {
            return Ok(self.parts.hub.admin_room(room));
        }
        if namespace != CHAT_NAMESPACE {
            return Ok(None);
        }
        let conversation = match room
            .strip_prefix(CONVERSATION_ROOM_PREFIX)
            .and_then(|id| ConversationId::parse(id).ok())
        {
            Some(id) => self.parts.store.conversation(&id).await?,
            None => None,
        };
        let (view, mut members) = self.parts.hub.members(room);
        if members.is_empty() && conversation.is_none() {
            return Ok(None);
        }
        if let Some(conversation) = &conversation {
            for member in &mut members {
                member.stranger = !conversation.has(&member.user_id);
            }
        }
        let missing = conversation
            .map(|conversation| self.parts.hub.missing(&conversation))
            .unwrap_or_default();
        Ok(Some(RoomDetail {
            room: view,
            members,
            missing,
        }))
    }

    fn conversation_rooms(&self) -> usize {
        self.parts.hub.conversation_rooms()
    }

    fn sockets(&self) -> Vec<Glance> {
        self.parts.hub.glances()
    }

    fn socket(&self, sid: &str) -> Option<SocketView> {
        let hub = &self.parts.hub;
        let chat = self.live(sid).map(|socket| hub.socket_view(&socket));
        chat.or_else(|| hub.admin(sid).map(|admin| hub.admin_view(&admin)))
    }

    fn lanes(&self, sid: &str) -> Vec<LaneView> {
        self.live(sid)
            .map(|socket| self.parts.hub.lane_views(&socket))
            .unwrap_or_default()
    }

    fn activity(&self, sid: &str) -> Option<ActivityView> {
        self.live(sid).map(|socket| self.parts.hub.activity_view(&socket))
    }

    fn users_online(&self) -> Vec<(Arc<User>, usize)> {
        self.parts.hub.accounts_online()
    }

    fn sockets_of(&self, user: &UserId) -> Vec<SocketView> {
        let sockets = self.parts.hub.sockets_of(user);
        sockets
            .iter()
            .map(|socket| self.parts.hub.socket_view(socket))
            .collect()
    }

    async fn disconnect(&self, sid: &str) -> bool {
        let hub = &self.parts.hub;
        let Some(socket) = self.live(sid) else {
            return hub.admin(sid).is_some_and(|admin| hub.disconnect_admin(&admin));
        };
        hub.disconnect(&socket, CloseReason::Admin);
        true
    }

    async fn expel(&self, user: &UserId) {
        self.close_all_of(user);
        let (parts, user) = (Arc::clone(&self.parts), user.clone());
        // A connection whose token was looked at just before is admitted just after.
        tokio::spawn(async move {
            tokio::time::sleep(LATE_ADMISSION).await;
            let account = parts.store.user(&user).await;
            if account.is_ok_and(|account| account.is_some_and(|user| user.disabled_at.is_some())) {
                for socket in parts.hub.sockets_of(&user) {
                    parts.hub.disconnect(&socket, CloseReason::Token);
                }
            }
        });
    }

    async fn join(&self, sid: &str, room: &str) -> bool {
        let hub = &self.parts.hub;
        let Some(socket) = self.live(sid) else {
            return hub.admin(sid).is_some_and(|admin| hub.join_admin(&admin, room));
        };
        let Some(id) = room
            .strip_prefix(CONVERSATION_ROOM_PREFIX)
            .and_then(|id| ConversationId::parse(id).ok())
        else {
            return self.parts.hub.join(&socket, room);
        };
        // Live messages go on from now: what came while it was out is the client's to sync.
        let head = match self.parts.store.conversation(&id).await {
            Ok(conversation) => conversation.map_or(Seq::ZERO, |conversation| conversation.last_seq),
            Err(_) => return false,
        };
        if socket.open_lane(&id, head, head) {
            self.parts.fanout.wake_feeder(&socket);
        }
        self.parts.hub.join_conversation_room(&socket, room)
    }

    async fn leave(&self, sid: &str, room: &str) -> bool {
        let hub = &self.parts.hub;
        match self.live(sid) {
            Some(socket) => socket.is_in(room) && hub.leave(&socket, room),
            None => hub.admin(sid).is_some_and(|admin| hub.leave_admin(&admin, room)),
        }
    }

    fn nodes(&self) -> Vec<NodeView> {
        vec![NodeView {
            node_id: self.parts.hub.node_id().clone(),
            started_at: self.parts.hub.started_at(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sockets: self.parts.hub.sockets_count(),
            rooms: self.parts.hub.conversation_rooms(),
            healthy: self.store_up.load(Ordering::Relaxed) && !self.parts.chat.is_closing(),
        }]
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.parts.hub.changes()
    }

    fn tallies(&self) -> Tallies {
        self.tallies_of(&self.parts.chat.totals(), &self.parts.roll_call.figures())
    }

    fn overview(&self) -> OverviewFigures {
        let mut read = self.read.lock();
        if let Some((at, figures)) = &*read
            && at.elapsed() < FIGURES_KEPT
        {
            return figures.clone();
        }
        let figures = self.figures();
        *read = Some((Instant::now(), figures.clone()));
        figures
    }
}

impl Inspector {
    fn tallies_of(&self, totals: &Totals, figures: &Figures) -> Tallies {
        Tallies {
            connections: self.parts.hub.sockets_count(),
            messages: totals.messages,
            handed_over: totals.handed_over,
            receipts_due: figures.confirmed + figures.unconfirmed as u64,
            confirmed: figures.confirmed,
            failed: totals.failed,
            empty: totals.empty,
            rejected: self.parts.rejected.total(),
            confirm_p99_ms: figures.latencies.map(|(_, p99)| p99),
        }
    }

    fn figures(&self) -> OverviewFigures {
        let (not_reached, not_reached_total) = unreached(&self.parts.hub, self.parts.clock.now());
        let totals = self.parts.chat.totals();
        let figures = self.parts.roll_call.figures();
        let tallies = self.tallies_of(&totals, &figures);
        let sockets = self.parts.hub.sockets();
        let (canary, canary_ms) = self.canary();
        OverviewFigures {
            connections: sockets.len(),
            users_online: self.parts.hub.users_online(),
            rooms: self.parts.hub.conversation_rooms(),
            messages_total: tallies.messages,
            handed_over_total: tallies.handed_over,
            receipts_due_total: tallies.receipts_due,
            confirmed_total: tallies.confirmed,
            failed_total: tallies.failed,
            repaired_total: totals.repaired,
            retried_total: totals.retried,
            broadcasts_empty_total: tallies.empty,
            rejected_total: tallies.rejected,
            unconfirmed: figures.unconfirmed,
            lagging: sockets.iter().filter(|socket| socket.is_lagging()).count(),
            confirm_p50_ms: figures.latencies.map(|(p50, _)| p50),
            confirm_p99_ms: tallies.confirm_p99_ms,
            canary,
            canary_ms,
            store: if self.store_up.load(Ordering::Relaxed) {
                Vital::Up
            } else {
                Vital::Down("the database refuses writes; the log says why".to_owned())
            },
            bus: Vital::Unused,
            not_reached,
            not_reached_total,
        }
    }
}
