//! What the chat page's cookie holds: a JWT under a key of its own. So it is no token (nothing but `/session` takes it), and
//! a token is no session.

use chat_core::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use super::{TokenError, Tokens, signature_only};
use crate::limits::{BROWSER_SESSION_LIFETIME, TOKEN_BYTES_MAX};

/// What the key is derived for; a change of it signs every browser out.
const PURPOSE: &[u8] = b"rollcall: session of the chat page, 1";

/// A good session.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::identity) struct Session {
    /// Whose.
    pub(in crate::identity) user_id: UserId,
    /// See [`Tokens::password_mark`].
    pub(in crate::identity) password_mark: String,
}

#[derive(Serialize, Deserialize)]
struct SessionClaims {
    sub: String,
    iat: i64,
    exp: i64,
    pwd: String,
}

impl Tokens {
    fn session_secret(&self) -> Result<String, TokenError> {
        jsonwebtoken::crypto::sign(PURPOSE, &self.signing, Algorithm::HS256)
            .map_err(|_| TokenError::Refused("the key of sessions could not be derived"))
    }

    /// A mark of the password that was good when a session began, so that a new password ends it. A keyed hash of the
    /// stored hash: it says nothing about either.
    pub(in crate::identity) fn password_mark(&self, password_hash: &str) -> Result<String, TokenError> {
        let key = EncodingKey::from_secret(self.session_secret()?.as_bytes());
        jsonwebtoken::crypto::sign(password_hash.as_bytes(), &key, Algorithm::HS256)
            .map_err(|_| TokenError::Refused("the password could not be marked"))
    }

    /// A session that begins now.
    pub(in crate::identity) fn issue_session(&self, user: &UserId, password_hash: &str) -> Result<String, TokenError> {
        let now = self.clock.now().as_secs();
        let claims = SessionClaims {
            sub: user.to_string(),
            iat: now,
            exp: now.saturating_add(i64::try_from(BROWSER_SESSION_LIFETIME.as_secs()).unwrap_or(i64::MAX)),
            pwd: self.password_mark(password_hash)?,
        };
        let key = EncodingKey::from_secret(self.session_secret()?.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map_err(|_| TokenError::Refused("it could not be signed"))
    }

    /// What a cookie says, if it is good now.
    pub(in crate::identity) fn verify_session(&self, cookie: &str) -> Result<Session, TokenError> {
        if cookie.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Refused("it is longer than any session of ours"));
        }
        let key = DecodingKey::from_secret(self.session_secret()?.as_bytes());
        let decoded = jsonwebtoken::decode::<SessionClaims>(cookie, &key, &signature_only(Algorithm::HS256));
        let claims = decoded
            .map_err(|_| TokenError::Refused("it is no session of ours"))?
            .claims;
        if claims.exp <= self.clock.now().as_secs() {
            return Err(TokenError::Expired);
        }
        Ok(Session {
            user_id: UserId::parse(&claims.sub).map_err(|_| TokenError::Refused("its sub is no id"))?,
            password_mark: claims.pwd,
        })
    }
}
