//! Errors as `application/problem+json` (RFC 9457).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use rollcall_protocol::{ErrorCode, ShapeError, WireError};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::identity::AuthError;

/// An error on its way out. It travels in the response's extensions too, so that the frame can add the request's id.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    error: WireError,
    extra: Map<String, Value>,
}

/// What a client reads.
#[derive(Serialize)]
struct Rendered<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

/// The status that each code stands for.
pub fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::BadRequest => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized | ErrorCode::TokenExpired => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::NotParticipant => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::StorageUnavailable | ErrorCode::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn title_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BadRequest => "The request is not well-formed",
        ErrorCode::Unauthorized => "Not signed in",
        ErrorCode::TokenExpired => "The token has expired",
        ErrorCode::Forbidden => "Not allowed",
        ErrorCode::NotParticipant => "Not a participant of this conversation",
        ErrorCode::NotFound => "Not found",
        ErrorCode::Conflict => "It contradicts what is there",
        ErrorCode::TooLarge => "Too large",
        ErrorCode::RateLimited => "Too often",
        ErrorCode::StorageUnavailable => "The database is not available",
        ErrorCode::ShuttingDown => "The server is about to stop",
        ErrorCode::Internal => "The server has a defect",
    }
}

impl Problem {
    /// With the status that the code stands for.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        WireError::new(code, detail).into()
    }

    /// With what to do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.error.hint = Some(hint.into());
        self
    }

    /// With another status than the code's own: the closed set of codes has no word for every status.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With one more member.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// What is said on the wire.
    pub fn error(&self) -> &WireError {
        &self.error
    }

    /// The body, with the ids of the request that it answers and of its trace.
    pub(super) fn body(&self, request_id: Option<&str>, trace_id: Option<&str>) -> Body {
        let rendered = Rendered {
            kind: format!("urn:rollcall:error:{}", self.error.code),
            title: title_of(self.error.code),
            status: self.status.as_u16(),
            detail: &self.error.message,
            code: self.error.code,
            hint: self.error.hint.as_deref(),
            retry_after_ms: self.error.retry_after_ms,
            request_id,
            trace_id,
            extra: &self.extra,
        };
        serde_json::to_vec(&rendered).map_or_else(|_| Body::empty(), Body::from)
    }
}

impl From<WireError> for Problem {
    fn from(error: WireError) -> Self {
        Self {
            status: status_of(error.code),
            error,
            extra: Map::new(),
        }
    }
}

impl From<ShapeError> for Problem {
    fn from(error: ShapeError) -> Self {
        WireError::from(error).into()
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        WireError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body(None, None));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // Whole seconds, rounded up; whoever is told that the database is away does well to wait one.
        let wait = self.error.retry_after_ms.map(|millis| millis.div_ceil(1000).max(1));
        let wait = wait.or_else(|| (self.status == StatusCode::SERVICE_UNAVAILABLE).then_some(1));
        if let Some(seconds) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}
