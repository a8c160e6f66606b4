//! A socket: everything that is known of one live connection, and what can be done to it.

use askama::Template;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;

use super::rooms::kind_word;
use crate::admin::AdminDeps;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, counted, visible};
use crate::hub::inspect::kind_of;
use crate::hub::view::{RoomKind, SocketView};

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
    rooms: Vec<Room>,
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

fn compose(scene: &Scene, socket: &SocketView) -> SocketPage {
    let sentence = sentence(scene, socket);
    let text = |text: &str| visible(text).into_owned();
    SocketPage {
        chrome: scene.chrome(Some(Tab::Sockets), format!("Socket {}", Id::new(&socket.sid).short)),
        sentence,
        here: super::socket_href(socket.sid.as_str()),
        rooms: socket.rooms.iter().map(|name| room(socket, name)).collect(),
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
    }
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

/// A SID out of the path.
pub(crate) fn sid(path: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    path.map(|Path(sid)| sid)
        .map_err(|_| Refusal::BadRequest("a SID in an address is percent-encoded UTF-8".to_owned()))
}

/// `GET /admin/sockets/{sid}`
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    scene: Scene,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    html(&compose(&scene, &find(&deps, &sid(path)?)?))
}

/// `GET /admin/api/sockets/{sid}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<SocketView>, Refusal> {
    Ok(Json(find(&deps, &sid(path)?)?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> SocketPage {
    let mut socket = super::sockets::tests::socket("8JxAbCdEfGhIjKlMnOpQ", "alice", 722);
    socket.client = Some(super::tests::HOSTILE.to_owned());
    socket.rooms.push(super::tests::HOSTILE.to_owned());
    compose(&Scene::sample("/admin/sockets/8JxAbCdEfGhIjKlMnOpQ", role), &socket)
}
