//! `rollcall user …`

use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::operators::{Listed, Slice};
use chat_core::ports::{Accounts, Clock, KeptToken, StoreError};
use chat_core::{Role, Timestamp, User};

use super::{CommandError, open_store};
use crate::clock::{SystemClock, UuidSource};
use crate::identity::{
    AccountError, AccountPolicy, Authority, KnownHash, NewAccount, NewPassword, NewSecret, PasswordCost, Passwords,
    Tokens,
};
use crate::settings::{
    DataDirError, PasswordArgs, Registration, Secret, Storage, StorageArgs, TokenCommand, TokenKeyArgs, TokenKeys,
    UserCommand, jwt_secret, open_data_dir,
};
use crate::store::SqliteStore;

/// Accounts that `user list` shows at most: more is for the admin pages.
const LISTED_MAX: u32 = 10_000;

/// `rollcall user …`: what to print.
pub async fn user(command: UserCommand) -> Result<String, CommandError> {
    match command {
        UserCommand::Add {
            username,
            display_name,
            role,
            password,
            storage,
        } => {
            let role: Role = role.parse()?;
            let (password, generated) = chosen_password(&password)?;
            let made = add(
                &storage,
                NewAccount {
                    username,
                    display_name,
                    password,
                    role,
                },
            )
            .await?;
            Ok(with_password(made, generated.as_ref()))
        }
        UserCommand::List { query, storage } => list(&storage, &query).await,
        UserCommand::Passwd {
            username,
            password,
            storage,
        } => {
            let (password, generated) = chosen_password(&password)?;
            let done = passwd(&storage, &username, password).await?;
            Ok(with_password(done, generated.as_ref()))
        }
        UserCommand::Disable {
            username,
            undo,
            storage,
        } => disable(&storage, &username, !undo).await,
        UserCommand::Token {
            command: Some(command), ..
        } => kept_token(command).await,
        UserCommand::Token { command: None, plain } => {
            let role = plain.role.map(|role| role.parse()).transpose()?;
            // clap lets none through.
            let username = plain.username.unwrap_or_default();
            let lifetime = Duration::from_secs(plain.seconds.into());
            token(&plain.storage, &plain.keys, &username, role, lifetime).await
        }
    }
}

async fn kept_token(command: TokenCommand) -> Result<String, CommandError> {
    match command {
        TokenCommand::Make {
            username,
            name,
            days,
            storage,
            keys,
        } => {
            let desk = Desk::open(&storage, Some(&keys)).await?;
            let lifetime = Duration::from_hours(u64::from(days) * 24);
            let made = desk.make_token(&username, &name, lifetime).await;
            desk.close().await?;
            made
        }
        TokenCommand::List { storage } => {
            let desk = Desk::open(&storage, None).await?;
            let slice = Slice {
                skip: 0,
                limit: LISTED_MAX,
            };
            let now = SystemClock.now();
            let tokens = desk.store.kept_tokens(None, now, slice).await;
            desk.close().await?;
            Ok(table_of_tokens(&tokens?.listed, now))
        }
        TokenCommand::Revoke { id, storage } => {
            let desk = Desk::open(&storage, None).await?;
            let revoked = desk.authority.revoke(&id).await;
            desk.close().await?;
            if revoked? {
                Ok(format!(
                    "token {id} is taken back: its connections are closed within seconds"
                ))
            } else {
                Err(CommandError::Refused(
                    "there is no such token to take back; see `rollcall user token list`".to_owned(),
                ))
            }
        }
    }
}

/// The newest first.
fn table_of_tokens(tokens: &Listed<KeptToken>, now: Timestamp) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:32}  {:16}  {:8}  {:24}  {:8}  for",
        "id", "username", "role", "until", "state"
    );
    for token in &tokens.items {
        let state = match token.revoked_at {
            Some(_) => "revoked",
            None if token.expires_at <= now => "expired",
            None => "good",
        };
        let name: String = token.name.chars().filter(|c| !c.is_control()).collect();
        let (role, until) = (token.role.as_str(), token.expires_at.to_string());
        let _ = writeln!(
            text,
            "{:32}  {:16}  {role:8}  {until:24}  {state:8}  {name}",
            token.id, token.username
        );
    }
    let older = tokens.total.saturating_sub(tokens.items.len() as u64);
    if older > 0 {
        let _ = writeln!(text, "and {older} older ones: see /admin/tokens");
    }
    text.trim_end().to_owned()
}

async fn add(storage: &StorageArgs, new: NewAccount) -> Result<String, CommandError> {
    let desk = Desk::open(storage, None).await?;
    let made = desk.authority.add(new).await;
    desk.close().await?;
    let user = made?;
    Ok(format!(
        "user {} is made: role {}, id {}",
        user.username,
        user.role.as_str(),
        user.id
    ))
}

async fn list(storage: &StorageArgs, query: &str) -> Result<String, CommandError> {
    let desk = Desk::open(storage, None).await?;
    let page = desk.store.search_users(query, LISTED_MAX).await;
    desk.close().await?;
    let page = page?;
    Ok(table(&page.items, page.more))
}

