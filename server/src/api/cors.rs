//! CORS headers on every answer, errors included: without them a page sees "network error" where the answer says what
//! is wrong.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::settings::AllowedOrigins;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, DELETE");
const HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, x-request-id, x-csrf-token, traceparent, tracestate");
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
/// Two hours, the most that Chromium keeps.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Answers preflights, and adds to every other answer what its page needs to read it. A refused origin gets no allow
/// header: the browser keeps the answer from the page.
pub(super) async fn cors(State(origins): State<AllowedOrigins>, request: Request, next: Next) -> Response {
    if is_operators(request.uri().path()) {
        return next.run(request).await;
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let is_preflight = request.method() == Method::OPTIONS
        && origin.is_some()
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if is_preflight {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let allowed = allow(response.headers_mut(), &origins, origin.as_ref());
    if is_preflight && allowed {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

/// What operators use is for its own pages and for programs, which need no leave: no chat page reads it, however allowed
/// its origin is to chat.
fn is_operators(path: &str) -> bool {
    path == "/metrics" || path == "/admin" || path.starts_with("/admin/")
}

fn allow(headers: &mut HeaderMap, origins: &AllowedOrigins, origin: Option<&HeaderValue>) -> bool {
    if *origins == AllowedOrigins::Any {
        // Without credentials: `*` with them would let any page act with a visitor's cookies, and browsers refuse it.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        return true;
    }
    // Also without an origin: a cache must not give this answer to a page that has one.
    headers.append(VARY, HeaderValue::from_static("origin"));
    let Some(origin) = origin.filter(|origin| origin.to_str().is_ok_and(|text| origins.allows(text))) else {
        return false;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    true
}
