//! What operators ask: lists to search in.
//!
//! Statements are put together from fixed parts; whatever somebody typed is only ever bound.

mod messages;

use async_trait::async_trait;
use chat_core::delivery::{ConnectionEvent, DeliveryException};
use chat_core::ports::StoreError;
use chat_core::ports::operators::{
    CONNECTIONS_LOOKED_THROUGH_MAX, ConversationFilter, ConversationOrder, ConversationSummary, FoundMessages, Listed,
    MessageFilter, OperatorReads, Slice, UserFilter, UserOrder,
};
use chat_core::{Sid, User, UserId};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::rows::{self, Columns, user_columns};

const USERS_WANTED: &str = " FROM users AS u WHERE (?1 IS NULL OR instr(lower(u.username), ?1) > 0
    OR instr(lower(u.display_name), ?1) > 0 OR instr(lower(u.id), ?1) > 0) AND (?2 IS NULL OR u.role = ?2)";

const CONVERSATIONS_WANTED: &str = " FROM conversations AS c WHERE (?1 IS NULL OR instr(lower(c.id), ?1) > 0
    OR instr(lower(c.title), ?1) > 0 OR c.conversation_key IN (
        SELECT p.conversation_key FROM users AS u JOIN participants AS p USING (user_key) WHERE u.username = ?1
    )) AND (?2 IS NULL OR c.kind = ?2)";

pub(super) const EXCEPTIONS_OF_USER: &str = "
    SELECT c.id, e.first_seq, e.last_seq, u.id, e.sid, e.node_id, e.kind, e.at, e.detail
    FROM users AS u CROSS JOIN delivery_exceptions AS e USING (user_key)
    CROSS JOIN conversations AS c USING (conversation_key)
    WHERE u.id = ?1 ORDER BY e.at DESC, e.delivery_exception_key DESC LIMIT ?2 + 0";

// Without an index of its own: each entry of every connection would pay for a question that is seldom asked.
pub(super) const CONNECTIONS_OF_SOCKET: &str = "
    SELECT u.id, e.at, e.kind, e.sid, e.node_id, e.detail
    FROM (SELECT * FROM (SELECT * FROM connection_events ORDER BY connection_event_key DESC LIMIT ?2 + 0)
          WHERE sid = ?1 LIMIT ?3 + 0) AS e JOIN users AS u USING (user_key)
    ORDER BY e.at DESC, e.connection_event_key DESC";

fn direction(falling: bool) -> &'static str {
    if falling { "DESC" } else { "ASC" }
}

fn limits(slice: Slice) -> (i64, i64) {
    (i64::from(slice.limit), i64::try_from(slice.skip).unwrap_or(i64::MAX))
}

fn counted_rows(total: i64) -> u64 {
    u64::try_from(total).unwrap_or(0)
}

fn users_page(filter: &UserFilter) -> String {
    let by = match filter.order {
        UserOrder::Username => "u.username",
        UserOrder::DisplayName => "lower(u.display_name)",
        UserOrder::Role => "u.role",
        UserOrder::CreatedAt => "u.created_at",
        UserOrder::LastSeen => "u.last_seen",
    };
    let (columns, direction) = (user_columns!(), direction(filter.falling));
    format!("SELECT {columns}{USERS_WANTED} ORDER BY {by} {direction}, u.username LIMIT ?3 + 0 OFFSET ?4")
}

