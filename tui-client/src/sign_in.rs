//! Who one is: names, passwords, tokens and profiles become identities that can connect.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use rollcall_client::protocol::chat_core::Role;
use rollcall_client::protocol::{UserView, WireError};
use rollcall_client::{Auth, Rest, RestError};

use crate::args::{DEFAULT_URL, ServerArgs};
use crate::profiles::{self, Profile, Profiles};

/// The newest token of somebody. A reconnect brings another one, and brings the first one where the server was away.
#[derive(Debug, Clone, Default)]
pub(crate) struct Newest(Arc<Mutex<Option<Arc<str>>>>);

impl Newest {
    fn of(token: &str) -> Self {
        let newest = Self::default();
        newest.keep(token);
        newest
    }

    fn keep(&self, token: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::from(token));
    }

    pub(crate) fn get(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Somebody who can connect.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The username, as far as it is known.
    pub(crate) name: String,
    /// Where tokens come from.
    pub(crate) auth: Auth,
    /// The token of now, for REST.
    pub(crate) token: Newest,
    /// What the server said of the account, if it was asked.
    pub(crate) user: Option<UserView>,
}

impl Identity {
    /// May it look at the admin's API?
    pub(crate) fn may_observe(&self) -> bool {
        let role = self.user.as_ref().map(|user| user.role);
        matches!(role, Some(Role::Admin | Role::Observer))
    }

    /// `first` is the token that is there already.
    fn with_password(rest: Rest, name: String, password: String, first: Option<String>) -> Self {
        let token = first.as_deref().map(Newest::of).unwrap_or_default();
        Self {
            name: name.clone(),
            auth: after_first(first, rest, name, password, token.clone()),
            token,
            user: None,
        }
    }

    fn with_token(name: &str, token: &str) -> Self {
        Self {
            name: name.to_owned(),
            auth: Auth::token(token),
            token: Newest::of(token),
            user: None,
        }
    }
}

/// Why there is no token for a name and a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// The server looked at them and said no.
    #[error("signing in as {name} was refused: {error}")]
    Refused {
        /// Whose.
        name: String,
        /// Its words.
        error: WireError,
    },
    /// Nothing signs in there, so nobody looked at a password.
    #[error("signing in as {name}: no sign-in is at this address (HTTP 404)")]
    NotThere {
        /// Whose.
        name: String,
    },
    /// Not reached, too often, stopping: another time it may go.
    #[error("signing in as {name}: {error}")]
    Trouble {
        /// Whose.
        name: String,
        /// What it was.
        error: RestError,
    },
}

impl SignInError {
    fn new(name: &str, error: RestError) -> Self {
        let name = name.to_owned();
        match error {
            RestError::Refused { status: 404, .. } | RestError::BadAnswer { status: 404, .. } => {
                Self::NotThere { name }
            }
            RestError::Refused {
                error,
                status: 400..404,
            } => Self::Refused { name, error },
            error => Self::Trouble { name, error },
        }
    }
}

/// What to do when the server cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Say so and end.
    None,
    /// The screen says that it is trying, and goes on trying.
    Lasting,
}

/// The profile that is asked for.
pub(crate) fn profile(args: &ServerArgs) -> Result<Option<Profile>> {
    let Some(name) = &args.profile else { return Ok(None) };
    Ok(Some(Profiles::load(&profiles::file()?)?.get(name)?.clone()))
}

/// The server's address: as asked, else of the profile, else on this machine.
pub(crate) fn url(args: &ServerArgs, profile: Option<&Profile>) -> String {
    let saved = || profile.map(|profile| profile.url.clone());
    args.url
        .clone()
        .or_else(saved)
        .unwrap_or_else(|| DEFAULT_URL.to_owned())
}

/// Everybody who is asked for; nobody, where nobody is.
pub(crate) async fn identities(
    args: &ServerArgs,
    profile: Option<&Profile>,
    rest: &Rest,
    patience: Patience,
) -> Result<Vec<Identity>> {
    if let Some(token) = &args.token {
        return Ok(vec![with_token(args, token, rest).await]);
    }
    let saved = profile.map(|profile| profile.identities.as_slice()).unwrap_or_default();
    if args.usernames.is_empty() {
        return Ok(saved
            .iter()
            .map(|identity| Identity::with_token(&identity.username, &identity.token))
            .collect());
    }
    let mut identities = Vec::new();
    for name in &args.usernames {
        let kept = saved.iter().find(|identity| identity.username == *name);
        identities.push(match kept {
            Some(kept) => Identity::with_token(name, &kept.token),
            None => by_password(args, name, rest, patience).await?,
        });
    }
    Ok(identities)
}

