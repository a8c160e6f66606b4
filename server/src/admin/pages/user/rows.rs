//! The rows of a user's page.

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, ExceptionKind};
use chat_core::{ConversationId, Seq};

use super::{Late, Place, UserRow};
use crate::admin::pages::{conversation_href, explain_message_href, explain_now_href, socket_href};
use crate::admin::scene::Scene;
use crate::admin::words::{Id, Stamp, Status, count, excerpt, visible};
use crate::chat::inspection::Missed;
use crate::gateway::rejected::Rejected;
use crate::hub::view::SocketView;

#[derive(Debug)]
pub(super) struct MissedRow {
    pub(super) conversation: Named,
    pub(super) messages: String,
    pub(super) status: Status,
    pub(super) summary: String,
    pub(super) cause: &'static str,
    pub(super) since: Stamp,
    pub(super) explain: String,
}

/// A conversation as a cell shows it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) href: String,
}

impl Named {
    /// Its title, or who is in it, or its id.
    pub(crate) fn new(id: &ConversationId, title: Option<&str>, with: &[String]) -> Self {
        let name = match (title, with.is_empty()) {
            (Some(title), _) => visible(title).into_owned(),
            (None, false) => visible(&with.join(", ")).into_owned(),
            (None, true) => Id::new(id).short,
        };
        Self {
            name,
            href: conversation_href(id),
        }
    }
}

