//! Where a request came from, as far as the trusted proxies tell.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The proxies whose word is believed (`ROLLCALL_TRUSTED_PROXIES`).
#[derive(Debug, Clone, Default)]
pub struct ProxyTrust(Arc<[IpNet]>);

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) https: bool,
}

impl ProxyTrust {
    /// Believes these networks.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client is the last address of the chain that is no trusted proxy: what stands before it, anybody can write.
    pub(crate) fn peer(&self, headers: &HeaderMap, extensions: &Extensions) -> Peer {
        let direct = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip().to_canonical());
        if !self.trusts(direct) {
            return Peer { address: direct, https: false };
        }
        let mut address = direct;
        for hop in hops(headers) {
            let Ok(hop) = hop.parse::<IpAddr>() else { break };
            address = hop.to_canonical();
            if !self.trusts(address) {
                break;
            }
        }
        let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        // A chain of proxies writes a list, its first entry being the browser's own connection.
        let https = proto.and_then(|list| list.split(',').next()).is_some_and(|first| first.trim().eq_ignore_ascii_case("https"));
        Peer { address, https }
    }
}

/// The addresses of `X-Forwarded-For`, the nearest first.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    lines.into_iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(trusted: &[&str], direct: &str, forwarded: &[&str], proto: Option<&str>) -> (String, bool) {
        let trust = ProxyTrust::new(trusted.iter().map(|network| network.parse::<IpNet>().unwrap()));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        if let Some(proto) = proto {
            headers.insert("x-forwarded-proto", proto.parse().unwrap());
        }
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(direct.parse().unwrap(), 1)));
        let peer = trust.peer(&headers, &extensions);
        (peer.address.to_string(), peer.https)
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let stranger = peer(&[], "9.9.9.9", &["1.1.1.1"], Some("https"));
        assert_eq!(stranger, ("9.9.9.9".to_owned(), false));
        let proxy = peer(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1"], Some("https"));
        assert_eq!(proxy, ("1.1.1.1".to_owned(), true));
    }

    #[test]
    fn what_a_client_wrote_before_its_proxy_is_not_believed() {
        let spoofed = peer(&["10.0.0.0/8"], "10.0.0.1", &["6.6.6.6, 1.1.1.1", "10.0.0.2"], Some("http"));
        assert_eq!(spoofed, ("1.1.1.1".to_owned(), false));
        let nonsense = peer(&["10.0.0.0/8"], "10.0.0.1", &["1.1.1.1, nonsense"], None);
        assert_eq!(nonsense.0, "10.0.0.1");
    }

    #[test]
    fn an_ipv4_proxy_on_a_dual_stack_socket_is_recognised() {
        let mapped = peer(&["127.0.0.1/32"], "::ffff:127.0.0.1", &["1.1.1.1"], None);
        assert_eq!(mapped.0, "1.1.1.1");
    }
}
