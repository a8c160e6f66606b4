//! Sessions of the chat page: what its cookie is good for.

use chat_core::User;

use super::Authority;
use crate::identity::{AuthError, IssuedToken, TokenError};
use crate::limits::PAGE_TOKEN_LIFETIME;

/// A browser that is signed in.
#[derive(Debug)]
pub struct BrowserSession {
    /// For the cookie: good from now on for the whole lifetime of a session.
    pub cookie: String,
    /// For the page: good for a quarter of an hour.
    pub token: IssuedToken,
    /// Whose.
    pub user: User,
}

impl Authority {
    /// Signs a browser in, whose user has just proved who they are.
    pub async fn begin_browser_session(&self, user: &User) -> Result<BrowserSession, AuthError> {
        let stored = self.accounts.credentials(&user.username).await?;
        match stored.and_then(|stored| Some((stored.user, stored.password_hash?))) {
            Some((user, hash)) => self.browser_session(user, &hash),
            None => Err(AuthError::UnknownAccount),
        }
    }

    /// Whose cookie this is, if it still counts: it ends with its time, with the account, and with the password.
    pub async fn continue_browser_session(&self, cookie: &str) -> Result<BrowserSession, AuthError> {
        let session = self.tokens.verify_session(cookie)?;
        let user = self.accounts.user(&session.user_id).await?;
        let user = user.ok_or(AuthError::UnknownAccount)?;
        if user.disabled_at.is_some() {
            return Err(AuthError::Disabled);
        }
        let stored = self.accounts.credentials(&user.username).await?;
        let hash = stored.and_then(|stored| stored.password_hash);
        let hash = hash.ok_or(AuthError::UnknownAccount)?;
        if self.tokens.password_mark(&hash)? != session.password_mark {
            return Err(TokenError::Refused("the password has been changed since").into());
        }
        self.browser_session(user, &hash)
    }

    fn browser_session(&self, user: User, password_hash: &str) -> Result<BrowserSession, AuthError> {
        Ok(BrowserSession {
            cookie: self.tokens.issue_session(&user.id, password_hash)?,
            token: self.issue(&user, user.role, PAGE_TOKEN_LIFETIME)?,
            user,
        })
    }
}
