//! Rooms: which there are, and how many sockets are in each.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Column, FilterForm, Order, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Status, count, counted};
use crate::hub::view::{RoomKind, RoomView};

/// What rooms can be sorted by.
const COLUMNS: [&str; 4] = ["name", "namespace", "kind", "sockets"];

/// The page.
#[derive(Debug, Template)]
#[template(path = "rooms.html")]
pub(crate) struct RoomsPage {
    chrome: Chrome,
    sentence: Sentence,
    columns: Vec<Column>,
    rows: Vec<Row>,
    pager: Option<Pager>,
    form: FilterForm,
    namespace: String,
    namespaces: Vec<String>,
    all: bool,
}

#[derive(Debug)]
struct Row {
    id: Id,
    href: String,
    namespace: String,
    kind: &'static str,
    sockets: String,
    empty: bool,
}

/// The word for a kind.
pub(crate) fn kind_word(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Conversation => "conversation",
        RoomKind::User => "user",
        RoomKind::Socket => "socket",
        RoomKind::Other => "other",
    }
}

/// The page of the rooms that were asked for, in the order that was asked for.
fn select(mut rooms: Vec<RoomView>, asked: &Asked) -> Result<Paged<RoomView>, Refusal> {
    let (order, paging) = (order(asked)?, asked.paging()?);
    if let Some(text) = asked.filter("q")? {
        rooms.retain(|room| room.name.to_lowercase().contains(&text));
    }
    Ok(paging.cut_sorted(rooms, |a, b| {
        let by = match order.by {
            "namespace" => a.namespace.cmp(&b.namespace),
            "kind" => a.kind.cmp(&b.kind),
            "sockets" => a.sockets.cmp(&b.sockets),
            _ => a.name.cmp(&b.name),
        };
        // Equal rows keep an order of their own, or they would change places while somebody reads them.
        order
            .apply(by)
            .then_with(|| a.name.cmp(&b.name))
            .then_with(|| a.namespace.cmp(&b.namespace))
    }))
}

fn order(asked: &Asked) -> Result<Order, Refusal> {
    asked.order(&COLUMNS, Order::falling("sockets"))
}

fn is_usual(room: &RoomView) -> bool {
    matches!(room.kind, RoomKind::Conversation | RoomKind::Other)
}

fn compose(scene: &Scene, namespaces: Vec<String>, rooms: Vec<RoomView>) -> Result<RoomsPage, Refusal> {
    let asked = &scene.asked;
    let all = asked.get("all").is_some();
    let hidden = rooms.iter().filter(|room| !is_usual(room)).count();
    let sentence = sentence(&rooms, if all { 0 } else { hidden });
    let shown = rooms.into_iter().filter(|room| all || is_usual(room)).collect();
    let paged = select(shown, asked)?;
    let order = order(asked)?;
    let row = |room: &RoomView| Row {
        id: Id::new(&room.name),
        href: super::room_href(&room.namespace, &room.name),
        namespace: room.namespace.to_string(),
        kind: kind_word(room.kind),
        sockets: count(room.sockets),
        empty: room.sockets == 0,
    };
    Ok(RoomsPage {
        chrome: scene.chrome(Some(Tab::Rooms), "Rooms"),
        sentence,
        columns: vec![
            Column::new(asked, order, "name", "Room", false),
            Column::new(asked, order, "namespace", "Namespace", false),
            Column::new(asked, order, "kind", "Kind", false),
            Column::new(asked, order, "sockets", "Sockets", true),
        ],
        rows: paged.items.iter().map(row).collect(),
        pager: Pager::new(asked, &paged),
        form: FilterForm::new(asked, &["q", "namespace"]),
        namespace: asked.shown("namespace"),
        namespaces,
        all,
    })
}

