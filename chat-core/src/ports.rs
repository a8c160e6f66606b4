//! What the rules need from the outside: a store, a clock, a source of ids.
//!
//! Each method of a store's port is one whole domain operation in one transaction; there is no begin and no commit here.
//! Three adapters implement them (SQLite, PostgreSQL, and the in-memory fake of the unit tests), and one contract suite
//! holds all of them to what is written at each method.

pub mod moderation;
pub mod operators;

use std::pin::Pin;

use async_trait::async_trait;

use crate::conversation::ConversationOfUser;
use crate::delivery::{ConnectionEvent, Cursor, DeliveryException, LeftBehind, MembershipSpan};
use crate::explain::NodeLoss;
use crate::ids::ClientMessageId;
use crate::search::SearchWords;
use crate::{
    Conversation, ConversationId, ConversationKind, Draft, Epoch, Message, MessageId, Role, Seq, Timestamp, User,
    UserId,
};

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
    /// An argon2id PHC string; `None` when it can only come with a token.
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
    /// Its argon2id PHC string; `None`: no sign-in by password.
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

/// Accounts.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Makes an account; refuses one whose username or id exists.
    async fn create_user(&self, new: NewUser) -> Result<User, CreateUserError>;

    /// The account with this id, made now if there is none. A username that is taken gets the first free suffix
    /// `-2`, `-3` …, shortened to stay a username. An existing account is returned as it is stored.
    async fn provision_user(&self, new: NewUser) -> Result<User, StoreError>;

    /// The account with this id.
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// The account with this (lower-case) username, and its password hash.
    async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError>;

    /// Sets the password hash; false when there is no such account.
    async fn set_password(&self, id: &UserId, password_hash: &str) -> Result<bool, StoreError>;

    /// Disables (`Some`) or enables (`None`) an account; false when there is no such account.
    async fn set_disabled(&self, id: &UserId, at: Option<Timestamp>) -> Result<bool, StoreError>;

    /// Accounts whose username or display name contains `query` (case-insensitive for ASCII; `%` and `_` are plain
    /// text), by username, at most `limit`. An empty query is all of them.
    async fn search_users(&self, query: &str, limit: u32) -> Result<Page<User>, StoreError>;

    /// Those of these users whose accounts are disabled.
    async fn disabled_among(&self, ids: &[UserId]) -> Result<Vec<UserId>, StoreError>;

    /// Writes down a token that can be taken back; one of an unknown user is not.
    async fn keep_token(&self, token: KeptToken) -> Result<(), StoreError>;

    /// Tokens that were written down, the oldest first, at most `limit`.
    async fn kept_tokens(&self, limit: u32) -> Result<Vec<KeptToken>, StoreError>;

    /// Those of these tokens that were written down and not taken back.
    async fn good_tokens_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError>;

    /// Takes a token back; false when there is none to take back.
    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool, StoreError>;

    /// Notes when these users' last socket closed. Unknown ids are skipped; a time never moves back.
    async fn note_last_seen(&self, seen: &[(UserId, Timestamp)]) -> Result<(), StoreError>;
}

/// A conversation to be made.
#[derive(Debug, Clone)]
pub struct NewConversation {
    /// From the id source, or a service's own.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// Already parsed.
    pub title: Option<String>,
    /// The owner; a service owns nothing and gives `None`.
    pub owner: Option<UserId>,
    /// Who makes it: the owner, or a service that becomes no participant.
    pub created_by: Option<UserId>,
    /// Everybody, the owner included, without doubles; two for a direct one.
    pub participant_ids: Vec<UserId>,
    /// Becomes `created_at` and everybody's `joined_at`.
    pub at: Timestamp,
}

/// What making a conversation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New(Conversation),
    /// A direct one of these two, or one with this id, was there before; nothing was changed.
    Existing(Conversation),
}

/// Why a conversation could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ConversationError {
    /// There is no such conversation.
    #[error("there is no such conversation")]
    NotFound,
    /// These ids are no accounts.
    #[error("there is no user {}", list(.0))]
    UnknownUsers(Vec<UserId>),
    /// These users are banned from it.
    #[error("banned from this conversation: {}", list(.0))]
    Banned(Vec<UserId>),
    /// The group would have more than [`crate::limits::PARTICIPANTS_MAX`] participants, or the user more than
    /// [`crate::limits::CONVERSATIONS_PER_USER_MAX`] conversations.
    #[error("{0}")]
    TooMany(&'static str),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(ids: &[UserId]) -> String {
    ids.iter().map(UserId::as_str).collect::<Vec<_>>().join(", ")
}