async fn with_token(args: &ServerArgs, token: &str, rest: &Rest) -> Identity {
    let name = args.usernames.first().map_or("…", String::as_str);
    let mut identity = Identity::with_token(name, token);
    // A server that is no Rollcall does not know this question; its answer is a nicety.
    let me = rest.get_json(Some(token), &["api", "v1", "auth", "me"], &[]).await;
    let me = me.ok().and_then(|me| serde_json::from_value::<UserView>(me).ok());
    if let Some(me) = me {
        identity.name.clone_from(&me.username);
        identity.user = Some(me);
    }
    identity
}

async fn by_password(args: &ServerArgs, name: &str, rest: &Rest, patience: Patience) -> Result<Identity> {
    let password = password_of(args, name)?;
    match rest.login(name, &password).await {
        Ok(login) => Ok(Identity {
            user: Some(login.user.clone()),
            ..Identity::with_password(rest.clone(), login.user.username, password, Some(login.token))
        }),
        Err(error) => match SignInError::new(name, error) {
            SignInError::Trouble { .. } if patience == Patience::Lasting => {
                Ok(Identity::with_password(rest.clone(), name.to_owned(), password, None))
            }
            error => Err(error.into()),
        },
    }
}

/// `ROLLCALL_PASSWORD_ALICE`, then the one of all, then the person at the terminal.
fn password_of(args: &ServerArgs, name: &str) -> Result<String> {
    let own = std::env::var(variable_of(name)).ok();
    if let Some(password) = own.or_else(|| args.password.clone()) {
        return Ok(password);
    }
    if !std::io::stdin().is_terminal() {
        bail!("no password for {name}: set ROLLCALL_PASSWORD or {}", variable_of(name));
    }
    rpassword::prompt_password(format!("Password of {name}: ")).context("cannot ask for the password")
}

fn variable_of(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    let clean = upper.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    format!("ROLLCALL_PASSWORD_{}", clean.collect::<String>())
}

/// The token that is there already, then fresh ones; the newest is kept for REST.
fn after_first(first: Option<String>, rest: Rest, name: String, password: String, newest: Newest) -> Auth {
    let first = Arc::new(Mutex::new(first));
    Auth::provider(move || {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (rest, name, password, newest) = (rest.clone(), name.clone(), password.clone(), newest.clone());
        async move {
            if let Some(token) = first {
                return Ok(token);
            }
            let login = rest.login(&name, &password).await.map_err(|error| error.to_string())?;
            newest.keep(&login.token);
            Ok(login.token)
        }
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn each_name_has_its_variable() {
        assert_eq!(variable_of("alice"), "ROLLCALL_PASSWORD_ALICE");
        assert_eq!(variable_of("a.b-c"), "ROLLCALL_PASSWORD_A_B_C");
    }

    #[test]
    fn only_who_was_looked_at_was_refused() {
        let of = |status| {
            let error = WireError::new(rollcall_client::protocol::ErrorCode::Internal, "no");
            SignInError::new("alice", RestError::Refused { status, error })
        };
        for status in [400, 401, 403] {
            assert!(matches!(of(status), SignInError::Refused { .. }), "{status}");
        }
        for status in [429, 500, 503] {
            assert!(matches!(of(status), SignInError::Trouble { .. }), "{status}");
        }
        assert!(matches!(of(404), SignInError::NotThere { .. }));
        let page = RestError::BadAnswer {
            status: 404,
            words: "<html>".into(),
        };
        assert!(matches!(SignInError::new("alice", page), SignInError::NotThere { .. }));
    }

    #[test]
    fn what_is_asked_for_wins_over_the_profile() {
        let saved = Profile {
            url: "http://saved".into(),
            identities: Vec::new(),
        };
        let mut args = ServerArgs::default();
        assert_eq!(url(&args, None), DEFAULT_URL);
        assert_eq!(url(&args, Some(&saved)), "http://saved");
        args.url = Some("http://asked".into());
        assert_eq!(url(&args, Some(&saved)), "http://asked");
    }

    /// Answers one sign-in, as a server does that comes up late.
    async fn signs_one_in(listener: tokio::net::TcpListener) {
        let (mut line, _) = listener.accept().await.unwrap();
        assert_ne!(line.read(&mut [0; 4096]).await.unwrap(), 0);
        let body = r#"{"token":"a.b.c","expires_at":"2026-01-01T00:00:00.000Z",
            "user":{"id":"u1","username":"alice","display_name":"Alice","role":"user"}}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
        let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        line.write_all(answer.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn a_token_that_came_late_is_there_for_rest() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rest = Rest::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let identity = Identity::with_password(rest, "alice".into(), "demo".into(), None);
        assert_eq!(identity.token.get(), None);
        let Auth::Provider(provider) = identity.auth.clone() else {
            panic!("no provider")
        };
        let (token, ()) = tokio::join!(provider(), signs_one_in(listener));
        assert_eq!(token.as_deref(), Ok("a.b.c"));
        assert_eq!(identity.token.get().as_deref(), Some("a.b.c"));
    }
}