fn sentence(rooms: &[RoomView], hidden: usize) -> Sentence {
    let conversations = rooms
        .iter()
        .filter(|room| room.kind == RoomKind::Conversation && room.sockets > 0);
    let (mut occupied, mut places) = (0, 0);
    for room in conversations {
        occupied += 1;
        places += room.sockets;
    }
    let others = rooms
        .iter()
        .filter(|room| room.kind == RoomKind::Other && room.namespace == "/")
        .count();
    let hidden = match hidden {
        0 => String::new(),
        1 => "1 room of a user or a single socket is not listed.".to_owned(),
        _ => format!("{} rooms of users and single sockets are not listed.", count(hidden)),
    };
    if occupied == 0 && others == 0 {
        return Sentence::new(Status::Offline, "Nobody is in a conversation's room.").and(hidden);
    }
    let lead = format!(
        "{} in use, joined {}.",
        counted(occupied, "conversation's room is", "conversations' rooms are"),
        counted(places, "time", "times")
    );
    match others {
        0 => Sentence::new(Status::Healthy, lead).and(hidden),
        // Messages never go to such a room: a socket in it usually meant a conversation's.
        _ => Sentence::new(
            Status::Late,
            format!(
                "{} to no conversation.",
                counted(others, "room belongs", "rooms belong")
            ),
        )
        .and(format!("No message goes there. {lead} {hidden}").trim_end()),
    }
}

/// `GET /admin/rooms`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    let mut namespaces: Vec<String> = deps
        .inspect
        .namespaces()
        .into_iter()
        .map(|namespace| namespace.name)
        .collect();
    namespaces.sort();
    let rooms = deps.inspect.rooms(scene.asked.get("namespace"));
    html(&compose(&scene, namespaces, rooms)?)
}

/// `GET /admin/api/rooms`: of every kind, which each row names.
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<RoomView>>, Refusal> {
    let rooms = deps.inspect.rooms(asked.get("namespace"));
    Ok(Json(select(rooms, &asked)?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> RoomsPage {
    let scene = Scene::sample("/admin/rooms?namespace=/&page_size=3", role);
    compose(&scene, vec!["/".to_owned(), "/admin".to_owned()], tests::rooms()).unwrap()
}

#[cfg(test)]
mod tests {
    use chat_core::ConversationId;

    use super::*;

    pub(super) fn rooms() -> Vec<RoomView> {
        let room = |name: &str, kind, sockets| RoomView {
            namespace: "/".into(),
            name: name.to_owned(),
            kind,
            sockets,
            conversation_id: name
                .strip_prefix("conversation:")
                .and_then(|id| ConversationId::parse(id).ok()),
        };
        vec![
            room(
                "conversation:0197c31f-2b7e-7000-8000-0000000000a1",
                RoomKind::Conversation,
                4,
            ),
            room("conversation:42", RoomKind::Conversation, 1_200),
            room("conversation:43", RoomKind::Conversation, 0),
            room("conversation_42", RoomKind::Other, 1),
            room(super::super::tests::HOSTILE, RoomKind::Other, 900),
            room("user:alice", RoomKind::User, 2),
            room("8JxAbCdEfGhIjKlMnOpQ", RoomKind::Socket, 1),
        ]
    }

    fn names(uri: &str) -> Vec<String> {
        let asked = Asked::of(&uri.parse().unwrap());
        select(rooms(), &asked)
            .unwrap()
            .items
            .into_iter()
            .map(|room| room.name)
            .collect()
    }

    #[test]
    fn the_fullest_come_first() {
        assert_eq!(
            names("/admin/rooms?q=conversation")[..2],
            ["conversation:42", "conversation:0197c31f-2b7e-7000-8000-0000000000a1"]
        );
        assert_eq!(
            names("/admin/rooms?q=CONVERSATION%3A4&sort=name"),
            ["conversation:42", "conversation:43"]
        );
    }

    #[test]
    fn rooms_of_users_and_sockets_are_hidden_until_asked_for() {
        let shown = |uri: &str| {
            compose(&Scene::sample(uri, chat_core::Role::Admin), Vec::new(), rooms())
                .unwrap()
                .rows
                .len()
        };
        assert_eq!(shown("/admin/rooms"), 5);
        assert_eq!(shown("/admin/rooms?all=1"), 7);
    }
}
