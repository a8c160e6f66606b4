//! Who is here: sockets, rooms, presence; the one door to a live socket.
//!
//! In: admitted connections. Out: live sockets to hand messages to. Guarantees: a user is online exactly while they have a
//! socket here; a room is what socketioxide's own adapter says it is (and, of plain WebSockets, which it does not know, [`plain`]); nobody else joins, leaves,
//! emits or disconnects (clippy's `disallowed-methods` shuts the other ways).

pub mod adapter;
pub mod admins;
mod comings;
pub mod glance;
pub mod happenings;
pub mod inspect;
pub mod lane;
pub mod live_room;
mod outlet;
mod place;
pub mod plain;
mod presence;
pub mod probe;
mod room_counts;
mod rooms;
pub mod roster;
pub mod run;
pub mod similar;
pub mod socket;
pub mod tap;
mod unseen;
pub mod view;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use chat_core::ports::Clock;
use chat_core::{NodeId, Sid, Timestamp, UserId};
use parking_lot::RwLock;
use tokio::sync::watch;

use self::adapter::{Io, LiveRooms, SocketIo};
use self::admins::Admins;
use self::happenings::Happenings;
pub use self::place::Place;
use self::plain::PlainRooms;
pub use self::presence::{Moved, PresenceChanges};
use self::room_counts::RoomCounts;
pub use self::socket::{Caller, EmitError, Grant, LiveSocket};
use self::tap::Tap;
use crate::faults::Faults;
use crate::gateway::listener::Line;
use crate::telemetry::HubMetrics;
use crate::telemetry::labels::{Namespace, Transport};

/// Why the server itself closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// It took nothing for too long.
    Slow,
    /// Its token ended, or its account was disabled.
    Token,
    /// An admin did it.
    Admin,
    /// The server stops.
    Shutdown,
    /// Its session could not be opened.
    Failed,
    /// Its account was disabled.
    Disabled,
    /// Too many of its events were refused (plain WebSockets).
    Flood,
}

/// Everybody who is here.
#[derive(Debug, Default)]
struct Registry {
    sockets: HashMap<Sid, Arc<LiveSocket>>,
    users: HashMap<UserId, Vec<Arc<LiveSocket>>>,
    /// The canary's sockets: found by the fan-out, and in no list and no count.
    unseen: HashMap<UserId, Vec<Arc<LiveSocket>>>,
    /// Lines of upgrades that came before their socket was admitted.
    early_lines: HashMap<Sid, Arc<Line>>,
}

/// The one door to live sockets.
pub struct Hub {
    node_id: NodeId,
    started_at: Timestamp,
    clock: Arc<dyn Clock>,
    io: SocketIo,
    live_rooms: LiveRooms,
    plain_rooms: Arc<PlainRooms>,
    // Guards the two maps together: a user is in `users` exactly while one of their sockets is in `sockets`.
    registry: RwLock<Registry>,
    /// How often a socket came or went, the canary's too. Counted while the registry is locked.
    comings_and_goings: AtomicU64,
    /// As of the end of the last look and all that came since, no live socket's token ends before this, in milliseconds as a
    /// [`Timestamp`]. It may be earlier than the first that does.
    tokens_end_from: AtomicI64,
    changes: watch::Sender<u64>,
    presence: PresenceChanges,
    faults: Faults,
    metrics: HubMetrics,
    tap: Arc<Tap>,
    happenings: Arc<Happenings>,
    admins: Admins,
    room_counts: RoomCounts,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("node_id", &self.node_id)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub over `io`, whose namespace `/` nobody else may touch.
    pub fn new(node_id: NodeId, clock: Arc<dyn Clock>, io: Io, metrics: HubMetrics) -> Self {
        Self {
            node_id,
            started_at: clock.now(),
            tap: Arc::new(Tap::new(Arc::clone(&clock))),
            happenings: Arc::default(),
            admins: Admins::default(),
            clock,
            io: io.socket_io,
            live_rooms: io.rooms,
            plain_rooms: Arc::default(),
            registry: RwLock::default(),
            comings_and_goings: AtomicU64::new(0),
            tokens_end_from: AtomicI64::new(i64::MAX),
            changes: watch::Sender::new(0),
            presence: PresenceChanges::default(),
            faults: Faults::default(),
            metrics,
            room_counts: RoomCounts::default(),
        }
    }

