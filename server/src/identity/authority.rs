//! The word on who somebody is: tokens and passwords, held against the stored accounts.

mod browser;
mod recent;
mod sign_in;

use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::{Accounts, Clock, CreateUserError, IdSource, KeptToken, NewUser, StoreError};
use chat_core::user::{InvalidDisplayName, InvalidUsername, parse_display_name, parse_username, username_from_name};
use chat_core::{Role, Timestamp, User, UserId};

pub use self::browser::BrowserSession;
use self::recent::{Before, Recent};
pub use self::sign_in::{LoginError, SignedIn};
use super::{
    AuthError, Claims, InvalidPassword, IssuedToken, NewPassword, NewSecret, Passwords, PasswordsError, TokenError,
    Tokens,
};
use crate::settings::Registration;

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The `jti` of a token that can be taken back.
    pub kept_token: Option<String>,
    /// The account.
    pub user: User,
    /// What they may do here and now: the account's role, or less if the token claims less.
    pub role: Role,
    /// When the token ends, and every socket with it.
    pub expires_at: Timestamp,
}

/// How accounts come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPolicy {
    /// By themselves.
    pub registration: Registration,
    /// On first sight of a foreign token.
    pub auto_provision: bool,
}

/// An account as it is asked for; nothing of it is checked yet.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Lower-cased and checked.
    pub username: String,
    /// The username when there is none.
    pub display_name: Option<String>,
    /// Already checked.
    pub password: NewSecret,
    /// What it may do.
    pub role: Role,
}

/// Why an account could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// By the operator's decision.
    #[error("registration is closed here")]
    RegistrationClosed,
    /// It would not be unique.
    #[error("this username is taken")]
    Taken,
    /// It is none.
    #[error("username: {0}")]
    Username(#[from] InvalidUsername),
    /// It is none.
    #[error("display_name: {0}")]
    DisplayName(#[from] InvalidDisplayName),
    /// It is none.
    #[error("password: {0}")]
    Password(#[from] InvalidPassword),
    /// Somebody else has the name of the operator's account.
    #[error(
        "the account `admin` has the role {0}, so that nobody could sign in to the admin with it: make it an admin          (UPDATE users SET role = 'admin' WHERE username = 'admin') or give it another name first"
    )]
    NotAdmin(&'static str),
    /// Nobody has this username.
    #[error("there is no such account")]
    NotFound,
    /// The password could not be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a token that can be taken back was not made.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It could not be signed.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CreateUserError> for AccountError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Taken => AccountError::Taken,
            CreateUserError::Store(error) => AccountError::Store(error),
        }
    }
}

/// The username of the operator's own account.
pub const ADMIN_USERNAME: &str = "admin";

/// Says who somebody is.
pub struct Authority {
    accounts: Arc<dyn Accounts>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    passwords: Passwords,
    tokens: Tokens,
    policy: AccountPolicy,
    recent: Recent,
}

impl Authority {
    /// Over these accounts.
    pub fn new(
        accounts: Arc<dyn Accounts>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        passwords: Passwords,
        tokens: Tokens,
        policy: AccountPolicy,
    ) -> Self {
        Self {
            accounts,
            clock,
            ids,
            passwords,
            tokens,
            policy,
            recent: Recent::default(),
        }
    }

    /// Whose token this is by a good signature, whatever else is wrong with it: for telling an operator who was refused.
    pub fn owner(&self, token: &str) -> Option<UserId> {
        self.tokens.owner(token)
    }

    /// Whose token this is. The stored account has the last word: on its role (a token may claim less, never more), and on
    /// whether it is disabled.
    pub async fn authenticate(&self, token: &str) -> Result<Identity, AuthError> {
        let claims = self.tokens.verify(token)?;
        let before = self.recent.before();
        let user = match self.recent.account(&claims.user_id) {
            Some(user) => user,
            None => self.stored(&claims, before).await?,
        };
        if user.disabled_at.is_some() {
            return Err(AuthError::Disabled);
        }
        let claimed = claims.role.filter(|claimed| user.role.may_claim(*claimed));
        if let Some(id) = &claims.kept
            && !self.recent.is_good(id)
        {
            let good = self.accounts.good_tokens_among(std::slice::from_ref(id)).await?;
            if good.is_empty() {
                return Err(AuthError::Token(TokenError::Refused("it was taken back")));
            }
            self.recent.good(before, id.clone());
        }
        Ok(Identity {
            kept_token: claims.kept.clone(),
            role: claimed.unwrap_or(user.role),
            user,
            expires_at: claims.expires_at,
        })
    }

    /// The account that a token names, as it is stored, or made now for a foreign one.
    async fn stored(&self, claims: &Claims, before: Before) -> Result<User, AuthError> {
        let user = match self.accounts.user(&claims.user_id).await? {
            Some(user) => user,
            None if self.policy.auto_provision => self.accounts.provision_user(self.provisioned(claims)).await?,
            None => return Err(AuthError::UnknownAccount),
        };
        self.recent.read(before, &user);
        Ok(user)
    }

