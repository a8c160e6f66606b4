//! The picture that Admin UIs have of sockets and rooms: what they were told, so that they are told each change once.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::Sid;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::outbox::{Item, Kind};
use super::shown;
use crate::hub::Hub;
use crate::hub::admins::ADMIN_NAMESPACE;
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::limits::ADMIN_UI_SOCKETS_MAX;

/// Which socket: the chat namespace's first, as a page that opens shows the first namespace.
pub(super) type Key = (Place, Sid);

/// A namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Chat,
    Admin,
}

impl Place {
    pub(super) fn of(namespace: &str) -> Option<Self> {
        match namespace {
            CHAT_NAMESPACE => Some(Place::Chat),
            ADMIN_NAMESPACE => Some(Place::Admin),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Place::Chat => CHAT_NAMESPACE,
            Place::Admin => ADMIN_NAMESPACE,
        }
    }
}

/// A socket as it was told.
#[derive(Debug)]
struct Told {
    /// Its JSON without what changes, without the closing brace.
    lasting: Box<str>,
    transport: &'static str,
    rooms: BTreeSet<String>,
}

impl Told {
    fn json(&self) -> String {
        let rooms = serde_json::to_string(&self.rooms).unwrap_or_else(|_| "[]".to_owned());
        format!(
            "{},\"transport\":\"{}\",\"rooms\":{rooms}}}",
            self.lasting, self.transport
        )
    }
}

