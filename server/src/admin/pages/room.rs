//! A room: who is in it, and who should be and is not.

use askama::Template;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;

use super::rooms::kind_word;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Column, FilterForm, Order, Pager, Part, Table, holds};
use crate::admin::inspect::Inspect;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted, visible};
use crate::hub::similar::similar;
use crate::hub::view::{MemberView, MissingView, RoomDetail, RoomKind};

/// What members can be sorted by.
const COLUMNS: [&str; 4] = ["username", "transport", "confirmed_seq", "joined_at"];

/// The page.
#[derive(Debug, Template)]
#[template(path = "room.html")]
pub(crate) struct RoomPage {
    chrome: Chrome,
    sentence: Sentence,
    id: Id,
    namespace: String,
    kind: &'static str,
    sockets: String,
    is_conversation: bool,
    conversation_href: Option<String>,
    columns: Vec<Column>,
    members: Vec<Member>,
    pager: Option<Pager>,
    form: FilterForm,
    strangers: Part<Stranger>,
    missing: Part<Missing>,
    probe_href: String,
    traffic_href: String,
    room: String,
    repair_href: String,
}

#[derive(Debug)]
struct Member {
    username: String,
    user_href: String,
    sid: Id,
    href: String,
    transport: &'static str,
    node: Id,
    confirmed: String,
    confirmed_at: Option<Stamp>,
    stranger: bool,
    since: Stamp,
}

/// Somebody's socket in a conversation's room who is no participant.
#[derive(Debug)]
struct Stranger {
    username: String,
    user_href: String,
    sid: Id,
    href: String,
    leave: String,
}

#[derive(Debug)]
struct Missing {
    username: String,
    user_href: String,
    sid: Id,
    href: String,
    join: String,
}

fn order(asked: &Asked) -> Result<Order, Refusal> {
    asked.order(&COLUMNS, Order::rising("username"))
}

/// The members that were asked for, in the order that was asked for.
fn select(mut members: Vec<MemberView>, asked: &Asked) -> Result<Vec<MemberView>, Refusal> {
    let order = order(asked)?;
    if let Some(text) = asked.filter("q")? {
        let has = |field: &str| field.to_lowercase().contains(&text);
        members.retain(|member| has(&member.username) || has(member.sid.as_str()) || has(member.user_id.as_str()));
    }
    members.sort_by(|a, b| {
        let by = match order.by {
            "transport" => a.transport.cmp(b.transport),
            "confirmed_seq" => a.confirmed_seq.cmp(&b.confirmed_seq),
            "joined_at" => a.joined_at.cmp(&b.joined_at),
            _ => a.username.cmp(&b.username),
        };
        order.apply(by).then_with(|| a.sid.cmp(&b.sid))
    });
    Ok(members)
}

fn member(scene: &Scene, member: &MemberView) -> Member {
    Member {
        user_href: super::user_href(&member.user_id),
        username: visible(&member.username).into_owned(),
        href: super::socket_href(member.sid.as_str()),
        sid: Id::new(&member.sid),
        transport: member.transport,
        node: Id::new(&member.node_id),
        confirmed: member
            .confirmed_seq
            .map(|seq| format!("#{}", count(seq.0)))
            .unwrap_or_default(),
        confirmed_at: member.confirmed_at.map(|at| scene.stamp(at)),
        stranger: member.stranger,
        since: scene.stamp(member.joined_at),
    }
}

fn stranger(member: &MemberView) -> Stranger {
    let href = super::socket_href(member.sid.as_str());
    Stranger {
        username: visible(&member.username).into_owned(),
        user_href: super::user_href(&member.user_id),
        sid: Id::new(&member.sid),
        leave: format!("{href}/leave"),
        href,
    }
}

fn compose(scene: &Scene, detail: RoomDetail) -> Result<RoomPage, Refusal> {
    let asked = &scene.asked;
    let sentence = sentence(&detail);
    let RoomDetail { room, members, missing } = detail;
    let order = order(asked)?;
    let strangers = members.iter().filter(|member| member.stranger).map(stranger).collect();
    let strangers = Table::new(asked, "strangers", strangers)
        .sorted("username", "User", |a, b| a.username.cmp(&b.username))
        .plain("State")
        .sorted("sid", "Socket", |a, b| a.sid.whole.cmp(&b.sid.whole))
        .unseen("Action")
        .found(|row, text| holds(text, &[&row.username, &row.sid.whole]));
    let missing = Table::new(asked, "missing", missing.iter().flat_map(missing_rows).collect())
        .sorted("username", "User", |a: &Missing, b| a.username.cmp(&b.username))
        .plain("State")
        .sorted("sid", "Socket", |a, b| a.sid.whole.cmp(&b.sid.whole))
        .unseen("Action")
        .found(|row, text| holds(text, &[&row.username, &row.sid.whole]));
    let paged = asked.paging()?.cut(select(members, asked)?);
    let query: String = url::form_urlencoded::byte_serialize(room.name.as_bytes()).collect();
    Ok(RoomPage {
        chrome: scene.chrome(Some(Tab::Rooms), format!("Room {}", Id::new(&room.name).short)),
        sentence,
        id: Id::new(&room.name),
        namespace: room.namespace.to_string(),
        kind: kind_word(room.kind),
        sockets: count(room.sockets),
        is_conversation: room.kind == RoomKind::Conversation,
        conversation_href: room.conversation_id.as_ref().map(super::conversation_href),
        columns: vec![
            Column::new(asked, order, "username", "User", false),
            Column::plain("SID"),
            Column::new(asked, order, "transport", "Transport", false),
            Column::plain("Node"),
            Column::new(asked, order, "confirmed_seq", "Last receipt", true),
            Column::new(asked, order, "joined_at", "In it since", true),
        ],
        members: paged.items.iter().map(|one| member(scene, one)).collect(),
        pager: Pager::new(asked, &paged),
        form: FilterForm::new(asked, &["q"]),
        strangers: strangers.cut()?,
        missing: missing.cut()?,
        repair_href: format!("{}/repair", super::room_href(&room.namespace, &room.name)),
        probe_href: format!("/admin/probe?room={query}"),
        traffic_href: format!("/admin/traffic?room={query}"),
        room: room.name,
    })
}

