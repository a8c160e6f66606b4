//! Signing in by username and password.

use chat_core::User;
use chat_core::ports::StoreError;
use chat_core::user::parse_username;

use super::Authority;
use crate::identity::{Checked, IssuedToken, NewPassword, PasswordsError};
use crate::limits::TOKEN_LIFETIME;

/// A successful sign-in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The new token.
    pub token: IssuedToken,
    /// Whose.
    pub user: User,
}

/// Why somebody could not sign in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// One of the two is wrong; which one is not said.
    #[error("wrong username or password")]
    WrongCredentials,
    /// They are right, but the account is disabled.
    #[error("this account is disabled")]
    Disabled,
    /// The password could not be checked.
    #[error(transparent)]
    Passwords(#[from] PasswordsError),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Authority {
    /// The account with this username and password.
    pub async fn check_password(&self, username: &str, password: &str) -> Result<User, LoginError> {
        let stored = match parse_username(username) {
            Ok(username) => self.accounts.credentials(&username).await?,
            Err(_) => None,
        };
        let bcrypt_cost = self.accounts.bcrypt_cost_max().await?;
        let (user, hash) = stored.map_or((None, None), |stored| (Some(stored.user), stored.password_hash));
        // Checked against a decoy when there is no account: the time that it takes tells nobody which usernames exist.
        let checked = self.passwords.verify(password.to_owned(), hash.clone(), bcrypt_cost);
        let checked = checked.await?;
        let Some(user) = user.filter(|_| checked.is_right()) else {
            return Err(LoginError::WrongCredentials);
        };
        if user.disabled_at.is_some() {
            return Err(LoginError::Disabled);
        }
        if let (Checked::RightByBcrypt, Some(old)) = (checked, hash) {
            self.replace_foreign_hash(&user, password, &old).await;
        }
        Ok(user)
    }

    /// Puts a hash of our own in the place of `old`, now that the password is known. A failure is no reason to refuse
    /// whoever has proved who they are: the next sign-in tries again.
    async fn replace_foreign_hash(&self, user: &User, password: &str, old: &str) {
        let new = self.passwords.hash(NewPassword::of_a_foreign_hash(password)).await;
        let new = match new {
            Ok(new) => new,
            Err(error) => {
                tracing::warn!(%error, user.id = %user.id, "a bcrypt hash stays for now");
                return;
            }
        };
        // Only where it still stands: a password that was set in the meantime is not undone.
        match self.accounts.replace_password_hash(&user.id, old, &new).await {
            Ok(_) => tracing::info!(user.id = %user.id, "a bcrypt hash is replaced by argon2id"),
            Err(error) => tracing::warn!(%error, user.id = %user.id, "a bcrypt hash stays for now"),
        }
    }

    /// Signs in with a username and a password.
    pub async fn login(&self, username: &str, password: &str) -> Result<SignedIn, LoginError> {
        let user = self.check_password(username, password).await?;
        Ok(self.sign_in(user)?)
    }

    pub(super) fn sign_in(&self, user: User) -> Result<SignedIn, PasswordsError> {
        let issued = self.issue(&user, user.role, TOKEN_LIFETIME);
        let token = issued.map_err(|error| PasswordsError::Broken(error.to_string()))?;
        Ok(SignedIn { token, user })
    }
}
