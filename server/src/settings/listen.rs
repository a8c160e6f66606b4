//! Where the server listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::arguments::SettingArgs;
use super::{NotAllowed, SettingError};

/// What is listened on when nothing is said. Only this machine: an open server is a decision.
pub(super) const BIND_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT_DEFAULT);
pub(super) const PORT_DEFAULT: u16 = 4600;

/// `ROLLCALL_BIND` wins; `PORT` alone, which hosting platforms set, means every address.
pub(super) fn bind(args: &SettingArgs) -> Result<SocketAddr, SettingError> {
    // Both are checked, so that a wrong PORT does not hide behind a right ROLLCALL_BIND.
    let port = args.port().parse_if_set(port)?;
    let bind = args.bind().parse_if_set(address)?;
    let from_port = port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    Ok(bind.or(from_port).unwrap_or(BIND_DEFAULT))
}

pub(super) fn admin_bind(args: &SettingArgs, bind: SocketAddr) -> Result<Option<SocketAddr>, SettingError> {
    args.admin_bind().parse_if_set(|text| {
        let admin = address(text)?;
        if admin == bind && admin.port() != 0 {
            return Err(NotAllowed::new("it must be another address than that of ROLLCALL_BIND"));
        }
        Ok(admin)
    })
}

fn address(text: &str) -> Result<SocketAddr, NotAllowed> {
    let local = text
        .strip_prefix("localhost:")
        .map(|port| format!("{}:{port}", Ipv4Addr::LOCALHOST));
    local
        .as_deref()
        .unwrap_or(text)
        .parse()
        .map_err(|_| NotAllowed::new("write an IP address and a port, as in 127.0.0.1:4600, 0.0.0.0:4600 or [::]:4600"))
}

fn port(text: &str) -> Result<u16, NotAllowed> {
    text.parse()
        .map_err(|_| NotAllowed::new("write a port, 0 to 65535, as in 4600"))
}