    /// What a foreign token says of its bearer, made fit for an account. Nothing here can be refused: the other issuer
    /// never heard of our rules.
    fn provisioned(&self, claims: &Claims) -> NewUser {
        let name = claims.name.as_deref().unwrap_or(claims.user_id.as_str());
        let username = username_from_name(name);
        let shown: String = name
            .trim()
            .chars()
            .take(chat_core::limits::DISPLAY_NAME_CHARS_MAX)
            .collect();
        NewUser {
            id: claims.user_id.clone(),
            display_name: parse_display_name(&shown).unwrap_or_else(|_| username.clone()),
            username,
            role: claims.role.unwrap_or(Role::User),
            password_hash: None,
            at: self.clock.now(),
        }
    }

    /// Makes an account for whoever asks, where that is allowed, and signs them in.
    pub async fn register(
        &self,
        username: String,
        password: &str,
        display_name: Option<String>,
    ) -> Result<SignedIn, AccountError> {
        if self.policy.registration == Registration::Closed {
            return Err(AccountError::RegistrationClosed);
        }
        let password = NewPassword::parse(password)?;
        let user = self
            .add(NewAccount {
                username,
                display_name,
                password: password.into(),
                role: Role::User,
            })
            .await?;
        Ok(self.sign_in(user)?)
    }

    /// Makes an account: the operator's way, which nothing closes.
    pub async fn add(&self, new: NewAccount) -> Result<User, AccountError> {
        let username = parse_username(&new.username)?;
        let display_name = match &new.display_name {
            Some(name) => parse_display_name(name)?,
            None => username.clone(),
        };
        let hash = self.passwords.hash_of(new.password).await?;
        let user = self.accounts.create_user(NewUser {
            id: self.ids.user_id(),
            username,
            display_name,
            role: new.role,
            password_hash: Some(hash),
            at: self.clock.now(),
        });
        Ok(user.await?)
    }

    /// A token that can be taken back, written down before it is given out.
    pub async fn issue_kept(
        &self,
        user: &User,
        role: Role,
        lifetime: Duration,
        name: &str,
    ) -> Result<IssuedToken, KeepError> {
        let issued = self.tokens.issue_kept(user, role, lifetime)?;
        let kept = KeptToken {
            id: issued.id.clone(),
            user_id: user.id.clone(),
            username: user.username.clone(),
            name: name.to_owned(),
            role,
            created_at: self.clock.now(),
            expires_at: issued.expires_at,
            revoked_at: None,
        };
        self.accounts.keep_token(kept).await?;
        Ok(issued)
    }

    /// Takes a token back: it counts no more, and its sockets are closed within seconds.
    pub async fn revoke(&self, id: &str) -> Result<bool, StoreError> {
        let revoked = self.accounts.revoke_token(id, self.clock.now()).await;
        self.recent.changed();
        revoked
    }

    /// A token for `user` that claims `role`, without asking for a password.
    pub fn issue(&self, user: &User, role: Role, lifetime: Duration) -> Result<IssuedToken, TokenError> {
        self.tokens.issue(user, role, lifetime)
    }

    /// The account with this username.
    pub async fn account(&self, username: &str) -> Result<User, AccountError> {
        let username = parse_username(username)?;
        let stored = self.accounts.credentials(&username).await?;
        stored.map(|stored| stored.user).ok_or(AccountError::NotFound)
    }

    /// Sets the password of an account, or the hash of one.
    pub async fn set_password(&self, user: &User, secret: impl Into<NewSecret>) -> Result<(), AccountError> {
        let hash = self.passwords.hash_of(secret.into()).await?;
        let known = self.accounts.set_password(&user.id, &hash).await?;
        if known { Ok(()) } else { Err(AccountError::NotFound) }
    }

    /// Disables an account, or enables it again.
    pub async fn set_disabled(&self, user: &User, disabled: bool) -> Result<(), AccountError> {
        let at = disabled.then(|| self.clock.now());
        let known = self.accounts.set_disabled(&user.id, at).await;
        // Even when it failed: whether it was stored is then unknown.
        self.recent.changed();
        let known = known?;
        if known { Ok(()) } else { Err(AccountError::NotFound) }
    }

    /// Sees to it that the account `admin` exists, with the password that was set, if one was. A generated password is
    /// returned, to be printed once: it is kept nowhere else.
    pub async fn ensure_admin(&self, password: Option<&str>) -> Result<Option<NewPassword>, AccountError> {
        let stored = self.accounts.credentials(ADMIN_USERNAME).await?;
        let given = password.map(NewPassword::parse).transpose()?;
        let Some(stored) = stored else {
            let generated = if given.is_none() {
                Some(NewPassword::generate())
            } else {
                None
            };
            let Some(password) = given.or_else(|| generated.clone()) else {
                return Ok(None);
            };
            let (username, display_name) = (ADMIN_USERNAME.to_owned(), Some("Admin".to_owned()));
            return match self
                .add(NewAccount {
                    username,
                    display_name,
                    password: password.into(),
                    role: Role::Admin,
                })
                .await
            {
                Ok(_) => Ok(generated),
                // Another process was faster; its password counts, and it has printed it.
                Err(AccountError::Taken) => Ok(None),
                Err(error) => Err(error),
            };
        };
        if stored.user.role != Role::Admin {
            // Somebody's own account by accident; setting its password would hand it over.
            return Err(AccountError::NotAdmin(stored.user.role.as_str()));
        }
        if let Some(given) = given {
            // The variable says what the password is, not what it was at first.
            let same = self
                .passwords
                .verify(given.expose().to_owned(), stored.password_hash, None)
                .await?;
            if !same.is_right() {
                self.set_password(&stored.user, given).await?;
            }
        }
        Ok(None)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