/// Conversations and their participants. Every [`Conversation`] that is returned has its participants sorted by user id.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// Makes a conversation, or finds the one that is there.
    async fn create_conversation(&self, new: NewConversation) -> Result<Created, ConversationError>;

    /// The conversation as it is now.
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;

    /// The conversation as `user` sees it; `None` when it does not exist or they are not in it.
    async fn conversation_of(
        &self,
        id: &ConversationId,
        user: &UserId,
    ) -> Result<Option<ConversationOfUser>, StoreError>;

    /// Every conversation of `user`, the one with the newest message first (those without any by their making).
    async fn conversations_of(&self, user: &UserId) -> Result<Vec<ConversationOfUser>, StoreError>;

    /// Adds users as members with `joined_seq` = the present `last_seq`; those who are in already stay as they are. One who is banned
    /// is named, and nobody is added.
    async fn add_participants(
        &self,
        id: &ConversationId,
        user_ids: &[UserId],
        at: Timestamp,
    ) -> Result<Conversation, ConversationError>;

    /// Removes a user and keeps the times and the cursors of their membership; nothing happens when they are not in it.
    async fn remove_participant(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Conversation, ConversationError>;

    /// Conversations that another process brought in whole, by an import; each is told once.
    async fn take_arrivals(&self) -> Result<Vec<ConversationId>, StoreError>;

    /// The conversations of each of these users, who are named once each, in no order.
    async fn conversation_ids_of(&self, users: &[UserId]) -> Result<Vec<(UserId, ConversationId)>, StoreError>;
}

/// What appending came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// Committed now, durable against a power cut.
    New(Message),
    /// The sender had sent this `client_message_id` before; nothing was written.
    Repeat(Message),
}

/// Why a message was not appended. Nothing of it is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// There is no such conversation.
    #[error("there is no such conversation")]
    NotFound,
    /// `reply_to` names no message of this conversation.
    #[error("reply_to names no message of this conversation")]
    BadReply,
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which messages of a conversation a page begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom {
    /// The oldest ones with a greater seq.
    After(Seq),
    /// The newest ones with a smaller seq.
    Before(Seq),
    /// The newest ones.
    Newest,
}

/// Where a search looks. Whose right it is to look there is part of the question, so that no answer can outlive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// In every conversation that this user is in now.
    OfUser(UserId),
    /// In this conversation, if this user is in it now.
    OfUserIn(UserId, ConversationId),
    /// In this conversation.
    In(ConversationId),
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// Where.
    pub reach: Reach,
    /// All of them must occur.
    pub words: SearchWords,
    /// Only messages with a smaller seq.
    pub before: Option<Seq>,
    /// At most so many.
    pub limit: u32,
}

/// The second half of an append: resolves when the draft is committed, found to be a repeat, or refused.
pub type Appending = Pin<Box<dyn Future<Output = Result<Appended, AppendError>> + Send>>;

/// The log of messages.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// Queues the draft. In its turn it is given its conversation's next seq and committed; a repeated `(conversation,
    /// sender, client_message_id)` gives the first message instead. Seqs have no gaps, whatever fails. Drafts that one caller
    /// queues one after the other get rising seqs: when this returns, the draft has its place. A caller that goes away leaves
    /// either nothing or a committed message.
    async fn queue(&self, draft: Draft) -> Appending;

    /// Queues the draft and waits for what it comes to.
    async fn append(&self, draft: Draft) -> Result<Appended, AppendError> {
        self.queue(draft).await.await
    }

    /// At most `limit` messages, in rising seq whatever the direction.
    async fn page(&self, id: &ConversationId, from: PageFrom, limit: u32) -> Result<Page<Message>, StoreError>;

    /// Replaces a message's content and sets `edited_at`. `None`: there is no such message, or it is deleted.
    async fn edit(&self, id: &MessageId, content: &str, at: Timestamp) -> Result<Option<Message>, StoreError>;

    /// Empties a message and sets `deleted_at`; its number stays taken. Deleting again changes nothing. `None`: there is no such
    /// message.
    async fn delete(&self, id: &MessageId, at: Timestamp) -> Result<Option<Message>, StoreError>;

    /// Empties some messages that were sent before `before`, as if deleted at `at`; true when there may be more. Their numbers stay.
    async fn forget_messages(&self, before: Timestamp, at: Timestamp) -> Result<bool, StoreError>;

    /// Messages that hold every one of the words, the newest first, as they are now: an edited message is found by what it says
    /// now, a deleted one never.
    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>, StoreError>;

    /// Prepares some messages that came lately for searching, so that the next search is quick; true when there are more. A search
    /// finds every message that was committed before it, whether this was called or not.
    async fn index_messages(&self) -> Result<bool, StoreError>;

    /// One message.
    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError>;

    /// The message that this sender sent with this id, if any.
    async fn message_by_client_id(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>, StoreError>;
}

