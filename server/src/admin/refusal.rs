//! Why a request was not carried out: one type, shown as `application/problem+json` or, on pages, as a page.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use chat_core::ports::StoreError;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// Why a request was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("you are not signed in")]
    SignedOut,
    #[error("the token has expired")]
    TokenExpired,
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
    #[error("this address answers other methods than that")]
    MethodNotAllowed,
    #[error("{0}")]
    Conflict(String),
    #[error("too many attempts from this address")]
    TooManyAttempts(Duration),
    #[error("too many live streams are open")]
    TooManyStreams,
    #[error("the database does not answer")]
    Store(#[from] StoreError),
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
            Refusal::SignedOut | Refusal::TokenExpired => StatusCode::UNAUTHORIZED,
            Refusal::NotAllowedIn | Refusal::ObserverChanges | Refusal::Csrf | Refusal::CrossSite => StatusCode::FORBIDDEN,
            Refusal::BadRequest(_) => StatusCode::BAD_REQUEST,
            Refusal::NotFound { .. } => StatusCode::NOT_FOUND,
            Refusal::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Conflict(_) => StatusCode::CONFLICT,
            Refusal::TooManyAttempts(_) => StatusCode::TOO_MANY_REQUESTS,
            Refusal::TooManyStreams | Refusal::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The contract's error code.
    fn code(&self) -> &'static str {
        match self {
            Refusal::SignedOut => "unauthorized",
            Refusal::TokenExpired => "token_expired",
            Refusal::NotAllowedIn | Refusal::ObserverChanges | Refusal::Csrf | Refusal::CrossSite => "forbidden",
            Refusal::BadRequest(_) | Refusal::MethodNotAllowed => "bad_request",
            Refusal::NotFound { .. } => "not_found",
            Refusal::Conflict(_) => "conflict",
            Refusal::TooManyAttempts(_) | Refusal::TooManyStreams => "rate_limited",
            Refusal::Store(_) => "storage_unavailable",
            Refusal::Internal => "internal",
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Refusal::SignedOut => "Sign in at /admin/login, or send the bearer token of an admin or observer.".to_owned(),
            Refusal::TokenExpired => "Sign in again for a fresh token.".to_owned(),
            Refusal::NotAllowedIn => "Use an account whose role is admin or observer.".to_owned(),
            Refusal::ObserverChanges => "Use an account whose role is admin.".to_owned(),
            Refusal::Csrf => {
                "Reload the page and try again; a script sends the page's csrf_token as field or as header x-csrf-token.".to_owned()
            }
            Refusal::CrossSite => "Open the admin pages themselves and act there.".to_owned(),
            Refusal::BadRequest(_) => "Correct the request and send it again.".to_owned(),
            Refusal::NotFound { hint, .. } => hint.clone(),
            Refusal::MethodNotAllowed => "Pages and lists are read with GET; changes are made with POST.".to_owned(),
            Refusal::Conflict(_) => "Look at the socket as it is now, and try again.".to_owned(),
            Refusal::TooManyAttempts(wait) => format!("Try again in {} s.", whole_seconds(*wait)),
            Refusal::TooManyStreams => "Close pages that nobody looks at; they are also reloaded without the stream.".to_owned(),
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
            Refusal::TooManyStreams | Refusal::Store(_) => Some(2),
            _ => None,
        }
    }

    fn problem(&self) -> serde_json::Value {
        let mut problem = json!({
            "type": "about:blank",
            "title": self.status().canonical_reason().unwrap_or_default(),
            "status": self.status().as_u16(),
            "code": self.code(),
            "detail": self.to_string(),
            "hint": self.hint(),
        });
        if matches!(self, Refusal::NotFound { .. }) {
            problem["similar"] = json!(self.similar());
        }
        problem
    }

    /// The headers that go with the status, whatever the body is.
    pub(crate) fn dress(&self, response: &mut Response) {
        *response.status_mut() = self.status();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rollcall\""));
        }
    }
}

/// Rounded up: coming back too early is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl IntoResponse for Refusal {
    /// As problem+json. The refusal goes along, so that the pages' guard can show it as a page instead.
    fn into_response(self) -> Response {
        if let Refusal::Store(error) = &self {
            tracing::warn!(%error, "the admin could not read the store");
        }
        let json = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (json, self.problem().to_string()).into_response();
        self.dress(&mut response);
        response.extensions_mut().insert(self);
        response
    }
}
