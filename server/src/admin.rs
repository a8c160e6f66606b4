//! The admin: pages for people, the same as JSON for programs, live without reloading.
//!
//! In: requests below `/admin`, from browsers with a session's cookie or programs with a bearer token. Out: what is true
//! now, read from the running server through [`inspect::Inspect`], and the few changes that an admin may make. Guarantees:
//! nobody but an admin or observer sees anything; an observer changes nothing; no other site can make a browser change
//! anything; nothing that a client says becomes markup; every change is in the audit log; pages work without JavaScript.
//!
//! A page is one file in `admin/pages`: its data, its handlers for HTML and JSON, its sample and its test. Templates
//! hold layout only and lie in `admin-templates`; styles and scripts in `server/assets`.

mod actions;
mod asked;
pub mod assets;
mod audit;
mod chart;
mod evidence;
mod headers;
pub mod history;
pub mod inspect;
mod instruments;
pub mod live;
mod login;
mod pages;
mod peer;
mod refusal;
mod scene;
pub mod session;
mod viewer;
pub mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use chat_core::ports::operators::{AuditLog, OperatorReads};
use chat_core::ports::{Accounts, Clock, DeliveryLog};
use http::Uri;
use tokio_util::sync::CancellationToken;

use self::history::History;
use self::inspect::Inspect;
use self::live::LiveStreams;
use self::pages::trouble;
pub use self::pages::webhook::WebhookLook;
pub(crate) use self::peer::ByHttps;
use self::refusal::Refusal;
use self::session::Sessions;
use crate::chat::Chat;
use crate::gateway::rejected::RejectedRing;
use crate::hub::Hub;
use crate::identity::{Authority, RateLimits};
use crate::settings::TrustedProxies;
use crate::telemetry::GatewayMetrics;

/// What the admin is made from; each handler takes the part that it needs.
#[derive(Clone, FromRef)]
pub struct AdminDeps {
    /// The running server.
    pub inspect: Arc<dyn Inspect>,
    /// Says who somebody is.
    pub authority: Arc<Authority>,
    /// For whether a session's account still is what it was.
    pub accounts: Arc<dyn Accounts>,
    /// How often one may try to sign in.
    pub limits: Arc<RateLimits>,
    /// Counts the limits that were hit.
    pub metrics: GatewayMetrics,
    /// Whose word on addresses and https is believed.
    pub proxies: TrustedProxies,
    /// Connections that were turned away.
    pub rejected: Arc<RejectedRing>,
    /// Where changes are noted.
    pub audit: Arc<dyn AuditLog>,
    /// Lists of what is stored.
    pub reads: Arc<dyn OperatorReads>,
    /// What is written down about connections and deliveries.
    pub deliveries: Arc<dyn DeliveryLog>,
    /// The roll call's answers.
    pub chat: Arc<Chat>,
    /// How the webhook goes, if there is one.
    pub webhook: Option<WebhookLook>,
    /// The Overview's last minutes; the app runs [`History::keep`].
    pub history: Arc<History>,
    /// Who is signed in.
    pub sessions: Arc<Sessions>,
    /// The places for live streams.
    pub streams: LiveStreams,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Ends the live streams, which would hold up the server's stop.
    pub stop: CancellationToken,
}

/// Everything below `/admin`.
pub fn router(deps: AdminDeps) -> Router {
    Router::new()
        .merge(open())
        .merge(pages().layer(from_fn_with_state(deps.clone(), viewer::guard_pages)))
        .merge(api().layer(from_fn_with_state(deps.clone(), viewer::guard_api)))
        .layer(map_response(headers::guarded))
        .with_state(deps)
}

/// The roll call as JSON, for the same people: what became of a message, and why.
pub fn roll_call(deps: &AdminDeps, chat: Arc<Chat>) -> Router {
    Router::new()
        .route("/admin/api/messages/{message_id}/delivery", get(evidence::delivery))
        .route("/admin/api/explain", get(evidence::explain))
        .layer(from_fn_with_state(deps.clone(), viewer::guard_api))
        .layer(map_response(headers::guarded))
        .with_state(chat)
}

/// What looks into live traffic, for the same people.
pub fn instruments(deps: &AdminDeps, hub: Arc<Hub>) -> Router {
    let (api, pages) = instruments::routers(deps, hub);
    api.layer(from_fn_with_state(deps.clone(), viewer::guard_api))
        .merge(pages.layer(from_fn_with_state(deps.clone(), viewer::guard_pages)))
        .layer(map_response(headers::guarded))
}

