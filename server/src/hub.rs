//! Who is here: sockets, rooms, presence; the one door to a live socket.
//!
//! In: admitted connections. Out: live sockets to hand messages to. Guarantees: a user is online exactly while they have a
//! socket here; a room is what socketioxide's own adapter says it is (and, of plain WebSockets, which it does not know, [`plain`]); nobody else joins, leaves,
//! emits or disconnects (clippy's `disallowed-methods` shuts the other ways).

pub mod adapter;
pub mod admins;
pub mod glance;
pub mod happenings;
pub mod inspect;
pub mod lane;
pub mod live_room;
mod outlet;
pub mod plain;
pub mod probe;
mod room_counts;
pub mod roster;
pub mod similar;
pub mod socket;
pub mod tap;
mod unseen;
pub mod view;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::ports::Clock;
use chat_core::{NodeId, Sid, Timestamp, UserId};
use parking_lot::{Mutex, RwLock};
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use self::adapter::{EncodedEvent, Io, LiveRooms, SocketIo, SocketRef};
use self::admins::Admins;
use self::happenings::Happenings;
use self::inspect::CHAT_NAMESPACE;
use self::live_room::LiveRoom;
use self::outlet::Outlet;
use self::plain::{PlainLink, PlainRooms};
use self::room_counts::RoomCounts;
pub use self::socket::{Caller, EmitError, LiveSocket};
use self::tap::Tap;
use crate::faults::Faults;
use crate::gateway::listener::Line;
use crate::limits::{FAREWELL_LOOK, FAREWELL_PATIENCE};
use crate::telemetry::HubMetrics;
use crate::telemetry::labels::{DisconnectReason, JoinResult, Namespace, Transport};

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

/// Upgrades that may wait for their socket to be admitted; beyond it the oldest knowledge is dropped, which only costs the means to
/// cut that connection hard.
const EARLY_LINES_MAX: usize = 1_024;

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

/// Users whose presence changed and was not told yet. Bounded by the number of users: each is in it once.
#[derive(Debug, Default)]
pub struct PresenceChanges {
    users: Mutex<HashMap<UserId, Moved>>,
    count: AtomicU64,
    notify: Notify,
}

