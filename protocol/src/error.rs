//! Error codes, and the one shape in which every refusal travels.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fields::ShapeError;

/// Why something was refused. A closed set: clients switch on it, `rollcall_event_errors_total{code}` counts by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Wrong shape, type, id, event name or value.
    BadRequest,
    /// No token, or one that is not accepted.
    Unauthorized,
    /// A token that was good until it expired.
    TokenExpired,
    /// Known, but not allowed.
    Forbidden,
    /// Somebody else's conversation.
    NotParticipant,
    /// No such thing.
    NotFound,
    /// It contradicts what is there.
    Conflict,
    /// Content beyond the limit.
    TooLarge,
    /// Too often; `retry_after_ms` says when again.
    RateLimited,
    /// The database refuses or cannot be reached; nothing was saved or sent.
    StorageUnavailable,
    /// The server is about to stop; nothing was saved or sent.
    ShuttingDown,
    /// A defect of the server.
    Internal,
}

impl ErrorCode {
    /// Every code, for starting each label at 0.
    pub const ALL: [ErrorCode; 12] = [
        ErrorCode::BadRequest,
        ErrorCode::Unauthorized,
        ErrorCode::TokenExpired,
        ErrorCode::Forbidden,
        ErrorCode::NotParticipant,
        ErrorCode::NotFound,
        ErrorCode::Conflict,
        ErrorCode::TooLarge,
        ErrorCode::RateLimited,
        ErrorCode::StorageUnavailable,
        ErrorCode::ShuttingDown,
        ErrorCode::Internal,
    ];

    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadRequest => "bad_request",
            ErrorCode::Unauthorized => "unauthorized",
            ErrorCode::TokenExpired => "token_expired",
            ErrorCode::Forbidden => "forbidden",
            ErrorCode::NotParticipant => "not_participant",
            ErrorCode::NotFound => "not_found",
            ErrorCode::Conflict => "conflict",
            ErrorCode::TooLarge => "too_large",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::StorageUnavailable => "storage_unavailable",
            ErrorCode::ShuttingDown => "shutting_down",
            ErrorCode::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal, as it stands in acknowledgements, in event `error`, and (as `code` and `hint`) in problem+json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}{}", wait_in_words(*.retry_after_ms))]
pub struct WireError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what is wrong. Never a secret, never a database's words.
    pub message: String,
    /// For people: what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Milliseconds after which it is worth trying again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl WireError {
    /// A refusal without a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            retry_after_ms: None,
        }
    }

    /// With what to do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With when to try again, in milliseconds.
    pub fn with_retry_after_ms(mut self, millis: u64) -> Self {
        self.retry_after_ms = Some(millis);
        self
    }
}

/// `; wait 3 s`, or nothing. Rounded up: who comes back a moment too early is refused again.
fn wait_in_words(retry_after_ms: Option<u64>) -> String {
    retry_after_ms.map_or_else(String::new, |millis| {
        format!("; wait {} s", millis.div_ceil(1_000).max(1))
    })
}

impl From<ShapeError> for WireError {
    fn from(error: ShapeError) -> Self {
        let refused = WireError::new(ErrorCode::BadRequest, error.to_string());
        match error.hint {
            Some(hint) => refused.with_hint(hint),
            None => refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_to_wait_is_said_in_whole_seconds() {
        let refused = |millis| WireError::new(ErrorCode::RateLimited, "too often").with_retry_after_ms(millis);
        assert_eq!(refused(2_001).to_string(), "rate_limited: too often; wait 3 s");
        assert_eq!(refused(0).to_string(), "rate_limited: too often; wait 1 s");
        let plain = WireError::new(ErrorCode::NotFound, "no such message");
        assert_eq!(plain.to_string(), "not_found: no such message");
    }

    #[test]
    fn codes_are_spelled_alike_in_text_and_json() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
