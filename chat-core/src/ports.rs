//! What the rules need from the outside: a store, a clock, a source of ids.
//!
//! Each method of a store's port is one whole domain operation in one transaction; there is no begin and no commit here.
//! Three adapters implement them (SQLite, PostgreSQL, and the in-memory fake of the unit tests), and one contract suite
//! holds all of them to what is written at each method.

mod accounts;
mod conversations;
mod deliveries;
mod messages;
pub mod moderation;
pub mod operators;

use async_trait::async_trait;

pub use self::accounts::{Accounts, CreateUserError, Credentials, KeptToken, KeptTokens, NewUser};
pub use self::conversations::{Arrival, ConversationError, Conversations, Created, NewConversation};
pub use self::deliveries::DeliveryLog;
pub use self::messages::{AppendError, Appended, Appending, MessageLog, PageFrom, Reach, SearchQuery};
use crate::{ConversationId, Epoch, MessageId, Timestamp, UserId};

/// Tells the time of stored facts. Timers use tokio's clock instead.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Makes ids (`UUIDv7` in the server: sortable by time, unguessable in their random part).
pub trait IdSource: Send + Sync + 'static {
    /// A message's id.
    fn message_id(&self) -> MessageId;
    /// A conversation's id.
    fn conversation_id(&self) -> ConversationId;
    /// A user's id.
    fn user_id(&self) -> UserId;
}

/// What kind of trouble a store has. The closed set of `rollcall_store_errors_total{kind}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreTrouble {
    /// Somebody else holds the lock for too long.
    Busy,
    /// No space left.
    Full,
    /// Opened or mounted read-only.
    ReadOnly,
    /// The database cannot be reached.
    Connection,
    /// A constraint that the operation does not expect.
    Constraint,
    /// Anything else, a corrupt row included.
    Other,
}

impl StoreTrouble {
    /// Every kind, for starting each label at 0.
    pub const ALL: [StoreTrouble; 6] = [
        StoreTrouble::Busy,
        StoreTrouble::Full,
        StoreTrouble::ReadOnly,
        StoreTrouble::Connection,
        StoreTrouble::Constraint,
        StoreTrouble::Other,
    ];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            StoreTrouble::Busy => "busy",
            StoreTrouble::Full => "full",
            StoreTrouble::ReadOnly => "readonly",
            StoreTrouble::Connection => "connection",
            StoreTrouble::Constraint => "constraint",
            StoreTrouble::Other => "other",
        }
    }
}

/// The store could not do what was asked. Nothing of the operation is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database refuses or cannot be reached.
    #[error("the store is unavailable ({}): {detail}", trouble.as_str())]
    Unavailable {
        /// What kind of trouble.
        trouble: StoreTrouble,
        /// The database's own words, for the log; never shown to clients.
        detail: String,
    },
    /// A stored row contradicts the schema's meaning: not the same as "not found".
    #[error("the row {row} of table {table} is inconsistent: {detail}")]
    Inconsistent {
        /// Which table.
        table: &'static str,
        /// Which row.
        row: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl StoreError {
    /// The kind, for the metric.
    pub fn trouble(&self) -> StoreTrouble {
        match self {
            StoreError::Unavailable { trouble, .. } => *trouble,
            StoreError::Inconsistent { .. } => StoreTrouble::Other,
        }
    }
}

/// A run of messages in rising seq, and whether there are more beyond it (in the direction that was asked for).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// More exist beyond this page.
    pub more: bool,
}

/// The store's own state.
#[async_trait]
pub trait Vitals: Send + Sync {
    /// Can it be written to now? Tries it, by a commit that changes nothing of meaning: what is rolled back never
    /// reaches the disk, and says nothing of a full one.
    async fn check(&self) -> Result<(), StoreError>;

    /// The database's own id.
    fn epoch(&self) -> &Epoch;
}

/// Everything. Only the composition root names it; each part of the server takes the ports that it needs.
pub trait Store:
    Accounts
    + Conversations
    + moderation::Moderation
    + MessageLog
    + DeliveryLog
    + Vitals
    + operators::OperatorReads
    + operators::AuditLog
{
}

impl<T> Store for T where
    T: Accounts
        + Conversations
        + moderation::Moderation
        + MessageLog
        + DeliveryLog
        + Vitals
        + operators::OperatorReads
        + operators::AuditLog
{
}
