//! Plain WebSockets at `/api/v1/ws/chat`, for clients without Socket.IO.
//!
//! In: HTTP requests that ask for an upgrade. Out: live sockets like any other: the same events through the same inbox and
//! dispatch, the same rooms, lanes, ledger and views. Guarantees: whoever may not come in is told so by HTTP, before the
//! upgrade; every frame is answered; every end that the server brings about has a close code that says why.

mod door;
mod frame;
mod pump;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::socketio::Gateway;
use crate::identity::RateLimits;
use crate::settings::AllowedOrigins;

/// Where it is.
pub const PLAIN_PATH: &str = "/api/v1/ws/chat";

/// What decides about an upgrade, and what becomes of it.
#[derive(Clone, Debug)]
pub struct PlainDoor {
    /// Admits connections and carries out their events.
    pub gateway: Arc<Gateway>,
    /// The pages that may connect.
    pub origins: AllowedOrigins,
    /// How often an address may connect.
    pub rates: Arc<RateLimits>,
}

/// The route, to be merged with those of other parts before the whole is framed.
pub fn routes(door: PlainDoor) -> Router {
    Router::new().route(PLAIN_PATH, get(door::open)).with_state(door)
}
