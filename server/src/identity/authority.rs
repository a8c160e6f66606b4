//! The word on who somebody is: tokens and passwords, held against the stored accounts.

mod accounts;
mod browser;
mod recent;
mod sign_in;

use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::{Accounts, Clock, IdSource, KeptToken, NewUser, StoreError};
use chat_core::user::{parse_display_name, username_from_name};
use chat_core::{Role, Timestamp, User, UserId};

pub use self::accounts::{ADMIN_USERNAME, AccountError, NewAccount};
pub use self::browser::BrowserSession;
use self::recent::{Before, Recent};
pub use self::sign_in::{LoginError, SignedIn};
use super::{AuthError, Claims, IssuedToken, Passwords, TokenError, Tokens};
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
            None if self.policy.auto_provision => self.accounts.provision_user(self.provisioned(claims)).await?.0,
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
