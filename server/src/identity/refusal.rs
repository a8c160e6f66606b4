//! Why somebody was not let in, and how that is said on the wire.

use chat_core::ports::StoreError;
use rollcall_protocol::{ErrorCode, WireError};

use super::{AccountError, LoginError, PasswordsError, RetryAfter, TokenError};

/// Why a token gives no identity.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// None was presented.
    #[error("no token was presented")]
    Missing,
    /// It is not accepted.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Its account does not exist, and is not made on sight.
    #[error("the token is good, but its account does not exist here")]
    UnknownAccount,
    /// Its account is disabled.
    #[error("this account is disabled")]
    Disabled,
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AuthError> for WireError {
    fn from(error: AuthError) -> Self {
        let message = error.to_string();
        match error {
            AuthError::Missing => WireError::new(ErrorCode::Unauthorized, message)
                .with_hint("send it as auth.token (Socket.IO), as Authorization: Bearer, or as query parameter token"),
            AuthError::Token(TokenError::Expired) => WireError::new(ErrorCode::TokenExpired, message)
                .with_hint("sign in again, or give a fresh token with refresh_token before the old one expires"),
            AuthError::Token(TokenError::Refused(_)) | AuthError::Disabled => {
                WireError::new(ErrorCode::Unauthorized, message)
            }
            AuthError::UnknownAccount => WireError::new(ErrorCode::Unauthorized, message)
                .with_hint("its sub must be the id of an account, unless ROLLCALL_AUTO_PROVISION is on"),
            AuthError::Store(error) => store_refusal(&error),
        }
    }
}

impl From<LoginError> for WireError {
    fn from(error: LoginError) -> Self {
        let message = error.to_string();
        match error {
            LoginError::WrongCredentials | LoginError::Disabled => WireError::new(ErrorCode::Unauthorized, message),
            LoginError::Passwords(error) => error.into(),
            LoginError::Store(error) => store_refusal(&error),
        }
    }
}

impl From<AccountError> for WireError {
    fn from(error: AccountError) -> Self {
        let message = error.to_string();
        match error {
            AccountError::RegistrationClosed => WireError::new(ErrorCode::Forbidden, message)
                .with_hint("ask the operator, who makes accounts with `rollcall user add`"),
            AccountError::Taken => WireError::new(ErrorCode::Conflict, message).with_hint("choose another username"),
            AccountError::Username(_) | AccountError::DisplayName(_) | AccountError::Password(_) => {
                WireError::new(ErrorCode::BadRequest, message)
            }
            AccountError::NotAdmin(_) => WireError::new(ErrorCode::Conflict, message),
            AccountError::NotFound => WireError::new(ErrorCode::NotFound, message),
            AccountError::Passwords(error) => error.into(),
            AccountError::Store(error) => store_refusal(&error),
        }
    }
}

impl From<PasswordsError> for WireError {
    fn from(error: PasswordsError) -> Self {
        match error {
            PasswordsError::Busy(retry_after) => retry_after.into(),
            PasswordsError::Broken(detail) => {
                tracing::error!(detail, "a password could not be hashed or checked");
                WireError::new(ErrorCode::Internal, "the password could not be checked")
            }
        }
    }
}

impl From<RetryAfter> for WireError {
    fn from(RetryAfter(wait): RetryAfter) -> Self {
        // Rounded up: who comes back a moment too early is refused again.
        let millis = u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        WireError::new(ErrorCode::RateLimited, "too often").with_retry_after_ms(millis)
    }
}

/// A store's trouble as clients may know it; the database's own words go to the log.
pub fn store_refusal(error: &StoreError) -> WireError {
    match error {
        StoreError::Unavailable { .. } => {
            tracing::warn!(%error, "the store refused");
            WireError::new(
                ErrorCode::StorageUnavailable,
                "the database is not available; nothing was changed",
            )
            .with_hint("try again in a moment")
        }
        StoreError::Inconsistent { .. } => {
            tracing::error!(%error, "the store holds a contradiction");
            WireError::new(ErrorCode::Internal, "the server found its own data inconsistent")
        }
    }
}
