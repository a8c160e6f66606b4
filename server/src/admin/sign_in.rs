//! What the admin asks of the accounts: who is this, and are they still who they were.

use async_trait::async_trait;
use chat_core::ports::StoreError;
use chat_core::{Role, UserId};

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Lasting id.
    pub user_id: UserId,
    /// Unique name; the audit log's `actor`.
    pub username: String,
    /// What they may do.
    pub role: Role,
}

/// Why nobody was signed in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInError {
    /// Unknown, disabled, or another password or token: not told apart, so that names cannot be fished for.
    #[error("wrong credentials")]
    Refused,
    /// A token that was good once.
    #[error("the token has expired")]
    Expired,
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Signs people in.
#[async_trait]
pub trait SignIn: Send + Sync {
    /// By username and password. Takes as long for an unknown name as for a wrong password.
    async fn password(&self, username: &str, password: &str) -> Result<Account, SignInError>;

    /// By bearer token.
    async fn bearer(&self, token: &str) -> Result<Account, SignInError>;

    /// The role that the account has now; `None` when it is gone or disabled.
    async fn standing(&self, user_id: &UserId) -> Result<Option<Role>, StoreError>;
}
