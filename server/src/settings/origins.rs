//! The origins of pages that may connect.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::arguments::SettingArgs;
use super::listen::PORT_DEFAULT;
use super::{NotAllowed, SettingError};

/// Which origins may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every one (`*`), `null` included.
    Any,
    /// These.
    These(Arc<[Origin]>),
}

/// An origin in the form in which browsers send it: lower case, no default port, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(Arc<str>);

impl AllowedOrigins {
    /// Reads a comma list, a JSON list of strings, or `*`.
    pub fn parse(text: &str) -> Result<Self, NotAllowed> {
        let text = text.trim();
        let items: Vec<String> = if text.starts_with('[') {
            serde_json::from_str(text).map_err(|_| {
                NotAllowed::new(r#"begins like a JSON list and is none; write ["http://a.example","http://b.example"]"#)
            })?
        } else {
            text.split(',').map(str::to_owned).collect()
        };
        let items: Vec<&str> = items
            .iter()
            .map(|item| item.trim())
            .filter(|item| !item.is_empty())
            .collect();
        if items == ["*"] {
            return Ok(AllowedOrigins::Any);
        }
        let mut origins: Vec<Origin> = Vec::with_capacity(items.len());
        for item in items {
            if item == "*" {
                return Err(NotAllowed::new("* means every origin and stands alone"));
            }
            let origin = Origin::parse(item).map_err(|why| NotAllowed::new(format!("{item:?} is no origin: {why}")))?;
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        Ok(AllowedOrigins::These(Arc::from(origins)))
    }

    /// May a page of this origin (the value of an `Origin` header) connect?
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            AllowedOrigins::Any => true,
            // Browsers send the canonical form; other clients may not.
            AllowedOrigins::These(origins) => {
                origins.iter().any(|allowed| allowed.as_str() == origin)
                    || Origin::parse(origin).is_ok_and(|origin| origins.contains(&origin))
            }
        }
    }

    /// As they are shown: `["*"]` or the origins.
    pub fn to_list(&self) -> Vec<String> {
        match self {
            AllowedOrigins::Any => vec!["*".to_owned()],
            AllowedOrigins::These(origins) => origins.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Why text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// `null`, which browsers send for pages that have none.
    #[error("null stands for any page without an origin; write * if those are meant")]
    Null,
    /// Nothing before `://`.
    #[error("it has no scheme; write http://host or https://host")]
    Scheme,
    /// `ws://`: the page's origin is meant, not the connection's.
    #[error("the origin of a page begins with http:// or https://, also when it opens a WebSocket")]
    WebSocketScheme,
    /// Something after the host.
    #[error("it has a path, a query or a fragment; write only scheme://host or scheme://host:port")]
    Path,
    /// `user@host`.
    #[error("it has a user or a password; write only scheme://host or scheme://host:port")]
    User,
    /// No host, or none that can be.
    #[error("its host cannot be one (a pattern such as *.example.com is not supported)")]
    Host,
    /// No port from 1 to 65535.
    #[error("its port is none")]
    Port,
}

impl Origin {
    /// Checks and normalises an origin.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        if text.eq_ignore_ascii_case("null") {
            return Err(InvalidOrigin::Null);
        }
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin::Scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !is_scheme {
            return Err(InvalidOrigin::Scheme);
        }
        if matches!(scheme.as_str(), "ws" | "wss") {
            return Err(InvalidOrigin::WebSocketScheme);
        }
        let authority = rest.trim_end_matches('/');
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(InvalidOrigin::Path);
        }
        if authority.contains('@') {
            return Err(InvalidOrigin::User);
        }
        let (host, port) = split_port(authority)?;
        let host = url::Host::parse(host).map_err(|_| InvalidOrigin::Host)?.to_string();
        if host.is_empty() || host.contains('*') {
            return Err(InvalidOrigin::Host);
        }
        let default_port = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Ok(Self(match port.filter(|port| Some(*port) != default_port) {
            Some(port) => Arc::from(format!("{scheme}://{host}:{port}")),
            None => Arc::from(format!("{scheme}://{host}")),
        }))
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host and the port, if there is one. A colon within brackets is an IPv6 address's.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), InvalidOrigin> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            let port = port
                .parse()
                .ok()
                .filter(|port| digits && *port != 0)
                .ok_or(InvalidOrigin::Port)?;
            Ok((host, Some(port)))
        }
        _ => Ok((authority, None)),
    }
}

/// What is set, or this machine at the default port and at the port that is really listened on: `PORT=5000 rollcall`
/// should not refuse its own pages.
pub(super) fn from_args(args: &SettingArgs, bind: SocketAddr) -> Result<AllowedOrigins, SettingError> {
    if let Some(origins) = args.allowed_origins().parse_if_set(AllowedOrigins::parse)? {
        return Ok(origins);
    }
    // Port 0 is chosen by the system later; nobody can have opened a page there.
    let ports = [PORT_DEFAULT, bind.port()].into_iter().filter(|port| *port != 0);
    let local: Vec<String> = ports
        .map(|port| format!("http://localhost:{port},http://127.0.0.1:{port}"))
        .collect();
    args.allowed_origins()
        .parse(|_| AllowedOrigins::parse(&local.join(",")))
}
