//! Where the token comes from.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::rest::Rest;

type Provider = dyn Fn() -> BoxFuture<'static, Result<String, String>> + Send + Sync;

/// Where the token comes from.
#[derive(Clone, Default)]
pub enum Auth {
    /// None: the server will say that it wants one.
    #[default]
    Anonymous,
    /// One token, as long as it lasts.
    Token(Arc<str>),
    /// Asked for a token at first, when the present one was refused, and when the server says that it ends.
    Provider(Arc<Provider>),
}

impl Auth {
    /// One token, as long as it lasts.
    pub fn token(token: impl AsRef<str>) -> Self {
        Auth::Token(Arc::from(token.as_ref()))
    }

    /// Asks `provider` for a fresh token at first, when the present one was refused, and when it is about to end. An error ends the attempt, in its words; the next one asks again.
    pub fn provider<F, Fut>(provider: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, String>> + Send + 'static,
    {
        Auth::Provider(Arc::new(move || Box::pin(provider())))
    }

    /// Signs in by REST whenever a token is needed.
    pub fn password(rest: Rest, username: impl Into<String>, password: impl Into<String>) -> Self {
        let (username, password): (Arc<str>, Arc<str>) = (username.into().into(), password.into().into());
        Self::provider(move || {
            let (rest, username, password) = (rest.clone(), username.clone(), password.clone());
            async move {
                let login = rest.login(&username, &password).await;
                login.map(|login| login.token).map_err(|error| error.to_string())
            }
        })
    }

    /// The token to use now.
    pub(crate) async fn fetch(self) -> Result<Option<String>, String> {
        match self {
            Auth::Anonymous => Ok(None),
            Auth::Token(token) => Ok(Some(token.to_string())),
            Auth::Provider(provider) => provider().await.map(Some),
        }
    }

    /// Could another one come?
    pub(crate) fn is_provider(&self) -> bool {
        matches!(self, Auth::Provider(_))
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the token.
        f.write_str(match self {
            Auth::Anonymous => "Anonymous",
            Auth::Token(_) => "Token(…)",
            Auth::Provider(_) => "Provider(…)",
        })
    }
}