/// A change that is to be told.
#[derive(Debug)]
pub(super) enum Change {
    /// With the socket as it was at that moment: the rooms that it joined since are told one by one.
    Connected(Box<RawValue>),
    Disconnected(Key, &'static str),
    Joined(Key, String),
    Left(Key, String),
    Transport(Key, &'static str),
}

/// What was told of all sockets.
#[derive(Debug, Default)]
pub(super) struct Picture(BTreeMap<Key, Told>);

/// A live socket as it is now.
struct Live {
    lasting: Value,
    transport: &'static str,
    rooms: Vec<String>,
}

fn live(hub: &Hub, (place, sid): &Key) -> Option<Live> {
    match place {
        Place::Chat => hub.socket(sid.as_str()).map(|socket| Live {
            lasting: shown::chat_socket(&socket),
            transport: shown::transport(socket.transport()),
            rooms: socket.rooms(),
        }),
        Place::Admin => hub.admin(sid.as_str()).map(|admin| Live {
            lasting: shown::admin_socket(&admin),
            transport: admin.transport(),
            rooms: admin.rooms(),
        }),
    }
}

/// Transport and rooms of a live socket.
fn state(hub: &Hub, (place, sid): &Key) -> Option<(&'static str, Vec<String>)> {
    match place {
        Place::Chat => hub
            .socket(sid.as_str())
            .map(|socket| (shown::transport(socket.transport()), socket.rooms())),
        Place::Admin => hub.admin(sid.as_str()).map(|admin| (admin.transport(), admin.rooms())),
    }
}

fn live_keys(hub: &Hub) -> BTreeSet<Key> {
    let chat = hub
        .sockets()
        .into_iter()
        .map(|socket| (Place::Chat, socket.sid.clone()));
    let admins = hub.admins().into_iter().map(|admin| (Place::Admin, admin.sid.clone()));
    chat.chain(admins).collect()
}

impl Picture {
    /// Everything as it is now.
    pub(super) fn taken(hub: &Hub) -> Self {
        let mut picture = Self::default();
        for key in live_keys(hub) {
            if let Some(live) = live(hub, &key) {
                picture.insert(key, &live.lasting, live.transport, live.rooms);
            }
        }
        picture
    }

    fn insert(&mut self, key: Key, lasting: &Value, transport: &'static str, rooms: Vec<String>) -> bool {
        // Whoever signs in to look is always in the picture: the UI needs a namespace to open with.
        if self.0.len() >= ADMIN_UI_SOCKETS_MAX && key.0 == Place::Chat {
            return false;
        }
        // Without its closing brace: what changes follows.
        let mut lasting = lasting.to_string();
        lasting.pop();
        let told = Told {
            lasting: lasting.into(),
            transport,
            rooms: rooms.into_iter().collect(),
        };
        self.0.insert(key, told);
        true
    }

    /// Everything, as `all_sockets` has it.
    pub(super) fn everything(&self) -> Box<RawValue> {
        let all: Vec<String> = self.0.values().map(Told::json).collect();
        let text = format!("[{}]", all.join(","));
        RawValue::from_string(text).unwrap_or_else(|error| {
            tracing::error!(%error, "the sockets could not be encoded for the Admin UI");
            RawValue::NULL.to_owned()
        })
    }

    // === what happened ===

    /// It came.
    pub(super) fn connected(&mut self, hub: &Hub, key: &Key) -> Option<Change> {
        if self.0.contains_key(key) {
            return None;
        }
        // Gone again already: then there is nothing to show.
        let live = live(hub, key)?;
        // Of its rooms only its own, which makes the UI call that room private; the others are told one by one.
        let own = vec![key.1.to_string()];
        if !self.insert(key.clone(), &live.lasting, live.transport, own) {
            return None;
        }
        let json = RawValue::from_string(self.0.get(key)?.json()).ok()?;
        Some(Change::Connected(json))
    }

    /// It went: first that, then each of its rooms, else its ghost stays in them.
    pub(super) fn disconnected(&mut self, key: &Key, reason: &'static str) -> Vec<Change> {
        let Some(told) = self.0.remove(key) else {
            return Vec::new();
        };
        let left = told.rooms.into_iter().map(|room| Change::Left(key.clone(), room));
        std::iter::once(Change::Disconnected(key.clone(), reason))
            .chain(left)
            .collect()
    }

    pub(super) fn joined(&mut self, key: &Key, room: String) -> Option<Change> {
        let told = self.0.get_mut(key)?;
        told.rooms
            .insert(room.clone())
            .then(|| Change::Joined(key.clone(), room))
    }

    pub(super) fn left(&mut self, key: &Key, room: String) -> Option<Change> {
        let told = self.0.get_mut(key)?;
        told.rooms.remove(&room).then(|| Change::Left(key.clone(), room))
    }

    // === what is true ===

    /// What is to be told of one socket, so that its transport and rooms are shown as they are.
    pub(super) fn corrected(&mut self, hub: &Hub, key: &Key) -> Vec<Change> {
        let (Some(told), Some((transport, rooms))) = (self.0.get_mut(key), state(hub, key)) else {
            // Its coming or going is on its way.
            return Vec::new();
        };
        let rooms: BTreeSet<String> = rooms.into_iter().collect();
        let mut changes = Vec::new();
        for room in rooms.difference(&told.rooms) {
            changes.push(Change::Joined(key.clone(), room.clone()));
        }
        for room in told.rooms.difference(&rooms) {
            // Its own room is joined a moment after it came.
            if room != key.1.as_str() {
                changes.push(Change::Left(key.clone(), room.clone()));
            }
        }
        for change in &changes {
            match change {
                Change::Joined(_, room) => told.rooms.insert(room.clone()),
                Change::Left(_, room) => told.rooms.remove(room),
                _ => false,
            };
        }
        if told.transport != transport {
            told.transport = transport;
            changes.push(Change::Transport(key.clone(), transport));
        }
        changes
    }

    /// The same for everything: those who are not told of, those who are gone, and all in between.
    pub(super) fn all_corrected(&mut self, hub: &Hub) -> Vec<Change> {
        let now = live_keys(hub);
        let gone: Vec<Key> = self.0.keys().filter(|key| !now.contains(key)).cloned().collect();
        let mut changes: Vec<Change> = gone
            .iter()
            .flat_map(|key| self.disconnected(key, "transport close"))
            .collect();
        for key in &now {
            changes.extend(self.connected(hub, key));
            changes.extend(self.corrected(hub, key));
        }
        changes
    }

    /// Sockets that may be upgraded.
    pub(super) fn polling(&self) -> Vec<Key> {
        self.0
            .iter()
            .filter(|(_, told)| told.transport == "polling")
            .map(|(key, _)| key.clone())
            .collect()
    }
}

impl Change {
    /// As it goes over the wire.
    pub(super) fn item(self, at: &str) -> Item {
        let room = |event, (place, sid): &Key, room: &str| {
            let args = [place.name().into(), room.into(), sid.as_str().into(), at.into()];
            Item::new(event, &args, Kind::Change)
        };
        match self {
            Change::Connected(socket) => Item::with_first("socket_connected", socket, &[at.into()], Kind::Change),
            Change::Disconnected((place, sid), reason) => {
                let args = [place.name().into(), sid.as_str().into(), reason.into(), at.into()];
                Item::new("socket_disconnected", &args, Kind::Change)
            }
            Change::Joined(key, name) => room("room_joined", &key, &name),
            Change::Left(key, name) => room("room_left", &key, &name),
            Change::Transport((place, sid), transport) => {
                let changed = json!({ "id": sid, "nsp": place.name(), "transport": transport });
                Item::new("socket_updated", &[changed], Kind::Change)
            }
        }
    }
}
