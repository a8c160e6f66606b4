//! Everybody's messages, for operators: by conversation, sender, time and text.
//!
//! Words are looked up in the index of all messages. Where that cannot answer (no word in the text, none that begins like it, or so many
//! that each would have to be read), messages are read instead, the newest first, up to a bound.

use chat_core::ports::StoreError;
use chat_core::ports::operators::{FoundMessages, MESSAGES_LOOKED_AT_MAX, MessageFilter, Slice, Sought};
use chat_core::search::SearchWords;
use chat_core::{ConversationId, Timestamp, UserId};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::super::SqliteStore;
use super::super::errors::unavailable;
use super::super::rows::{self, Columns, message_columns};
use super::super::search::{catch_up, fts_query_of_beginnings};
use super::super::writer::closed;
use super::{counted_rows, limits};

// Parameters of every statement: ?1 conversation, ?2 sender, ?3 text, ?4 from, ?5 to, ?6 and ?7 the ids of these times, ?8 how many to
// look at, ?9 and ?10 the page; ?11 the words.

// The newest ones, whose ids are the largest; what is older than the bound is not looked at.
const LOOKED_AT_ALL: &str = "SELECT * FROM messages WHERE ?1 IS NULL AND (?6 IS NULL OR id >= ?6)
    AND (?7 IS NULL OR id < ?7) ORDER BY id DESC LIMIT ?8";
const LOOKED_AT_ONE: &str = "SELECT * FROM messages
    WHERE conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1)
      AND (?6 IS NULL OR id >= ?6) AND (?7 IS NULL OR id < ?7) ORDER BY seq DESC LIMIT ?8";

/// What the index has for the words: of one conversation a range of places.
const PLACES: &str = "SELECT rowid AS place FROM message_words WHERE message_words MATCH ?11";
const PLACES_IN_ONE: &str = "SELECT rowid AS place FROM message_words WHERE message_words MATCH ?11
    AND rowid >= (SELECT conversation_key FROM conversations WHERE id = ?1) << 32
    AND rowid < ((SELECT conversation_key FROM conversations WHERE id = ?1) + 1) << 32";

const WANTED: &str = "(?2 IS NULL OR m.sender_key = (SELECT user_key FROM users WHERE id = ?2))
    AND (?4 IS NULL OR m.created_at >= ?4) AND (?5 IS NULL OR m.created_at < ?5)";
const HOLDS_TEXT: &str = "(?3 IS NULL OR instr(lower(m.content), ?3) > 0)";

/// The id is made just before the time is taken.
const ID_BEFORE_TIME_MS: i64 = 1_000;

/// The ids that the server made at `at` are not smaller: a `UUIDv7` begins with its milliseconds.
fn least_id(at: Timestamp) -> String {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    format!("{:08x}-{:04x}", millis >> 16, millis & 0xffff)
}

/// Binds what a statement takes, all but the words.
macro_rules! bound {
    ($query:expr, $filter:expr, $bound:expr, $slice:expr) => {{
        let (limit, skip) = limits($slice);
        $query
            .bind($filter.conversation_id.as_ref().map(ConversationId::as_str))
            .bind($filter.sender_id.as_ref().map(UserId::as_str))
            .bind($filter.text.as_ref().map(|text| text.to_ascii_lowercase()))
            .bind($filter.from.map(Timestamp::as_millis))
            .bind($filter.to.map(Timestamp::as_millis))
            .bind($filter.from.map(|at| least_id(at.plus_millis(-ID_BEFORE_TIME_MS))))
            .bind($filter.to.map(|at| least_id(at.plus_millis(1))))
            .bind(i64::from($bound))
            .bind(limit)
            .bind(skip)
    }};
}

/// See [`chat_core::ports::operators::OperatorReads::find_messages`].
pub(super) async fn find(
    store: &SqliteStore,
    filter: &MessageFilter,
    slice: Slice,
) -> Result<FoundMessages, StoreError> {
    let Some(text) = &filter.text else {
        let mut db = store.reader().await?;
        return read(&mut db, filter, slice, Sought::Words).await;
    };
    let _turn = store.searches.acquire().await.map_err(|_| closed())?;
    let Ok(words) = SearchWords::parse(text) else {
        let mut db = store.reader().await?;
        return read(&mut db, filter, slice, Sought::NoWords).await;
    };
    catch_up(store).await;
    let mut db = store.reader().await?;
    let words = fts_query_of_beginnings(&words);
    match count_places(&mut db, filter, &words).await? {
        0 => read(&mut db, filter, slice, Sought::WithinWords).await,
        some if some > MESSAGES_LOOKED_AT_MAX => read(&mut db, filter, slice, Sought::Common).await,
        _ => look_up(&mut db, filter, slice, &words).await,
    }
}

