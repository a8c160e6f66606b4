//! A test broadcast: who in a room can be reached at this moment, and how fast.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use chat_core::{Sid, UserId};
use http::{HeaderMap, header};
use rollcall_protocol::event::{Probe, name};
use serde::{Deserialize, Serialize};

use super::Instruments;
use crate::admin::audit::note;
use crate::admin::pages::room::nothing;
use crate::admin::refusal::Refusal;
use crate::admin::viewer::Viewer;
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::probe::Probed;
use crate::limits::{PROBE_PATIENCE_MAX, PROBE_SOCKETS_MAX};
use crate::settings::hex;

/// A room's name at most, in bytes: four times the longest that the server itself makes.
const ROOM_BYTES_MAX: usize = 256;

/// The body, as JSON or as a form.
#[derive(Debug, Default, Deserialize)]
struct Body {
    room: Option<String>,
    namespace: Option<String>,
    timeout_ms: Option<u64>,
    csrf_token: Option<String>,
}

impl Body {
    fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, Refusal> {
        let sent = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !sent.starts_with("application/x-www-form-urlencoded") {
            return serde_json::from_slice(bytes).map_err(|error| {
                Refusal::BadRequest(format!(
                    "the body is a JSON object such as {{\"room\": \"conversation:42\", \"timeout_ms\": 5000}}; this one is not: {error}"
                ))
            });
        }
        let mut body = Body::default();
        for (name, value) in url::form_urlencoded::parse(bytes) {
            match name.as_ref() {
                "room" => body.room = Some(value.into_owned()),
                "namespace" => body.namespace = Some(value.into_owned()),
                "csrf_token" => body.csrf_token = Some(value.into_owned()),
                "timeout_ms" if !value.is_empty() => body.timeout_ms = Some(value.parse().map_err(|_| bad_timeout())?),
                _ => {}
            }
        }
        Ok(body)
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

    /// Longer than the longest is the longest.
    fn patience(&self) -> Result<Duration, Refusal> {
        match self.timeout_ms {
            None => Ok(PROBE_PATIENCE_MAX),
            Some(0) => Err(bad_timeout()),
            Some(ms) => Ok(Duration::from_millis(ms).min(PROBE_PATIENCE_MAX)),
        }
    }
}

fn bad_timeout() -> Refusal {
    Refusal::BadRequest("`timeout_ms` is a whole number of milliseconds from 1; more than 5000 is 5000".to_owned())
}

/// What one socket did.
#[derive(Debug, Clone, Serialize)]
struct Outcome {
    sid: Sid,
    user_id: UserId,
    username: String,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
}

/// Who answered.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    probe_id: String,
    room: String,
    namespace: String,
    results: Vec<Outcome>,
    /// Sockets of the room beyond the most that one probe asks.
    #[serde(skip_serializing_if = "is_zero")]
    not_asked: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// `POST /admin/api/probe`
pub(super) async fn api(
    State(instruments): State<Instruments>,
    viewer: Viewer,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Report>, Refusal> {
    let body = Body::read(&headers, &bytes)?;
    viewer.check_csrf(&headers, body.csrf_token.as_deref())?;
    viewer.check_role()?;
    let (room, patience) = (body.room()?, body.patience()?);
    let namespace = body
        .namespace
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or(CHAT_NAMESPACE);
    let _place = instruments.probes.try_acquire().map_err(|_| Refusal::TooManyProbes)?;
    carry_out(&instruments, &viewer, (namespace, room), patience)
        .await
        .map(Json)
}

async fn carry_out(
    instruments: &Instruments,
    viewer: &Viewer,
    (namespace, room): (&str, &str),
    patience: Duration,
) -> Result<Report, Refusal> {
    let (deps, hub) = (&instruments.deps, &instruments.hub);
    // A probe is an event of chat: the official UI, which is all there is in namespace `/admin`, knows none.
    if namespace != CHAT_NAMESPACE || deps.inspect.room(namespace, room).await?.is_none() {
        return Err(nothing(deps.inspect.as_ref(), namespace, room.to_owned()));
    }
    let mut sockets = hub.live_in(room);
    let not_asked = sockets.len().saturating_sub(PROBE_SOCKETS_MAX);
    sockets.truncate(PROBE_SOCKETS_MAX);
    let probe = Probe {
        probe_id: hex(&rand::random::<[u8; 8]>()),
        room: room.to_owned(),
    };
    let detail = format!("{} sockets, within {} ms", sockets.len(), patience.as_millis());
    note(deps, viewer, "probe", room, detail).await?;
    let probed = hub.probe(&sockets, &probe, patience).await;
    let asked = probed.iter().filter(|probed| **probed != Probed::Failed).count();
    deps.metrics.sent(name::PROBE, asked as u64);
    let results = sockets.iter().zip(probed).map(|(socket, probed)| {
        let (result, ms) = match probed {
            Probed::Answered(after) => ("answered", Some((after.as_secs_f64() * 10_000.0).round() / 10.0)),
            Probed::NoAnswer => ("no_answer", None),
            Probed::Failed => ("failed", None),
        };
        Outcome {
            sid: socket.sid.clone(),
            user_id: socket.user_id().clone(),
            username: socket.user().username.clone(),
            result,
            ms,
        }
    });
    Ok(Report {
        probe_id: probe.probe_id.clone(),
        room: room.to_owned(),
        namespace: namespace.to_owned(),
        results: results.collect(),
        not_asked,
    })
}
