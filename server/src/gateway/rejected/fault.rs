//! What can be wrong with an attempt to connect, and the words for it: one table for the answers, the ring and `explain`.

use std::time::Duration;

use super::SOCKET_IO_PATH;
use super::sanitized::shown;
use crate::telemetry::labels::RejectReason;

/// What is wrong, with what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No token at all.
    TokenMissing,
    /// A token that is none, or is signed by nobody we know. The words say what is wrong with it, and never hold it.
    TokenInvalid(String),
    /// It was good once.
    TokenExpired,
    /// A good token of a user that does not exist here.
    UserUnknown,
    /// A good token of a user that may not connect any more.
    UserDisabled,
    /// A page of another site.
    Origin(String),
    /// Socket.IO on another path.
    Path(String),
    /// No `EIO` in the query.
    ProtocolMissing,
    /// Another `EIO` than 4.
    Protocol(String),
    /// No `transport` in the query, or an unknown one.
    Transport(Option<String>),
    /// `transport=websocket` on a request that is no upgrade.
    UpgradeMissing,
    /// A namespace that does not exist.
    Namespace(String),
    /// The official Admin UI, which is for namespace `/admin`, in that of chat.
    AdminUi,
    /// Too many connections of an address.
    Rate(Duration),
}

impl Fault {
    /// The kind, as it is counted.
    pub fn reason(&self) -> RejectReason {
        match self {
            Self::TokenMissing
            | Self::TokenInvalid(_)
            | Self::TokenExpired
            | Self::UserUnknown
            | Self::UserDisabled => RejectReason::Token,
            Self::Origin(_) => RejectReason::Origin,
            Self::Path(_) => RejectReason::Path,
            Self::ProtocolMissing | Self::Protocol(_) | Self::Transport(_) | Self::UpgradeMissing => {
                RejectReason::Protocol
            }
            Self::Namespace(_) | Self::AdminUi => RejectReason::Namespace,
            Self::Rate(_) => RejectReason::Rate,
        }
    }

    /// What came, and what is right.
    pub fn detail(&self) -> String {
        match self {
            Self::TokenMissing => "no token came; a token of this server is needed".to_owned(),
            Self::TokenInvalid(why) => format!("the token was not accepted: {}", shown(why)),
            Self::TokenExpired => "the token was good, but has expired".to_owned(),
            Self::UserUnknown => "the token is good, but its user does not exist here".to_owned(),
            Self::UserDisabled => "the token is good, but its user is disabled".to_owned(),
            Self::Origin(origin) => {
                format!(
                    "the page's origin is {}, which is not in ALLOWED_ORIGINS",
                    shown(origin)
                )
            }
            Self::Path(path) => format!(
                "a Socket.IO request came on {}; the path is {SOCKET_IO_PATH}",
                shown(path)
            ),
            Self::ProtocolMissing => "the query has no EIO; the protocol is EIO=4".to_owned(),
            Self::Protocol(came) => format!("the client speaks EIO={}; the protocol is EIO=4", shown(came)),
            Self::Transport(None) => "the query has no transport; there are polling and websocket".to_owned(),
            Self::Transport(Some(came)) => {
                format!("the transport is {}; there are polling and websocket", shown(came))
            }
            Self::UpgradeMissing => {
                "transport=websocket came without the header Upgrade: websocket, which opens a WebSocket".to_owned()
            }
            Self::Namespace(name) => format!("the namespace is {}; there is only /", shown(name)),
            Self::AdminUi => {
                "a username and a password came instead of a token, as the official Admin UI sends them; this is \
                 namespace /, the chat"
                    .to_owned()
            }
            Self::Rate(after) => format!(
                "too many connections from this address (ROLLCALL_RATE_CONNECTS); the next is allowed in {} ms",
                after.as_millis()
            ),
        }
    }

    /// What to do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::TokenMissing => {
                "pass the token of POST /api/v1/auth/login: io(url, { auth: { token } }), or the header Authorization: \
                 Bearer, or ?token="
            }
            Self::TokenInvalid(_) => {
                "sign in again at POST /api/v1/auth/login; for tokens of another issuer check JWT_SECRET or \
                 JWT_PUBLIC_KEY_FILE"
            }
            Self::TokenExpired => {
                "sign in again; give auth as a function, so that a reconnect takes a fresh token, and answer \
                 token_expiring with refresh_token"
            }
            Self::UserUnknown => {
                "register the user, or set ROLLCALL_AUTO_PROVISION=true to make users of a trusted issuer's tokens"
            }
            Self::UserDisabled => "an admin must enable the user",
            Self::Origin(_) => {
                "add exactly this origin, with scheme and port, to ALLOWED_ORIGINS and restart the server"
            }
            Self::Path(_) => {
                "remove the option path, or set it to /socket.io/; what follows the host in the URL of io() is a \
                 namespace, not a path; a proxy must pass the path on unchanged"
            }
            Self::ProtocolMissing | Self::Protocol(_) => {
                "use a Socket.IO client of version 3 or 4 (socket.io-client 3+, python-socketio 5+); a program \
                 without Socket.IO can send and read by REST below /api/v1"
            }
            Self::Transport(_) => {
                "use a Socket.IO client with transports polling and websocket; webtransport is not offered"
            }
            Self::UpgradeMissing => {
                "if a proxy is on the way, let it pass on the headers Upgrade and Connection (nginx: proxy_http_version \
                 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\")"
            }
            Self::Namespace(_) => {
                "connect to / for the chat: io(url) without a path behind the host; conversations are rooms and not \
                 namespaces"
            }
            Self::AdminUi => {
                "for the Admin UI the namespace is /admin: enter it below the advanced options, or behind the server's \
                 address; a chat client signs in at POST /api/v1/auth/login and passes the token"
            }
            Self::Rate(_) => "wait as retry-after says and reconnect with a growing, randomised delay",
        }
    }
}
