//! Whether a request came by https, as far as the trusted proxies tell: this server itself speaks none.

use std::convert::Infallible;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use http::HeaderMap;
use http::request::Parts;
use std::net::IpAddr;

use crate::gateway::listener::ConnInfo;
use crate::settings::TrustedProxies;

/// The browser's own connection was encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByHttps(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for ByHttps
where
    TrustedProxies: FromRef<S>,
{
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<ConnInfo>>()
            .map(|ConnectInfo(info)| info.line.peer().ip());
        Ok(Self(is_https(peer, &parts.headers, &TrustedProxies::from_ref(state))))
    }
}

fn is_https(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &TrustedProxies) -> bool {
    let trusted = peer.is_some_and(|peer| proxies.trusts(peer.to_canonical()));
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    // A chain of proxies writes a list, its first entry being the browser's own connection.
    let first = proto.and_then(|list| list.split(',').next()).unwrap_or_default();
    trusted && first.trim().eq_ignore_ascii_case("https")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_says_that_it_was_https() {
        let proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
        let says = |peer: &str, proto: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-proto", http::HeaderValue::from_static(proto));
            is_https(Some(peer.parse().unwrap()), &headers, &proxies)
        };
        assert!(says("10.0.0.1", "https"));
        assert!(says("::ffff:10.0.0.1", "HTTPS, http"));
        assert!(!says("10.0.0.1", "http, https"));
        assert!(!says("9.9.9.9", "https"));
        assert!(!is_https(None, &HeaderMap::new(), &proxies));
    }
}
