//! A socket: everything that is known of one live connection, and what can be done to it.

use askama::Template;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use chat_core::delivery::ConnectionEvent;
use serde::Serialize;

use super::rooms::kind_word;
use super::user::rows::history_words;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Part, Table, holds};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, bytes, count, counted, millis, visible};
use crate::hub::inspect::kind_of;
use crate::hub::view::{ActivityView, LaneView, RoomKind, SocketView};

/// Entries of the user's history that are looked through for this socket's.
const HISTORY_LOOKED_AT: u32 = 500;
/// A connection's first entry may be noted a moment before it counts as connected, in milliseconds.
const HISTORY_BEFORE_MS: i64 = 5_000;

/// The page.
#[derive(Debug, Template)]
#[template(path = "socket.html")]
pub(crate) struct SocketPage {
    chrome: Chrome,
    sentence: Sentence,
    sid: Id,
    here: String,
    username: String,
    user_href: String,
    user_id: Id,
    namespace: String,
    transport: &'static str,
    node: Id,
    address: String,
    client: Option<String>,
    user_agent: Option<String>,
    since: Stamp,
    receipts: bool,
    lagging: bool,
    activity: Option<Activity>,
    rooms: Part<Room>,
    lanes: Part<Lane>,
    history: Part<Event>,
    traffic_href: String,
}

/// The JSON: the socket as the list has it, and what is known beyond that.
#[derive(Debug, Serialize)]
pub(crate) struct SocketDetail {
    #[serde(flatten)]
    socket: SocketView,
    /// What went through it; not there for a socket of namespace `/admin`.
    #[serde(flatten)]
    activity: Option<ActivityView>,
    /// What it was handed, conversation by conversation.
    conversations: Vec<LaneView>,
    /// What happened to it, the newest first.
    history: Vec<ConnectionEvent>,
}