/// What is written down about deliveries. Everything here is written in batches and never on a message's way.
#[async_trait]
pub trait DeliveryLog: Send + Sync {
    /// Moves cursors forward; none ever moves back, `read` never passes `received` (a `read` beyond it moves `received` too),
    /// and neither passes the conversation's `last_seq`. Cursors of users who are not in the conversation are skipped.
    async fn advance_cursors(&self, cursors: &[Cursor]) -> Result<(), StoreError>;

    /// The cursors of everybody who is in the conversation now, by user id.
    async fn cursors(&self, conversation: &ConversationId) -> Result<Vec<Cursor>, StoreError>;

    /// Stores exceptions; those of unknown users or conversations are skipped.
    async fn note_exceptions(&self, exceptions: &[DeliveryException]) -> Result<(), StoreError>;

    /// The exceptions that are about message `seq`, by time; of one user, or of everybody.
    async fn exceptions(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        user: Option<&UserId>,
    ) -> Result<Vec<DeliveryException>, StoreError>;

    /// Stores entries of connection histories; those of unknown users are skipped.
    async fn note_connections(&self, events: &[ConnectionEvent]) -> Result<(), StoreError>;

    /// These users' connection histories within `from..=to`, the newest first, of each user at most `limit` entries.
    async fn connections_of(
        &self,
        users: &[UserId],
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<ConnectionEvent>, StoreError>;

    /// The same for one user.
    async fn connections(
        &self,
        user: &UserId,
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<ConnectionEvent>, StoreError> {
        self.connections_of(std::slice::from_ref(user), from, to, limit).await
    }

    /// The times during which these users were in a conversation, of each user the earliest first.
    async fn memberships_of(
        &self,
        conversation: &ConversationId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, MembershipSpan)>, StoreError>;

    /// The same for one user.
    async fn memberships(
        &self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> Result<Vec<MembershipSpan>, StoreError> {
        let spans = self.memberships_of(conversation, std::slice::from_ref(user)).await?;
        Ok(spans.into_iter().map(|(_, span)| span).collect())
    }

    /// Everybody who was in the conversation when message `seq` came, by user id.
    async fn participants_at(&self, conversation: &ConversationId, seq: Seq) -> Result<Vec<User>, StoreError>;

    /// Notes how far conversations were announced. Marks never move back, nor past the conversation's `last_seq`; unknown
    /// conversations are skipped.
    async fn note_announced(&self, announced: &[(ConversationId, Seq)]) -> Result<(), StoreError>;

    /// At a start: takes over what the last process could no longer store, then moves every mark to its conversation's
    /// `last_seq` and tells how many messages lay above the marks. When `left` is complete these are noted as never broadcast, by
    /// a process that stopped just after the newest of them, or when it was last heard of if that is later.
    async fn make_up(&self, left: &LeftBehind) -> Result<u64, StoreError>;

    /// When the process stopped that should have announced message `seq` and did not; `None` when nothing like it is known.
    async fn missed_broadcast(&self, conversation: &ConversationId, seq: Seq) -> Result<Option<Timestamp>, StoreError>;

    /// Processes that died since `from`, by time.
    async fn node_losses(&self, from: Timestamp) -> Result<Vec<NodeLoss>, StoreError>;

    /// Forgets exceptions, connection events, missed broadcasts and lost nodes that are older than `before`, at most a few thousand
    /// at a time; true when there are more.
    async fn prune_evidence(&self, before: Timestamp) -> Result<bool, StoreError>;
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
