//! A conversation: who is in it and how far, who may not be in it, its live room, and its newest messages.

mod bans;

use std::collections::HashMap;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use chat_core::ids::conversation_room;
use chat_core::ports::operators::{MessageFilter, Slice};
use chat_core::{ConversationId, ConversationKind, Message, UserId};
use rollcall_protocol::event::ConversationView;
use serde::Serialize;

use self::bans::{BanRow, BanState};
use super::user::rows::Named;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Part, Table, holds};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted, excerpt, visible};
use crate::chat::inspection::ParticipantState;
use crate::hub::view::{RoomDetail, SocketView};

/// The newest messages that are shown.
const RECENT_SHOWN: u32 = 20;
/// Characters of a message that a table has room for.
pub(super) const CONTENT_CHARS: usize = 90;

/// The JSON.
#[derive(Debug, Serialize)]
pub(crate) struct ConversationDetail {
    conversation: ConversationView,
    participants: Vec<ParticipantState>,
    bans: Vec<BanState>,
    room: RoomDetail,
    sockets: Vec<SocketView>,
    recent: Vec<Message>,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "conversation.html")]
pub(crate) struct ConversationPage {
    chrome: Chrome,
    sentence: Sentence,
    id: Id,
    name: String,
    kind: &'static str,
    room: Id,
    room_href: String,
    repair_href: String,
    missing: Option<String>,
    messages: String,
    messages_href: String,
    group: bool,
    participants: Part<ParticipantRow>,
    bans: Part<BanRow>,
    recent: Vec<MessageRow>,
}

#[derive(Debug)]
struct ParticipantRow {
    key: String,
    username: String,
    href: String,
    role: &'static str,
    muted: bool,
    state: (Status, String),
    received: String,
    read: String,
    joined: Stamp,
    explain: String,
}

/// A message as a table shows it.
#[derive(Debug)]
pub(crate) struct MessageRow {
    pub(crate) id: Id,
    pub(crate) href: String,
    pub(crate) seq: String,
    pub(crate) sender: String,
    pub(crate) sender_href: String,
    pub(crate) content: String,
    pub(crate) at: Stamp,
    /// Why there is nothing to read.
    pub(crate) deleted: bool,
    pub(crate) edited: bool,
}

/// A message's row.
pub(crate) fn message_row(scene: &Scene, message: &Message) -> MessageRow {
    MessageRow {
        id: Id::new(&message.id),
        href: super::message_href(&message.id),
        seq: count(message.seq.0),
        sender: visible(&message.sender_name).into_owned(),
        sender_href: super::user_href(&message.sender_id),
        content: excerpt(&message.content, CONTENT_CHARS),
        at: scene.stamp(message.created_at),
        deleted: message.deleted_at.is_some(),
        edited: message.edited_at.is_some(),
    }
}

async fn gather(deps: &AdminDeps, text: &str) -> Result<ConversationDetail, Refusal> {
    let nothing = || {
        Refusal::not_found(
            "conversation",
            text,
            "No conversation has this id. All of them are listed under Conversations.",
        )
    };
    let id = ConversationId::parse(text).map_err(|_| nothing())?;
    let (conversation, mut participants) = deps.chat.conversation_for_operators(&id).await?.ok_or_else(nothing)?;
    let room = deps
        .inspect
        .room("/", &conversation_room(&id))
        .await?
        .ok_or_else(nothing)?;
    let mut sockets = Vec::new();
    for participant in &mut participants {
        let own = deps.inspect.sockets_of(&participant.user_id);
        participant.online = !own.is_empty();
        sockets.extend(own);
    }
    let bans = bans::gather(deps, &id).await?;
    let filter = MessageFilter {
        conversation_id: Some(id),
        ..MessageFilter::default()
    };
    let newest = Slice {
        skip: 0,
        limit: RECENT_SHOWN,
    };
    Ok(ConversationDetail {
        recent: deps.reads.find_messages(&filter, newest).await?.items,
        conversation,
        participants,
        bans,
        room,
        sockets,
    })
}

fn compose(scene: &Scene, detail: &ConversationDetail) -> Result<ConversationPage, Refusal> {
    let conversation = &detail.conversation;
    let names: Vec<String> = detail.participants.iter().take(3).map(|p| p.username.clone()).collect();
    let name = Named::new(&conversation.id, conversation.title.as_deref(), &names).name;
    let room_href = super::room_href("/", &conversation.room);
    let missing: usize = detail.room.missing.iter().map(|missing| missing.sids.len()).sum();
    let of_user = sockets_by_user(detail);
    Ok(ConversationPage {
        chrome: scene.chrome(Some(Tab::Conversations), format!("Conversation {name}")),
        sentence: sentence(detail),
        id: Id::new(&conversation.id),
        name,
        kind: conversation.kind.as_str(),
        room: Id::new(&conversation.room),
        repair_href: format!("{room_href}/repair"),
        room_href,
        missing: (missing > 0).then(|| counted(missing, "socket is", "sockets are")),
        messages: count(conversation.last_seq.0),
        messages_href: format!("/admin/messages?conversation={}", conversation.id),
        participants: participants(&scene.asked, detail)
            .cut()?
            .map(|participant| participant_row(scene, detail, participant, &of_user)),
        group: conversation.kind == ConversationKind::Group,
        bans: bans::table(&scene.asked, &detail.bans)
            .cut()?
            .map(|ban| bans::row(scene, conversation, ban)),
        recent: detail
            .recent
            .iter()
            .map(|message| message_row(scene, message))
            .collect(),
    })
}

