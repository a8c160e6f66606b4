//! A running server that is none: sockets and rooms in memory, changed by hand. For the tests of the admin over HTTP, and
//! for `examples/admin_preview.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat_core::ports::{Clock, StoreError, StoreTrouble};
use chat_core::{ConversationId, NodeId, Role, Seq, Sid, Timestamp, User, UserId};
use rollcall_server::admin::inspect::{Inspect, NodeView, NotReached, OverviewFigures, Tallies, Vital};
use rollcall_server::clock::SystemClock;
use rollcall_server::hub::glance::Glance;
use rollcall_server::hub::inspect::kind_of;
use rollcall_server::hub::view::{
    ActivityView, LaneView, MemberView, MissingView, NamespaceView, RoomDetail, RoomKind, RoomView, SocketView,
};
use tokio::sync::watch;

/// The node that every socket is on.
pub(crate) const NODE: &str = "0197c31f-5a00-7000-8000-0000000000d1";

/// A server in memory.
pub(crate) struct FakeServer {
    started: Timestamp,
    sockets: Mutex<BTreeMap<String, SocketView>>,
    /// Conversations and the users who should be in their rooms.
    conversations: BTreeMap<String, BTreeSet<String>>,
    changes: watch::Sender<u64>,
    messages: AtomicU64,
    /// Its store answers nothing any more.
    pub(crate) broken: std::sync::atomic::AtomicBool,
}

impl FakeServer {
    /// Nobody is here; these conversations exist.
    pub(crate) fn with(conversations: &[(&str, &[&str])]) -> Arc<Self> {
        let conversations = conversations
            .iter()
            .map(|(id, users)| ((*id).to_owned(), users.iter().map(|user| (*user).to_owned()).collect()))
            .collect();
        Arc::new(Self {
            started: SystemClock.now(),
            sockets: Mutex::default(),
            conversations,
            changes: watch::Sender::new(0),
            messages: AtomicU64::new(0),
            broken: false.into(),
        })
    }

    /// A socket as it usually is: in its own room, its user's, and those of the user's conversations.
    pub(crate) fn usual(&self, sid: &str, user: &str) -> SocketView {
        let own = [sid.to_owned(), format!("user:{user}")];
        let theirs = self.conversations.iter().filter(|(_, users)| users.contains(user));
        SocketView {
            sid: Sid::parse(sid).unwrap(),
            namespace: "/".to_owned(),
            user_id: UserId::parse(user).unwrap(),
            username: user.to_owned(),
            transport: "websocket",
            node_id: NodeId::parse(NODE).unwrap(),
            address: "192.0.2.7".to_owned(),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".to_owned()),
            client: Some("rollcall-web/0.1.0".to_owned()),
            connected_at: SystemClock.now(),
            rooms: own
                .into_iter()
                .chain(theirs.map(|(id, _)| format!("conversation:{id}")))
                .collect(),
            receipts: true,
            lagging: false,
            unconfirmed: 0,
        }
    }

    /// Somebody connects.
    pub(crate) fn connect(&self, socket: SocketView) {
        self.sockets.lock().unwrap().insert(socket.sid.to_string(), socket);
        self.changed();
    }

    /// So many messages are sent.
    pub(crate) fn send(&self, messages: u64) {
        self.messages.fetch_add(messages, Ordering::Relaxed);
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn change(&self, sid: &str, change: impl FnOnce(&mut SocketView) -> bool) -> bool {
        let changed = self.sockets.lock().unwrap().get_mut(sid).is_some_and(change);
        self.changed();
        changed
    }

    fn live(&self) -> Vec<SocketView> {
        self.sockets.lock().unwrap().values().cloned().collect()
    }

    fn view(&self, namespace: &str, name: &str) -> RoomView {
        let sockets = self.sockets.lock().unwrap();
        let inside = sockets.values().filter(|socket| socket.namespace == namespace);
        RoomView {
            namespace: namespace.to_owned().into(),
            name: name.to_owned(),
            kind: if sockets.contains_key(name) {
                RoomKind::Socket
            } else {
                kind_of(name)
            },
            sockets: inside
                .filter(|socket| socket.rooms.iter().any(|room| room == name))
                .count(),
            conversation_id: name
                .strip_prefix("conversation:")
                .and_then(|id| ConversationId::parse(id).ok()),
        }
    }
}

#[async_trait]
impl Inspect for FakeServer {
    fn namespaces(&self) -> Vec<NamespaceView> {
        let of = |name: &str| {
            let sockets = self.live().iter().filter(|socket| socket.namespace == name).count();
            let rooms = self.rooms(Some(name)).len();
            NamespaceView {
                name: name.to_owned(),
                sockets,
                rooms,
            }
        };
        vec![of("/"), of("/admin")]
    }

