//! The field in the head of every page: a SID, a room or a user, whichever it is.

use axum::extract::State;
use axum::response::Redirect;

use crate::admin::AdminDeps;
use crate::admin::asked::Asked;
use crate::admin::refusal::Refusal;
use crate::admin::viewer::Viewer;

/// `GET /admin/search?q=`: leads to the socket or the room of exactly this name, else to the list that has a match.
pub(crate) async fn page(State(deps): State<AdminDeps>, _viewer: Viewer, asked: Asked) -> Result<Redirect, Refusal> {
    let Some(text) = asked.get("q") else {
        return Ok(Redirect::to("/admin"));
    };
    if deps.inspect.socket(text).is_some() {
        return Ok(Redirect::to(&super::socket_href(text)));
    }
    for room in [
        text.to_owned(),
        format!("{}{text}", chat_core::ids::CONVERSATION_ROOM_PREFIX),
    ] {
        if deps.inspect.room("/", &room).await?.is_some() {
            return Ok(Redirect::to(&super::room_href("/", &room)));
        }
    }
    let wanted = asked.filter("q")?.unwrap_or_default();
    let rooms = deps.inspect.rooms(None);
    let in_rooms = text.contains(':')
        || rooms
            .iter()
            .any(|room| room.name.to_lowercase().contains(&wanted) && is_listed(room));
    let by_user = deps
        .inspect
        .sockets()
        .iter()
        .any(|socket| socket.username.to_lowercase().contains(&wanted));
    if in_rooms && !by_user {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", text)
            .finish();
        return Ok(Redirect::to(&format!("/admin/rooms?{query}")));
    }
    Ok(Redirect::to(&super::sockets_href(text)))
}

fn is_listed(room: &crate::hub::view::RoomView) -> bool {
    use crate::hub::view::RoomKind;
    matches!(room.kind, RoomKind::Conversation | RoomKind::Other)
}