fn participants<'a>(asked: &Asked, detail: &'a ConversationDetail) -> Table<&'a ParticipantState> {
    Table::new(asked, "participants", detail.participants.iter().collect())
        .sorted("username", "User", |a, b| a.username.cmp(&b.username))
        .sorted("role", "Role", |a, b| a.role.as_str().cmp(b.role.as_str()).reverse())
        .figures("online", "Now", |a, b| a.online.cmp(&b.online))
        .figures("received", "Received", |a, b| a.received_seq.cmp(&b.received_seq))
        .figures("read", "Read", |a, b| a.read_seq.cmp(&b.read_seq))
        .figures("joined_at", "In it since", |a, b| a.joined_at.cmp(&b.joined_at))
        .unseen("Question")
        .found(|who, text| {
            let state = if who.online { "online" } else { "offline" };
            let muted = if who.muted { "muted" } else { "" };
            let name = (&*who.username, &*who.display_name, who.user_id.as_str());
            holds(text, &[name.0, name.1, name.2, state, who.role.as_str(), muted])
        })
}

/// A user's sockets, and those of them that the live room holds.
fn sockets_by_user(detail: &ConversationDetail) -> HashMap<&UserId, (usize, usize)> {
    let mut of_user: HashMap<&UserId, (usize, usize)> = HashMap::new();
    for socket in &detail.sockets {
        of_user.entry(&socket.user_id).or_default().0 += 1;
    }
    for member in &detail.room.members {
        of_user.entry(&member.user_id).or_default().1 += 1;
    }
    of_user
}

fn participant_row(
    scene: &Scene,
    detail: &ConversationDetail,
    participant: &ParticipantState,
    of_user: &HashMap<&UserId, (usize, usize)>,
) -> ParticipantRow {
    let missing = detail
        .room
        .missing
        .iter()
        .any(|missing| missing.user_id == participant.user_id);
    let (all, inside) = of_user.get(&participant.user_id).copied().unwrap_or_default();
    let state = match (all, inside) {
        (0, _) => (Status::Offline, "offline".to_owned()),
        _ if missing => (
            Status::Failed,
            format!("{} of {} sockets in the room", count(inside), count(all)),
        ),
        (all, inside) if inside >= all => (
            Status::Healthy,
            format!("in the room, {}", counted(all, "socket", "sockets")),
        ),
        (all, inside) => (
            Status::Late,
            format!(
                "left the room by itself: {} of {} sockets in it",
                count(inside),
                count(all)
            ),
        ),
    };
    let conversation = &detail.conversation;
    ParticipantRow {
        key: participant.user_id.to_string(),
        username: visible(&participant.username).into_owned(),
        href: super::user_href(&participant.user_id),
        role: participant.role.as_str(),
        muted: participant.muted,
        state,
        received: format!(
            "{} of {}",
            count(participant.received_seq.0),
            count(conversation.last_seq.0)
        ),
        read: count(participant.read_seq.0),
        joined: scene.stamp(participant.joined_at),
        explain: super::explain_now_href(&conversation.id, &participant.user_id),
    }
}

fn sentence(detail: &ConversationDetail) -> Sentence {
    let all = counted(detail.participants.len(), "participant", "participants");
    let online = detail
        .participants
        .iter()
        .filter(|participant| participant.online)
        .count();
    let messages = format!(
        "{}.",
        counted(
            usize::try_from(detail.conversation.last_seq.0).unwrap_or(usize::MAX),
            "message",
            "messages"
        )
    );
    match detail.room.missing.len() {
        0 if online == 0 => Sentence::new(Status::Offline, format!("Nobody of {all} is online.")).and(messages),
        0 => Sentence::new(
            Status::Healthy,
            format!("{} of {all} online, and in the room.", count(online)),
        )
        .and(messages),
        missing => Sentence::new(
            Status::Failed,
            format!(
                "{} online and not in the room.",
                counted(missing, "participant is", "participants are")
            ),
        )
        .and(format!("{} of {all} online. {messages}", count(online))),
    }
}

/// `GET /admin/conversations/{id}`
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    scene: Scene,
    path: Result<axum::extract::Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    html(&compose(&scene, &gather(&deps, &super::last_segment(path)?).await?)?)
}

/// `GET /admin/api/conversations/{id}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Result<axum::extract::Path<String>, PathRejection>,
) -> Result<Json<ConversationDetail>, Refusal> {
    Ok(Json(gather(&deps, &super::last_segment(path)?).await?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> ConversationPage {
    compose(&Scene::sample("/admin/conversations/42", role), &tests::detail()).unwrap()
}

#[cfg(test)]
pub(crate) mod tests;