    fn rooms(&self, namespace: Option<&str>) -> Vec<RoomView> {
        let names: BTreeSet<(String, String)> = {
            let sockets = self.sockets.lock().unwrap();
            let wanted = sockets
                .values()
                .filter(|socket| namespace.is_none_or(|wanted| socket.namespace == wanted));
            wanted
                .flat_map(|socket| socket.rooms.iter().map(|room| (socket.namespace.clone(), room.clone())))
                .collect()
        };
        names
            .iter()
            .map(|(namespace, name)| self.view(namespace, name))
            .collect()
    }

    async fn room(&self, namespace: &str, room: &str) -> Result<Option<RoomDetail>, StoreError> {
        if self.broken.load(Ordering::Relaxed) {
            let detail = "disk I/O error at /secret/path".to_owned();
            return Err(StoreError::Unavailable {
                trouble: StoreTrouble::Other,
                detail,
            });
        }
        let view = self.view(namespace, room);
        let participants = room
            .strip_prefix("conversation:")
            .and_then(|id| self.conversations.get(id));
        if view.sockets == 0 && participants.is_none() {
            return Ok(None);
        }
        let sockets = self.sockets.lock().unwrap();
        let (inside, outside): (Vec<&SocketView>, Vec<&SocketView>) = sockets
            .values()
            .filter(|socket| socket.namespace == namespace)
            .partition(|socket| socket.rooms.iter().any(|name| name == room));
        let members = inside.into_iter().map(|socket| MemberView {
            sid: socket.sid.clone(),
            user_id: socket.user_id.clone(),
            username: socket.username.clone(),
            transport: socket.transport,
            node_id: socket.node_id.clone(),
            joined_at: socket.connected_at,
            confirmed_seq: None,
            confirmed_at: None,
            stranger: participants.is_some_and(|users| !users.contains(&socket.username)),
        });
        let mut missing: BTreeMap<&str, MissingView> = BTreeMap::new();
        for socket in outside {
            if participants.is_some_and(|users| users.contains(&socket.username)) {
                let entry = missing.entry(&socket.username).or_insert_with(|| MissingView {
                    user_id: socket.user_id.clone(),
                    username: socket.username.clone(),
                    sids: Vec::new(),
                });
                entry.sids.push(socket.sid.clone());
            }
        }
        Ok(Some(RoomDetail {
            room: view,
            members: members.collect(),
            missing: missing.into_values().collect(),
        }))
    }

    fn conversation_rooms(&self) -> usize {
        let rooms = self.rooms(Some("/"));
        rooms.iter().filter(|room| room.kind == RoomKind::Conversation).count()
    }

    fn sockets(&self) -> Vec<Glance> {
        self.live().into_iter().map(Glance::from).collect()
    }

    fn socket(&self, sid: &str) -> Option<SocketView> {
        self.sockets.lock().unwrap().get(sid).cloned()
    }

    fn sockets_in(&self, namespace: &str, room: &str) -> usize {
        self.view(namespace, room).sockets
    }

    fn activity(&self, sid: &str) -> Option<ActivityView> {
        self.socket(sid).map(|_| ActivityView {
            events_in: 41,
            events_out: 1_207,
            events_refused: 2,
            round_trip_ms: Some(11.8),
            round_trip_at: Some(SystemClock.now()),
            buffer_bytes: Some(0),
        })
    }