/// What it was handed of one conversation.
#[derive(Debug)]
struct Lane {
    id: Id,
    href: String,
    state: (Status, &'static str),
    handed: String,
    behind: Option<String>,
    confirmed: String,
    confirmed_at: Option<Stamp>,
    waiting: Option<(Status, String)>,
}

/// What went through it.
#[derive(Debug)]
struct Activity {
    events_in: String,
    events_out: String,
    refused: Option<String>,
    /// How long, and when that was.
    round_trip: Option<(String, Stamp)>,
    /// What waits; `None`: that cannot be told.
    buffer: Option<String>,
}

impl Activity {
    fn new(scene: &Scene, seen: &ActivityView) -> Self {
        Self {
            events_in: count(seen.events_in),
            events_out: count(seen.events_out),
            refused: (seen.events_refused > 0).then(|| count(seen.events_refused)),
            round_trip: seen
                .round_trip_ms
                .zip(seen.round_trip_at)
                .map(|(ms, at)| (millis(ms), scene.stamp(at))),
            buffer: seen.buffer_bytes.map(bytes),
        }
    }
}

#[derive(Debug)]
struct Event {
    key: String,
    at: Stamp,
    what: (Status, &'static str),
    detail: String,
}

#[derive(Debug)]
struct Room {
    name: String,
    id: Id,
    href: String,
    kind: &'static str,
    /// The server keeps a socket in its own room and its user's: leaving those would only break it.
    may_leave: bool,
}

fn lane(scene: &Scene, receipts: bool, lane: &LaneView) -> Lane {
    let behind = lane.head_seq.0.saturating_sub(lane.handed_seq.0);
    let waiting = |status, word: &str| {
        let since = lane.waiting_since.map(|at| scene.stamp(at).ago);
        let since = since.map(|ago| format!(", the oldest for {ago}")).unwrap_or_default();
        Some((status, format!("{} {word}{since}", count(lane.waiting))))
    };
    Lane {
        id: Id::new(&lane.conversation_id),
        href: super::conversation_href(&lane.conversation_id),
        state: match (lane.in_room, lane.left) {
            (true, _) => (Status::Healthy, "in the room"),
            (false, true) => (Status::Late, "left by itself"),
            (false, false) => (Status::Failed, "not in the room"),
        },
        handed: format!("#{}", count(lane.handed_seq.0)),
        behind: (behind > 0).then(|| format!("{} behind", count(behind))),
        confirmed: if receipts {
            format!("#{}", count(lane.confirmed_seq.0))
        } else {
            "–".to_owned()
        },
        confirmed_at: lane.confirmed_at.map(|at| scene.stamp(at)),
        waiting: match (lane.waiting, lane.unconfirmed) {
            (0, _) => None,
            (_, 0) => waiting(Status::Unknown, "waiting"),
            _ => waiting(Status::Failed, "unconfirmed"),
        },
    }
}

fn event(scene: &Scene, event: &ConnectionEvent) -> Event {
    Event {
        key: format!("{} {} {}", event.at.as_millis(), event.kind.as_str(), event.detail),
        at: scene.stamp(event.at),
        what: history_words(event.kind),
        detail: visible(&event.detail).into_owned(),
    }
}

fn compose(scene: &Scene, detail: &SocketDetail) -> Result<SocketPage, Refusal> {
    let socket = &detail.socket;
    let sentence = sentence(scene, socket);
    let text = |text: &str| visible(text).into_owned();
    Ok(SocketPage {
        chrome: scene.chrome(Some(Tab::Sockets), format!("Socket {}", Id::new(&socket.sid).short)),
        sentence,
        here: super::socket_href(socket.sid.as_str()),
        activity: detail.activity.as_ref().map(|seen| Activity::new(scene, seen)),
        rooms: rooms(&scene.asked, socket).cut()?.map(|name| room(socket, name)),
        lanes: lanes(&scene.asked, detail)
            .cut()?
            .map(|one| lane(scene, socket.receipts, one)),
        history: history(&scene.asked, detail).cut()?.map(|one| event(scene, one)),
        traffic_href: format!("/admin/traffic?sid={}", socket.sid),
        sid: Id::new(&socket.sid),
        user_href: super::user_href(&socket.user_id),
        username: text(&socket.username),
        user_id: Id::new(&socket.user_id),
        namespace: text(&socket.namespace),
        transport: socket.transport,
        node: Id::new(&socket.node_id),
        address: text(&socket.address),
        client: socket.client.as_deref().map(text),
        user_agent: socket.user_agent.as_deref().map(text),
        since: scene.stamp(socket.connected_at),
        receipts: socket.receipts,
        lagging: socket.lagging,
    })
}

fn lanes<'a>(asked: &Asked, detail: &'a SocketDetail) -> Table<&'a LaneView> {
    Table::new(asked, "conversations", detail.conversations.iter().collect())
        .sorted("id", "Conversation", |a, b| a.conversation_id.cmp(&b.conversation_id))
        .sorted("state", "State", |a, b| (a.in_room, a.left).cmp(&(b.in_room, b.left)))
        .figures("handed", "Handed over", |a, b| a.handed_seq.cmp(&b.handed_seq))
        .figures("confirmed", "Confirmed", |a, b| a.confirmed_seq.cmp(&b.confirmed_seq))
        .figures("waiting", "Waiting for a receipt", |a, b| a.waiting.cmp(&b.waiting))
        .found(|lane, text| holds(text, &[lane.conversation_id.as_str()]))
}

fn rooms<'a>(asked: &Asked, socket: &'a SocketView) -> Table<&'a String> {
    Table::new(asked, "rooms", socket.rooms.iter().collect())
        .sorted("name", "Room", Ord::cmp)
        .sorted("kind", "Kind", |a, b| kind_of(a).cmp(&kind_of(b)))
        .unseen("Action")
        .found(|name, text| holds(text, &[name]))
}

fn history<'a>(asked: &Asked, detail: &'a SocketDetail) -> Table<&'a ConnectionEvent> {
    Table::new(asked, "history", detail.history.iter().collect())
        .figures("at", "At", |a, b| a.at.cmp(&b.at))
        .sorted("what", "What", |a, b| a.kind.as_str().cmp(b.kind.as_str()))
        .sorted("detail", "Detail", |a, b| a.detail.cmp(&b.detail))
        .found(|event, text| holds(text, &[event.kind.as_str(), &event.detail]))
}

fn room(socket: &SocketView, name: &str) -> Room {
    let kind = if name == socket.sid.as_str() {
        RoomKind::Socket
    } else {
        kind_of(name)
    };
    Room {
        name: name.to_owned(),
        id: Id::new(name),
        href: super::room_href(&socket.namespace, name),
        kind: kind_word(kind),
        may_leave: matches!(kind, RoomKind::Conversation | RoomKind::Other),
    }
}

