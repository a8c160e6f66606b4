//! A user: where they are connected, what they missed and why, and what happened to their connections.

mod lost;
pub(crate) mod rows;

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use chat_core::conversation::ConversationOfUser;
use chat_core::delivery::{ConnectionEvent, DeliveryException, ExceptionKind};
use chat_core::ids::conversation_room;
use chat_core::{ConversationId, ConversationKind, Seq, Timestamp, User, UserId};
use serde::Serialize;

use self::lost::{Lost, history_rows, lost};
use self::rows::{
    HistoryRow, LateRow, MissedRow, Named, PlaceRow, RejectedRow, SocketRow, late_row, missed_row, place_row,
    rejected_row, socket_row,
};
use super::users::UserRow;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Part, Table, holds};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted, visible};
use crate::chat::inspection::Missed;
use crate::gateway::rejected::Rejected;
use crate::hub::view::SocketView;

/// Entries of a history that the page and the JSON hold: more than a screen, and a day of an unsteady phone.
const HISTORY_SHOWN: u32 = 100;
/// Refused attempts that are shown; the ring holds no more of a thousand.
const REJECTED_SHOWN: usize = 50;
/// What did not go by the book lately.
const LATE_SHOWN: u32 = 50;

/// The JSON.
#[derive(Debug, Serialize)]
pub(crate) struct UserDetail {
    user: UserRow,
    sockets: Vec<SocketView>,
    conversations: Vec<Place>,
    history: Vec<ConnectionEvent>,
    /// Connections of the history that ended with the process which held them.
    #[serde(skip)]
    lost: Vec<Lost>,
    rejected: Vec<Arc<Rejected>>,
    missed: Vec<Missed>,
    late: Vec<Late>,
}

/// A conversation of the user.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Place {
    id: ConversationId,
    kind: ConversationKind,
    title: Option<String>,
    room: String,
    participants: usize,
    last_seq: Seq,
    received_seq: Seq,
    read_seq: Seq,
    unread: u64,
    /// The user's sockets that the live room holds.
    sockets_in_room: usize,
    /// The usernames of the others, for a conversation without a title.
    with: Vec<String>,
}

/// Something that did not go by the book with one message, or a run of messages, at one of the user's sockets.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Late {
    at: Timestamp,
    kind: ExceptionKind,
    conversation_id: ConversationId,
    first_seq: Seq,
    last_seq: Seq,
    sid: chat_core::Sid,
    detail: String,
}

impl From<DeliveryException> for Late {
    fn from(exception: DeliveryException) -> Self {
        Self {
            at: exception.at,
            kind: exception.kind,
            conversation_id: exception.conversation_id,
            first_seq: exception.first_seq,
            last_seq: exception.last_seq,
            sid: exception.sid,
            detail: exception.detail,
        }
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "user.html")]
pub(crate) struct UserPage {
    chrome: Chrome,
    sentence: Sentence,
    disconnect_href: String,
    enable_href: String,
    disable_href: String,
    id: Id,
    username: String,
    display_name: String,
    role: &'static str,
    state: (Status, String),
    disabled: bool,
    own: bool,
    last_seen: Option<Stamp>,
    created: Stamp,
    missed: Vec<MissedRow>,
    /// Some of it is somebody's fault.
    lost: bool,
    sockets: Part<SocketRow>,
    conversations: Part<PlaceRow>,
    late: Vec<LateRow>,
    history: Vec<HistoryRow>,
    rejected: Vec<RejectedRow>,
}

/// The account of this id, or else of this username.
pub(crate) async fn find(deps: &AdminDeps, text: &str) -> Result<User, Refusal> {
    if let Ok(id) = UserId::parse(text)
        && let Some(user) = deps.accounts.user(&id).await?
    {
        return Ok(user);
    }
    let named = deps.accounts.credentials(&text.to_lowercase()).await?;
    named.map(|named| named.user).ok_or_else(|| {
        Refusal::not_found(
            "user",
            text,
            "Neither an id nor a username is like this. All accounts are listed under Users.",
        )
    })
}

