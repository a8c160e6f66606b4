//! A test broadcast: who in a room can be reached at this moment, and how fast.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::{Sid, UserId};
use rollcall_protocol::event::{Probe, name};
use serde::Serialize;

use super::Instruments;
use crate::admin::actions::{Body, Order, bad_timeout};
use crate::admin::audit::note;
use crate::admin::pages;
use crate::admin::pages::room::nothing;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Scene, html};
use crate::admin::viewer::Viewer;
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::probe::Probed;
use crate::limits::{PROBE_PATIENCE_MAX, PROBE_SOCKETS_MAX};
use crate::settings::hex;

/// Longer than the longest is the longest.
fn patience(body: &Body) -> Result<Duration, Refusal> {
    match body.timeout_ms {
        None => Ok(PROBE_PATIENCE_MAX),
        Some(0) => Err(bad_timeout()),
        Some(ms) => Ok(Duration::from_millis(ms).min(PROBE_PATIENCE_MAX)),
    }
}

/// What one socket did.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) sid: Sid,
    pub(crate) user_id: UserId,
    pub(crate) username: String,
    pub(crate) result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ms: Option<f64>,
}

/// Who answered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) probe_id: String,
    pub(crate) room: String,
    pub(crate) namespace: String,
    pub(crate) results: Vec<Outcome>,
    /// Sockets of the room beyond the most that one probe asks.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) not_asked: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// `POST /admin/api/probe`
pub(super) async fn api(State(instruments): State<Instruments>, order: Order) -> Result<Json<Report>, Refusal> {
    asked(&instruments, order).await.map(Json)
}

/// `POST /admin/probe`, from the form of a browser without scripts.
pub(super) async fn page(
    State(instruments): State<Instruments>,
    scene: Scene,
    order: Order,
) -> Result<Response, Refusal> {
    let report = asked(&instruments, order).await?;
    html(&pages::probe::answered(&scene, &report))
}

async fn asked(instruments: &Instruments, Order { viewer, body }: Order) -> Result<Report, Refusal> {
    let (room, patience) = (body.room()?, patience(&body)?);
    let namespace = body
        .namespace
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or(CHAT_NAMESPACE);
    let _place = instruments.probes.try_acquire().map_err(|_| Refusal::TooManyProbes)?;
    carry_out(instruments, &viewer, (namespace, room), patience).await
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
