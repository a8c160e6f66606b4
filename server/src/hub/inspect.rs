//! Reading the live state for people: namespaces, rooms and sockets as they are at this moment in socketioxide itself.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use chat_core::ids::{CONVERSATION_ROOM_PREFIX, USER_ROOM_PREFIX, conversation_room};
use chat_core::{Conversation, ConversationId, Sid};
use socketioxide::operators::BroadcastOperators;

use super::adapter::SocketRef;
use super::glance::Seen as _;
use super::lane::Mode;
use super::similar::similar;
use super::view::{ActivityView, LaneView, MemberView, MissingView, NamespaceView, RoomKind, RoomView, SocketView};
use super::{Hub, LiveSocket};

/// The namespace of chat.
pub const CHAT_NAMESPACE: &str = "/";

/// What a room of this name is for.
pub fn kind_of(room: &str) -> RoomKind {
    if room.starts_with(CONVERSATION_ROOM_PREFIX) {
        RoomKind::Conversation
    } else if room.starts_with(USER_ROOM_PREFIX) {
        RoomKind::User
    } else if room.parse::<socketioxide_core::Sid>().is_ok() {
        RoomKind::Socket
    } else {
        RoomKind::Other
    }
}

fn room_view(name: String, sockets: usize) -> RoomView {
    RoomView {
        namespace: CHAT_NAMESPACE.into(),
        kind: kind_of(&name),
        sockets,
        conversation_id: name
            .strip_prefix(CONVERSATION_ROOM_PREFIX)
            .and_then(|id| ConversationId::parse(id).ok()),
        name,
    }
}

impl Hub {
    fn links(&self) -> Vec<SocketRef> {
        // Once the server has closed there is no namespace any more, and whoever still looks finds nobody.
        self.io
            .of(CHAT_NAMESPACE)
            .map(BroadcastOperators::sockets)
            .unwrap_or_default()
    }

    /// Every live room of namespace `/` with the number of sockets in it.
    pub(super) fn rooms_by_name(&self) -> HashMap<Cow<'static, str>, usize> {
        let mut rooms = HashMap::new();
        for link in self.links() {
            for room in link.rooms() {
                *rooms.entry(room).or_insert(0) += 1;
            }
        }
        for (room, sockets) in self.plain_rooms.sizes() {
            *rooms.entry(Cow::Owned(room)).or_insert(0) += sockets;
        }
        rooms
    }

    /// The namespaces and how much is in each.
    pub fn namespaces(&self) -> Vec<NamespaceView> {
        let sockets = self.links().len() + self.plain_rooms.sockets();
        let chat = NamespaceView {
            name: CHAT_NAMESPACE.into(),
            sockets,
            rooms: self.rooms_count(),
        };
        vec![chat, self.admin_namespace()]
    }

    /// Every live room, in no order.
    pub fn rooms(&self) -> Vec<RoomView> {
        self.rooms_by_name()
            .into_iter()
            .map(|(name, sockets)| room_view(name.into_owned(), sockets))
            .collect()
    }

    /// Names of live rooms that `name` may have meant, the likeliest first.
    pub fn similar_rooms(&self, name: &str) -> Vec<String> {
        similar(name, self.rooms_by_name().keys().map(AsRef::as_ref))
    }

    /// A room and who is in it now; a room that nobody is in does not exist.
    pub fn members(&self, room: &str) -> (RoomView, Vec<MemberView>) {
        let id = room
            .strip_prefix(CONVERSATION_ROOM_PREFIX)
            .and_then(|id| ConversationId::parse(id).ok());
        let member = |socket: Arc<LiveSocket>| {
            let receipt = id.as_ref().and_then(|id| socket.last_receipt(id));
            MemberView {
                sid: socket.sid.clone(),
                user_id: socket.user_id().clone(),
                username: socket.user().username.clone(),
                transport: socket.transport(),
                node_id: self.node_id.clone(),
                joined_at: socket.joined_at(room),
                confirmed_seq: receipt.map(|(seq, _)| seq),
                confirmed_at: receipt.map(|(_, at)| at),
                stranger: false,
            }
        };
        let live = self.room(room);
        let sockets = live.iter().filter_map(|sid| self.socket(sid.as_str()));
        let mut members: Vec<MemberView> = sockets.map(member).collect();
        members.sort_by(|a, b| (&a.username, &a.sid).cmp(&(&b.username, &b.sid)));
        (room_view(room.to_owned(), members.len()), members)
    }

    /// Participants of the conversation who are online with sockets that are not in its room, though they did not leave it.
    pub fn missing(&self, conversation: &Conversation) -> Vec<MissingView> {
        let room = self.room(&conversation_room(&conversation.id)).to_set();
        conversation
            .participants
            .iter()
            .filter_map(|participant| {
                let sids: Vec<Sid> = self
                    .sockets_of(&participant.user_id)
                    .iter()
                    .filter(|socket| !room.contains(&socket.room_key()) && !socket.has_left(&conversation.id))
                    .map(|socket| socket.sid.clone())
                    .collect();
                let (user_id, username) = (participant.user_id.clone(), participant.username.clone());
                (!sids.is_empty()).then_some(MissingView {
                    user_id,
                    username,
                    sids,
                })
            })
            .collect()
    }

    /// One live socket.
    pub fn socket_view(&self, socket: &LiveSocket) -> SocketView {
        socket.view(&self.node_id)
    }

    /// What went through a live socket.
    pub fn activity_view(&self, socket: &LiveSocket) -> ActivityView {
        let round_trip = socket.round_trip();
        let ago = |ago: std::time::Duration| i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        ActivityView {
            events_in: socket.events_in(),
            events_out: socket.events_out(),
            events_refused: socket.events_refused(),
            // To the microsecond: more digits would say nothing.
            round_trip_ms: round_trip.map(|(took, _)| (took.as_secs_f64() * 1e6).round() / 1e3),
            round_trip_at: round_trip.map(|(_, since)| self.clock.now().plus_millis(-ago(since))),
            buffer_bytes: socket.bytes_ahead(),
        }
    }

    /// What a live socket was handed, conversation by conversation, the one that is farthest behind first.
    pub fn lane_views(&self, socket: &LiveSocket) -> Vec<LaneView> {
        let rooms = socket.rooms();
        let view = |(id, lane): (ConversationId, super::lane::Lane)| LaneView {
            in_room: rooms.binary_search(&conversation_room(&id)).is_ok(),
            conversation_id: id,
            left: lane.mode == Mode::Left,
            head_seq: lane.head,
            handed_seq: lane.handed,
            confirmed_seq: lane.confirmed,
            confirmed_at: lane.confirmations.back().map(|receipt| receipt.at),
            waiting: lane.outstanding.len(),
            unconfirmed: lane.outstanding.iter().filter(|waits| waits.given_up).count(),
            waiting_since: lane.outstanding.front().map(|waits| waits.first_at),
        };
        let mut lanes: Vec<LaneView> = socket.lanes().into_iter().map(view).collect();
        let behind = |lane: &LaneView| lane.head_seq.0.saturating_sub(lane.confirmed_seq.0.max(1));
        lanes.sort_by(|a, b| {
            (b.waiting, behind(b))
                .cmp(&(a.waiting, behind(a)))
                .then_with(|| a.conversation_id.cmp(&b.conversation_id))
        });
        lanes
    }
}
