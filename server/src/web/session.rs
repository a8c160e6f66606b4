//! The page's session: a cookie that no script can read, exchanged for tokens that do not live long.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::CookieJar;
use chat_core::Timestamp;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use rollcall_protocol::{ErrorCode, UserView, WireError};
use serde::Serialize;

use crate::admin::ByHttps;
use crate::api::{ApiMetrics, ClientAddress, JsonFields, Problem};
use crate::identity::{AuthError, Authority, BrowserSession, RateLimits};
use crate::limits::BROWSER_SESSION_LIFETIME;
use crate::telemetry::labels::Limit;

const COOKIE_NAME: &str = "rollcall_session";
/// The cookie goes nowhere else: not to Socket.IO, not to REST, not to the admin.
const COOKIE_PATH: &str = "/session";

/// What the page works with until the token ends.
#[derive(Serialize)]
struct Ticket {
    token: String,
    expires_at: Timestamp,
    user: UserView,
}

/// No other site makes a browser sign in, out, or fetch a token: the cookie is `SameSite=Strict`, and the browser itself
/// says where a request comes from.
fn refuse_cross_site(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Problem::new(
            ErrorCode::Forbidden,
            "this address is for the chat page of this server alone",
        )
        .with_hint("other clients sign in with POST /api/v1/auth/login")),
    }
}

fn check_rate(limits: &RateLimits, metrics: &ApiMetrics, address: IpAddr) -> Result<(), Problem> {
    limits.check_login(address).map_err(|retry_after| {
        metrics.gateway.rate_limited.increment(Limit::Logins);
        WireError::from(retry_after).into()
    })
}

/// Written by hand, since a browser session is all that it has to say; the value is a JWT or nothing, and needs no quoting.
fn set_cookie(response: &mut Response, value: &str, https: bool) -> Result<(), Problem> {
    let lifetime = if value.is_empty() {
        0
    } else {
        BROWSER_SESSION_LIFETIME.as_secs()
    };
    let secure = if https { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE_NAME}={value}; Path={COOKIE_PATH}; Max-Age={lifetime}; HttpOnly; SameSite=Strict{secure}");
    let cookie = HeaderValue::from_str(&cookie)
        .map_err(|_| Problem::new(ErrorCode::Internal, "the session could not be written down"))?;
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(())
}

fn answer(status: StatusCode, session: BrowserSession, https: bool) -> Result<Response, Problem> {
    let ticket = Ticket {
        token: session.token.token,
        expires_at: session.token.expires_at,
        user: UserView::from(&session.user),
    };
    let mut response = (status, Json(ticket)).into_response();
    set_cookie(&mut response, &session.cookie, https)?;
    Ok(response)
}

/// `POST /session` `{username, password}`
pub(super) async fn sign_in(
    State(authority): State<Arc<Authority>>,
    State(limits): State<Arc<RateLimits>>,
    State(metrics): State<ApiMetrics>,
    ClientAddress(address): ClientAddress,
    ByHttps(https): ByHttps,
    headers: HeaderMap,
    JsonFields(mut fields): JsonFields,
) -> Result<Response, Problem> {
    refuse_cross_site(&headers)?;
    check_rate(&limits, &metrics, address)?;
    let username = fields.text("username")?;
    let password = fields.text("password")?;
    let user = authority
        .check_password(&username, &password)
        .await
        .map_err(WireError::from)?;
    let session = authority.begin_browser_session(&user).await?;
    answer(StatusCode::OK, session, https)
}

/// `POST /session/register` `{username, password, display_name?}`
pub(super) async fn register(
    State(authority): State<Arc<Authority>>,
    State(limits): State<Arc<RateLimits>>,
    State(metrics): State<ApiMetrics>,
    ClientAddress(address): ClientAddress,
    ByHttps(https): ByHttps,
    headers: HeaderMap,
    JsonFields(mut fields): JsonFields,
) -> Result<Response, Problem> {
    refuse_cross_site(&headers)?;
    check_rate(&limits, &metrics, address)?;
    let username = fields.text("username")?;
    let password = fields.text("password")?;
    let display_name = fields.optional_text("display_name")?;
    let signed_in = authority
        .register(username, &password, display_name)
        .await
        .map_err(WireError::from)?;
    let session = authority.begin_browser_session(&signed_in.user).await?;
    answer(StatusCode::CREATED, session, https)
}

/// `POST /session/token`: a fresh token, and the session lasts from now on; `204` for whoever is not signed in, which is
/// no error: every visit begins with this question.
pub(super) async fn token(
    State(authority): State<Arc<Authority>>,
    ByHttps(https): ByHttps,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    refuse_cross_site(&headers)?;
    let jar = CookieJar::from_headers(&headers);
    let Some(cookie) = jar.get(COOKIE_NAME) else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    match authority.continue_browser_session(cookie.value()).await {
        Ok(session) => answer(StatusCode::OK, session, https),
        // The database's trouble says nothing about the session: it stays.
        Err(error @ AuthError::Store(_)) => Err(error.into()),
        Err(_) => signed_out(https),
    }
}

/// `DELETE /session`
pub(super) async fn sign_out(ByHttps(https): ByHttps, headers: HeaderMap) -> Result<Response, Problem> {
    refuse_cross_site(&headers)?;
    signed_out(https)
}

fn signed_out(https: bool) -> Result<Response, Problem> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, "", https)?;
    Ok(response)
}
