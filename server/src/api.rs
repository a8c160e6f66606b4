//! REST below `/api/v1`, and health.
//!
//! In: HTTP requests. Out: JSON, or `application/problem+json`. Guarantee: every answer, errors included, bears a request
//! id and the CORS headers; every error says what is wrong, with which field, and what to do; nothing here panics on input.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::map_response;
use axum::routing::{delete, get, patch, post};
use chat_core::ports::Accounts;
use rollcall_protocol::Fields;

use crate::chat::Chat;
use crate::identity::{Authority, RateLimits};
use crate::settings::{AllowedOrigins, TrustedProxies};
use crate::telemetry::traces::Tracer;
use crate::telemetry::{GatewayMetrics, HttpMetrics};

mod accounts;
mod caller;
mod conversations;
mod cors;
mod frame;
mod health;
mod messages;
mod moderation;
mod openapi;
mod problem;
mod read;
mod search;

pub use caller::{Caller, ClientAddress};
pub use frame::{RequestId, framed};
pub use health::Readiness;
pub use problem::{Problem, status_of};
pub use read::{JsonFields, PathIds, QueryFields};

/// What the handlers work with; each takes the part that it needs.
#[derive(Clone, FromRef)]
pub struct Api {
    /// Says who somebody is.
    pub authority: Arc<Authority>,
    /// The use cases.
    pub chat: Arc<Chat>,
    /// For searching users.
    pub accounts: Arc<dyn Accounts>,
    /// How often one may sign in.
    pub limits: Arc<RateLimits>,
    /// Whether this node is ready.
    pub readiness: Arc<Readiness>,
    /// What is counted.
    pub metrics: ApiMetrics,
    /// Who may read the answers.
    pub origins: AllowedOrigins,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
}

/// What REST counts with. Its limits and ids are those of every gateway.
#[derive(Debug, Clone)]
pub struct ApiMetrics {
    /// Limits that were hit, and numbers taken for ids.
    pub gateway: GatewayMetrics,
    /// Requests.
    pub http: HttpMetrics,
}

impl ApiMetrics {
    /// A body was read; numbers taken for ids are counted.
    fn read_ids(&self, fields: &Fields) {
        self.gateway.coerced_ids.increment(fields.coerced().into());
    }
}

/// The routes alone, to be merged with those of other parts before the whole is [`framed`].
pub fn routes(api: Api) -> Router {
    let v1 = Router::new()
        .route("/auth/register", post(accounts::register))
        .route("/auth/login", post(accounts::login))
        .route("/auth/me", get(accounts::me))
        .route("/users", get(accounts::users).post(accounts::provision))
        .route("/conversations", get(conversations::list).post(conversations::create))
        .route("/conversations/{conversation_id}", get(conversations::one))
        .route(
            "/conversations/{conversation_id}/participants",
            post(conversations::add_participants),
        )
        .route(
            "/conversations/{conversation_id}/participants/{user_id}",
            delete(conversations::remove_participant),
        )
        .route(
            "/conversations/{conversation_id}/messages",
            get(conversations::messages),
        )
        .route("/conversations/{conversation_id}/mute", post(moderation::mute))
        .route(
            "/conversations/{conversation_id}/bans",
            get(moderation::bans).post(moderation::ban),
        )
        .route(
            "/conversations/{conversation_id}/bans/{user_id}",
            delete(moderation::unban),
        )
        .route(
            "/conversations/{conversation_id}/receipts",
            get(moderation::receipts).post(moderation::read),
        )
        .route("/messages", post(messages::send))
        .route("/messages/{message_id}", patch(messages::edit).delete(messages::delete))
        .route("/messages/{message_id}/delivery", get(messages::delivery))
        .route("/search", get(search::search))
        .route("/openapi.json", get(openapi::json))
        .route("/docs", get(openapi::page))
        .layer(map_response(frame::never_kept));
    Router::new()
        .nest("/api/v1", v1)
        .route("/health", get(health::alive))
        .route("/health/ready", get(health::ready))
        .route("/health/websocket", get(health::websocket))
        .with_state(api)
}

/// The routes in their frame, complete.
pub fn router(api: Api) -> Router {
    let (origins, http) = (api.origins.clone(), api.metrics.http.clone());
    framed(routes(api), origins, http, Tracer::off())
}

#[cfg(test)]
mod tests;
