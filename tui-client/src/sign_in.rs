//! Who one is, found out before the screen is taken, so that a wrong password is a plain line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use rollcall_client::{Auth, Rest, RestError};

use crate::args::Args;

/// The name to show, and where tokens come from.
pub(crate) async fn sign_in(args: &Args) -> anyhow::Result<(String, Auth)> {
    let name = args.username.clone().unwrap_or_else(|| "…".into());
    if let Some(token) = &args.token {
        return Ok((name, Auth::token(token)));
    }
    let password = match &args.password {
        Some(password) => password.clone(),
        None => rpassword::prompt_password(format!("Password of {name}: ")).context("cannot ask for the password")?,
    };
    let rest = Rest::new(&args.url)?;
    match rest.login(&name, &password).await {
        Ok(login) => Ok((
            login.user.username.clone(),
            after_first(login.token, rest, name, password),
        )),
        Err(RestError::Refused {
            error,
            status: 400..=404,
        }) => bail!("signing in as {name} was refused: {error}"),
        // Not reached, too busy or stopping: the screen says that it is trying, and goes on trying.
        Err(_) => Ok((name.clone(), Auth::password(rest, name, password))),
    }
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
