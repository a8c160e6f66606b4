//! What an admin can do to a socket: disconnect it, join it to a room, take it out of one.

use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use serde_json::Value;

use super::{Address, Body, Order, address, done, no_action};
use crate::admin::AdminDeps;
use crate::admin::audit::note;
use crate::admin::pages::{room_href, socket, socket_href};
use crate::admin::refusal::Refusal;
use crate::hub::view::SocketView;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Disconnect,
    Join,
    Leave,
}

impl Action {
    fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "disconnect" => Ok(Action::Disconnect),
            "join" => Ok(Action::Join),
            "leave" => Ok(Action::Leave),
            other => Err(no_action(other, "There are disconnect, join and leave.")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Action::Disconnect => "disconnect",
            Action::Join => "join",
            Action::Leave => "leave",
        }
    }

    /// What is written down of it, and what is said when it does not work.
    fn words(self, socket: &SocketView, body: &Body) -> Result<(String, &'static str), Refusal> {
        let who = format!("{} in namespace {}", socket.username, socket.namespace);
        Ok(match self {
            Action::Disconnect => (who, "the socket was gone before it could be disconnected"),
            Action::Join => (
                format!("{who}: into room {}", body.room()?),
                "the live room does not show the socket after the join",
            ),
            Action::Leave => {
                let room = body.room()?;
                if !socket.rooms.iter().any(|name| name == room) {
                    return Err(Refusal::Conflict("the socket is not in this room".to_owned()));
                }
                (
                    format!("{who}: out of room {room}"),
                    "the socket was not in the room any more",
                )
            }
        })
    }
}

async fn carry_out(
    deps: &AdminDeps,
    order: &Order,
    address: &(String, String),
) -> Result<(Action, SocketView), Refusal> {
    let (sid, action) = (address.0.as_str(), Action::parse(&address.1)?);
    let socket = socket::find(deps, sid)?;
    if order
        .body
        .namespace
        .as_ref()
        .is_some_and(|given| *given != socket.namespace)
    {
        return Err(Refusal::BadRequest(format!(
            "the socket is in namespace {}, not in `namespace`",
            socket.namespace
        )));
    }
    let (detail, failed) = action.words(&socket, &order.body)?;
    note(deps, &order.viewer, action.name(), sid, detail).await?;
    let done = match action {
        Action::Disconnect => deps.inspect.disconnect(sid).await,
        Action::Join => deps.inspect.join(sid, order.body.room()?).await,
        Action::Leave => deps.inspect.leave(sid, order.body.room()?).await,
    };
    if done {
        return Ok((action, socket));
    }
    note(deps, &order.viewer, action.name(), sid, format!("failed: {failed}")).await?;
    Err(Refusal::Conflict(failed.to_owned()))
}

/// `POST /admin/api/sockets/{sid}/{disconnect|join|leave}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Address<(String, String)>,
    order: Order,
) -> Result<Json<Value>, Refusal> {
    carry_out(&deps, &order, &address(path)?).await?;
    Ok(done())
}

/// `POST /admin/sockets/{sid}/{disconnect|join|leave}`: the same from a form, leading to a page.
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    path: Address<(String, String)>,
    order: Order,
) -> Result<Redirect, Refusal> {
    let (action, socket) = carry_out(&deps, &order, &address(path)?).await?;
    let back = match (&order.body.back, &order.body.room) {
        (Some(back), Some(room)) if back == "room" => room_href(&socket.namespace, room),
        _ => socket_href(socket.sid.as_str()),
    };
    Ok(Redirect::to(&match action {
        Action::Disconnect => "/admin/sockets?done=disconnected".to_owned(),
        Action::Join => format!("{back}?done=joined"),
        Action::Leave => format!("{back}?done=left"),
    }))
}