fn missing_rows(missing: &MissingView) -> impl Iterator<Item = Missing> {
    missing.sids.iter().map(|sid| Missing {
        username: visible(&missing.username).into_owned(),
        user_href: super::user_href(&missing.user_id),
        sid: Id::new(sid),
        href: super::socket_href(sid.as_str()),
        join: format!("{}/join", super::socket_href(sid.as_str())),
    })
}

fn sentence(detail: &RoomDetail) -> Sentence {
    let inside = detail.members.len();
    let inside_words = counted(inside, "socket is in it", "sockets are in it");
    let strangers = detail.members.iter().filter(|member| member.stranger).count();
    if strangers > 0 && detail.missing.is_empty() {
        return Sentence::new(
            Status::Failed,
            format!(
                "{} in this room without being a participant’s.",
                counted(strangers, "socket is", "sockets are")
            ),
        )
        .and(format!(
            "{inside_words}. Messages are handed to participants only; the room is wrong all the same."
        ));
    }
    match (detail.room.kind, detail.missing.len()) {
        (RoomKind::Conversation, 0) if inside == 0 => Sentence::new(
            Status::Offline,
            "Nobody is in this room, and nobody who should be is online.",
        ),
        (RoomKind::Conversation, 0) => Sentence::new(
            Status::Healthy,
            "Everybody who is online and should be in this room is in it.",
        )
        .and(format!("{inside_words}.")),
        (_, 0) if inside == 0 => Sentence::new(Status::Offline, "Nobody is in this room."),
        (RoomKind::Other, 0) if detail.room.namespace == "/" => Sentence::new(
            Status::Late,
            "This room belongs to no conversation: no message goes there.",
        )
        .and(format!("{inside_words}.")),
        (_, 0) => Sentence::new(Status::Healthy, format!("{inside_words}.")),
        (_, missing) => Sentence::new(
            Status::Failed,
            format!(
                "{} online and not in this room.",
                counted(missing, "participant is", "participants are")
            ),
        )
        .and(format!(
            "{inside_words}. The next message joins them and reaches them; you can do it now."
        )),
    }
}

async fn gather(
    inspect: &dyn Inspect,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<RoomDetail, Refusal> {
    let Ok(Path((namespace, room))) = path else {
        return Err(Refusal::BadRequest(
            "a room's address is rooms/{namespace}/{room}, both percent-encoded UTF-8".to_owned(),
        ));
    };
    find(inspect, &namespace, &room).await
}

/// The room, or that it is nothing, and what may have been meant.
pub(crate) async fn find(inspect: &dyn Inspect, namespace: &str, room: &str) -> Result<RoomDetail, Refusal> {
    match inspect.room(namespace, room).await? {
        Some(detail) => Ok(detail),
        None => Err(nothing(inspect, namespace, room.to_owned())),
    }
}

/// What the name may have meant: similar ones in its namespace, or the same one in another.
pub(crate) fn nothing(inspect: &dyn Inspect, namespace: &str, room: String) -> Refusal {
    let all = inspect.rooms(None);
    let here = all
        .iter()
        .filter(|other| other.namespace == namespace)
        .map(|other| other.name.as_str());
    let similar = similar(&room, here);
    let elsewhere: Vec<&str> = all
        .iter()
        .filter(|other| other.name == room && other.namespace != namespace)
        .map(|other| other.namespace.as_ref())
        .collect();
    let mut hint = format!("No socket of namespace {namespace} is in it, and it is no conversation's.");
    if !elsewhere.is_empty() {
        hint = format!("{hint} A room of this name is in namespace {}.", elsewhere.join(", "));
    }
    if !similar.is_empty() {
        hint = format!("{hint} Similar: {}.", similar.join(", "));
    }
    Refusal::NotFound {
        what: "room",
        name: room,
        hint,
        similar,
    }
}

/// `GET /admin/rooms/{namespace}/{room}`
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    scene: Scene,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Refusal> {
    html(&compose(&scene, gather(deps.inspect.as_ref(), path).await?)?)
}

/// `GET /admin/api/rooms/{namespace}/{room}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<RoomDetail>, Refusal> {
    Ok(Json(gather(deps.inspect.as_ref(), path).await?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> RoomPage {
    compose(
        &Scene::sample("/admin/rooms/%2F/conversation:42?sort=joined_at&page_size=2", role),
        tests::detail(),
    )
    .unwrap()
}

#[cfg(test)]
pub(crate) mod tests;