    fn lanes(&self, sid: &str) -> Vec<LaneView> {
        let rooms = self.socket(sid).map(|socket| socket.rooms).unwrap_or_default();
        let ids = rooms.iter().filter_map(|room| room.strip_prefix("conversation:"));
        let lane = |id: &str| LaneView {
            conversation_id: ConversationId::parse(id).unwrap(),
            in_room: true,
            left: false,
            head_seq: Seq(812),
            handed_seq: Seq(812),
            confirmed_seq: Seq(811),
            confirmed_at: Some(self.started),
            waiting: 1,
            unconfirmed: 0,
            waiting_since: Some(self.started),
        };
        ids.map(lane).collect()
    }

    fn users_online(&self) -> Vec<(Arc<User>, usize)> {
        let mut users: BTreeMap<UserId, (Arc<User>, usize)> = BTreeMap::new();
        for socket in self.live() {
            let user = User {
                id: socket.user_id.clone(),
                username: socket.username.clone(),
                display_name: socket.username,
                role: Role::User,
                created_at: self.started,
                disabled_at: None,
                last_seen: None,
            };
            users.entry(socket.user_id).or_insert_with(|| (Arc::new(user), 0)).1 += 1;
        }
        users.into_values().collect()
    }

    fn sockets_of(&self, user: &UserId) -> Vec<SocketView> {
        let mut sockets = self.live();
        sockets.retain(|socket| socket.user_id == *user);
        sockets
    }

    async fn expel(&self, user: &UserId) {
        self.sockets.lock().unwrap().retain(|_, socket| socket.user_id != *user);
        self.changed();
    }

    async fn disconnect(&self, sid: &str) -> bool {
        let gone = self.sockets.lock().unwrap().remove(sid).is_some();
        self.changed();
        gone
    }

    async fn join(&self, sid: &str, room: &str) -> bool {
        self.change(sid, |socket| {
            socket.rooms.push(room.to_owned());
            true
        })
    }

    async fn leave(&self, sid: &str, room: &str) -> bool {
        self.change(sid, |socket| {
            let before = socket.rooms.len();
            socket.rooms.retain(|name| name != room);
            socket.rooms.len() < before
        })
    }

    fn nodes(&self) -> Vec<NodeView> {
        vec![NodeView {
            node_id: NodeId::parse(NODE).unwrap(),
            started_at: self.started,
            version: "0.1.0".to_owned(),
            sockets: self.live().len(),
            rooms: self
                .rooms(Some("/"))
                .iter()
                .filter(|room| room.kind == RoomKind::Conversation)
                .count(),
            healthy: true,
        }]
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn tallies(&self) -> Tallies {
        (&self.overview()).into()
    }

    fn overview(&self) -> OverviewFigures {
        let sockets = self.live();
        let users: BTreeSet<&str> = sockets.iter().map(|socket| socket.username.as_str()).collect();
        let messages = self.messages.load(Ordering::Relaxed);
        let silent = users.contains("bob").then(|| NotReached {
            user_id: UserId::parse("bob").unwrap(),
            username: "bob".to_owned(),
            cause: "no_receipt",
            summary: "handed over, never confirmed (no listener?)".to_owned(),
            messages: 41,
            since: Some(self.started),
        });
        OverviewFigures {
            connections: sockets.len(),
            users_online: users.len(),
            rooms: self
                .rooms(Some("/"))
                .iter()
                .filter(|room| room.kind == RoomKind::Conversation)
                .count(),
            messages_total: messages,
            handed_over_total: messages * 4,
            receipts_due_total: messages * 3,
            confirmed_total: messages * 3 - messages / 1000,
            failed_total: 0,
            repaired_total: 3,
            retried_total: messages / 500,
            broadcasts_empty_total: messages / 700,
            rejected_total: 12 + messages / 300,
            unconfirmed: 0,
            lagging: sockets.iter().filter(|socket| socket.lagging).count(),
            confirm_p50_ms: Some(11.0),
            confirm_p99_ms: Some(84.0),
            canary: Vital::Up,
            canary_ms: Some(9.0),
            store: Vital::Up,
            bus: Vital::Unused,
            not_reached_total: usize::from(silent.is_some()),
            not_reached: silent.into_iter().collect(),
        }
    }
}
