//! `auth/register`, `auth/login`, `auth/me`, `users`.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat_core::Timestamp;
use chat_core::limits::page_size;
use chat_core::ports::Accounts;
use http::StatusCode;
use rollcall_protocol::{UserView, WireError};
use serde::Serialize;

use super::ApiMetrics;
use super::caller::{Caller, ClientAddress};
use super::problem::Problem;
use super::read::{JsonFields, QueryFields};
use crate::chat::Chat;
use crate::chat::provisioning::Person;
use crate::identity::{Authority, RateLimits, SignedIn, store_refusal};
use crate::telemetry::labels::Limit;

/// What a sign-in gives.
#[derive(Serialize)]
struct Session {
    token: String,
    expires_at: Timestamp,
    user: UserView,
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            token: signed_in.token.token,
            expires_at: signed_in.token.expires_at,
            user: UserView::from(&signed_in.user),
        }
    }
}

/// Registering costs as much as signing in, and tells which usernames are taken: one limit for both.
fn check_rate(limits: &RateLimits, metrics: &ApiMetrics, address: IpAddr) -> Result<(), Problem> {
    limits.check_login(address).map_err(|retry_after| {
        metrics.gateway.rate_limited.increment(Limit::Logins);
        WireError::from(retry_after).into()
    })
}

/// `POST auth/register`
pub(super) async fn register(
    State(authority): State<Arc<Authority>>,
    State(limits): State<Arc<RateLimits>>,
    State(metrics): State<ApiMetrics>,
    ClientAddress(address): ClientAddress,
    JsonFields(mut fields): JsonFields,
) -> Result<Response, Problem> {
    check_rate(&limits, &metrics, address)?;
    let username = fields.text("username")?;
    let password = fields.text("password")?;
    let display_name = fields.optional_text("display_name")?;
    let signed_in = authority
        .register(username, &password, display_name)
        .await
        .map_err(WireError::from)?;
    Ok((StatusCode::CREATED, Json(Session::from(signed_in))).into_response())
}

/// `POST auth/login`
pub(super) async fn login(
    State(authority): State<Arc<Authority>>,
    State(limits): State<Arc<RateLimits>>,
    State(metrics): State<ApiMetrics>,
    ClientAddress(address): ClientAddress,
    JsonFields(mut fields): JsonFields,
) -> Result<Response, Problem> {
    check_rate(&limits, &metrics, address)?;
    let username = fields.text("username")?;
    let password = fields.text("password")?;
    let signed_in = authority.login(&username, &password).await.map_err(WireError::from)?;
    Ok(Json(Session::from(signed_in)).into_response())
}

/// `GET auth/me`: with the role that the token has here and now.
pub(super) async fn me(Caller(identity): Caller) -> Json<UserView> {
    Json(UserView {
        role: identity.role,
        ..UserView::from(&identity.user)
    })
}

/// `{users, more}`
#[derive(Serialize)]
pub(super) struct Users {
    users: Vec<UserView>,
    more: bool,
}

/// `GET users?q=&limit=`
pub(super) async fn users(
    State(accounts): State<Arc<dyn Accounts>>,
    Caller(_): Caller,
    query: QueryFields,
) -> Result<Json<Users>, Problem> {
    let limit = page_size(query.limit()?);
    let found = accounts.search_users(query.text("q").unwrap_or_default(), limit).await;
    let page = found.map_err(|error| store_refusal(&error))?;
    Ok(Json(Users {
        users: page.items.iter().map(UserView::from).collect(),
        more: page.more,
    }))
}

/// `POST users`: `201`, or `200` for one who is there.
pub(super) async fn provision(
    State(chat): State<Arc<Chat>>,
    State(metrics): State<ApiMetrics>,
    Caller(identity): Caller,
    JsonFields(mut fields): JsonFields,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let person = Person {
        id: fields.id("id")?,
        username: fields.optional_text("username")?,
        display_name: fields.optional_text("display_name")?,
    };
    metrics.read_ids(&fields);
    let (user, is_new) = chat.provision(&identity.into(), person).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(user)))
}
