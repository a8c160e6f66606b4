//! Everybody's messages, for operators: by conversation, sender, time and text.
//!
//! Words are looked up in the index of all messages. Where that cannot answer (no word in the text, none that begins like it, or so many
//! that each would have to be read), messages are read instead, the newest first, up to a bound. Every statement finds its places in one
//! pass, counts them, and reads as a whole only the rows of the page.

use chat_core::ports::StoreError;
use chat_core::ports::operators::{FoundMessages, MESSAGES_LOOKED_AT_MAX, MessageFilter, Slice, Sought};
use chat_core::search::{BEGINNING_CHARS_MIN, SearchWords};
use chat_core::{ConversationId, Timestamp, UserId};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};

use super::super::SqliteStore;
use super::super::errors::unavailable;
use super::super::rows::{self, Columns, message_columns};
use super::super::search::{catch_up, fts_beginning, fts_word};
use super::super::writer::closed;
use super::{counted_rows, limits};

// Parameters of every statement: ?1 conversation, ?2 sender, ?3 text, ?4 from, ?5 to, ?6 how many to look at, ?7 and ?8 the page; ?9 the
// places that the index has for the words.

const IN_ONE: &str = "conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1)";

/// As the index of times has them. Ids say nothing of time: those of an import are another server's.
const NEWEST_FIRST: &str = "ORDER BY created_at DESC, conversation_key DESC, seq DESC";

/// What the index has for some words: of one conversation a range of places.
const PLACES: &str = "SELECT rowid AS place FROM message_words WHERE message_words MATCH ?2 AND ?1 IS NULL LIMIT ?3";
const PLACES_IN_ONE: &str = "SELECT rowid AS place FROM message_words WHERE message_words MATCH ?2
    AND rowid >= (SELECT conversation_key FROM conversations WHERE id = ?1) << 32
    AND rowid < ((SELECT conversation_key FROM conversations WHERE id = ?1) + 1) << 32 LIMIT ?3";

const WANTED: &str = "(?2 IS NULL OR m.sender_key = (SELECT user_key FROM users WHERE id = ?2))
    AND (?4 IS NULL OR m.created_at >= ?4) AND (?5 IS NULL OR m.created_at < ?5)";
const HOLDS_TEXT: &str = "(?3 IS NULL OR instr(lower(m.content), ?3) > 0)";

/// Behind what makes `hits`: how many they are, and the page of them.
const PAGE_OF_HITS: &str = concat!(
    "SELECT n.total, ",
    message_columns!(),
    " FROM (SELECT count(*) AS total FROM hits) AS n
      LEFT JOIN (SELECT * FROM hits ORDER BY i DESC, k DESC, s DESC LIMIT ?7 OFFSET ?8) AS page ON TRUE
      LEFT JOIN messages AS m ON m.conversation_key = page.k AND m.seq = page.s
      LEFT JOIN conversations AS c ON c.conversation_key = m.conversation_key
      LEFT JOIN users AS s ON s.user_key = m.sender_key ORDER BY page.i DESC, page.k DESC, page.s DESC"
);

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
        if filter.looks_inside() {
            return read(&mut db, filter, slice, Sought::Words).await;
        }
        return list(&mut db, filter, slice).await;
    };
    let _turn = store.searches.acquire().await.map_err(|_| closed())?;
    let Ok(words) = SearchWords::parse(text) else {
        let mut db = store.reader().await?;
        return read(&mut db, filter, slice, Sought::NoWords).await;
    };
    catch_up(store).await;
    let mut db = store.reader().await?;
    // Two statements and more, one snapshot.
    let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
    let words = query(&mut db, filter, &words).await?;
    let places = places(&mut db, filter, &words).await?;
    if places.is_empty() {
        read(&mut db, filter, slice, Sought::WithinWords).await
    } else if places.len() > MESSAGES_LOOKED_AT_MAX as usize {
        read(&mut db, filter, slice, Sought::Common).await
    } else {
        look_up(&mut db, filter, slice, &places).await
    }
}

/// The words as the index is asked for them, each as the beginning of words. One that very many messages hold as it is is meant as it
/// is: the index would put together all places of all words that begin with it, however few are wanted.
async fn query(db: &mut SqliteConnection, filter: &MessageFilter, words: &SearchWords) -> Result<String, StoreError> {
    let mut parts = Vec::new();
    for word in words.iter() {
        let whole = fts_word(word);
        let frequent = word.chars().count() < BEGINNING_CHARS_MIN
            || places(db, filter, &whole).await?.len() > MESSAGES_LOOKED_AT_MAX as usize;
        parts.push(if frequent { whole } else { fts_beginning(word) });
    }
    Ok(parts.join(" AND "))
}

/// The places that the index has for the words, one more than are looked at.
async fn places(db: &mut SqliteConnection, filter: &MessageFilter, words: &str) -> Result<Vec<i64>, StoreError> {
    let sql = if filter.conversation_id.is_some() {
        PLACES_IN_ONE
    } else {
        PLACES
    };
    // As one text: a row for each would cost more than finding them.
    let all: String = sqlx::query_scalar(AssertSqlSafe(format!("SELECT json_group_array(place) FROM ({sql})")))
        .bind(filter.conversation_id.as_ref().map(ConversationId::as_str))
        .bind(words)
        .bind(i64::from(MESSAGES_LOOKED_AT_MAX) + 1)
        .fetch_one(db)
        .await
        .map_err(|error| unavailable(&error))?;
    serde_json::from_str(&all).map_err(|error| StoreError::Inconsistent {
        table: "message_words",
        row: "places".to_owned(),
        detail: error.to_string(),
    })
}