#[derive(Debug)]
pub(super) struct SocketRow {
    pub(super) sid: Id,
    pub(super) href: String,
    pub(super) transport: &'static str,
    pub(super) client: String,
    pub(super) address: String,
    pub(super) node: Id,
    pub(super) since: Stamp,
    pub(super) state: (Status, &'static str),
}

#[derive(Debug)]
pub(super) struct PlaceRow {
    pub(super) conversation: Named,
    pub(super) kind: &'static str,
    pub(super) progress: String,
    pub(super) behind: Option<String>,
    pub(super) room: (Status, String),
    pub(super) explain: String,
}

#[derive(Debug)]
pub(super) struct LateRow {
    pub(super) key: String,
    pub(super) at: Stamp,
    pub(super) what: &'static str,
    pub(super) seqs: String,
    pub(super) conversation: Named,
    pub(super) sid: Id,
}

#[derive(Debug)]
pub(super) struct HistoryRow {
    pub(super) key: String,
    pub(super) at: Stamp,
    pub(super) what: (Status, &'static str),
    pub(super) sid: Option<Id>,
    pub(super) detail: String,
}

#[derive(Debug)]
pub(super) struct RejectedRow {
    pub(super) key: String,
    pub(super) at: Stamp,
    pub(super) reason: &'static str,
    pub(super) detail: String,
    pub(super) remedy: &'static str,
}

pub(super) fn missed_row(
    scene: &Scene,
    user: &UserRow,
    missed: &Missed,
    titled: &impl Fn(&ConversationId) -> Named,
) -> MissedRow {
    MissedRow {
        conversation: titled(&missed.conversation_id),
        messages: count(missed.messages),
        status: missed.status.into(),
        summary: visible(&missed.summary).into_owned(),
        cause: missed.cause.map(chat_core::explain::Cause::as_str).unwrap_or_default(),
        since: scene.stamp(missed.since),
        explain: explain_message_href(&missed.message_id, &user.id),
    }
}

pub(super) fn socket_row(scene: &Scene, socket: &SocketView) -> SocketRow {
    let client = socket.client.as_deref().or(socket.user_agent.as_deref());
    SocketRow {
        sid: Id::new(&socket.sid),
        href: socket_href(socket.sid.as_str()),
        transport: socket.transport,
        client: excerpt(client.unwrap_or_default(), 40),
        address: visible(&socket.address).into_owned(),
        node: Id::new(&socket.node_id),
        since: scene.stamp(socket.connected_at),
        state: match (socket.lagging, socket.receipts) {
            (true, _) => (Status::Late, "lagging"),
            (false, true) => (Status::Healthy, "gives receipts"),
            (false, false) => (Status::Unknown, "gives no receipts"),
        },
    }
}

pub(super) fn place_row(user: &UserRow, place: &Place) -> PlaceRow {
    let behind = place.last_seq.0.saturating_sub(place.received_seq.0);
    PlaceRow {
        conversation: Named::new(&place.id, place.title.as_deref(), &place.with),
        kind: place.kind.as_str(),
        progress: format!("{} of {}", count(place.received_seq.0), count(place.last_seq.0)),
        behind: (behind > 0).then(|| format!("{} behind", count(behind))),
        room: match (user.sockets, place.sockets_in_room) {
            (0, _) => (Status::Offline, "offline".to_owned()),
            (all, inside) if all == inside => (Status::Healthy, "in the room".to_owned()),
            (all, inside) => (
                Status::Failed,
                format!("{} of {} in the room", count(inside), count(all)),
            ),
        },
        explain: explain_now_href(&place.id, &user.id),
    }
}

/// What did not go by the book, in words.
fn late_words(kind: ExceptionKind) -> &'static str {
    match kind {
        ExceptionKind::Failed => "could not be handed over",
        ExceptionKind::Repaired => "was not in the room; joined and sent to",
        ExceptionKind::Lagging => "buffer full, fed later from the store",
        ExceptionKind::Retried => "no receipt in time, sent again",
        ExceptionKind::Unconfirmed => "never confirmed",
        ExceptionKind::Disconnected => "connection ended before the receipt",
        ExceptionKind::Resumed => "handed over on coming back",
        ExceptionKind::Left => "the client had left the room itself",
        ExceptionKind::NotJoined => "was not in the room, and joining it failed",
        ExceptionKind::Missed => "the connection ended before it could be handed over",
    }
}

fn seqs(first: Seq, last: Seq) -> String {
    if first == last {
        format!("#{}", first.0)
    } else {
        format!("#{}–{}", first.0, last.0)
    }
}

pub(super) fn late_row(scene: &Scene, late: &Late, titled: &impl Fn(&ConversationId) -> Named) -> LateRow {
    LateRow {
        key: format!(
            "{} {} {} {}",
            late.at.as_millis(),
            late.sid,
            late.kind.as_str(),
            late.first_seq.0
        ),
        at: scene.stamp(late.at),
        what: late_words(late.kind),
        seqs: seqs(late.first_seq, late.last_seq),
        conversation: titled(&late.conversation_id),
        sid: Id::new(&late.sid),
    }
}

pub(crate) fn history_words(kind: ConnectionEventKind) -> (Status, &'static str) {
    match kind {
        ConnectionEventKind::Connected => (Status::Healthy, "connected"),
        ConnectionEventKind::Disconnected => (Status::Offline, "disconnected"),
        ConnectionEventKind::Joined => (Status::Healthy, "joined"),
        ConnectionEventKind::Left => (Status::Late, "left by itself"),
        ConnectionEventKind::Removed => (Status::Late, "taken out by an admin"),
        ConnectionEventKind::Rejected => (Status::Failed, "refused"),
    }
}

pub(super) fn history_row(
    scene: &Scene,
    event: &ConnectionEvent,
    titled: &impl Fn(&ConversationId) -> Named,
) -> HistoryRow {
    let detail = match event.kind {
        ConnectionEventKind::Joined | ConnectionEventKind::Left => ConversationId::parse(&event.detail)
            .map_or_else(|_| visible(&event.detail).into_owned(), |id| titled(&id).name),
        // `reason|detail|remedy`, as it was noted.
        ConnectionEventKind::Rejected => visible(&event.detail.replace('|', ": ")).into_owned(),
        _ => visible(&event.detail).into_owned(),
    };
    HistoryRow {
        key: format!(
            "{} {} {} {}",
            event.at.as_millis(),
            event.kind.as_str(),
            event.sid.as_ref().map(chat_core::Sid::as_str).unwrap_or_default(),
            event.detail
        ),
        at: scene.stamp(event.at),
        what: history_words(event.kind),
        sid: event.sid.as_ref().map(Id::new),
        detail,
    }
}

pub(super) fn rejected_row(scene: &Scene, rejected: &Rejected) -> RejectedRow {
    RejectedRow {
        key: format!("{} {}", rejected.at.as_millis(), rejected.reason),
        at: scene.stamp(rejected.at),
        reason: rejected.reason,
        detail: visible(&rejected.detail).into_owned(),
        remedy: rejected.remedy,
    }
}