    /// Fails on purpose, for tests.
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// What fails on purpose.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// This process.
    pub fn node_id(&self) -> &NodeId {
        &self.node_id
    }

    /// Since when this process runs.
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Ticks whenever sockets or rooms changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Where events go past.
    pub fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// Comings and goings, in order.
    pub fn happenings(&self) -> &Arc<Happenings> {
        &self.happenings
    }

    /// Tells of a user's presence again after a while.
    pub fn presence_again(self: &Arc<Self>, user: &UserId, after: std::time::Duration) {
        let (hub, user) = (Arc::clone(self), user.clone());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            hub.presence.note(&user);
        });
    }

    /// Users who came or went.
    pub fn presence_changes(&self) -> &PresenceChanges {
        &self.presence
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A live socket.
    pub fn socket(&self, sid: &str) -> Option<Arc<LiveSocket>> {
        self.registry.read().sockets.get(sid).cloned()
    }

    /// Every live socket, in no order.
    pub fn sockets(&self) -> Vec<Arc<LiveSocket>> {
        self.registry.read().sockets.values().cloned().collect()
    }

    /// The live sockets of which this is true.
    pub fn sockets_where(&self, holds: impl Fn(&LiveSocket) -> bool) -> Vec<Arc<LiveSocket>> {
        let registry = self.registry.read();
        let all = registry.sockets.values();
        all.filter(|socket| holds(socket)).cloned().collect()
    }

    /// A user's live sockets.
    pub fn sockets_of(&self, user: &UserId) -> Vec<Arc<LiveSocket>> {
        self.registry.read().users.get(user).cloned().unwrap_or_default()
    }

    /// The live sockets of a user, all but the one in this place. Looks into none of them.
    pub fn sockets_of_but(&self, user: &UserId, but: Place) -> Vec<Arc<LiveSocket>> {
        let registry = self.registry.read();
        let all = registry.users.get(user).into_iter().flatten();
        all.filter(|socket| Place::of(socket) != but).cloned().collect()
    }

    /// The live sockets of several users, under one look; users without any are left out.
    pub fn sockets_of_all<'a>(&self, users: impl Iterator<Item = &'a UserId>) -> Vec<Vec<Arc<LiveSocket>>> {
        let registry = self.registry.read();
        let of = |user| registry.users.get(user).or_else(|| registry.unseen.get(user));
        users.filter_map(|user| of(user).cloned()).collect()
    }

    /// Has this user a live socket?
    pub fn is_online(&self, user: &UserId) -> bool {
        self.registry.read().users.contains_key(user)
    }

    /// Users with a live socket.
    pub fn users_online(&self) -> usize {
        self.registry.read().users.len()
    }

    /// The accounts of users with a live socket, and how many each has, in no order.
    pub fn accounts_online(&self) -> Vec<(Arc<chat_core::User>, usize)> {
        let registry = self.registry.read();
        let account = |sockets: &Vec<Arc<LiveSocket>>| Some((Arc::clone(sockets.last()?.user()), sockets.len()));
        registry.users.values().filter_map(account).collect()
    }

    /// Live sockets.
    pub fn sockets_count(&self) -> usize {
        self.registry.read().sockets.len()
    }

    /// Sets the gauges from the live state; called when metrics are read.
    pub fn refresh_gauges(&self) {
        let mut counts = [
            (Transport::Polling, 0_u32),
            (Transport::WebSocket, 0),
            (Transport::PlainWebSocket, 0),
        ];
        for socket in self.sockets() {
            let transport = transport_label(&socket);
            for (_, count) in counts.iter_mut().filter(|(label, _)| *label == transport) {
                *count += 1;
            }
        }
        for (transport, count) in counts {
            self.metrics.connections.at((Namespace::Chat, transport)).set(count);
        }
        let conversations = self.conversation_rooms();
        self.metrics
            .rooms
            .at(Namespace::Chat)
            .set(u32::try_from(conversations).unwrap_or(u32::MAX));
        self.refresh_admin_gauges();
        self.metrics
            .users_online
            .set(u32::try_from(self.users_online()).unwrap_or(u32::MAX));
    }
}

fn transport_label(socket: &LiveSocket) -> Transport {
    match socket.transport() {
        "polling" => Transport::Polling,
        "websocket" => Transport::WebSocket,
        _ => Transport::PlainWebSocket,
    }
}
