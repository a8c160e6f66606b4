//! The field in the head of every page: a SID, a room, a user, a message, a conversation or an address, whichever it is.

use axum::extract::State;
use axum::response::Redirect;
use chat_core::ports::operators::{ConversationFilter, ConversationOrder, Slice};
use chat_core::{ConversationId, MessageId};

use super::user;
use crate::admin::AdminDeps;
use crate::admin::asked::Asked;
use crate::admin::refusal::Refusal;
use crate::admin::viewer::Viewer;
use crate::hub::glance::Glance;

/// `GET /admin/search?q=`: leads to what is exactly this, else to the list that has a match.
pub(crate) async fn page(State(deps): State<AdminDeps>, _viewer: Viewer, asked: Asked) -> Result<Redirect, Refusal> {
    let Some(text) = asked.text("q")? else {
        return Ok(Redirect::to("/admin"));
    };
    let found = match exactly(&deps, &text).await? {
        Some(page) => page,
        None => list(&deps, &text).await?,
    };
    Ok(Redirect::to(&found))
}

/// The page of what has exactly this id or name.
async fn exactly(deps: &AdminDeps, text: &str) -> Result<Option<String>, Refusal> {
    if deps.inspect.socket(text).is_some() {
        return Ok(Some(super::socket_href(text)));
    }
    if deps.inspect.room("/", text).await?.is_some() {
        return Ok(Some(super::room_href("/", text)));
    }
    if let Ok(id) = MessageId::parse(text)
        && deps.chat.message_for_operators(&id).await?.is_some()
    {
        return Ok(Some(super::message_href(&id)));
    }
    match user::find(deps, text).await {
        Ok(user) => return Ok(Some(super::user_href(&user.id))),
        Err(Refusal::NotFound { .. }) => {}
        Err(refusal) => return Err(refusal),
    }
    if let Ok(id) = ConversationId::parse(text) {
        if deps.chat.conversation_for_operators(&id).await?.is_some() {
            return Ok(Some(super::conversation_href(&id)));
        }
        let room = chat_core::ids::conversation_room(&id);
        if deps.inspect.room("/", &room).await?.is_some() {
            return Ok(Some(super::room_href("/", &room)));
        }
    }
    Ok(None)
}

/// The list that has a match: people first, then sockets (by address too), conversations, rooms.
async fn list(deps: &AdminDeps, text: &str) -> Result<String, Refusal> {
    let to = |list: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", text)
            .finish();
        Ok(format!("/admin/{list}?{query}"))
    };
    let wanted = text.to_lowercase();
    let has = |field: &str| field.to_lowercase().contains(&wanted);
    if !deps.accounts.search_users(text, 1).await?.items.is_empty() {
        return to("users");
    }
    let of_socket = |socket: &Glance| has(socket.seen.sid().as_str()) || has(socket.seen.address());
    if deps.inspect.sockets().iter().any(of_socket) {
        return to("sockets");
    }
    let filter = ConversationFilter {
        text: Some(text.to_owned()),
        kind: None,
        order: ConversationOrder::CreatedAt,
        falling: true,
    };
    let first = Slice { skip: 0, limit: 1 };
    if deps.reads.list_conversations(&filter, first).await?.total > 0 {
        return to("conversations");
    }
    if deps.inspect.rooms(None).iter().any(|room| has(&room.name)) {
        return to("rooms");
    }
    to("messages")
}
