//! Accounts and the tokens that can be taken back.

use async_trait::async_trait;

use super::operators::{Listed, Slice};
use super::{Page, StoreError};
use crate::{Role, Timestamp, User, UserId};

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// From the id source, or a foreign token's `sub`.
    pub id: UserId,
    /// Already parsed.
    pub username: String,
    /// Already parsed.
    pub display_name: String,
    /// What it may do.
    pub role: Role,
    /// An argon2id PHC string, or a bcrypt hash of another system; `None` when it can only come with a token.
    pub password_hash: Option<String>,
    /// Becomes `created_at`.
    pub at: Timestamp,
}

/// Why an account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Another account has this username, or this id.
    #[error("this username is taken")]
    Taken,
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An account with what signs it in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// Its argon2id PHC string or bcrypt hash; `None`: no sign-in by password.
    pub password_hash: Option<String>,
}

/// A token that can be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptToken {
    /// Its `jti`.
    pub id: String,
    /// Whose.
    pub user_id: UserId,
    /// Their unique name.
    pub username: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// What it claims.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// Some of the tokens that were written down, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptTokens {
    /// Those of the page, and how many were asked for.
    pub listed: Listed<KeptToken>,
    /// All that are written down.
    pub all: u64,
    /// Those of all that are good.
    pub good: u64,
}

/// Accounts.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Makes an account; refuses one whose username or id exists.
    async fn create_user(&self, new: NewUser) -> Result<User, CreateUserError>;

    /// The account with this id, made now if there is none. A username that is taken gets the first free suffix
    /// `-2`, `-3` …, shortened to stay a username. An existing account is returned as it is stored. True when it was made now: of several
    /// calls at once exactly one hears that.
    async fn provision_user(&self, new: NewUser) -> Result<(User, bool), StoreError>;

    /// The account with this id.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// The account with this (lower-case) username, and its password hash.
    async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError>;

    /// Sets the password hash; false when there is no such account.
    async fn set_password(&self, id: &UserId, password_hash: &str) -> Result<bool, StoreError>;

    /// Puts `new` in the place of `old`; false when the account's hash is another one by now, or there is no such account.
    async fn replace_password_hash(&self, id: &UserId, old: &str, new: &str) -> Result<bool, StoreError>;

    /// The highest cost of the bcrypt hashes (`$2…`) that are stored; `None` when there are none.
    async fn bcrypt_cost_max(&self) -> Result<Option<u32>, StoreError>;

    /// Disables (`Some`) or enables (`None`) an account; false when there is no such account.
    async fn set_disabled(&self, id: &UserId, at: Option<Timestamp>) -> Result<bool, StoreError>;

    /// Accounts whose username or display name contains `query` (case-insensitive for ASCII; `%` and `_` are plain
    /// text), by username, at most `limit`. An empty query is all of them.
    async fn search_users(&self, query: &str, limit: u32) -> Result<Page<User>, StoreError>;

    /// A number that is another one when an account was disabled or enabled, or a token taken back, since it was asked for last: by us
    /// or by another process on the same store. It may be another one without a reason. Costs nothing that grows with the store.
    async fn standing(&self) -> Result<i64, StoreError>;

    /// Those of these users whose accounts are disabled.
    async fn disabled_among(&self, ids: &[UserId]) -> Result<Vec<UserId>, StoreError>;

    /// Writes down a token that can be taken back; one of an unknown user is not.
    async fn keep_token(&self, token: KeptToken) -> Result<(), StoreError>;

    /// Tokens whose username, purpose or id contains `text` (case-insensitive for ASCII), the newest first. Good are those that were not
    /// taken back and end after `now`.
    async fn kept_tokens(&self, text: Option<&str>, now: Timestamp, slice: Slice) -> Result<KeptTokens, StoreError>;

    /// Forgets tokens that ended before `before`, whether they were taken back or not.
    async fn forget_tokens(&self, before: Timestamp) -> Result<(), StoreError>;

    /// Those of these tokens that were written down and not taken back.
    async fn good_tokens_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Takes a token back; false when there is none to take back.
    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// Notes when these users' last socket closed. Unknown ids are skipped; a time never moves back.
    async fn note_last_seen(&self, seen: &[(UserId, Timestamp)]) -> Result<(), StoreError>;
}
