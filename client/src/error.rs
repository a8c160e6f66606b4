//! Why a call failed, and why there is no connection.

use std::time::Duration;

use rollcall_protocol::{ErrorCode, WireError};

/// Why a call gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The server said no.
    #[error("{0}")]
    Refused(WireError),
    /// No acknowledgement in time. The server may have carried it out all the same.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// There is no connection, or it was lost before the answer. The server may have carried it out all the same.
    #[error("not connected")]
    Disconnected,
    /// An acknowledgement that is not of the shape of the contract.
    #[error("the answer cannot be read: {0}")]
    BadReply(String),
    /// More calls wait for an answer than are kept.
    #[error("too many calls wait for an answer")]
    Overloaded,
}

impl CallError {
    /// The server's code, if it was the server that said no.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            CallError::Refused(error) => Some(error.code),
            _ => None,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownReason {
    /// DNS, TCP or TLS failed.
    #[error("cannot reach the server: {0}")]
    Unreachable(String),
    /// The handshakes took too long.
    #[error("the server did not finish the handshake within {0:?}")]
    HandshakeTimeout(Duration),
    /// The WebSocket upgrade was answered with an HTTP status.
    #[error("the server answered HTTP {status}: {message}")]
    Http {
        /// The status.
        status: u16,
        /// The beginning of the body.
        message: String,
    },
    /// Something answers, but it does not speak Socket.IO.
    #[error("the server does not speak Socket.IO: {0}")]
    Protocol(String),
    /// `connect_error` with a code of the contract.
    #[error("refused: {0}")]
    Refused(WireError),
    /// `connect_error` with other words.
    #[error("refused: {0}")]
    RefusedInWords(String),
    /// The token provider had none to give.
    #[error("no token to sign in with: {0}")]
    NoToken(String),
    /// The server closed the WebSocket.
    #[error("the server closed the connection{}", close_words(*.code, .words))]
    ClosedByServer {
        /// The close code, if one was given.
        code: Option<u16>,
        /// What it said.
        words: String,
    },
    /// The server ended the Socket.IO session: a token that expired, an admin's disconnect, a shutdown.
    #[error("disconnected by the server")]
    DisconnectedByServer,
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(String),
    /// Nothing came from the server for longer than its own ping interval and timeout.
    #[error("nothing heard from the server for {0:?}")]
    Silent(Duration),
    /// [`crate::Client::cut`].
    #[error("cut on request")]
    Cut,
    /// [`crate::Client::close`], or every handle was dropped.
    #[error("closed on request")]
    Closed,
}

fn close_words(code: Option<u16>, words: &str) -> String {
    match (code, words.is_empty()) {
        (None, _) => String::new(),
        (Some(code), true) => format!(" ({code})"),
        (Some(code), false) => format!(" ({code} {words})"),
    }
}

impl DownReason {
    /// Reads the message of a `connect_error`: the code stands before the colon.
    pub(crate) fn from_connect_error(message: &str) -> Self {
        let (code, words) = message.split_once(':').unwrap_or((message, ""));
        match ErrorCode::ALL.into_iter().find(|known| known.as_str() == code.trim()) {
            Some(code) => DownReason::Refused(WireError::new(code, words.trim())),
            None => DownReason::RefusedInWords(message.to_owned()),
        }
    }

    /// The server's code, if it was a refusal with one.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            DownReason::Refused(error) => Some(error.code),
            _ => None,
        }
    }

    /// Another token could help.
    pub fn is_about_the_token(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::Unauthorized | ErrorCode::TokenExpired))
            || matches!(self, DownReason::Http { status: 401, .. })
    }

    /// Trying the same again cannot help. `ever_connected`: what answers HTTP 404 or speaks another protocol was a Rollcall
    /// before, so something between (a proxy during a deploy) answers in its place, and it is worth waiting.
    pub(crate) fn is_final(&self, ever_connected: bool) -> bool {
        match self {
            DownReason::Refused(error) => !matches!(
                error.code,
                ErrorCode::RateLimited | ErrorCode::StorageUnavailable | ErrorCode::ShuttingDown | ErrorCode::Internal
            ),
            DownReason::Closed | DownReason::RefusedInWords(_) | DownReason::Http { status: 401, .. } => true,
            DownReason::Http { status, .. } => {
                !ever_connected && (400..500).contains(status) && !matches!(status, 408 | 425 | 429)
            }
            DownReason::Protocol(_) => !ever_connected,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_before_the_colon() {
        let reason = DownReason::from_connect_error("token_expired: it ended at 12:00");
        assert_eq!(reason.code(), Some(ErrorCode::TokenExpired));
        assert_eq!(reason.to_string(), "refused: token_expired: it ended at 12:00");
        assert!(reason.is_about_the_token());
        assert_eq!(
            DownReason::from_connect_error("not_found").code(),
            Some(ErrorCode::NotFound)
        );
        let words = DownReason::from_connect_error("Invalid namespace");
        assert_eq!(words, DownReason::RefusedInWords("Invalid namespace".into()));
    }

    #[test]
    fn what_is_worth_another_try() {
        let refused = |code| DownReason::Refused(WireError::new(code, ""));
        assert!(refused(ErrorCode::NotFound).is_final(true));
        assert!(!refused(ErrorCode::ShuttingDown).is_final(false));
        let http = |status| DownReason::Http {
            status,
            message: String::new(),
        };
        assert!(http(404).is_final(false));
        assert!(!http(404).is_final(true));
        assert!(!http(503).is_final(false));
        assert!(!http(429).is_final(false));
        assert!(!DownReason::Lost("reset".into()).is_final(false));
    }

    #[test]
    fn close_codes_are_said_when_there_are_any() {
        let closed = |code, words: &str| DownReason::ClosedByServer {
            code,
            words: words.into(),
        };
        assert_eq!(closed(None, "").to_string(), "the server closed the connection");
        assert_eq!(
            closed(Some(4408), "slow").to_string(),
            "the server closed the connection (4408 slow)"
        );
    }
}
