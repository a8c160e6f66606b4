//! Sockets: every live connection of every namespace.

use std::collections::HashSet;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Column, FilterForm, Order, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted, visible};
use crate::hub::glance::{Glance, Seen};
use crate::hub::view::SocketView;

/// What sockets can be sorted by.
const COLUMNS: [&str; 6] = ["username", "transport", "client", "rooms", "node_id", "connected_at"];

/// The page.
#[derive(Debug, Template)]
#[template(path = "sockets.html")]
pub(crate) struct SocketsPage {
    chrome: Chrome,
    sentence: Sentence,
    columns: Vec<Column>,
    rows: Vec<Row>,
    pager: Option<Pager>,
    namespace: String,
    form: FilterForm,
    state: String,
    states: [(&'static str, &'static str); 3],
}

#[derive(Debug)]
struct Row {
    username: String,
    sid: Id,
    href: String,
    namespace: Option<String>,
    transport: &'static str,
    client: String,
    client_whole: String,
    rooms: String,
    node: Id,
    since: Stamp,
    lagging: bool,
    unconfirmed: Option<String>,
    receipts: bool,
}

/// How clients are shown where there is little room.
const CLIENT_CHARS: usize = 36;

/// What the client calls itself, or its browser.
fn client_words(socket: &dyn Seen) -> String {
    let words = socket.client().or(socket.user_agent()).unwrap_or_default();
    visible(words).into_owned()
}

fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars - 1).chain(['…']).collect()
}

/// A socket and what it is sorted by, where that has to be made: once, and only when it is asked for.
struct Keyed {
    socket: Glance,
    client: String,
    rooms: usize,
}

impl Keyed {
    fn new(socket: Glance, by: &str) -> Self {
        Self {
            client: if by == "client" {
                client_words(socket.seen.as_ref())
            } else {
                String::new()
            },
            rooms: if by == "rooms" { socket.seen.count_rooms() } else { 0 },
            socket,
        }
    }
}

/// The page of the sockets that were asked for, in the order that was asked for.
fn select(mut sockets: Vec<Glance>, asked: &Asked) -> Result<Paged<SocketView>, Refusal> {
    let (order, paging) = (order(asked)?, asked.paging()?);
    if let Some(namespace) = asked.get("namespace") {
        sockets.retain(|socket| socket.seen.namespace() == namespace);
    }
    match asked.get("state") {
        None => {}
        Some("lagging") => sockets.retain(|socket| socket.seen.lagging()),
        Some("unconfirmed") => sockets.retain(|socket| socket.seen.count_unconfirmed() > 0),
        Some("silent") => sockets.retain(|socket| !socket.seen.receipts()),
        Some(_) => {
            return Err(Refusal::BadRequest(
                "`state` is one of lagging, unconfirmed, silent".to_owned(),
            ));
        }
    }
    if let Some(text) = asked.filter("q")? {
        sockets.retain(|socket| matches(socket, &text));
    }
    let keyed = sockets.into_iter().map(|socket| Keyed::new(socket, order.by));
    let paged = paging.cut_sorted(keyed.collect(), |one, other| {
        let (a, b) = (&one.socket.seen, &other.socket.seen);
        let by = match order.by {
            "username" => a.username().cmp(b.username()),
            "transport" => a.transport().cmp(b.transport()),
            "client" => one.client.cmp(&other.client),
            "rooms" => one.rooms.cmp(&other.rooms),
            "node_id" => one.socket.node_id.cmp(&other.socket.node_id),
            _ => a.connected_at().cmp(&b.connected_at()),
        };
        // One connection may be in two namespaces, with one id.
        order
            .apply(by)
            .then_with(|| a.sid().cmp(b.sid()))
            .then_with(|| a.namespace().cmp(b.namespace()))
    });
    Ok(paged.map(|keyed| keyed.socket.view()))
}

fn order(asked: &Asked) -> Result<Order, Refusal> {
    asked.order(&COLUMNS, Order::falling("connected_at"))
}

/// `text` is in lower case.
fn matches(socket: &Glance, text: &str) -> bool {
    let seen = &socket.seen;
    let fields = [
        seen.sid().as_str(),
        seen.username(),
        seen.user_id().as_str(),
        seen.address(),
        seen.transport(),
        socket.node_id.as_str(),
        seen.client().unwrap_or_default(),
        seen.user_agent().unwrap_or_default(),
    ];
    fields.iter().any(|field| field.to_lowercase().contains(text))
}

fn compose(scene: &Scene, sockets: Vec<Glance>) -> Result<SocketsPage, Refusal> {
    let asked = &scene.asked;
    let sentence = sentence(&sockets);
    let paged = select(sockets, asked)?;
    let order = order(asked)?;
    let row = |socket: &SocketView| {
        let client_whole = client_words(socket);
        Row {
            username: visible(&socket.username).into_owned(),
            sid: Id::new(&socket.sid),
            href: super::socket_href(socket.sid.as_str()),
            namespace: (socket.namespace != "/").then(|| socket.namespace.clone()),
            transport: socket.transport,
            client: cut(&client_whole, CLIENT_CHARS),
            client_whole,
            rooms: count(socket.rooms.len()),
            node: Id::new(&socket.node_id),
            since: scene.stamp(socket.connected_at),
            lagging: socket.lagging,
            unconfirmed: (socket.unconfirmed > 0).then(|| count(socket.unconfirmed)),
            receipts: socket.receipts,
        }
    };
    Ok(SocketsPage {
        chrome: scene.chrome(Some(Tab::Sockets), "Sockets"),
        sentence,
        columns: vec![
            Column::new(asked, order, "username", "User", false),
            Column::plain("SID"),
            Column::new(asked, order, "transport", "Transport", false),
            Column::new(asked, order, "client", "Client", false),
            Column::new(asked, order, "node_id", "Node", false),
            Column::new(asked, order, "rooms", "Rooms", true),
            Column::new(asked, order, "connected_at", "Since", true),
        ],
        rows: paged.items.iter().map(row).collect(),
        pager: Pager::new(asked, &paged),
        namespace: asked.shown("namespace"),
        form: FilterForm::new(asked, &["q", "namespace", "state"]),
        state: asked.shown("state"),
        states: [
            ("lagging", "lagging"),
            ("unconfirmed", "with unconfirmed messages"),
            ("silent", "that give no receipts"),
        ],
    })
}

