//! What a socket's token lets it do, until it brings another one.

use chat_core::{Role, Timestamp};
use parking_lot::Mutex;

use super::LiveSocket;
use crate::identity::Identity;

/// What a token gives its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What they may do: at most what the account may.
    pub role: Role,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// The `jti` of a token that can be taken back.
    pub kept_token: Option<String>,
}

impl From<&Identity> for Grant {
    fn from(identity: &Identity) -> Self {
        Self {
            role: identity.role,
            expires_at: identity.expires_at,
            kept_token: identity.kept_token.clone(),
        }
    }
}

/// The grant of the token that a socket brought last. All of it changes together: a fresh token that claims less takes the rest away, and
/// what closes the socket is the end of the token that it holds now.
#[derive(Debug)]
pub struct HeldGrant(Mutex<Grant>);

impl From<Grant> for HeldGrant {
    fn from(grant: Grant) -> Self {
        Self(Mutex::new(grant))
    }
}

impl LiveSocket {
    /// What it may do now: at most what the account may.
    pub fn role(&self) -> Role {
        self.caller.grant.0.lock().role
    }

    /// When its token ends.
    pub fn expires_at(&self) -> Timestamp {
        self.caller.grant.0.lock().expires_at
    }

    /// The `jti` of the token that it holds now, if that can be taken back.
    pub fn kept_token(&self) -> Option<String> {
        self.caller.grant.0.lock().kept_token.clone()
    }

    /// A fresh token was given: what the one before it gave is over.
    pub fn set_grant(&self, grant: Grant) {
        *self.caller.grant.0.lock() = grant;
    }
}
