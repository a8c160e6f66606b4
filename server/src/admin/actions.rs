//! What an admin can change: sockets, rooms, accounts. Each change is asked for on purpose, allowed, and written down.
//!
//! As JSON (`POST /admin/api/…`, answered `{"ok": true}`) and from a form of a page, which leads to a page. An action is
//! one file in `admin/actions`; here is what they share: the body, and who may.

pub(crate) mod bans;
pub(crate) mod rooms;
pub(crate) mod sockets;
pub(crate) mod tokens;
pub(crate) mod users;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request};
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::viewer::Viewer;

/// A room's name at most, in bytes: four times the longest that the server itself makes.
const ROOM_BYTES_MAX: usize = 256;

/// The body, as JSON or as a form.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Body {
    room: Option<String>,
    pub(crate) namespace: Option<String>,
    csrf_token: Option<String>,
    /// Where a form leads back to.
    back: Option<String>,
    /// How long a probe waits.
    pub(crate) timeout_ms: Option<u64>,
    /// Whose token is made, what it is for, and for how long.
    username: Option<String>,
    name: Option<String>,
    days: Option<u32>,
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
                    "username" => body.username = Some(value.into_owned()),
                    "name" => body.name = Some(value.into_owned()),
                    // What is no number is said to be missing.
                    "days" => body.days = value.trim().parse().ok(),
                    "back" => body.back = Some(value.into_owned()),
                    "timeout_ms" if !value.is_empty() => {
                        body.timeout_ms = Some(value.parse().map_err(|_| bad_timeout())?);
                    }
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

    pub(crate) fn room(&self) -> Result<&str, Refusal> {
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

pub(crate) fn bad_timeout() -> Refusal {
    Refusal::BadRequest("`timeout_ms` is a whole number of milliseconds from 1; more than 5000 is 5000".to_owned())
}

/// Somebody who may change things, asked for one on purpose, and said what.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) viewer: Viewer,
    pub(crate) body: Body,
}

impl<S: Send + Sync> FromRequest<S> for Order {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let viewer = request
            .extensions()
            .get::<Viewer>()
            .cloned()
            .ok_or(Refusal::SignedOut)?;
        let headers = request.headers().clone();
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|_| Refusal::BadRequest("the body is too long, or ended early".to_owned()))?;
        let body = Body::read(&headers, &bytes)?;
        viewer.check_csrf(&headers, body.csrf_token.as_deref())?;
        viewer.check_role()?;
        Ok(Self { viewer, body })
    }
}

/// The answer to a program.
pub(crate) fn done() -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// The parts of an action's address.
pub(crate) type Address<T> = Result<Path<T>, PathRejection>;

fn address<T>(path: Address<T>) -> Result<T, Refusal> {
    path.map(|Path(parts)| parts)
        .map_err(|_| Refusal::BadRequest("an id or a name in an address is percent-encoded UTF-8".to_owned()))
}

fn no_action(given: &str, there_are: &str) -> Refusal {
    Refusal::not_found("action", given, there_are)
}