fn places(filter: &MessageFilter) -> &'static str {
    if filter.conversation_id.is_some() {
        PLACES_IN_ONE
    } else {
        PLACES
    }
}

/// How many messages the index has for the words, as far as it matters.
async fn count_places(db: &mut SqliteConnection, filter: &MessageFilter, words: &str) -> Result<u32, StoreError> {
    let count = format!("SELECT count(*) FROM ({} LIMIT ?8)", places(filter));
    let none = Slice { skip: 0, limit: 0 };
    let count: i64 = bound!(
        sqlx::query_scalar(AssertSqlSafe(count)),
        filter,
        MESSAGES_LOOKED_AT_MAX + 1,
        none
    )
    .bind(words)
    .fetch_one(db)
    .await
    .map_err(|error| unavailable(&error))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// What the index has for the words, and the rest of the filter wants.
async fn look_up(
    db: &mut SqliteConnection,
    filter: &MessageFilter,
    slice: Slice,
    words: &str,
) -> Result<FoundMessages, StoreError> {
    // Two statements, one snapshot.
    let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
    let columns = message_columns!();
    let found = format!(
        "({}) AS found CROSS JOIN messages AS m
             ON m.conversation_key = (found.place >> 32) AND m.seq = (found.place & 4294967295) AND m.deleted_at IS NULL",
        places(filter)
    );
    // The rows of the page alone are read as a whole.
    let page = format!(
        "SELECT {columns} FROM (SELECT found.place, m.id FROM {found} WHERE {WANTED}
                                ORDER BY m.id DESC LIMIT ?9 OFFSET ?10) AS page
         JOIN messages AS m ON m.conversation_key = (page.place >> 32) AND m.seq = (page.place & 4294967295)
         JOIN conversations AS c USING (conversation_key)
         JOIN users AS s ON s.user_key = m.sender_key ORDER BY page.id DESC"
    );
    let rows = bound!(sqlx::query(AssertSqlSafe(page)), filter, 0_u32, slice)
        .bind(words)
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
    let count = format!("SELECT count(*) FROM {found} WHERE {WANTED}");
    let total: i64 = bound!(sqlx::query_scalar(AssertSqlSafe(count)), filter, 0_u32, slice)
        .bind(words)
        .fetch_one(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(FoundMessages {
        items: rows
            .iter()
            .map(|row| rows::message(&mut Columns::of(row, "messages")))
            .collect::<Result<_, _>>()?,
        total: counted_rows(total),
        cut: false,
        sought: Sought::Words,
    })
}

/// Reads messages, the newest first, up to the bound.
async fn read(
    db: &mut SqliteConnection,
    filter: &MessageFilter,
    slice: Slice,
    sought: Sought,
) -> Result<FoundMessages, StoreError> {
    // Two statements, one snapshot.
    let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
    // What is not looked inside is only walked up to the end of the page.
    let bound = if filter.looks_inside() {
        MESSAGES_LOOKED_AT_MAX
    } else {
        u32::try_from(slice.skip.saturating_add(u64::from(slice.limit))).unwrap_or(u32::MAX)
    };
    let looked_at = if filter.conversation_id.is_some() {
        LOOKED_AT_ONE
    } else {
        LOOKED_AT_ALL
    };
    let columns = message_columns!();
    let page = format!(
        "SELECT {columns} FROM ({looked_at}) AS m JOIN conversations AS c USING (conversation_key)
         JOIN users AS s ON s.user_key = m.sender_key WHERE {HOLDS_TEXT} AND {WANTED} LIMIT ?9 OFFSET ?10"
    );
    let found = bound!(sqlx::query(AssertSqlSafe(page)), filter, bound, slice)
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
    let items = found
        .iter()
        .map(|row| rows::message(&mut Columns::of(row, "messages")))
        .collect::<Result<Vec<_>, _>>()?;
    let (total, cut) = if filter.looks_inside() {
        let count =
            format!("SELECT count(*) FILTER (WHERE {HOLDS_TEXT} AND {WANTED}), count(*) FROM ({looked_at}) AS m");
        let (total, looked_at): (i64, i64) = bound!(sqlx::query_as(AssertSqlSafe(count)), filter, bound, slice)
            .fetch_one(&mut *db)
            .await
            .map_err(|error| unavailable(&error))?;
        (total, looked_at >= i64::from(bound))
    } else {
        // Seqs have no gaps: a conversation has as many messages as its last one says.
        let total =
            sqlx::query_scalar("SELECT coalesce(sum(last_seq), 0) FROM conversations WHERE ?1 IS NULL OR id = ?1")
                .bind(filter.conversation_id.as_ref().map(ConversationId::as_str))
                .fetch_one(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
        (total, false)
    };
    Ok(FoundMessages {
        items,
        total: counted_rows(total),
        cut,
        sought,
    })
}
