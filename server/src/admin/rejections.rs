//! What the admin asks of the gateway: which connections were turned away.

use chat_core::{Timestamp, UserId};
use serde::Serialize;

/// A connection that was turned away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedView {
    /// When.
    pub at: Timestamp,
    /// `token`, `origin`, `path`, `protocol`, `namespace` or `rate`.
    pub reason: &'static str,
    /// What came.
    pub detail: String,
    /// What to do about it.
    pub remedy: String,
    /// From where.
    pub address: String,
    /// The page that asked, as its browser says.
    pub origin: Option<String>,
    /// The path that was asked for, without its query.
    pub path: String,
    /// Who, as far as the token tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// The bounded memory of them.
pub trait Rejections: Send + Sync {
    /// What is remembered, the newest first.
    fn newest_first(&self) -> Vec<RejectedView>;
}
