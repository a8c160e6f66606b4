//! The server that is looked at, how to reach it, and what earlier checks learned of it.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Method;
use rollcall_client::{Rest, tls_config};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::http::HeaderMap;
use url::Url;

use super::address;
use crate::args::{DoctorArgs, ServerArgs};
use crate::sign_in::{self, Patience};

/// The beginning of a body is enough to tell what it is.
const BODY_CHARS_MAX: usize = 2_000;

/// Engine.IO's open packet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Open {
    pub(super) sid: String,
    #[serde(default)]
    pub(super) upgrades: Vec<String>,
    #[serde(default)]
    pub(super) ping_interval: u64,
    #[serde(default)]
    pub(super) ping_timeout: u64,
    #[serde(default)]
    pub(super) max_payload: Option<u64>,
}

impl Open {
    /// Out of a packet as it stands on the wire.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text.strip_prefix('0')?).ok()
    }
}

/// An HTTP answer, as far as a check needs it.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Engine.IO's error code: `{"code":1,"message":"Session ID unknown"}`. Some servers write the number as a text.
    pub(super) fn engine_code(&self) -> Option<u64> {
        match &serde_json::from_str::<Value>(&self.body).ok()?["code"] {
            Value::String(code) => code.parse().ok(),
            code => code.as_u64(),
        }
    }

    pub(super) fn is_web_page(&self) -> bool {
        let html = self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"));
        html || self
            .body
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("<!doctype html")
    }

    /// `HTTP 404: Cannot GET /x`
    pub(super) fn words(&self) -> String {
        let body: String = self.body.trim().chars().take(120).collect();
        if body.is_empty() {
            format!("HTTP {}", self.status)
        } else {
            format!("HTTP {}: {body}", self.status)
        }
    }
}

/// The server that is looked at.
pub(super) struct Patient {
    pub(super) url: Url,
    pub(super) path: String,
    pub(super) namespace: String,
    pub(super) origin: Option<String>,
    pub(super) token: Option<String>,
    /// Why there is none, though one was asked for.
    pub(super) no_token: Option<anyhow::Error>,
    pub(super) auth_data: Map<String, Value>,
    pub(super) timeout: Duration,
    pub(super) addresses: Vec<SocketAddr>,
    /// What `GET /` said.
    pub(super) front: Option<Answer>,
    /// The handshake by polling.
    pub(super) opened: Option<Answer>,
    /// Whom it trusts, and how it speaks: that of every client of ours.
    pub(super) tls: Arc<ClientConfig>,
    http: reqwest::Client,
}

impl Patient {
    pub(super) async fn new(server: &ServerArgs, args: &DoctorArgs) -> Result<Self> {
        let address = address(server, args)?;
        let rest = Rest::new(&address)?;
        let mut url = Url::parse(&address)?;
        let scheme = if matches!(url.scheme(), "https" | "wss") {
            "https"
        } else {
            "http"
        };
        // Only between special schemes, which all four are.
        let _ = url.set_scheme(scheme);
        let auth_data = match &server.auth {
            Some(text) => serde_json::from_str(text).context("--auth is no JSON object")?,
            None => Map::new(),
        };
        let (token, no_token) = token(server, &rest, &auth_data).await?;
        let tls = tls_config()?;
        Ok(Self {
            path: path_below(&url, &server.path),
            url,
            namespace: server.namespace.clone(),
            origin: server.origin.clone(),
            token,
            no_token,
            auth_data,
            timeout: server.timeout.0,
            addresses: Vec::new(),
            front: None,
            opened: None,
            http: http(server.timeout.0, &tls)?,
            tls,
        })
    }

    /// Trusts others than the system does.
    #[cfg(test)]
    pub(super) fn trusting(mut self, tls: Arc<ClientConfig>) -> Self {
        self.http = http(self.timeout, &tls).unwrap();
        self.tls = tls;
        self
    }

    /// Without what may be secret in it.
    pub(super) fn shown(&self) -> String {
        format!("{}://{}{}", self.url.scheme(), self.url.authority(), self.path)
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    pub(super) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// An address below the server's, with Engine.IO's query.
    pub(super) fn at(&self, path: &str, query: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query((!query.is_empty()).then_some(query));
        url
    }

    /// One request, on a connection of its own: a pool would hide what a second server does.
    pub(super) async fn request(
        &self,
        method: Method,
        url: Url,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer, String> {
        let mut request = self.http.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "text/plain;charset=UTF-8").body(body);
        }
        let response = request.send().await.map_err(|error| in_words(&error.without_url()))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.map_err(|error| in_words(&error.without_url()))?;
        Ok(Answer {
            status,
            headers,
            body: text.chars().take(BODY_CHARS_MAX).collect(),
        })
    }

    pub(super) async fn get(&self, path: &str, query: &str) -> Result<Answer, String> {
        self.request(Method::GET, self.at(path, query), &[], None).await
    }

    /// CONNECT's `auth`, with this token.
    pub(super) fn auth(&self, token: Option<&str>) -> Value {
        let mut auth = self.auth_data.clone();
        if let Some(token) = token {
            auth.insert("token".into(), token.into());
        }
        auth.into()
    }
}

async fn token(
    server: &ServerArgs,
    rest: &Rest,
    auth: &Map<String, Value>,
) -> Result<(Option<String>, Option<anyhow::Error>)> {
    if let Some(token) = server.token.as_deref().or_else(|| auth.get("token")?.as_str()) {
        return Ok((Some(token.to_owned()), None));
    }
    let profile = sign_in::profile(server)?;
    // A server that cannot be reached is what this command is for.
    let signed_in = sign_in::identities(server, profile.as_ref(), rest, Patience::None).await;
    Ok(match signed_in {
        Ok(identities) => (
            identities.first().and_then(|one| Some(one.token.get()?.to_string())),
            None,
        ),
        Err(error) => (None, Some(error)),
    })
}

/// Not pooled, not redirected: each answer is the server's own.
fn http(timeout: Duration, tls: &ClientConfig) -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_proxy()
        .connect_timeout(timeout)
        .timeout(timeout)
        .build()?)
}

fn path_below(url: &Url, path: &str) -> String {
    format!("{}/{}", url.path().trim_end_matches('/'), path.trim_start_matches('/'))
}

/// An error with its causes: the last one is what a person needs.
pub(super) fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_code_is_a_number_or_the_text_of_one() {
        let code = |body: &str| {
            let answer = Answer {
                status: 400,
                headers: HeaderMap::new(),
                body: body.into(),
            };
            answer.engine_code()
        };
        assert_eq!(code(r#"{"code":1,"message":"Session ID unknown"}"#), Some(1));
        assert_eq!(code(r#"{"code":"1","message":"Session ID unknown"}"#), Some(1));
        assert_eq!(code(r#"{"code":"one"}"#), None);
        assert_eq!(code("no JSON"), None);
    }
}
