//! The small part of REST that a chat client needs: a token, and history.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use rollcall_protocol::chat_core::explain::Explanation;
use rollcall_protocol::chat_core::{ConversationId, Message, Seq, Timestamp};
use rollcall_protocol::{ErrorCode, UserView, WireError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::builder::InvalidUrl;
use crate::limits::{CALL_TIMEOUT, CONNECT_TIMEOUT, PREVIEW_CHARS_MAX};
use crate::stream::ServerSentEvents;
use crate::transport::tls_config;

/// A stream lives as long as it is looked at; only the general time limit has to be lifted.
const STREAM_MAX: Duration = Duration::from_hours(24 * 365);

/// Why a request gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// DNS, TCP, TLS or time.
    #[error("cannot reach the server: {0}")]
    Unreachable(String),
    /// The server said no.
    #[error("{error} (HTTP {status})")]
    Refused {
        /// The status.
        status: u16,
        /// Why.
        error: WireError,
    },
    /// Something that is not of the contract, a proxy's page for example.
    #[error("the server answered HTTP {status} in words that cannot be read: {words}")]
    BadAnswer {
        /// The status.
        status: u16,
        /// What it said.
        words: String,
    },
}

/// What signing in brings.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Login {
    /// For [`crate::Builder::token`] and [`Rest::history`].
    pub token: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Who one is.
    pub user: UserView,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the token.
        f.debug_struct("Login")
            .field("expires_at", &self.expires_at)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A page of messages, in rising seq.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct History {
    /// The messages.
    pub messages: Vec<Message>,
    /// There are more in the direction that was asked for.
    pub more: bool,
}

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The newest.
    Newest,
    /// The one just before a seq.
    Before(Seq),
    /// The one just after a seq.
    After(Seq),
}

/// A server's REST. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rest {
    http: reqwest::Client,
    base: Url,
}

impl Rest {
    /// For the server at `url`, the same as for [`crate::Client::builder`].
    pub fn new(url: &str) -> Result<Self, InvalidUrl> {
        let base = InvalidUrl::check(url)?;
        let unusable = |error: &dyn std::error::Error| InvalidUrl::new(url, format!("TLS cannot be set up: {error}"));
        // The same roots as the WebSocket's. reqwest's own way fails where a system has none, also for plain HTTP.
        let tls = tls_config().map_err(|error| unusable(&error))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured((*tls).clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT + Duration::from_secs(5))
            .build()
            .map_err(|error| unusable(&error))?;
        Ok(Self { http, base })
    }

    fn at(&self, path: &[&str]) -> Url {
        self.below(&[&["api", "v1"], path].concat())
    }

