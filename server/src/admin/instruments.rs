//! Looking into live traffic: the stream of events, and the probe.

pub(super) mod probe;
mod traffic;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use tokio::sync::Semaphore;

use super::AdminDeps;
use crate::hub::Hub;
use crate::limits::{PROBES_MAX, TRAFFIC_STREAMS_MAX};

/// What the instruments are made from.
#[derive(Clone)]
struct Instruments {
    deps: AdminDeps,
    hub: Arc<Hub>,
    /// The places for streams of events.
    streams: Arc<Semaphore>,
    /// The places for probes.
    probes: Arc<Semaphore>,
}

impl FromRef<Instruments> for AdminDeps {
    fn from_ref(instruments: &Instruments) -> Self {
        instruments.deps.clone()
    }
}

/// What they answer to programs, and to the forms of pages.
pub(super) fn routers(deps: &AdminDeps, hub: Arc<Hub>) -> (Router, Router) {
    let instruments = Instruments {
        deps: deps.clone(),
        hub,
        streams: Arc::new(Semaphore::new(TRAFFIC_STREAMS_MAX)),
        probes: Arc::new(Semaphore::new(PROBES_MAX)),
    };
    let api = Router::new()
        .route("/admin/api/traffic", get(traffic::stream))
        .route("/admin/api/probe", post(probe::api))
        .with_state(instruments.clone());
    let pages = Router::new()
        .route("/admin/probe", post(probe::page))
        .with_state(instruments);
    (api, pages)
}
