//! What a connection keeps of its request.
//!
//! The Socket.IO library keeps the parts of the request for as long as the connection lives. Header values and URI are
//! slices of hyper's read buffer, so a whole buffer stays with every idle connection, and axum's `OriginalUri` holds one
//! more. Copied into allocations of their own, and only those that somebody reads, they cost a few hundred bytes.

use axum::extract::OriginalUri;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

/// The headers that somebody reads: the upgrade, the body of a poll, the token, the address, and what the admin pages
/// show of a socket. `Cookie` is not among them on purpose: a page of another site may open a connection here, and must
/// never do so with the rights of whoever looks at it.
static WANTED: [HeaderName; 16] = [
    header::HOST,
    header::ORIGIN,
    header::USER_AGENT,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-request-id"),
];

/// A longer one is cut: it is only ever shown.
const USER_AGENT_BYTES_MAX: usize = 256;

/// Strips the request to what is worth keeping.
pub(super) fn strip(parts: &mut Parts) {
    parts.extensions.remove::<OriginalUri>();
    parts.headers = copied(&parts.headers);
    if let Some(uri) = parts.uri.path_and_query().and_then(copied_uri) {
        parts.uri = uri;
    }
}

fn copied(headers: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::new();
    for name in &WANTED {
        for value in headers.get_all(name) {
            let mut bytes = value.as_bytes();
            if *name == header::USER_AGENT {
                bytes = &bytes[..bytes.len().min(USER_AGENT_BYTES_MAX)];
            }
            // What was a header value is one again, also a part of it.
            if let Ok(value) = HeaderValue::from_bytes(bytes) {
                out.append(name, value);
            }
        }
    }
    out
}

fn copied_uri(path_and_query: &PathAndQuery) -> Option<Uri> {
    // From a `&str` it is copied; from `Bytes` it would be shared again.
    Uri::try_from(path_and_query.as_str()).ok()
}