async fn passwd(storage: &StorageArgs, username: &str, password: NewSecret) -> Result<String, CommandError> {
    let desk = Desk::open(storage, None).await?;
    let done = desk
        .change(username, async |user| desk.authority.set_password(user, password).await)
        .await;
    desk.close().await?;
    Ok(format!("the password of {} is set", done?.username))
}

async fn disable(storage: &StorageArgs, username: &str, disabled: bool) -> Result<String, CommandError> {
    let desk = Desk::open(storage, None).await?;
    let done = desk
        .change(username, async |user| desk.authority.set_disabled(user, disabled).await)
        .await;
    desk.close().await?;
    let now = if disabled {
        "disabled: no sign-in, no new connection"
    } else {
        "enabled"
    };
    Ok(format!("user {} is {now}", done?.username))
}

/// A token of this account, for a command that asks the server in its name.
pub(super) async fn token_of(
    storage: &StorageArgs,
    keys: &TokenKeyArgs,
    username: &str,
    lifetime: Duration,
) -> Result<String, CommandError> {
    token(storage, keys, username, None, lifetime).await
}

async fn token(
    storage: &StorageArgs,
    keys: &TokenKeyArgs,
    username: &str,
    role: Option<Role>,
    lifetime: Duration,
) -> Result<String, CommandError> {
    let desk = Desk::open(storage, Some(keys)).await?;
    let user = desk.authority.account(username).await;
    desk.close().await?;
    let user = user?;
    let role = role.unwrap_or(user.role);
    if !user.role.may_claim(role) {
        return Err(CommandError::RoleBeyond(user.role));
    }
    Ok(desk.authority.issue(&user, role, lifetime)?.token)
}

/// What the commands about accounts work with.
struct Desk {
    store: Arc<SqliteStore>,
    authority: Authority,
}

impl Desk {
    /// `keys` only where a token is made: the others need no secret and should not generate one.
    async fn open(storage: &StorageArgs, keys: Option<&TokenKeyArgs>) -> Result<Self, CommandError> {
        let storage = Storage::parse(storage)?;
        let keys = keys.map(TokenKeys::parse).transpose()?;
        open_data_dir(&storage.data_dir)?;
        let store = open_store(&storage).await?;
        let secret = secret(keys.as_ref(), &storage.data_dir)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let authority = Authority::new(
            Arc::clone(&store) as _,
            Arc::clone(&clock),
            Arc::new(UuidSource),
            Passwords::new(PasswordCost::OWASP),
            Tokens::new(&secret, clock),
            AccountPolicy {
                registration: Registration::Open,
                auto_provision: false,
            },
        );
        Ok(Self { store, authority })
    }

    async fn make_token(&self, username: &str, name: &str, lifetime: Duration) -> Result<String, CommandError> {
        let user = self.authority.account(username).await?;
        let issued = self.authority.issue_kept(&user, user.role, lifetime, name).await?;
        Ok(format!(
            "token {} of {}, shown this once:\n{}",
            issued.id, user.username, issued.token
        ))
    }

    async fn change(
        &self,
        username: &str,
        change: impl AsyncFnOnce(&User) -> Result<(), AccountError>,
    ) -> Result<User, AccountError> {
        let user = self.authority.account(username).await?;
        change(&user).await?;
        Ok(user)
    }

    /// Before anything is reported: what is reported is in the file.
    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}

fn secret(keys: Option<&TokenKeys>, data_dir: &Path) -> Result<Secret, DataDirError> {
    match keys {
        Some(keys) => jwt_secret(keys, data_dir),
        // One that nobody knows.
        None => Ok(Secret::new(NewPassword::generate().expose())),
    }
}

/// The password, and the same again if it was generated and must be shown.
fn chosen_password(args: &PasswordArgs) -> Result<(NewSecret, Option<NewPassword>), CommandError> {
    if !args.password_stdin && !args.password_hash_stdin {
        let generated = NewPassword::generate();
        return Ok((generated.clone().into(), Some(generated)));
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let given = line.trim_end_matches(['\n', '\r']);
    let secret = if args.password_hash_stdin {
        KnownHash::parse(given.trim())?.into()
    } else {
        NewPassword::parse(given)?.into()
    };
    Ok((secret, None))
}

fn with_password(text: String, generated: Option<&NewPassword>) -> String {
    match generated {
        Some(password) => format!("{text}\npassword, shown this once: {}", password.expose()),
        None => text,
    }
}

fn table(users: &[User], more: bool) -> String {
    let mut text = String::new();
    let width = users
        .iter()
        .map(|user| user.username.len())
        .max()
        .unwrap_or(0)
        .max("username".len());
    let _ = writeln!(
        text,
        "{:width$}  {:8}  {:8}  {:36}  display name",
        "username", "role", "state", "id"
    );
    for user in users {
        let state = if user.disabled_at.is_some() {
            "disabled"
        } else {
            "active"
        };
        // A display name may hold anything but NUL; a terminal must not obey it.
        let shown: String = user.display_name.chars().filter(|c| !c.is_control()).collect();
        let role = user.role.as_str();
        let _ = writeln!(
            text,
            "{:width$}  {role:8}  {state:8}  {:36}  {shown}",
            user.username,
            user.id.as_str()
        );
    }
    if more {
        let _ = writeln!(text, "… and more; give a part of the name");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
