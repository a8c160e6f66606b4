//! Whose `X-Forwarded-For` is believed, and what follows from it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use super::NotAllowed;

/// The proxies in front of this server. Empty: nobody is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads a comma list of addresses and CIDRs.
    pub fn parse(text: &str) -> Result<Self, NotAllowed> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Is this one of them?
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(item: &str) -> Result<IpNet, NotAllowed> {
    let one_address = item
        .parse::<IpAddr>()
        .map(|address| IpNet::from(address.to_canonical()));
    one_address.or_else(|_| item.parse::<IpNet>()).map_err(|_| {
        NotAllowed::new(format!(
            "{item:?} is no address and no CIDR; write a comma list such as 10.0.0.0/8,192.168.1.7,::1"
        ))
    })
}

/// The address of the client behind the connection from `peer`.
///
/// Each proxy appends who it was called by, so the header is read from its end, and only as long as the next one named is
/// a trusted proxy: everything further left was written by somebody who could write anything.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, proxies: &TrustedProxies) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines = headers
        .get_all("x-forwarded-for")
        .iter()
        .collect::<Vec<_>>()
        .into_iter()
        .rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for entry in entries {
        if !proxies.trusts(client) {
            break;
        }
        match forwarded_address(entry.trim()) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// Some proxies write a port behind the address.
fn forwarded_address(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    let address = bare
        .parse::<IpAddr>()
        .or_else(|_| entry.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}