/// What the index has for the words, and the rest of the filter wants.
async fn look_up(
    db: &mut SqliteConnection,
    filter: &MessageFilter,
    slice: Slice,
    places: &[i64],
) -> Result<FoundMessages, StoreError> {
    let sql = format!(
        "WITH hits AS MATERIALIZED (
             SELECT m.conversation_key AS k, m.seq AS s, m.created_at AS i FROM json_each(?9) AS found CROSS JOIN messages AS m
             ON m.conversation_key = (found.value >> 32) AND m.seq = (found.value & 4294967295) AND m.deleted_at IS NULL
             WHERE {WANTED})
         {PAGE_OF_HITS}"
    );
    let rows = bound!(sqlx::query(AssertSqlSafe(sql)), filter, 0_u32, slice)
        .bind(rows::to_json(&places)?)
        .fetch_all(db)
        .await
        .map_err(|error| unavailable(&error))?;
    found(&rows, false, Sought::Words)
}

/// Which messages are looked at: the newest ones; none is read as a whole for it.
fn looked_at(filter: &MessageFilter, columns: &str) -> String {
    // Only the bounds that there are: with them the search begins where they say.
    let from = filter.from.map_or("", |_| "created_at >= ?4 AND ");
    let to = filter.to.map_or("", |_| "created_at < ?5 AND ");
    if filter.conversation_id.is_some() {
        // The `+` in both keeps the index of times out: a conversation is read by its seqs.
        let (from, to) = (
            from.replace("created_at", "+created_at"),
            to.replace("created_at", "+created_at"),
        );
        format!("SELECT {columns} FROM messages WHERE {from}{to}{IN_ONE} ORDER BY seq DESC LIMIT ?6")
    } else {
        format!("SELECT {columns} FROM messages WHERE {from}{to}TRUE {NEWEST_FIRST} LIMIT ?6")
    }
}

/// Reads messages, the newest first, up to the bound.
async fn read(
    db: &mut SqliteConnection,
    filter: &MessageFilter,
    slice: Slice,
    sought: Sought,
) -> Result<FoundMessages, StoreError> {
    let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
    let sql = format!(
        "WITH hits AS MATERIALIZED (
             SELECT m.conversation_key AS k, m.seq AS s, m.created_at AS i FROM ({}) AS m WHERE {HOLDS_TEXT} AND {WANTED})
         {PAGE_OF_HITS}",
        looked_at(filter, "*")
    );
    let rows = bound!(sqlx::query(AssertSqlSafe(sql)), filter, MESSAGES_LOOKED_AT_MAX, slice)
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
    let count = format!("SELECT count(*) FROM ({})", looked_at(filter, "1"));
    let looked_at: i64 = bound!(
        sqlx::query_scalar(AssertSqlSafe(count)),
        filter,
        MESSAGES_LOOKED_AT_MAX,
        slice
    )
    .fetch_one(&mut *db)
    .await
    .map_err(|error| unavailable(&error))?;
    found(&rows, looked_at >= i64::from(MESSAGES_LOOKED_AT_MAX), sought)
}

/// All messages, or those of one conversation: nothing but the page is read.
async fn list(db: &mut SqliteConnection, filter: &MessageFilter, slice: Slice) -> Result<FoundMessages, StoreError> {
    let mut db = db.begin().await.map_err(|error| unavailable(&error))?;
    // Seqs have no gaps: a conversation has as many messages as its last one says, and a page begins at a seq.
    let hits = if filter.conversation_id.is_some() {
        format!(
            "SELECT conversation_key AS k, seq AS s, seq AS i FROM messages
             WHERE {IN_ONE} AND seq <= (SELECT last_seq FROM conversations WHERE id = ?1) - ?8 ORDER BY seq DESC LIMIT ?7"
        )
    } else {
        format!(
            "SELECT conversation_key AS k, seq AS s, created_at AS i FROM messages {NEWEST_FIRST} LIMIT ?7 OFFSET ?8"
        )
    };
    let columns = message_columns!();
    let sql = format!(
        "SELECT (SELECT coalesce(sum(last_seq), 0) FROM conversations WHERE ?1 IS NULL OR id = ?1), {columns}
         FROM (SELECT 1) LEFT JOIN ({hits}) AS page ON TRUE
         LEFT JOIN messages AS m ON m.conversation_key = page.k AND m.seq = page.s
         LEFT JOIN conversations AS c ON c.conversation_key = m.conversation_key
         LEFT JOIN users AS s ON s.user_key = m.sender_key ORDER BY page.i DESC, page.k DESC, page.s DESC"
    );
    let rows = bound!(sqlx::query(AssertSqlSafe(sql)), filter, 0_u32, slice)
        .fetch_all(&mut *db)
        .await
        .map_err(|error| unavailable(&error))?;
    found(&rows, false, Sought::Words)
}

/// The total stands in every row; one without a message says that the page is empty.
fn found(rows: &[SqliteRow], cut: bool, sought: Sought) -> Result<FoundMessages, StoreError> {
    let (mut total, mut items) = (0, Vec::new());
    for row in rows {
        total = row.try_get(0).map_err(|error| unavailable(&error))?;
        let id: Option<&str> = row.try_get(1).map_err(|error| unavailable(&error))?;
        if id.is_some() {
            let mut columns = Columns::of(row, "messages");
            columns.skip(1);
            items.push(rows::message(&mut columns)?);
        }
    }
    Ok(FoundMessages {
        items,
        total: counted_rows(total),
        cut,
        sought,
    })
}
