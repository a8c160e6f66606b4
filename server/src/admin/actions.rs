//! What an admin can do to a socket: disconnect it, join it to a room, take it out of one. All of it is written down.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Redirect;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminDeps;
use super::audit::{AuditEntry, AuditLog};
use super::pages::{room_href, socket, socket_href};
use super::refusal::Refusal;
use super::viewer::Viewer;
use crate::hub::view::SocketView;

/// A room's name at most, in bytes: four times the longest that the server itself makes.
const ROOM_BYTES_MAX: usize = 256;

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
            other => Err(Refusal::not_found(
                "action",
                other,
                "There are disconnect, join and leave.",
            )),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Action::Disconnect => "disconnect",
            Action::Join => "join",
            Action::Leave => "leave",
        }
    }
}

/// The body, as JSON or as a form.
#[derive(Debug, Default, Deserialize)]
struct Body {
    room: Option<String>,
    namespace: Option<String>,
    csrf_token: Option<String>,
    /// Where a form leads back to.
    back: Option<String>,
}

impl Body {
    fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Refusal> {
        let sent = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if sent.starts_with("application/x-www-form-urlencoded") {
            let mut body = Body::default();
            for (name, value) in url::form_urlencoded::parse(bytes) {
                match name.as_ref() {
                    "room" => body.room = Some(value.into_owned()),
                    "namespace" => body.namespace = Some(value.into_owned()),
                    "csrf_token" => body.csrf_token = Some(value.into_owned()),
                    "back" => body.back = Some(value.into_owned()),
                    _ => {}
                }
            }
            return Ok(body);
        }
        if bytes.is_empty() {
            return Ok(Body::default());
        }
        serde_json::from_slice(bytes).map_err(|error| {
            Refusal::BadRequest(format!(
                "the body is a JSON object such as {{\"room\": \"conversation:42\"}}; this one is not: {error}"
            ))
        })
    }

    fn room(&self) -> Result<&str, Refusal> {
        match self.room.as_deref() {
            None | Some("") => Err(Refusal::BadRequest(
                "`room` is missing; expected is a room's name".to_owned(),
            )),
            Some(room) if room.len() > ROOM_BYTES_MAX => Err(Refusal::BadRequest(format!(
                "`room` is {} bytes long; at most {ROOM_BYTES_MAX} are accepted",
                room.len()
            ))),
            Some(room) => Ok(room),
        }
    }
}

/// Who asks for what, checked.
struct Order<'a> {
    deps: &'a AdminDeps,
    viewer: Viewer,
    action: Action,
    socket: SocketView,
    body: Body,
}

impl<'a> Order<'a> {
    fn check(
        deps: &'a AdminDeps,
        viewer: Viewer,
        headers: &HeaderMap,
        path: Result<Path<(String, String)>, PathRejection>,
        bytes: &Bytes,
    ) -> Result<Self, Refusal> {
        let Ok(Path((sid, action))) = path else {
            return Err(Refusal::BadRequest(
                "a SID in an address is percent-encoded UTF-8".to_owned(),
            ));
        };
        let body = Body::read(headers, bytes)?;
        viewer.check_csrf(headers, body.csrf_token.as_deref())?;
        viewer.check_role()?;
        let action = Action::parse(&action)?;
        let socket = socket::find(deps, &sid)?;
        match body.namespace.as_deref() {
            Some(namespace) if namespace != socket.namespace => {
                return Err(Refusal::BadRequest(format!(
                    "the socket is in namespace {}, not in `namespace`",
                    socket.namespace
                )));
            }
            _ => {}
        }
        Ok(Self {
            deps,
            viewer,
            action,
            socket,
            body,
        })
    }

    async fn carry_out(&self) -> Result<(), Refusal> {
        let (sid, inspect) = (self.socket.sid.as_str(), &self.deps.inspect);
        let who = format!("{} in namespace {}", self.socket.username, self.socket.namespace);
        let (detail, failed) = match self.action {
            Action::Disconnect => (who, "the socket was gone before it could be disconnected".to_owned()),
            Action::Join => {
                let room = self.body.room()?;
                (
                    format!("{who}: into room {room}"),
                    "the live room does not show the socket after the join".to_owned(),
                )
            }
            Action::Leave => {
                let room = self.body.room()?;
                if !self.socket.rooms.iter().any(|name| name == room) {
                    return Err(Refusal::Conflict("the socket is not in this room".to_owned()));
                }
                (
                    format!("{who}: out of room {room}"),
                    "the socket was not in the room any more".to_owned(),
                )
            }
        };
        self.note(detail).await?;
        let done = match self.action {
            Action::Disconnect => inspect.disconnect(sid).await,
            Action::Join => inspect.join(sid, self.body.room()?).await,
            Action::Leave => inspect.leave(sid, self.body.room()?).await,
        };
        if done {
            return Ok(());
        }
        self.note(format!("failed: {failed}")).await?;
        Err(Refusal::Conflict(failed))
    }

    async fn note(&self, detail: String) -> Result<(), Refusal> {
        let entry = AuditEntry {
            at: self.deps.clock.now(),
            actor: self.viewer.account.username.clone(),
            action: self.action.name(),
            target: self.socket.sid.to_string(),
            detail,
        };
        tracing::info!(actor = %entry.actor, action = entry.action, target = %entry.target, "admin.change");
        Ok(AuditLog::note(self.deps.audit.as_ref(), entry).await?)
    }

    /// The page that a form leads to.
    fn next_page(&self) -> String {
        let (page, done) = match self.action {
            Action::Disconnect => ("/admin/sockets".to_owned(), "disconnected"),
            Action::Join => (self.back(), "joined"),
            Action::Leave => (self.back(), "left"),
        };
        format!("{page}?done={done}")
    }

    fn back(&self) -> String {
        match (&self.body.back, &self.body.room) {
            (Some(back), Some(room)) if back == "room" => room_href(&self.socket.namespace, room),
            _ => socket_href(self.socket.sid.as_str()),
        }
    }
}

/// `POST /admin/api/sockets/{sid}/{disconnect|join|leave}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    viewer: Viewer,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
    bytes: Bytes,
) -> Result<Json<Value>, Refusal> {
    Order::check(&deps, viewer, &headers, path, &bytes)?.carry_out().await?;
    Ok(Json(json!({ "ok": true })))
}

/// `POST /admin/sockets/{sid}/{disconnect|join|leave}`: the same from a form, leading to a page.
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    viewer: Viewer,
    headers: HeaderMap,
    path: Result<Path<(String, String)>, PathRejection>,
    bytes: Bytes,
) -> Result<Redirect, Refusal> {
    let order = Order::check(&deps, viewer, &headers, path, &bytes)?;
    order.carry_out().await?;
    Ok(Redirect::to(&order.next_page()))
}
