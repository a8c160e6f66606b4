//! `profile`: save, list and remove.

use anyhow::{Context, Result, ensure};
use rollcall_client::Rest;
use rollcall_client::protocol::chat_core::Timestamp;
use serde_json::json;

use super::Outcome;
use crate::args::{ProfileCommand, ServerArgs};
use crate::out::{Cell, Out, note};
use crate::profiles::{self, Identity, Profile, Profiles};
use crate::sign_in::{self, Patience};

pub(super) async fn run(server: &ServerArgs, command: &ProfileCommand, out: Out) -> Result<Outcome> {
    let file = profiles::file()?;
    let mut all = Profiles::load(&file)?;
    match command {
        ProfileCommand::Save { name } => {
            let url = sign_in::url(server, None);
            let rest = Rest::new(&url)?;
            let signed_in = sign_in::identities(server, None, &rest, Patience::None).await?;
            ensure!(!signed_in.is_empty(), "say who to save: --as USERNAME");
            let identities = signed_in.into_iter().map(|identity| {
                let token = identity.token.get().context("no token came back")?;
                Ok(Identity {
                    username: identity.name,
                    expires_at: expiry(&token).unwrap_or(Timestamp::from_millis(0)),
                    token: token.to_string(),
                })
            });
            let identities = identities.collect::<Result<Vec<_>>>()?;
            all.profiles.insert(name.clone(), Profile { url, identities });
            all.save(&file)?;
            note(format!("saved {name:?} in {}", file.display()));
        }
        ProfileCommand::Remove { name } => {
            all.get(name)?;
            all.profiles.remove(name);
            all.save(&file)?;
            note(format!("removed {name:?}"));
        }
        ProfileCommand::List if server.json => {
            let listed = all.profiles.iter().map(|(name, profile)| {
                let names: Vec<_> = profile
                    .identities
                    .iter()
                    .map(|one| json!({"username": one.username, "expires_at": one.expires_at}))
                    .collect();
                json!({"name": name, "url": profile.url, "identities": names})
            });
            out.json(&json!({"profiles": listed.collect::<Vec<_>>()}))?;
        }
        ProfileCommand::List => {
            let rows = all.profiles.iter().map(|(name, profile)| {
                let names = profile
                    .identities
                    .iter()
                    .map(|one| format!("{} (until {})", one.username, one.expires_at));
                let names: Vec<String> = names.collect();
                vec![
                    Cell::plain(name),
                    Cell::plain(&profile.url),
                    Cell::plain(names.join(", ")),
                ]
            });
            out.table(&["profile", "server", "identities"], &rows.collect::<Vec<_>>())?;
        }
    }
    Ok(Outcome::Good)
}

/// When a token ends, by its own word.
fn expiry(token: &str) -> Option<Timestamp> {
    let seconds = crate::jwt::claims(token)?["exp"].as_i64()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1_000)?))
}