    fn below(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Does anything answer there? What it says does not matter.
    pub async fn alive(&self) -> Result<(), RestError> {
        let asked = self.http.get(self.below(&["health"])).send().await;
        asked.map(drop).map_err(unreachable)
    }

    /// Accounts whose username or display name contains `query`, as far as the first page goes.
    pub async fn users(&self, token: &str, query: &str) -> Result<Vec<UserView>, RestError> {
        let request = self.http.get(self.at(&["users"])).bearer_auth(token);
        let found: Users = answer(request.query(&[("q", query)])).await?;
        Ok(found.users)
    }

    /// Why somebody has, or has not, a message: `about` holds `message_id`, `user_id`, `conversation_id`,
    /// `client_message_id`, as the admin's `explain` takes them. For an admin's or an observer's token.
    pub async fn explain(&self, token: &str, about: &[(&str, &str)]) -> Result<Explanation, RestError> {
        let request = self.http.get(self.below(&["admin", "api", "explain"]));
        answer(request.bearer_auth(token).query(about)).await
    }

    /// Signs in.
    pub async fn login(&self, username: &str, password: &str) -> Result<Login, RestError> {
        let body = json!({ "username": username, "password": password });
        answer(self.http.post(self.at(&["auth", "login"])).json(&body)).await
    }

    /// The JSON at a path of the server, such as `["admin", "api", "sockets"]`.
    pub async fn get_json(
        &self,
        token: Option<&str>,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, RestError> {
        let request = self.http.get(self.below(path)).query(query);
        answer(with_token(request, token)).await
    }

    /// Posts JSON to a path of the server, and gives the JSON that comes back.
    pub async fn post_json(&self, token: Option<&str>, path: &[&str], body: &Value) -> Result<Value, RestError> {
        let request = self.http.post(self.below(path)).json(body);
        answer(with_token(request, token)).await
    }

    /// Opens a stream of server-sent events.
    pub async fn stream(
        &self,
        token: Option<&str>,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<ServerSentEvents, RestError> {
        let request = self.http.get(self.below(path)).query(query).timeout(STREAM_MAX);
        let request = with_token(request, token).header("accept", "text/event-stream");
        let response = request.send().await.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(ServerSentEvents::new(response));
        }
        let (status, wait) = (response.status(), wait_asked(response.headers()));
        let body = response.bytes().await.map_err(unreachable)?;
        Err(read_answer::<Value>(status, wait, &body)
            .err()
            .unwrap_or_else(|| RestError::BadAnswer {
                status: status.as_u16(),
                words: "no stream".into(),
            }))
    }

    /// A page of a conversation's messages.
    pub async fn history(
        &self,
        token: &str,
        conversation: &ConversationId,
        page: Page,
        limit: u32,
    ) -> Result<History, RestError> {
        let url = self.at(&["conversations", conversation.as_str(), "messages"]);
        let request = self.http.get(url).bearer_auth(token).query(&[("limit", limit)]);
        let request = match page {
            Page::Newest => request,
            Page::Before(seq) => request.query(&[("before_seq", seq)]),
            Page::After(seq) => request.query(&[("after_seq", seq)]),
        };
        answer(request).await
    }
}

#[derive(Deserialize)]
struct Users {
    users: Vec<UserView>,
}

/// problem+json, as far as it says why.
#[derive(Deserialize)]
struct Problem {
    code: ErrorCode,
    detail: Option<String>,
    title: Option<String>,
    hint: Option<String>,
    retry_after_ms: Option<u64>,
}

fn with_token(request: RequestBuilder, token: Option<&str>) -> RequestBuilder {
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

/// Without the URL: a query may hold what should not be shown.
pub(crate) fn unreachable(error: reqwest::Error) -> RestError {
    RestError::Unreachable(in_words(&error.without_url()))
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, RestError> {
    let response = request.send().await.map_err(unreachable)?;
    let (status, wait) = (response.status(), wait_asked(response.headers()));
    let body = response.bytes().await.map_err(unreachable)?;
    read_answer(status, wait, &body)
}

/// The seconds of `Retry-After`. Proxies refuse what comes too often, too, and say so in no other way.
pub(crate) fn wait_asked(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// reqwest's own words stop before the cause, which is what a person needs.
fn in_words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

fn read_answer<T: DeserializeOwned>(status: StatusCode, wait: Option<u64>, body: &[u8]) -> Result<T, RestError> {
    let bad = |error: serde_json::Error| RestError::BadAnswer {
        status: status.as_u16(),
        words: String::from_utf8_lossy(body)
            .chars()
            .take(PREVIEW_CHARS_MAX)
            .collect::<String>()
            + &format!(" ({error})")
            + &wait.map_or_else(String::new, |seconds| format!("; wait {seconds} s")),
    };
    if status.is_success() {
        return serde_json::from_slice(body).map_err(bad);
    }
    let problem: Problem = serde_json::from_slice(body).map_err(bad)?;
    Err(RestError::Refused {
        status: status.as_u16(),
        error: WireError {
            code: problem.code,
            message: problem.detail.or(problem.title).unwrap_or_default(),
            hint: problem.hint,
            retry_after_ms: problem
                .retry_after_ms
                .or(wait.map(|seconds| seconds.saturating_mul(1_000))),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_below_the_address() {
        let rest = Rest::new("http://h:1/chat/").unwrap();
        assert_eq!(
            rest.at(&["auth", "login"]).as_str(),
            "http://h:1/chat/api/v1/auth/login"
        );
        assert_eq!(
            Rest::new("ws://h").unwrap().at(&["a/b"]).as_str(),
            "http://h/api/v1/a%2Fb"
        );
    }

    #[test]
    fn problems_are_refusals_and_pages_of_a_proxy_are_not() {
        let problem = br#"{"title":"No","status":401,"code":"unauthorized","hint":"check it"}"#;
        let error = read_answer::<Login>(StatusCode::UNAUTHORIZED, None, problem).unwrap_err();
        assert_eq!(error.to_string(), "unauthorized: No (HTTP 401)");
        let error = read_answer::<Login>(StatusCode::BAD_GATEWAY, None, b"<html>").unwrap_err();
        assert!(error.to_string().contains("HTTP 502"), "{error}");
        assert!(read_answer::<History>(StatusCode::OK, None, br#"{"messages":[],"more":false}"#).is_ok());
    }

    #[test]
    fn how_long_to_wait_is_said() {
        let said = |wait, body: &[u8]| {
            let answer = read_answer::<Login>(StatusCode::TOO_MANY_REQUESTS, wait, body);
            answer.unwrap_err().to_string()
        };
        let problem = br#"{"detail":"too often","code":"rate_limited","retry_after_ms":41500}"#;
        assert_eq!(said(None, problem), "rate_limited: too often; wait 42 s (HTTP 429)");
        let problem = br#"{"detail":"too often","code":"rate_limited"}"#;
        assert_eq!(said(Some(7), problem), "rate_limited: too often; wait 7 s (HTTP 429)");
        assert!(said(Some(7), b"<html>").ends_with("; wait 7 s"));
        let mut headers = HeaderMap::new();
        assert_eq!(wait_asked(&headers), None);
        headers.insert(RETRY_AFTER, "12".parse().unwrap());
        assert_eq!(wait_asked(&headers), Some(12));
    }

    #[test]
    fn a_login_does_not_show_its_token() {
        let json = r#"{"token":"secret","expires_at":"2026-01-01T00:00:00.000Z",
            "user":{"id":"u","username":"u","display_name":"U","role":"user"}}"#;
        let login: Login = serde_json::from_str(json).unwrap();
        assert!(!format!("{login:?}").contains("secret"));
    }
}
