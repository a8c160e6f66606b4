//! Where a client may put its token.

use std::borrow::Cow;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};

/// The token that a client presents: `auth.token` of a Socket.IO CONNECT (given here as `auth`), else
/// `Authorization: Bearer`, else the query parameter `token`. Nothing but spaces counts as none.
pub fn presented_token<'a>(auth: Option<&'a str>, headers: &'a HeaderMap, uri: &'a Uri) -> Option<Cow<'a, str>> {
    let given = |text: &'a str| Some(bare(text)).filter(|token| !token.is_empty()).map(Cow::Borrowed);
    auth.and_then(given)
        .or_else(|| {
            headers
                .get(AUTHORIZATION)?
                .to_str()
                .ok()
                .and_then(bearer)
                .map(Cow::Borrowed)
        })
        .or_else(|| query_token(uri.query()?))
}

/// People put what they read in one example into another: `Bearer ` belongs to the header, but harms nowhere.
fn bare(text: &str) -> &str {
    bearer(text).unwrap_or_else(|| text.trim())
}

/// RFC 9110: the scheme is case-insensitive.
fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.trim().split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

fn query_token(query: &str) -> Option<Cow<'_, str>> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, value)| name == "token" && !value.trim().is_empty())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_first_place_that_holds_one_counts() {
        for (auth, header, uri, expected) in [
            (Some("a"), Some("Bearer b"), "/?token=c", Some("a")),
            (Some(" "), Some("Bearer b"), "/?token=c", Some("b")),
            (None, Some("bearer  b "), "/?token=c", Some("b")),
            (None, Some("Basic b"), "/?EIO=4&token=c%2Ed", Some("c.d")),
            (None, Some("Bearer "), "/?token=c", Some("c")),
            (Some("Bearer a"), None, "/", Some("a")),
            (None, None, "/?token=", None),
            (None, None, "/?tokens=x", None),
            (None, None, "/", None),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
            }
            let uri = uri.parse().unwrap();
            let found = presented_token(auth, &headers, &uri);
            assert_eq!(found.as_deref(), expected, "{auth:?} {headers:?} {uri}");
        }
    }
}
