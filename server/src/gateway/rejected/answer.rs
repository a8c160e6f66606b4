//! What a refused connection is told: Engine.IO's shape `{code, message}`, with a hint.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::fault::Fault;

#[derive(Serialize)]
struct Told<'a> {
    /// Engine.IO's own number for the kind of error.
    code: u8,
    /// Engine.IO's own words for it: clients compare them.
    message: &'a str,
    detail: &'a str,
    hint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

/// The answer to a request with that fault.
pub(super) fn refusal(fault: &Fault) -> Response<Body> {
    let (status, code, message) = standard(fault);
    let after = match fault {
        Fault::Rate(after) => Some(*after),
        _ => None,
    };
    let told = Told {
        code,
        message,
        detail: &fault.detail(),
        hint: fault.remedy(),
        retry_after_ms: after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
    };
    // A struct of texts and numbers is always JSON.
    let body = serde_json::to_vec(&told).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(after) = after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
    }
    response
}

/// Rounded up: a client that comes back a moment too early is refused again.
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0)
}

fn standard(fault: &Fault) -> (StatusCode, u8, &'static str) {
    match fault {
        Fault::Transport(_) => (StatusCode::BAD_REQUEST, 0, "Transport unknown"),
        Fault::UpgradeMissing => (StatusCode::BAD_REQUEST, 3, "Bad request"),
        Fault::Path(_) | Fault::Namespace(_) | Fault::AdminUi => (StatusCode::NOT_FOUND, 3, "Bad request"),
        Fault::ProtocolMissing | Fault::Protocol(_) => (StatusCode::BAD_REQUEST, 5, "Unsupported protocol version"),
        Fault::Origin(_) | Fault::UserDisabled => (StatusCode::FORBIDDEN, 4, "Forbidden"),
        Fault::TokenMissing | Fault::TokenInvalid(_) | Fault::TokenExpired | Fault::UserUnknown => {
            (StatusCode::UNAUTHORIZED, 4, "Forbidden")
        }
        Fault::Rate(_) => (StatusCode::TOO_MANY_REQUESTS, 4, "Too many connections"),
    }
}
