//! Sockets of namespace `/admin`: operators who look through the official Admin UI. They are nobody's chat: no figure of chat
//! counts them, no message reaches them.

use std::collections::HashMap;
use std::sync::Arc;

use chat_core::{Role, Sid, Timestamp, User};
use http::request::Parts;
use parking_lot::RwLock;
use serde::ser::{Serialize, SerializeTuple, Serializer};
use serde_json::value::RawValue;
use socketioxide::{SendError, SocketError, TransportType};

use super::adapter::SocketRef;
use super::glance::Seen as _;
use super::inspect::kind_of;
use super::view::{MemberView, NamespaceView, RoomDetail, RoomView, SocketView};
use super::{EmitError, Hub};
use crate::gateway::listener::Line;
use crate::telemetry::labels::{DisconnectReason, Namespace, Transport};

/// The namespace of the official Admin UI.
pub const ADMIN_NAMESPACE: &str = "/admin";

/// What is known of an operator's connection when it is admitted.
#[derive(Debug, Clone)]
pub struct AdminCaller {
    /// Whose connection it is.
    pub user: Arc<User>,
    /// What the account could do when it signed in.
    pub role: Role,
    /// The client's address, as far as the trusted proxies tell.
    pub address: String,
    /// As it came, shortened.
    pub user_agent: Option<String>,
}

/// One live connection in namespace `/admin`.
#[derive(Debug)]
pub struct AdminLink {
    /// Its id.
    pub sid: Sid,
    /// When it was admitted.
    pub connected_at: Timestamp,
    /// Whose.
    pub caller: AdminCaller,
    link: SocketRef,
    line: Option<Arc<Line>>,
}

/// The arguments of an event, encoded once for everybody.
#[derive(Debug)]
pub struct Args(pub Vec<Box<RawValue>>);

impl Args {
    /// Their size, in bytes.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|arg| arg.get().len()).sum()
    }
}

impl Serialize for Args {
    /// As a tuple, which the Socket.IO library takes for several arguments.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for arg in &self.0 {
            tuple.serialize_element(arg)?;
        }
        tuple.end()
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Admins(RwLock<HashMap<Sid, Arc<AdminLink>>>);

impl AdminLink {
    /// Says `event` once; an error is the caller's to deal with.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(crate) fn emit(&self, event: &'static str, args: &Args) -> Result<(), EmitError> {
        match self.link.emit(event, args) {
            Ok(()) => Ok(()),
            Err(SendError::Socket(SocketError::InternalChannelFull)) => Err(EmitError::Full),
            Err(SendError::Socket(_)) => Err(EmitError::Closed),
            Err(SendError::Serialize(error)) => {
                tracing::error!(event, %error, "an event of the Admin UI could not be encoded");
                Ok(())
            }
        }
    }

    /// Is the connection still there?
    pub fn is_connected(&self) -> bool {
        self.link.connected()
    }

    /// `polling` or `websocket`.
    pub fn transport(&self) -> &'static str {
        match self.link.transport_type() {
            TransportType::Polling => "polling",
            TransportType::Websocket => "websocket",
        }
    }

    /// The request that opened the connection.
    pub fn request(&self) -> &Parts {
        self.link.req_parts()
    }

    /// The live rooms that hold it, by name.
    pub fn rooms(&self) -> Vec<String> {
        let mut rooms: Vec<String> = self
            .link
            .rooms()
            .into_iter()
            .map(std::borrow::Cow::into_owned)
            .collect();
        rooms.sort_unstable();
        rooms
    }

    /// Cuts the connection: its client takes nothing any more.
    pub(crate) fn cut(&self) {
        if let Some(line) = &self.line {
            line.cut();
        }
    }
}