/// What is served to everybody.
fn open() -> Router<AdminDeps> {
    Router::new()
        .route("/admin/login", get(login::form).post(login::sign_in))
        .layer(map_response(refusal_as_page))
        .merge(assets::Urls::ADMIN.routes())
}

async fn refusal_as_page(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => trouble::signed_out_page(&refusal),
        None => response,
    }
}

fn pages() -> Router<AdminDeps> {
    Router::new()
        .route("/admin", get(pages::overview::page))
        .route("/admin/", get(to_overview))
        .route("/admin/overview", get(to_overview))
        .route("/admin/logout", post(login::sign_out))
        .route("/admin/namespaces", get(pages::namespaces::page))
        .route("/admin/rooms", get(pages::rooms::page))
        .route("/admin/rooms/{namespace}/{room}", get(pages::room::page))
        .route("/admin/sockets", get(pages::sockets::page))
        .route("/admin/sockets/{sid}", get(pages::socket::page))
        .route("/admin/sockets/{sid}/{action}", post(actions::sockets::page))
        .route("/admin/rooms/{namespace}/{room}/{action}", post(actions::rooms::page))
        .route("/admin/users", get(pages::users::page))
        .route("/admin/users/{id}", get(pages::user::page))
        .route("/admin/users/{id}/{action}", post(actions::users::page))
        .route("/admin/conversations", get(pages::conversations::page))
        .route("/admin/conversations/{id}", get(pages::conversation::page))
        .route(
            "/admin/conversations/{id}/bans/{user_id}/{action}",
            post(actions::bans::page),
        )
        .route("/admin/messages", get(pages::messages::page))
        .route("/admin/messages/{id}", get(pages::message::page))
        .route("/admin/explain", get(pages::explain::page))
        .route("/admin/traffic", get(pages::traffic::page))
        .route("/admin/probe", get(pages::probe::page))
        .route("/admin/rejected", get(pages::rejected::page))
        .route("/admin/nodes", get(pages::nodes::page))
        .route("/admin/audit", get(pages::audit::page))
        .route("/admin/tokens", get(pages::tokens::page).post(actions::tokens::page))
        .route("/admin/tokens/{id}/revoke", post(actions::tokens::revoke_page))
        .route("/admin/webhook", get(pages::webhook::page))
        .route("/admin/search", get(pages::search::page))
        .route("/admin/{*page}", any(no_page))
}

fn api() -> Router<AdminDeps> {
    Router::new()
        .route("/admin/api/overview", get(pages::overview::api))
        .route("/admin/api/namespaces", get(pages::namespaces::api))
        .route("/admin/api/rooms", get(pages::rooms::api))
        .route("/admin/api/rooms/{namespace}/{room}", get(pages::room::api))
        .route("/admin/api/sockets", get(pages::sockets::api))
        .route("/admin/api/sockets/{sid}", get(pages::socket::api))
        .route("/admin/api/sockets/{sid}/{action}", post(actions::sockets::api))
        .route(
            "/admin/api/rooms/{namespace}/{room}/{action}",
            post(actions::rooms::api),
        )
        .route("/admin/api/users", get(pages::users::api))
        .route("/admin/api/users/{id}", get(pages::user::api))
        .route("/admin/api/users/{id}/{action}", post(actions::users::api))
        .route("/admin/api/conversations", get(pages::conversations::api))
        .route("/admin/api/conversations/{id}", get(pages::conversation::api))
        .route(
            "/admin/api/conversations/{id}/bans/{user_id}/{action}",
            post(actions::bans::api),
        )
        .route("/admin/api/messages", get(pages::messages::api))
        .route("/admin/api/rejected", get(pages::rejected::api))
        .route("/admin/api/nodes", get(pages::nodes::api))
        .route("/admin/api/audit", get(pages::audit::api))
        .route("/admin/api/tokens", get(pages::tokens::api).post(actions::tokens::api))
        .route("/admin/api/tokens/{id}/revoke", post(actions::tokens::revoke_api))
        .route("/admin/api/webhook", get(pages::webhook::api))
        .route("/admin/api/live", get(live::stream))
        .route("/admin/api/{*path}", any(no_page))
}

async fn to_overview() -> Redirect {
    Redirect::to("/admin")
}

async fn no_page(uri: Uri, _request: Request) -> Response {
    let path: String = uri.path().chars().take(100).collect();
    Refusal::not_found(
        "page",
        path,
        "The pages are listed at the top; their data is below /admin/api/ under the same names.",
    )
    .into_response()
}