fn sentence(scene: &Scene, socket: &SocketView) -> Sentence {
    let since = scene.stamp(socket.connected_at).ago;
    let lead = format!(
        "{} is connected by {} for {since}.",
        visible(&socket.username),
        socket.transport
    );
    let rooms = format!("In {}", counted(socket.rooms.len(), "room", "rooms"));
    if socket.lagging {
        return Sentence::new(
            Status::Late,
            format!("{} is lagging: the buffer was full.", visible(&socket.username)),
        )
        .and(format!(
            "It is fed from the store as it drains; nothing is lost. {lead}"
        ));
    }
    if socket.receipts {
        Sentence::new(Status::Healthy, lead).and(format!("{rooms}, giving receipts."))
    } else {
        Sentence::new(Status::Unknown, lead).and(format!("{rooms}, giving no receipts: what reaches it stays “sent”."))
    }
}

/// The socket, or that there is none of this SID (any more).
pub(crate) fn find(deps: &AdminDeps, sid: &str) -> Result<SocketView, Refusal> {
    deps.inspect.socket(sid).ok_or_else(|| {
        Refusal::not_found("socket", sid, "It was closed, or never was. A client that comes back gets a new SID: look for its user among the sockets.")
    })
}

/// That it was there once, whose it was and how it ended, if that is on record.
async fn closed(deps: &AdminDeps, sid: &str) -> Result<Option<Refusal>, Refusal> {
    let past = super::explain::past_of(deps, sid).await?;
    let Some(newest) = past.first() else { return Ok(None) };
    let account = super::user::find(deps, newest.user_id.as_str()).await?;
    let words = super::explain::words_about(&past, &account.username);
    Ok(Some(Refusal::not_found(
        "open socket",
        sid,
        format!(
            "{words} Type its SID into Explain for what happened to it, and whether a message would reach {} now.",
            account.username
        ),
    )))
}

async fn gather(deps: &AdminDeps, sid: &str) -> Result<SocketDetail, Refusal> {
    let socket = match find(deps, sid) {
        Ok(socket) => socket,
        Err(refusal) => return Err(closed(deps, sid).await?.unwrap_or(refusal)),
    };
    let from = socket.connected_at.plus_millis(-HISTORY_BEFORE_MS);
    let history = deps
        .deliveries
        .connections(&socket.user_id, from, deps.clock.now(), HISTORY_LOOKED_AT);
    let mut history = history.await?;
    history.retain(|event| event.sid.as_ref() == Some(&socket.sid));
    Ok(SocketDetail {
        activity: deps.inspect.activity(sid),
        conversations: deps.inspect.lanes(sid),
        socket,
        history,
    })
}

/// `GET /admin/sockets/{sid}`
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    scene: Scene,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    html(&compose(&scene, &gather(&deps, &super::last_segment(path)?).await?)?)
}

/// `GET /admin/api/sockets/{sid}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<SocketDetail>, Refusal> {
    Ok(Json(gather(&deps, &super::last_segment(path)?).await?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> SocketPage {
    let mut socket = super::sockets::tests::socket("8JxAbCdEfGhIjKlMnOpQ", "alice", 722);
    socket.client = Some(super::tests::HOSTILE.to_owned());
    socket.rooms.push(super::tests::HOSTILE.to_owned());
    let now = crate::admin::scene::sample_time;
    let lane = |id: &str, in_room, unconfirmed| LaneView {
        conversation_id: chat_core::ConversationId::parse(id).unwrap(),
        in_room,
        left: false,
        head_seq: chat_core::Seq(812),
        handed_seq: chat_core::Seq(810),
        confirmed_seq: chat_core::Seq(771),
        confirmed_at: Some(now(60)),
        waiting: 39,
        unconfirmed,
        waiting_since: Some(now(59)),
    };
    let event = ConnectionEvent {
        user_id: socket.user_id.clone(),
        at: now(722),
        kind: chat_core::delivery::ConnectionEventKind::Connected,
        sid: Some(socket.sid.clone()),
        node_id: socket.node_id.clone(),
        detail: super::tests::HOSTILE.to_owned(),
    };
    let detail = SocketDetail {
        socket,
        activity: Some(ActivityView {
            events_in: 41,
            events_out: 1_207,
            events_refused: 2,
            round_trip_ms: Some(11.8),
            round_trip_at: Some(now(9)),
            buffer_bytes: Some(70_400),
        }),
        conversations: vec![lane("42", true, 0), lane("43", false, 39)],
        history: vec![event],
    };
    compose(
        &Scene::sample("/admin/sockets/8JxAbCdEfGhIjKlMnOpQ?rooms-page_size=2", role),
        &detail,
    )
    .unwrap()
}
