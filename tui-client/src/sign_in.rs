//! Who one is: names, passwords, tokens and profiles become identities that can connect.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use rollcall_client::protocol::UserView;
use rollcall_client::protocol::chat_core::Role;
use rollcall_client::{Auth, Login, Rest, RestError};

use crate::args::{DEFAULT_URL, ServerArgs};
use crate::profiles::{self, Profile, Profiles};

/// Somebody who can connect.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The username, as far as it is known.
    pub(crate) name: String,
    /// Where tokens come from.
    pub(crate) auth: Auth,
    /// The token of now, for REST.
    pub(crate) token: Option<Arc<str>>,
    /// What the server said of the account, if it was asked.
    pub(crate) user: Option<UserView>,
}

impl Identity {
    /// May it look at the admin's API?
    pub(crate) fn may_observe(&self) -> bool {
        let role = self.user.as_ref().map(|user| user.role);
        matches!(role, Some(Role::Admin | Role::Observer))
    }

    fn signed_in(login: Login, rest: Rest, password: String) -> Self {
        Self {
            name: login.user.username.clone(),
            token: Some(Arc::from(login.token.as_str())),
            auth: after_first(login.token, rest, login.user.username.clone(), password),
            user: Some(login.user),
        }
    }

    fn with_token(name: &str, token: &str) -> Self {
        Self {
            name: name.to_owned(),
            auth: Auth::token(token),
            token: Some(Arc::from(token)),
            user: None,
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
        Ok(login) => Ok(Identity::signed_in(login, rest.clone(), password)),
        Err(RestError::Refused {
            error,
            status: 400..=404,
        }) => bail!("signing in as {name} was refused: {error}"),
        Err(error) if patience == Patience::None => bail!("signing in as {name}: {error}"),
        // Not reached, too busy or stopping.
        Err(_) => Ok(Identity {
            name: name.to_owned(),
            auth: Auth::password(rest.clone(), name, password),
            token: None,
            user: None,
        }),
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

/// The token that is there already, then fresh ones.
fn after_first(first: String, rest: Rest, name: String, password: String) -> Auth {
    let used = Arc::new(AtomicBool::new(false));
    Auth::provider(move || {
        let first = (!used.swap(true, Ordering::Relaxed)).then(|| first.clone());
        let (rest, name, password) = (rest.clone(), name.clone(), password.clone());
        async move {
            if let Some(token) = first {
                return Ok(token);
            }
            let login = rest.login(&name, &password).await;
            login.map(|login| login.token).map_err(|error| error.to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_variable() {
        assert_eq!(variable_of("alice"), "ROLLCALL_PASSWORD_ALICE");
        assert_eq!(variable_of("a.b-c"), "ROLLCALL_PASSWORD_A_B_C");
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
}
