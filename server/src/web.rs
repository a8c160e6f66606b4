//! The chat page for browsers, at `/`, and the session that keeps its user signed in.
//!
//! In: requests for the page and its files, and `/session` with a cookie of its own. Out: files under the hash of their
//! content, and short-lived tokens. Guarantees: the page runs no script but ours and loads nothing from elsewhere; the
//! cookie is out of every script's reach, goes to `/session` alone, and buys nothing but a token of a quarter of an hour.
//!
//! The page itself lies in `server/chat-page`; `build.rs` adds the official Socket.IO client.

mod files;
mod headers;
mod session;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::map_response;
use axum::routing::{get, post};

use files::Page;
pub use files::PageSettings;

use crate::api::ApiMetrics;
use crate::identity::{Authority, RateLimits};
use crate::settings::TrustedProxies;

/// What the page is made from.
#[derive(Clone, FromRef)]
pub struct Web {
    /// Says who somebody is.
    pub authority: Arc<Authority>,
    /// How often one may sign in.
    pub limits: Arc<RateLimits>,
    /// Limits that were hit.
    pub metrics: ApiMetrics,
    /// Whose word on https is believed.
    pub proxies: TrustedProxies,
    /// What the page is told.
    pub page: PageSettings,
}

/// The page, its files and its session.
pub fn routes(web: Web) -> Router {
    let page = Arc::new(Page::new(&web.page));
    let files = Router::new()
        .route("/", get(files::page))
        .route("/assets/{*path}", get(files::file))
        .with_state(page);
    Router::new()
        .route("/session", post(session::sign_in).delete(session::sign_out))
        .route("/session/register", post(session::register))
        .route("/session/token", post(session::token))
        .with_state(web)
        .merge(files)
        .layer(map_response(headers::guarded))
}

#[cfg(test)]
mod tests;
