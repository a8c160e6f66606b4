//! What every answer has in common, whatever part of the server gives it: a request id, CORS headers, an error that can be
//! read, an end to waiting.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use rollcall_protocol::ErrorCode;
use tower::Layer;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, field};

use super::cors::cors;
use super::problem::Problem;
use crate::limits::{HTTP_ANSWER_TIMEOUT, HTTP_BODY_BYTES_MAX};
use crate::settings::{AllowedOrigins, hex};
use crate::telemetry::http::{HttpMetrics, track};
use crate::telemetry::traces::{RequestSpan, Tracer};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest incoming request id that is kept; a UUID has 36.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// The id of a request, in its extensions, in the log's span and in the answer.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

/// Puts the frame around `router`. Once, around everything that this listener serves.
pub fn framed(router: Router, origins: AllowedOrigins, metrics: HttpMetrics, tracer: Tracer) -> Router {
    let router = router
        .fallback(no_such_route)
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(origins, cors))
        .layer(from_fn_with_state(tracer, identified))
        .layer(from_fn_with_state(metrics, track));
    // Before the router looks at the path, hence around it.
    Router::new().fallback_service(MapRequestLayer::new(without_trailing_slash).layer(router))
}

/// `/api/v1/users/` is `/api/v1/users`. Socket.IO's path keeps its slash: it is its name.
fn without_trailing_slash<B>(mut request: http::Request<B>) -> http::Request<B> {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() || path.starts_with("/socket.io") {
        return request;
    }
    let path_and_query = match request.uri().query() {
        Some(query) => PathAndQuery::try_from(format!("{trimmed}?{query}")),
        None => PathAndQuery::try_from(trimmed),
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(path_and_query) = path_and_query {
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// Gives the request its id, and puts it on the answer.
async fn identified(State(tracer): State<Tracer>, mut request: Request, next: Next) -> Response {
    let id = request.headers().get(X_REQUEST_ID).and_then(sane_id);
    let id = RequestId(id.unwrap_or_else(|| Arc::from(hex(&rand::random::<[u8; 16]>()))));
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let span = tracing::info_span!("api.request", request.id = %id.0, http.method = %method, trace.id = field::Empty);
    let traced = traced(&tracer, &mut request);
    let trace = traced
        .as_ref()
        .and_then(RequestSpan::trace)
        .map(|trace| trace.to_string());
    span.record("trace.id", trace.as_deref());
    let response = next.run(request).instrument(span.clone()).await;
    let mut response = readable(response, &method, &id, trace.as_deref());
    let status = response.status().as_u16();
    span.in_scope(|| {
        if response.status().is_server_error() {
            tracing::warn!(status, "a request failed on our side");
        } else {
            tracing::debug!(status, "answered");
        }
    });
    // A browser that guesses types would make a page of a message.
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    if let Some(traced) = traced {
        traced.answered(response.status());
    }
    response
}

/// Begins the span of a request of the API, if it is sampled, for what hangs below it. What looks in again and again (health, metrics,
/// pages and their files) is no business that anybody follows, nor are connections, which last.
fn traced(tracer: &Tracer, request: &mut Request) -> Option<RequestSpan> {
    let path = request.uri().path();
    if !path.starts_with("/api/v1/") || path.starts_with("/api/v1/ws/") {
        return None;
    }
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map(MatchedPath::as_str);
    let traced = tracer.request(request.headers(), request.method(), route)?;
    if let Some(ongoing) = traced.ongoing() {
        request.extensions_mut().insert(ongoing);
    }
    Some(traced)
}

/// Tokens and messages are for who asked, now: no cache on the way keeps them.
pub(super) async fn never_kept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// An id that somebody else gave, if it can stand in a log line and in a header.
fn sane_id(value: &HeaderValue) -> Option<Arc<str>> {
    let text = value.to_str().ok()?;
    let fits = (1..=REQUEST_ID_CHARS_MAX).contains(&text.len());
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'));
    (fits && plain).then(|| Arc::from(text))
}

/// Renders a problem with the ids of the request and of its trace; an error without any body becomes a problem.
fn readable(mut response: Response, method: &Method, id: &RequestId, trace: Option<&str>) -> Response {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>();
    let is_bare =
        (status.is_client_error() || status.is_server_error()) && !response.headers().contains_key(CONTENT_TYPE);
    let Some(problem) = problem.or_else(|| is_bare.then(|| bare(status))) else {
        return response;
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.remove(CONTENT_LENGTH);
    if *method != Method::HEAD {
        *response.body_mut() = problem.body(Some(&id.0), trace);
    }
    response
}

/// The problem behind a status that a library gave without a word.
fn bare(status: StatusCode) -> Problem {
    let problem = match status {
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(ErrorCode::BadRequest, "this route does not take this method")
            .with_hint("the header allow names the methods that it takes"),
        StatusCode::NOT_FOUND => Problem::new(ErrorCode::NotFound, "there is nothing here"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(ErrorCode::TooLarge, "the request is too large"),
        StatusCode::UNAUTHORIZED => Problem::new(ErrorCode::Unauthorized, "not signed in"),
        StatusCode::FORBIDDEN => Problem::new(ErrorCode::Forbidden, "not allowed"),
        status if status.is_client_error() => Problem::new(ErrorCode::BadRequest, "the request cannot be understood"),
        _ => Problem::new(ErrorCode::Internal, "the server could not answer"),
    };
    problem.with_status(status)
}

async fn no_such_route(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    Problem::new(ErrorCode::NotFound, format!("there is no route {method} {path}"))
        .with_hint("REST lives below /api/v1, Socket.IO at /socket.io/, health at /health")
}

/// Ends what takes too long. The work may have been done all the same, and the answer says so.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(HTTP_ANSWER_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            ErrorCode::Internal,
            "the server took too long; what was asked may have been done or not",
        )
        .with_hint("ask again what is there before trying again; a client_message_id makes sending safe to repeat")
        .with_status(StatusCode::GATEWAY_TIMEOUT)
        .into_response(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that CatchPanicLayer calls")]
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = words.unwrap_or("no words"), "a request panicked");
    Problem::new(
        ErrorCode::Internal,
        "the server has a defect; it has been logged with this request's id",
    )
    .into_response()
}
