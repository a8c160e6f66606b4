//! A server, who one is there, and how to connect to it: what every command begins with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rollcall_client::{Builder, Client, Rest, RestError};
use serde_json::{Map, Value};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::ORIGIN;

use crate::args::ServerArgs;
use crate::sign_in::{self, Identity, Patience};

/// `name/version`, as operators see it.
pub(crate) const CLIENT_NAME: &str = concat!("rollcall-tui/", env!("CARGO_PKG_VERSION"));

/// A server and one's identities there.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) rest: Rest,
    pub(crate) identities: Vec<Identity>,
    pub(crate) json: bool,
    pub(crate) timeout: Duration,
    admin_token: Option<String>,
    namespace: String,
    path: String,
    auth_data: Map<String, Value>,
    origin: Option<HeaderValue>,
}

impl Site {
    /// Reads the arguments and signs everybody in.
    pub(crate) async fn open(args: &ServerArgs, patience: Patience) -> Result<Self> {
        let profile = sign_in::profile(args)?;
        let url = sign_in::url(args, profile.as_ref());
        let rest = Rest::new(&url)?;
        let identities = sign_in::identities(args, profile.as_ref(), &rest, patience).await?;
        Ok(Self {
            url,
            rest,
            identities,
            json: args.json,
            timeout: args.timeout.0,
            admin_token: args.admin_token.clone(),
            namespace: args.namespace.clone(),
            path: args.path.clone(),
            auth_data: auth_data(args.auth.as_deref())?,
            origin: origin(args.origin.as_deref())?,
        })
    }

    /// Whoever is asked for first.
    pub(crate) fn first(&self) -> Result<&Identity> {
        let hint = "say who you are: --as USERNAME, --token or --profile";
        self.identities.first().context(hint)
    }

    /// A client of this server; `None` signs in as nobody.
    pub(crate) fn builder(&self, identity: Option<&Identity>) -> Builder {
        let mut builder = Client::builder(&self.url)
            .namespace(&self.namespace)
            .path(&self.path)
            .auth_data(self.auth_data.clone())
            .client_name(CLIENT_NAME)
            .connect_timeout(self.timeout)
            .call_timeout(self.timeout);
        if let Some(origin) = &self.origin {
            builder = builder.header(ORIGIN, origin.clone());
        }
        match identity {
            Some(identity) => builder.auth(identity.auth.clone()),
            None => builder,
        }
    }

    /// The token for the admin's API: the one given for it, else that of an identity who may, else the first one's, whose
    /// refusal says what is missing.
    pub(crate) fn observer(&self) -> Option<Arc<str>> {
        if let Some(token) = &self.admin_token {
            return Some(Arc::from(token.as_str()));
        }
        let able = self.identities.iter().find(|identity| identity.may_observe());
        able.or(self.identities.first())
            .and_then(|identity| identity.token.get())
    }

    /// A page of the admin's API.
    pub(crate) async fn admin(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value> {
        let path = [&["admin", "api"], path].concat();
        let answer = self.rest.get_json(self.observer().as_deref(), &path, query).await;
        answer.map_err(|error| admin_error(error, &path))
    }

    /// An action of the admin's API.
    pub(crate) async fn admin_post(&self, path: &[&str], body: &Value) -> Result<Value> {
        let path = [&["admin", "api"], path].concat();
        let answer = self.rest.post_json(self.observer().as_deref(), &path, body).await;
        answer.map_err(|error| admin_error(error, &path))
    }

    /// A page of the users' API, with an identity's token.
    pub(crate) async fn api(&self, token: Option<&str>, path: &[&str], query: &[(&str, &str)]) -> Result<Value> {
        let path = [&["api", "v1"], path].concat();
        Ok(self.rest.get_json(token, &path, query).await?)
    }
}

/// What is missing, in words that say what to do.
pub(crate) fn admin_error(error: RestError, path: &[&str]) -> anyhow::Error {
    let path = path.join("/");
    match &error {
        RestError::Refused { status: 401 | 403, .. } => {
            anyhow::Error::new(error).context("this needs an admin or an observer: --as admin, or --admin-token")
        }
        RestError::Refused {
            status: 404,
            error: refused,
        } => {
            anyhow::anyhow!(
                "not found at /{path}: {} (or this server does not have it yet)",
                refused.message
            )
        }
        RestError::BadAnswer { status: 404, .. } => anyhow::anyhow!("this server has no /{path} (HTTP 404)"),
        _ => anyhow::Error::new(error),
    }
}

fn auth_data(text: Option<&str>) -> Result<Map<String, Value>> {
    let Some(text) = text else { return Ok(Map::new()) };
    match serde_json::from_str(text).context("--auth is no JSON")? {
        Value::Object(data) => Ok(data),
        _ => bail!("--auth is no JSON object, such as {{\"token\":\"…\"}}"),
    }
}

fn origin(text: Option<&str>) -> Result<Option<HeaderValue>> {
    let header = text.map(HeaderValue::from_str).transpose();
    header.context("--origin is no origin, such as https://chat.example.org")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_is_an_object() {
        assert!(auth_data(None).unwrap().is_empty());
        assert_eq!(auth_data(Some("{\"a\":1}")).unwrap().len(), 1);
        assert!(auth_data(Some("[]")).is_err() && auth_data(Some("{")).is_err());
    }
}