impl Hub {
    /// An operator was admitted. `None`: this connection is in the namespace already, under its other spelling.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub fn enter_admin(&self, link: SocketRef, caller: AdminCaller, line: Option<Arc<Line>>) -> Option<Arc<AdminLink>> {
        let sid = Sid::parse(link.id.to_string()).ok()?;
        let mut admins = self.admins.0.write();
        if admins.contains_key(&sid) {
            drop(admins);
            let _gone = link.disconnect();
            return None;
        }
        // As in chat, and as the official UI expects: what it does to one socket it does to the room of that name.
        link.join(sid.to_string());
        let admin = Arc::new(AdminLink {
            sid: sid.clone(),
            connected_at: self.clock.now(),
            caller,
            link,
            line,
        });
        admins.insert(sid.clone(), Arc::clone(&admin));
        drop(admins);
        self.happenings.connected(ADMIN_NAMESPACE, &sid);
        self.changed();
        Some(admin)
    }

    /// An operator's connection ended; false when that was known.
    pub fn exit_admin(&self, admin: &Arc<AdminLink>, reason: DisconnectReason) -> bool {
        let mut admins = self.admins.0.write();
        // The same connection may have come again by now.
        if !admins.get(&admin.sid).is_some_and(|known| Arc::ptr_eq(known, admin)) {
            return false;
        }
        admins.remove(&admin.sid);
        drop(admins);
        self.happenings.disconnected(ADMIN_NAMESPACE, &admin.sid, reason);
        self.changed();
        true
    }

    /// One of them.
    pub fn admin(&self, sid: &str) -> Option<Arc<AdminLink>> {
        self.admins.0.read().get(sid).cloned()
    }

    /// All of them, by SID.
    pub fn admins(&self) -> Vec<Arc<AdminLink>> {
        let mut admins: Vec<Arc<AdminLink>> = self.admins.0.read().values().cloned().collect();
        admins.sort_by(|a, b| a.sid.cmp(&b.sid));
        admins
    }

    /// Those in a room of their namespace.
    pub fn admins_in(&self, room: &str) -> Vec<Arc<AdminLink>> {
        let mut admins = self.admins();
        admins.retain(|admin| admin.rooms().iter().any(|name| name == room));
        admins
    }

    /// Tells one to go.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub fn disconnect_admin(&self, admin: &AdminLink) -> bool {
        let told = admin.link.clone().disconnect().is_ok();
        if !told {
            admin.cut();
        }
        told || admin.line.is_some()
    }

    /// Joins one to a room and reads it back.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub fn join_admin(&self, admin: &AdminLink, room: &str) -> bool {
        admin.link.join(room.to_owned());
        if self.admin(admin.sid.as_str()).is_none() {
            admin.link.leave_all();
            return false;
        }
        self.happenings.joined(ADMIN_NAMESPACE, &admin.sid, room);
        self.changed();
        admin.rooms().iter().any(|name| name == room)
    }

    /// Takes one out of a room; false when it was not in it.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub fn leave_admin(&self, admin: &AdminLink, room: &str) -> bool {
        if !admin.rooms().iter().any(|name| name == room) {
            return false;
        }
        admin.link.leave(room.to_owned());
        self.happenings.left(ADMIN_NAMESPACE, &admin.sid, room);
        self.changed();
        true
    }

    // === for people to look at ===

    pub(super) fn admin_namespace(&self) -> NamespaceView {
        NamespaceView {
            name: ADMIN_NAMESPACE.into(),
            sockets: self.admins.0.read().len(),
            rooms: self.admin_rooms().len(),
        }
    }

    /// Every live room of namespace `/admin`, by name.
    pub fn admin_rooms(&self) -> Vec<RoomView> {
        let mut rooms = std::collections::BTreeMap::<String, usize>::new();
        for admin in self.admins() {
            for room in admin.rooms() {
                *rooms.entry(room).or_insert(0) += 1;
            }
        }
        let view = |(name, sockets): (String, usize)| RoomView {
            namespace: ADMIN_NAMESPACE.into(),
            kind: kind_of(&name),
            name,
            sockets,
            conversation_id: None,
        };
        rooms.into_iter().map(view).collect()
    }

    /// A room of namespace `/admin`; `None` when nobody is in it.
    pub fn admin_room(&self, room: &str) -> Option<RoomDetail> {
        let members = self.admins_in(room).into_iter().map(|admin| MemberView {
            sid: admin.sid.clone(),
            user_id: admin.caller.user.id.clone(),
            username: admin.caller.user.username.clone(),
            transport: admin.transport(),
            node_id: self.node_id.clone(),
            joined_at: admin.connected_at,
            confirmed_seq: None,
            confirmed_at: None,
            stranger: false,
        });
        let members: Vec<MemberView> = members.collect();
        (!members.is_empty()).then(|| RoomDetail {
            room: RoomView {
                namespace: ADMIN_NAMESPACE.into(),
                name: room.to_owned(),
                kind: kind_of(room),
                sockets: members.len(),
                conversation_id: None,
            },
            members,
            missing: Vec::new(),
        })
    }

    /// One of them as an entry among the sockets.
    pub fn admin_view(&self, admin: &AdminLink) -> SocketView {
        admin.view(&self.node_id)
    }

    pub(super) fn refresh_admin_gauges(&self) {
        let admins = self.admins();
        let polling = admins.iter().filter(|admin| admin.transport() == "polling").count();
        for (transport, count) in [
            (Transport::Polling, polling),
            (Transport::WebSocket, admins.len() - polling),
        ] {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.metrics.connections.at((Namespace::Admin, transport)).set(count);
        }
    }
}