async fn gather(deps: &AdminDeps, text: &str) -> Result<UserDetail, Refusal> {
    let user = find(deps, text).await?;
    let seen = deps.chat.conversations_seen_by(&user.id).await?;
    let sockets = deps.inspect.sockets_of(&user.id);
    let now = deps.clock.now();
    let history = deps
        .deliveries
        .connections(&user.id, Timestamp::from_millis(0), now, HISTORY_SHOWN)
        .await?;
    let late = deps.reads.exceptions_of(&user.id, LATE_SHOWN).await?;
    let lost = lost(
        &history,
        &deps.deliveries.node_losses(Timestamp::from_millis(0)).await?,
        &deps.inspect.nodes(),
    );
    Ok(UserDetail {
        missed: deps.chat.missed_by(&user, &seen).await?,
        conversations: seen.iter().map(|seen| place(&user, seen, &sockets)).collect(),
        history,
        lost,
        rejected: deps.rejected.of_user(&user.id, REJECTED_SHOWN),
        late: late.into_iter().map(Late::from).collect(),
        user: UserRow::new(user, sockets.len()),
        sockets,
    })
}

fn place(user: &User, seen: &ConversationOfUser, sockets: &[SocketView]) -> Place {
    let conversation = &seen.conversation;
    let room = conversation_room(&conversation.id);
    let others = conversation
        .participants
        .iter()
        .filter(|other| other.user_id != user.id);
    Place {
        id: conversation.id.clone(),
        kind: conversation.kind,
        title: conversation.title.clone(),
        participants: conversation.participants.len(),
        last_seq: conversation.last_seq,
        received_seq: seen.received_seq,
        read_seq: seen.read_seq,
        unread: seen.unread,
        sockets_in_room: sockets.iter().filter(|socket| socket.rooms.contains(&room)).count(),
        with: others.take(3).map(|other| other.username.clone()).collect(),
        room,
    }
}

fn compose(scene: &Scene, detail: &UserDetail) -> Result<UserPage, Refusal> {
    let user = &detail.user;
    let titled = |id: &ConversationId| {
        let place = detail.conversations.iter().find(|place| place.id == *id);
        place.map_or_else(
            || Named::new(id, None, &[]),
            |place| Named::new(id, place.title.as_deref(), &place.with),
        )
    };
    let here = super::user_href(&user.id);
    Ok(UserPage {
        chrome: scene.chrome(Some(Tab::Users), format!("User {}", visible(&user.username))),
        sentence: sentence(scene, detail),
        disconnect_href: format!("{here}/disconnect"),
        enable_href: format!("{here}/enable"),
        disable_href: format!("{here}/disable"),
        id: Id::new(&user.id),
        username: visible(&user.username).into_owned(),
        display_name: visible(&user.display_name).into_owned(),
        role: user.role.as_str(),
        state: user.state(),
        disabled: user.disabled_at.is_some(),
        own: user.id == scene.viewer.account.user_id,
        last_seen: user.last_seen.map(|at| scene.stamp(at)),
        created: scene.stamp(user.created_at),
        lost: detail
            .missed
            .iter()
            .any(|missed| Status::from(missed.status) == Status::Failed),
        missed: detail
            .missed
            .iter()
            .map(|missed| missed_row(scene, user, missed, &titled))
            .collect(),
        sockets: sockets(&scene.asked, detail)
            .cut()?
            .map(|socket| socket_row(scene, socket)),
        conversations: conversations(&scene.asked, detail)
            .cut()?
            .map(|place| place_row(user, place)),
        late: detail.late.iter().map(|late| late_row(scene, late, &titled)).collect(),
        history: history_rows(scene, detail, &titled),
        rejected: detail
            .rejected
            .iter()
            .map(|rejected| rejected_row(scene, rejected))
            .collect(),
    })
}