/// The first and the last change of a user's presence that were not told yet, counted over all users from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl PresenceChanges {
    fn note(&self, user: &UserId) {
        let number = self.count.fetch_add(1, Ordering::AcqRel) + 1;
        let once = Moved {
            first: number,
            last: number,
        };
        self.users.lock().entry(user.clone()).or_insert(once).last = number;
        self.notify.notify_one();
    }

    /// How many changes there have been. Whoever asks who is online after this sees all of them, and perhaps later ones.
    pub fn so_far(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Waits for at least one change and takes all of them.
    pub async fn take(&self) -> HashMap<UserId, Moved> {
        loop {
            let taken = std::mem::take(&mut *self.users.lock());
            if !taken.is_empty() {
                return taken;
            }
            self.notify.notified().await;
        }
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

    // === coming and going ===

    /// A connection was admitted: from now on it is among its user's sockets.
    pub fn register(&self, link: SocketRef, caller: Caller, line: Option<Arc<Line>>) -> Option<Arc<LiveSocket>> {
        self.admit(Outlet::SocketIo(link), caller, line)
    }

    /// The same for a plain WebSocket.
    pub fn register_plain(
        &self,
        link: &Arc<PlainLink>,
        caller: Caller,
        line: Option<Arc<Line>>,
    ) -> Option<Arc<LiveSocket>> {
        self.admit(Outlet::Plain(Arc::clone(link)), caller, line)
    }

    /// The rooms of plain WebSockets, for whoever makes one.
    pub fn plain_rooms(&self) -> &Arc<PlainRooms> {
        &self.plain_rooms
    }

    fn admit(&self, outlet: Outlet, caller: Caller, line: Option<Arc<Line>>) -> Option<Arc<LiveSocket>> {
        let sid = Sid::parse(outlet.sid().to_string()).ok()?;
        let mut registry = self.registry.write();
        let line = registry.early_lines.remove(&sid).or(line);
        let noted = (self.clock.now(), Arc::clone(&self.tap));
        let socket = LiveSocket::new(outlet, sid.clone(), caller, line, noted);
        let socket = Arc::new(socket.with_faults(self.faults.clone()));
        self.comings_and_goings.fetch_add(1, Ordering::AcqRel);
        registry.sockets.insert(sid, Arc::clone(&socket));
        let of_user = registry.users.entry(socket.user_id().clone()).or_default();
        of_user.push(Arc::clone(&socket));
        if of_user.len() == 1 {
            self.presence.note(socket.user_id());
        }
        drop(registry);
        tracing::debug!(sid = %socket.sid, user.id = %socket.user_id(), transport = socket.transport(), "socket opened");
        self.metrics.connections_opened.increment(transport_label(&socket));
        self.happenings.connected(CHAT_NAMESPACE, &socket.sid);
        self.changed();
        Some(socket)
    }

    /// A connection ended, for `reason` unless the server itself closed it for another.
    pub fn unregister(&self, sid: &Sid, reason: DisconnectReason) -> Option<(Arc<LiveSocket>, DisconnectReason)> {
        let mut registry = self.registry.write();
        registry.early_lines.remove(sid);
        let socket = registry.sockets.remove(sid)?;
        self.comings_and_goings.fetch_add(1, Ordering::AcqRel);
        if let Some(of_user) = registry.users.get_mut(socket.user_id()) {
            of_user.retain(|other| other.sid != *sid);
            if of_user.is_empty() {
                registry.users.remove(socket.user_id());
                self.presence.note(socket.user_id());
            }
        }
        // Within the same look at the registry: whoever no longer sees the socket does not count its rooms.
        socket.end_in_rooms(|room| self.room_counts.left(room));
        drop(registry);
        let reason = match socket.closed_because() {
            Some(CloseReason::Slow) => DisconnectReason::Slow,
            Some(CloseReason::Token | CloseReason::Disabled) => DisconnectReason::Token,
            Some(CloseReason::Flood) => DisconnectReason::Protocol,
            Some(CloseReason::Admin) => DisconnectReason::Admin,
            Some(CloseReason::Shutdown) => DisconnectReason::Shutdown,
            Some(CloseReason::Failed) => DisconnectReason::TransportError,
            // A full buffer has no room for the heartbeat either: that it ended this way is its being slow.
            None if reason == DisconnectReason::PingTimeout && socket.is_lagging() => DisconnectReason::Slow,
            None => reason,
        };
        self.metrics.disconnections.increment(reason);
        self.happenings.disconnected(CHAT_NAMESPACE, sid, reason);
        tracing::debug!(sid = %sid, user.id = %socket.user_id(), ?reason, "socket closed");
        self.changed();
        Some((socket, reason))
    }

    /// The WebSocket of an upgrade: the line that can be cut, in place of the polling request's.
    pub fn upgraded(&self, sid: &str, line: Arc<Line>) {
        let Ok(sid) = Sid::parse(sid) else { return };
        let mut registry = self.registry.write();
        if let Some(socket) = registry.sockets.get(&sid) {
            socket.set_line(line);
        } else {
            if registry.early_lines.len() >= EARLY_LINES_MAX {
                registry.early_lines.retain(|_, line| !line.is_closed());
            }
            if registry.early_lines.len() < EARLY_LINES_MAX {
                registry.early_lines.insert(sid, line);
            }
        }
    }

    /// Ends a connection. A slow one is cut, so that its client comes back by itself and resumes; any other is told to go.
    pub fn disconnect(&self, socket: &LiveSocket, reason: CloseReason) {
        socket.close_because(reason);
        if let Some(plain) = socket.plain() {
            // Its close code says why; what it does not take in time is cut by whoever writes to it.
            plain.close(reason);
            return;
        }
        let line = socket.line();
        // Its session never opened: told to go, since over long polling nothing but that ends it.
        let told = reason != CloseReason::Slow && socket.outlet().dismiss(reason);
        if told {
            return;
        }
        match line {
            Some(line) if socket.transport() == "websocket" => line.cut(),
            // Long polling has no line of its own. A full buffer is closed by the next heartbeat; one with room takes the
            // farewell.
            _ => {
                let _full = socket.outlet().dismiss(reason);
            }
        }
    }

    /// Ends every connection, transports included, and returns those that had not ended by themselves.
    pub async fn close_all(&self) -> Vec<Arc<LiveSocket>> {
        for socket in self.sockets() {
            socket.close_because(CloseReason::Shutdown);
        }
        for plain in self.sockets().iter().filter_map(|socket| socket.plain()) {
            plain.close(CloseReason::Shutdown);
        }
        self.io.close().await;
        let until = Instant::now() + FAREWELL_PATIENCE;
        while self.plain_rooms.sockets() > 0 && Instant::now() < until {
            tokio::time::sleep(FAREWELL_LOOK).await;
        }
        // The library forgets its namespaces first, so that no disconnect handler runs any more.
        let left = self.sockets();
        for socket in &left {
            self.unregister(&socket.sid, DisconnectReason::Shutdown);
        }
        left
    }

    /// Sockets that were written to and have taken nothing for `patience`: their clients are gone without a word, or stopped reading.
    /// The library cannot close them, its writer waits in the kernel.
    pub fn stalled(&self, patience: std::time::Duration) -> Vec<Arc<LiveSocket>> {
        let stalled = |socket: &Arc<LiveSocket>| {
            socket
                .line()
                .is_some_and(|line| line.stalled_for().is_some_and(|stalled| stalled > patience))
        };
        self.sockets().into_iter().filter(stalled).collect()
    }

    // === rooms ===

    /// Joins a conversation's room and reads the room back.
    pub fn join_conversation_room(&self, socket: &LiveSocket, room: &str) -> bool {
        let verified = self.join(socket, room);
        self.metrics.room_joins.increment(if verified {
            JoinResult::Verified
        } else {
            JoinResult::Failed
        });
        verified
    }

    /// A wish to join a conversation's room that was refused.
    pub fn join_refused(&self) {
        self.metrics.room_joins.increment(JoinResult::Refused);
    }

    /// Joins a room and reads it back: true when the live room holds the socket.
    pub fn join(&self, socket: &LiveSocket, room: &str) -> bool {
        if self.faults.fails_join(room) {
            return false;
        }
        let verified = socket.join_room(room, self.clock.now(), || self.room_counts.joined(room));
        // Gone meanwhile: whoever took it out has left its rooms already, and nobody will again.
        if !self.registry.read().sockets.contains_key(&socket.sid) {
            socket.leave_all_rooms();
            return false;
        }
        self.happenings.joined(CHAT_NAMESPACE, &socket.sid, room);
        self.changed();
        verified
    }

    /// Leaves a room and reads it back: true when the live room no longer holds the socket.
    pub fn leave(&self, socket: &LiveSocket, room: &str) -> bool {
        let verified = socket.leave_room(room, || self.room_counts.left(room));
        self.happenings.left(CHAT_NAMESPACE, &socket.sid, room);
        self.changed();
        verified
    }

    /// A socket was put back into a room that it should have been in.
    pub fn repaired(&self) {
        self.metrics.room_repairs.increment(1);
    }

    /// Who is in a room of namespace `/`, read from the live adapter.
    pub fn room(&self, room: &str) -> LiveRoom {
        let mut sids = self.live_rooms.members(room);
        self.plain_rooms.add_members(room, &mut sids);
        LiveRoom::of(sids)
    }

    /// Encodes an event once for all the sockets that it is handed to.
    pub(crate) fn encode(&self, event: &'static str, data: Box<RawValue>) -> EncodedEvent {
        self.live_rooms.encode(event, data)
    }

    /// Live rooms of namespace `/`.
    pub fn rooms_count(&self) -> usize {
        self.room_counts.rooms()
    }

    /// Those of conversations.
    pub fn conversation_rooms(&self) -> usize {
        self.room_counts.conversations()
    }

    // === looking up ===

    /// A live socket.
    pub fn socket(&self, sid: &str) -> Option<Arc<LiveSocket>> {
        self.registry.read().sockets.get(sid).cloned()
    }

    /// Every live socket, in no order.
    pub fn sockets(&self) -> Vec<Arc<LiveSocket>> {
        self.registry.read().sockets.values().cloned().collect()
    }

    /// A user's live sockets.
    pub fn sockets_of(&self, user: &UserId) -> Vec<Arc<LiveSocket>> {
        self.registry.read().users.get(user).cloned().unwrap_or_default()
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
