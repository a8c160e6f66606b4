//! REST and admin JSON, as any HTTP client would speak it.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::PATIENCE;

/// Password of every user that [`Rest::new_user`] makes.
pub const PASSWORD: &str = "correct horse";

/// Makes usernames unique, also between tests of one process.
static USERS: AtomicU64 = AtomicU64::new(1);

/// A user, signed in.
#[derive(Debug, Clone)]
pub struct User {
    /// Lasting id.
    pub id: String,
    /// Unique name.
    pub username: String,
    /// For `Authorization: Bearer` and Socket.IO's `auth.token`.
    pub token: String,
}

/// What came back. The body is `null` where there was none, and a string where it was no JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Value,
}

impl Answer {
    /// The body of a success; anything else is an error that shows what came.
    pub fn ok(self) -> Result<Value> {
        ensure!(self.status.is_success(), "{}: {}", self.status, self.body);
        Ok(self.body)
    }
}

/// A client of one server, with or without a token.
#[derive(Debug, Clone)]
pub struct Rest {
    url: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Rest {
    /// Without a token.
    pub fn new(url: String) -> Self {
        Self {
            url,
            token: None,
            http: reqwest::Client::new(),
        }
    }

    /// The same with a token.
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The same as that user.
    pub fn as_user(&self, user: &User) -> Self {
        self.clone().with_token(&user.token)
    }

    /// One request; `path` begins with a slash.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .timeout(PATIENCE);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| path.to_owned())?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await?;
        let body = match text.as_str() {
            "" => Value::Null,
            _ => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        };
        Ok(Answer { status, headers, body })
    }

    /// The body of a GET that succeeds.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.send(Method::GET, path, None).await?;
        answer.ok().with_context(|| format!("GET {path}"))
    }

    /// The body of a POST that succeeds.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer = self.send(Method::POST, path, Some(body)).await?;
        answer.ok().with_context(|| format!("POST {path}"))
    }

    /// Signs in.
    pub async fn login(&self, username: &str, password: &str) -> Result<User> {
        let body = json!({"username": username, "password": password});
        let answer = self.post("/api/v1/auth/login", &body).await?;
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .context("a login without token or user id")
        };
        Ok(User {
            id: text(&answer["user"]["id"])?,
            username: username.to_owned(),
            token: text(&answer["token"])?,
        })
    }

    /// A new user whose name begins with `name`.
    pub async fn new_user(&self, name: &str) -> Result<User> {
        let username = format!(
            "{name}-{}-{}",
            std::process::id(),
            USERS.fetch_add(1, Ordering::Relaxed)
        );
        let body = json!({"username": username, "password": PASSWORD, "display_name": name});
        self.post("/api/v1/auth/register", &body).await?;
        self.login(&username, PASSWORD).await
    }

    /// A group of the signed-in user and these; returns its id.
    pub async fn new_group(&self, others: &[&User]) -> Result<String> {
        let ids: Vec<&str> = others.iter().map(|user| user.id.as_str()).collect();
        let body = json!({"kind": "group", "title": "a group", "participant_ids": ids});
        let group = self.post("/api/v1/conversations", &body).await?;
        Ok(group["id"].as_str().context("a conversation without id")?.to_owned())
    }

    /// Sends a message; the answer is that of `send_message`.
    pub async fn post_message(&self, conversation_id: &str, content: &str) -> Result<Value> {
        self.post(
            "/api/v1/messages",
            &json!({"conversation_id": conversation_id, "content": content}),
        )
        .await
    }
}