fn sockets<'a>(asked: &Asked, detail: &'a UserDetail) -> Table<&'a SocketView> {
    Table::new(asked, "sockets", detail.sockets.iter().collect())
        .sorted("sid", "SID", |a, b| a.sid.cmp(&b.sid))
        .plain("State")
        .sorted("transport", "Transport", |a, b| a.transport.cmp(b.transport))
        .sorted("client", "Client", |a, b| {
            (&a.client, &a.user_agent).cmp(&(&b.client, &b.user_agent))
        })
        .sorted("address", "Address", |a, b| a.address.cmp(&b.address))
        .sorted("node_id", "Node", |a, b| a.node_id.cmp(&b.node_id))
        .figures("connected_at", "Since", |a, b| a.connected_at.cmp(&b.connected_at))
        .found(|socket, text| {
            let client = socket.client.as_deref().or(socket.user_agent.as_deref());
            let fields = [
                socket.sid.as_str(),
                socket.transport,
                client.unwrap_or_default(),
                &socket.address,
            ];
            holds(text, &fields)
        })
}

fn conversations<'a>(asked: &Asked, detail: &'a UserDetail) -> Table<&'a Place> {
    Table::new(asked, "conversations", detail.conversations.iter().collect())
        .sorted("title", "Conversation", |a, b| {
            (&a.title, &a.with).cmp(&(&b.title, &b.with))
        })
        .sorted("kind", "Kind", |a, b| a.kind.as_str().cmp(b.kind.as_str()))
        .figures("sockets", "In the room now", |a, b| {
            a.sockets_in_room.cmp(&b.sockets_in_room)
        })
        .figures("behind", "Received", |a, b| {
            let behind = |place: &Place| place.last_seq.0.saturating_sub(place.received_seq.0);
            behind(a).cmp(&behind(b))
        })
        .unseen("Question")
        .found(|place, text| {
            let title = place.title.as_deref().unwrap_or_default();
            holds(text, &[title, place.id.as_str(), place.kind.as_str()])
                || place.with.iter().any(|name| holds(text, &[name]))
        })
}

fn sentence(scene: &Scene, detail: &UserDetail) -> Sentence {
    let user = &detail.user;
    let name = visible(&user.username);
    let sum = |failed: bool| {
        let of_kind = detail
            .missed
            .iter()
            .filter(|missed| (Status::from(missed.status) == Status::Failed) == failed);
        of_kind.map(|missed| missed.messages).sum::<u64>()
    };
    let (lost, waiting) = (sum(true), sum(false));
    let missed = match lost + waiting {
        0 => "Nothing is missing.".to_owned(),
        1 => "1 message has not arrived.".to_owned(),
        all => format!("{} messages have not arrived.", count(all)),
    };
    if user.disabled_at.is_some() {
        return Sentence::new(
            Status::Failed,
            format!("{name} is disabled: no sign-in, no connection."),
        )
        .and(missed);
    }
    if user.sockets == 0 {
        let since = user.last_seen.map_or_else(
            || format!("{name} was never connected."),
            |at| format!("{name} is offline for {}.", scene.stamp(at).ago),
        );
        let rest = match detail.rejected.len() {
            0 if lost + waiting > 0 => format!("{missed} They come on return."),
            0 => missed,
            refused => format!(
                "{} refused lately. {missed}",
                counted(refused, "attempt was", "attempts were")
            ),
        };
        return Sentence::new(Status::Offline, since).and(rest);
    }
    let online = format!("{name} is online on {}", counted(user.sockets, "socket", "sockets"));
    match (lost, waiting) {
        (0, 0) => Sentence::new(Status::Healthy, format!("{online}.")).and(missed),
        (0, _) => Sentence::new(Status::Late, format!("{online}.")).and(format!(
            "{missed} The first of them came while nobody was there, and the client has not confirmed since."
        )),
        _ => Sentence::new(Status::Failed, format!("{online} and is not getting everything.")).and(missed),
    }
}

/// `GET /admin/users/{id}`
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    scene: Scene,
    path: Result<axum::extract::Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    html(&compose(&scene, &gather(&deps, &super::last_segment(path)?).await?)?)
}

/// `GET /admin/api/users/{id}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Result<axum::extract::Path<String>, PathRejection>,
) -> Result<Json<UserDetail>, Refusal> {
    Ok(Json(gather(&deps, &super::last_segment(path)?).await?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> UserPage {
    compose(
        &Scene::sample("/admin/users/alice?conversations-q=a&sockets-sort=sid", role),
        &tests::detail(),
    )
    .unwrap()
}

#[cfg(test)]
mod tests;