fn sentence(sockets: &[Glance]) -> Sentence {
    let seen = sockets.iter().map(|socket| socket.seen.as_ref());
    let chat = || seen.clone().filter(|socket| socket.namespace() == "/");
    let users: HashSet<&str> = chat().map(|socket| socket.user_id().as_str()).collect();
    let lagging = chat().filter(|socket| socket.lagging()).count();
    let silent = chat().filter(|socket| !socket.receipts()).count();
    let total = chat().count();
    if total == 0 {
        return Sentence::new(Status::Offline, "Nobody is connected.");
    }
    let lead = format!(
        "{} of {}.",
        counted(total, "socket", "sockets"),
        counted(users.len(), "user", "users")
    );
    let silent = match silent {
        0 => "All of them give receipts.".to_owned(),
        _ => format!(
            "{} no receipts: deliveries there stay “sent”.",
            counted(silent, "gives", "give")
        ),
    };
    match lagging {
        0 => Sentence::new(Status::Healthy, lead).and(silent),
        _ => Sentence::new(
            Status::Late,
            format!("{} lagging.", counted(lagging, "socket is", "sockets are")),
        )
        .and(format!(
            "Nothing is lost: the store feeds what a full buffer could not take. {lead} {silent}"
        )),
    }
}

/// `GET /admin/sockets`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene, deps.inspect.sockets())?)
}

/// `GET /admin/api/sockets`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<SocketView>>, Refusal> {
    Ok(Json(select(deps.inspect.sockets(), &asked)?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> SocketsPage {
    compose(&Scene::sample("/admin/sockets", role), tests::sockets()).unwrap()
}

#[cfg(test)]
pub(crate) mod tests {
    use chat_core::{NodeId, Sid, UserId};

    use super::super::tests::HOSTILE;
    use super::*;
    use crate::admin::scene::sample_time;

    pub(crate) fn socket(sid: &str, user: &str, seconds: i64) -> SocketView {
        SocketView {
            sid: Sid::parse(sid).unwrap(),
            namespace: "/".to_owned(),
            user_id: UserId::parse(user).unwrap(),
            username: user.to_owned(),
            transport: "websocket",
            node_id: NodeId::parse("0197c31f-0000-7000-8000-0000000000d1").unwrap(),
            address: "192.0.2.7".to_owned(),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0".to_owned()),
            client: Some("rollcall-web/0.1.0".to_owned()),
            connected_at: sample_time(seconds),
            rooms: vec![sid.to_owned(), format!("user:{user}"), "conversation:42".to_owned()],
            receipts: true,
            lagging: false,
            unconfirmed: 0,
        }
    }

    pub(super) fn sockets() -> Vec<Glance> {
        let sockets = vec![
            socket("8JxAbCdEfGhIjKlMnOpQ", "alice", 722),
            SocketView {
                lagging: true,
                client: Some(HOSTILE.to_owned()),
                ..socket("kP2xxxxxxxxxxxxxxxxa", "alice", 12)
            },
            SocketView {
                receipts: false,
                client: None,
                user_agent: Some(HOSTILE.to_owned()),
                transport: "polling",
                ..socket("Zt9xxxxxxxxxxxxxxxx1", "bob", 90_000)
            },
            SocketView {
                namespace: "/admin".to_owned(),
                ..socket("Adminxxxxxxxxxxxxxx1", "admin", 4)
            },
        ];
        sockets.into_iter().map(Glance::from).collect()
    }

    fn sids(uri: &str) -> Vec<String> {
        let asked = Asked::of(&uri.parse().unwrap());
        select(sockets(), &asked)
            .unwrap()
            .items
            .into_iter()
            .map(|socket| socket.sid.to_string()[..3].to_owned())
            .collect()
    }

    #[test]
    fn the_newest_come_first_and_every_field_is_searched() {
        assert_eq!(sids("/x"), ["Adm", "kP2", "8Jx", "Zt9"]);
        assert_eq!(sids("/x?q=ALICE&sort=connected_at"), ["8Jx", "kP2"]);
        assert_eq!(sids("/x?q=zt9"), ["Zt9"]);
        assert_eq!(sids("/x?q=polling"), ["Zt9"]);
        assert_eq!(sids("/x?namespace=/admin"), ["Adm"]);
        assert_eq!(sids("/x?sort=-client&page_size=2"), ["8Jx", "Adm"]);
        assert_eq!(sids("/x?sort=username&page_size=3&page=2"), ["Zt9"]);
    }

    #[test]
    fn chat_figures_do_not_count_the_admin_namespace() {
        let line = sentence(&sockets());
        assert_eq!(line.status, Status::Late);
        assert!(line.rest.contains("3 sockets of 2 users"), "{line:?}");
    }
}
