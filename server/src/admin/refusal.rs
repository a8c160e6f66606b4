//! Why a request was not carried out: one type, shown as `application/problem+json` or, on pages, as a page.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chat_core::ports::StoreError;
use http::{HeaderValue, StatusCode, header};
use rollcall_protocol::{ErrorCode, WireError};

use crate::api::{Problem, status_of};
use crate::identity::{AccountError, AuthError, LoginError, PasswordsError, RetryAfter, TokenError};

/// Why a request was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("you are not signed in")]
    SignedOut,
    #[error("username or password is wrong")]
    WrongCredentials,
    #[error("the token has expired")]
    TokenExpired,
    #[error("{0}")]
    BadToken(String),
    #[error("this account may not see the admin pages")]
    NotAllowedIn,
    #[error("an observer sees everything here and changes nothing")]
    ObserverChanges,
    #[error("the form's csrf_token is missing or not this session's")]
    Csrf,
    #[error("the request came from another site")]
    CrossSite,
    #[error("{0}")]
    BadRequest(String),
    #[error("there is no {what} {}", super::words::visible(name))]
    NotFound {
        what: &'static str,
        name: String,
        hint: String,
        similar: Vec<String>,
    },
    #[error("{0}")]
    Conflict(String),
    #[error("too many attempts from this address")]
    TooManyAttempts(Duration),
    #[error("too many live streams are open")]
    TooManyStreams,
    #[error("too many probes are under way")]
    TooManyProbes,
    #[error("the database does not answer")]
    Store(#[from] StoreError),
    #[error("{}", .0.message)]
    Chat(WireError),
    #[error("the page could not be made")]
    Internal,
}

impl Refusal {
    /// Nothing of this name.
    pub(crate) fn not_found(what: &'static str, name: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal::NotFound {
            what,
            name: name.into(),
            hint: hint.into(),
            similar: Vec::new(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Refusal::TooManyStreams => StatusCode::SERVICE_UNAVAILABLE,
            other => status_of(other.code()),
        }
    }

    fn code(&self) -> ErrorCode {
        match self {
            Refusal::SignedOut | Refusal::WrongCredentials | Refusal::BadToken(_) => ErrorCode::Unauthorized,
            Refusal::TokenExpired => ErrorCode::TokenExpired,
            Refusal::NotAllowedIn | Refusal::ObserverChanges | Refusal::Csrf | Refusal::CrossSite => {
                ErrorCode::Forbidden
            }
            Refusal::BadRequest(_) => ErrorCode::BadRequest,
            Refusal::NotFound { .. } => ErrorCode::NotFound,
            Refusal::Conflict(_) => ErrorCode::Conflict,
            Refusal::TooManyAttempts(_) | Refusal::TooManyStreams | Refusal::TooManyProbes => ErrorCode::RateLimited,
            Refusal::Chat(error) => error.code,
            Refusal::Store(StoreError::Unavailable { .. }) => ErrorCode::StorageUnavailable,
            Refusal::Store(StoreError::Inconsistent { .. }) | Refusal::Internal => ErrorCode::Internal,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Refusal::SignedOut | Refusal::WrongCredentials | Refusal::BadToken(_) => "Sign in at /admin/login, or send the bearer token of an admin or observer.".to_owned(),
            Refusal::TokenExpired => "Sign in again for a fresh token.".to_owned(),
            Refusal::NotAllowedIn => "Use an account whose role is admin or observer.".to_owned(),
            Refusal::ObserverChanges => "Use an account whose role is admin.".to_owned(),
            Refusal::Csrf => {
                "Reload the page and try again; a script sends the page's csrf_token as field or as header x-csrf-token.".to_owned()
            }
            Refusal::CrossSite => "Open the admin pages themselves and act there.".to_owned(),
            Refusal::BadRequest(_) => "Correct the request and send it again.".to_owned(),
            Refusal::NotFound { hint, .. } => hint.clone(),
            Refusal::Conflict(_) => "Look at how it is now, and try again.".to_owned(),
            Refusal::TooManyAttempts(wait) => format!("Try again in {} s.", whole_seconds(*wait)),
            Refusal::TooManyStreams => "Close pages that nobody looks at; they are also reloaded without the stream.".to_owned(),
            Refusal::TooManyProbes => "Each takes five seconds at most; try again when one has ended.".to_owned(),
            Refusal::Chat(error) => error.hint.clone().unwrap_or_else(|| "Look at what it names, and try again.".to_owned()),
            Refusal::Store(_) => "The server tries again by itself; /health/ready names the part that fails.".to_owned(),
            Refusal::Internal => "The server's log has the reason.".to_owned(),
        }
    }

    /// Names that may have been meant.
    pub(crate) fn similar(&self) -> &[String] {
        match self {
            Refusal::NotFound { similar, .. } => similar,
            _ => &[],
        }
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Refusal::TooManyAttempts(wait) => Some(whole_seconds(*wait)),
            Refusal::TooManyStreams | Refusal::TooManyProbes | Refusal::Store(_) => Some(2),
            _ => None,
        }
    }

    fn problem(&self) -> Problem {
        let problem = Problem::new(self.code(), self.to_string())
            .with_hint(self.hint())
            .with_status(self.status());
        match self {
            Refusal::NotFound {
                what: "room", similar, ..
            } => problem.with("similar_rooms", similar.clone()),
            _ => problem,
        }
    }

    /// The headers that go with the status, whatever the body is.
    pub(crate) fn dress(&self, response: &mut Response) {
        *response.status_mut() = self.status();
        if let Some(seconds) = self.retry_after() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"rollcall\""),
            );
        }
    }
}

/// Rounded up: coming back too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Refusal::Chat(error)
    }
}

impl From<AccountError> for Refusal {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => Refusal::Store(error),
            other => Refusal::Chat(other.into()),
        }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Missing => Refusal::SignedOut,
            AuthError::Token(TokenError::Expired) => Refusal::TokenExpired,
            AuthError::Store(error) => Refusal::Store(error),
            other => Refusal::BadToken(other.to_string()),
        }
    }
}

impl From<LoginError> for Refusal {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::WrongCredentials => Refusal::WrongCredentials,
            LoginError::Disabled => Refusal::NotAllowedIn,
            LoginError::Passwords(PasswordsError::Busy(RetryAfter(wait))) => Refusal::TooManyAttempts(wait),
            LoginError::Passwords(error @ PasswordsError::Broken(_)) => {
                tracing::error!(%error, "a password could not be checked");
                Refusal::Internal
            }
            LoginError::Store(error) => Refusal::Store(error),
        }
    }
}

impl IntoResponse for Refusal {
    /// As problem+json. The refusal goes along, so that the pages' guard can show it as a page instead.
    fn into_response(self) -> Response {
        if let Refusal::Store(error) = &self {
            tracing::warn!(%error, "the admin could not read the store");
        }
        let mut response = self.problem().into_response();
        self.dress(&mut response);
        response.extensions_mut().insert(self);
        response
    }
}
