//! The CORS headers of Socket.IO's answers. Errors bear them too: without them a page sees only that something failed.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// How long a browser may remember a preflight: a change of `ALLOWED_ORIGINS` is felt within it.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_mins(10);

/// The names of headers that a client may ask for in a preflight: longer than any honest list.
const REQUEST_HEADERS_BYTES_MAX: usize = 1024;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");

/// Lets the page of `origin` read the answer. Exact and never `*`, also where every origin is allowed: the official Admin
/// UI asks with credentials. That gives no page anybody's rights, since Socket.IO never gets to see a cookie.
pub(super) fn allow(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// The answer is another one for another origin: said whether this one is allowed or not, for the caches on the way.
pub(super) fn vary(headers: &mut HeaderMap) {
    let said = headers.get_all(header::VARY).iter().any(|value| {
        let names = value.to_str().unwrap_or_default();
        names
            .split(',')
            .any(|name| name.trim().eq_ignore_ascii_case(ORIGIN_NAME))
    });
    if !said {
        headers.append(header::VARY, HeaderValue::from_static(ORIGIN_NAME));
    }
}

const ORIGIN_NAME: &str = "origin";

/// What a preflight asks: which methods and headers the real request may have.
pub(super) fn preflight(headers: &mut HeaderMap, asked: &HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from(PREFLIGHT_MAX_AGE.as_secs()),
    );
    // Clients may send headers of their own (`extraHeaders`). The origin is trusted, so they may.
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        && names.len() <= REQUEST_HEADERS_BYTES_MAX
        && is_list_of_names(names)
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
}

fn is_list_of_names(names: &HeaderValue) -> bool {
    names.to_str().is_ok_and(|names| {
        let mut names = names.split(',');
        names.all(|name| HeaderName::from_bytes(name.trim().as_bytes()).is_ok())
    })
}