fn conversations_page(filter: &ConversationFilter) -> String {
    const LAST: &str = "(SELECT m.created_at FROM messages AS m
        WHERE m.conversation_key = c.conversation_key AND m.seq = c.last_seq)";
    const IN_IT: &str = "(SELECT count(*) FROM participants AS p WHERE p.conversation_key = c.conversation_key)";
    let by = match filter.order {
        ConversationOrder::Active => format!("coalesce({LAST}, c.created_at)"),
        ConversationOrder::CreatedAt => "c.created_at".to_owned(),
        ConversationOrder::Title => "lower(c.title)".to_owned(),
        ConversationOrder::Participants => IN_IT.to_owned(),
        ConversationOrder::Messages => "c.last_seq".to_owned(),
    };
    let direction = direction(filter.falling);
    // The rows first: what only is shown is looked up for those of the page alone. No username has a comma.
    format!(
        "SELECT c.id, c.kind, c.title, c.created_at, c.last_seq, {LAST}, {IN_IT},
             (SELECT group_concat(username) FROM (
                 SELECT u.username FROM participants AS p JOIN users AS u USING (user_key)
                 WHERE p.conversation_key = c.conversation_key ORDER BY p.user_key LIMIT 3))
         FROM (SELECT c.*, {by} AS place{CONVERSATIONS_WANTED} ORDER BY place {direction}, c.id {direction}
               LIMIT ?3 + 0 OFFSET ?4) AS c ORDER BY c.place {direction}, c.id {direction}"
    )
}

fn summary(row: &SqliteRow) -> Result<ConversationSummary, StoreError> {
    let mut columns = Columns::of(row, "conversations");
    Ok(ConversationSummary {
        id: columns.parse()?,
        kind: rows::kind(&mut columns)?,
        title: columns.take()?,
        created_at: columns.time()?,
        last_seq: columns.seq()?,
        last_message_at: columns.time_option()?,
        participants: counted_rows(columns.take()?),
        names: columns
            .take::<Option<&str>>()?
            .map(|names| names.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
    })
}

#[async_trait]
impl OperatorReads for SqliteStore {
    async fn list_users(&self, filter: &UserFilter, slice: Slice) -> Result<Listed<User>, StoreError> {
        let text = filter.text.as_ref().map(|text| text.to_ascii_lowercase());
        let role = filter.role.map(chat_core::Role::as_str);
        let (limit, skip) = limits(slice);
        let page = sqlx::query(AssertSqlSafe(users_page(filter)))
            .bind(text.as_deref())
            .bind(role)
            .bind(limit)
            .bind(skip);
        let total = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*){USERS_WANTED}")))
            .bind(text.as_deref())
            .bind(role);
        self.read_slice(page, total, rows::user).await
    }

    async fn list_conversations(
        &self,
        filter: &ConversationFilter,
        slice: Slice,
    ) -> Result<Listed<ConversationSummary>, StoreError> {
        let text = filter.text.as_ref().map(|text| text.to_ascii_lowercase());
        let kind = filter.kind.map(chat_core::ConversationKind::as_str);
        let (limit, skip) = limits(slice);
        let page = sqlx::query(AssertSqlSafe(conversations_page(filter)))
            .bind(text.as_deref())
            .bind(kind)
            .bind(limit)
            .bind(skip);
        let total = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*){CONVERSATIONS_WANTED}")))
            .bind(text.as_deref())
            .bind(kind);
        self.read_slice(page, total, summary).await
    }

    async fn find_messages(&self, filter: &MessageFilter, slice: Slice) -> Result<FoundMessages, StoreError> {
        self.counted(messages::find(self, filter, slice)).await
    }

    async fn exceptions_of(&self, user: &UserId, limit: u32) -> Result<Vec<DeliveryException>, StoreError> {
        let asked = sqlx::query(EXCEPTIONS_OF_USER)
            .bind(user.as_str())
            .bind(i64::from(limit));
        self.read_all(asked, rows::exception).await
    }

    async fn connections_of_socket(&self, sid: &Sid, limit: u32) -> Result<Vec<ConnectionEvent>, StoreError> {
        let asked = sqlx::query(CONNECTIONS_OF_SOCKET)
            .bind(sid.as_str())
            .bind(i64::from(CONNECTIONS_LOOKED_THROUGH_MAX))
            .bind(i64::from(limit));
        self.read_all(asked, rows::connection_event).await
    }
}
