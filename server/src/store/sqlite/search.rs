//! Searching, and the index that it reads.
//!
//! Messages are indexed in bites after their commit, so that nobody's message waits for it: `indexed_seq` of a conversation
//! says how far, and a search first indexes what is missing. Edits and deletions of indexed messages change the index in
//! their own transaction.

use async_trait::async_trait;
use chat_core::ports::{Page, Reach, SearchQuery, StoreError};
use chat_core::search::SearchWords;
use chat_core::{Message, MessageId, Timestamp};
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::errors::{Stop, unavailable};
use super::messages;
use super::rows::{self, message_columns};
use super::trip::carry_out;
use super::writer::{Change, closed};

/// Messages indexed in one transaction: some milliseconds of the writer's time, which messages wait for.
const BITE: i64 = 500;

/// Bites that a search waits for at most: after a migration of a large database it finds what is indexed so far.
const BITES_PER_SEARCH: usize = 20;

macro_rules! to_index {
    () => {
        "
    WITH unindexed AS (
        SELECT conversation_key, indexed_seq, last_seq FROM conversations INDEXED BY conversations_to_index
        WHERE indexed_seq < last_seq ORDER BY conversation_key LIMIT ?1 + 0
    ), counted AS (
        SELECT *, sum(last_seq - indexed_seq) OVER (ORDER BY conversation_key) - (last_seq - indexed_seq) AS before
        FROM unindexed
    ), bite AS (
        SELECT conversation_key, indexed_seq AS from_seq, min(last_seq, indexed_seq + ?1 - before) AS upto_seq
        FROM counted WHERE before < ?1
    )"
    };
}

macro_rules! index {
    () => {
        concat!(
            to_index!(),
            "
    INSERT INTO message_words (rowid, content)
    SELECT (bite.conversation_key << 32) | m.seq, m.content
    FROM bite CROSS JOIN messages AS m
        ON m.conversation_key = bite.conversation_key AND m.seq > bite.from_seq AND m.seq <= bite.upto_seq
    WHERE m.deleted_at IS NULL"
        )
    };
}

macro_rules! indexed {
    () => {
        concat!(
            to_index!(),
            "
    UPDATE conversations SET indexed_seq = bite.upto_seq
    FROM bite WHERE conversations.conversation_key = bite.conversation_key"
        )
    };
}

/// How many messages are not indexed, as far as is of interest: a bite and one more conversation.
macro_rules! to_index_at_all {
    () => {
        "
    SELECT coalesce(sum(last_seq - indexed_seq), 0) FROM (
        SELECT indexed_seq, last_seq FROM conversations INDEXED BY conversations_to_index
        WHERE indexed_seq < last_seq LIMIT 1 + ?1)"
    };
}

pub(super) const TO_INDEX: &str = to_index_at_all!();
#[cfg(test)]
pub(super) const INDEX: &str = index!();
#[cfg(test)]
pub(super) const INDEXED: &str = indexed!();
const INDEX_AND_NOTE: &str = concat!(to_index_at_all!(), ";", index!(), ";", indexed!());

/// Indexes the first messages that are not, as many as are a bite; true when there are more. Each statement looks for itself at which
/// these are, and all see the same.
pub(super) struct Index;

#[async_trait]
impl Change for Index {
    type Done = bool;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<bool, Stop<StoreError>> {
        let told = carry_out(db, sqlx::query(INDEX_AND_NOTE).bind(BITE), 3).await?;
        let to_index: i64 = told.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(to_index > BITE)
    }
}

pub(super) const UNINDEX: &str = "
    DELETE FROM message_words WHERE rowid = (SELECT (conversation_key << 32) | seq FROM messages WHERE id = ?1)";

pub(super) const INDEX_ONE: &str = "
    INSERT INTO message_words (rowid, content)
    SELECT (m.conversation_key << 32) | m.seq, m.content
    FROM messages AS m JOIN conversations AS c USING (conversation_key)
    WHERE m.id = ?1 AND m.seq <= c.indexed_seq AND m.deleted_at IS NULL";

/// A message was changed in this transaction: what it says now is what it is found by. One that is not indexed yet will be in
/// its turn.
pub(super) async fn index_again(db: &mut SqliteConnection, id: &MessageId) -> Result<(), sqlx::Error> {
    for sql in [UNINDEX, INDEX_ONE] {
        sqlx::query(sql).bind(id.as_str()).execute(&mut *db).await?;
    }
    Ok(())
}

/// Indexes a bite if there are `at_least` so many messages to index; true when there are more. An idle server writes nothing.
pub(super) async fn index_some(store: &SqliteStore, at_least: u32) -> Result<bool, StoreError> {
    let to_index: i64 = {
        let mut db = store.reader().await?;
        let asked = sqlx::query_scalar(TO_INDEX).bind(BITE);
        asked.fetch_one(&mut *db).await.map_err(|error| unavailable(&error))?
    };
    // What is more than the bite is for the writer to tell: messages that came since the look may be what it takes first.
    if to_index > 0 && to_index >= i64::from(at_least) {
        store.writer.change(Index).await
    } else {
        Ok(false)
    }
}

/// The conversations of a user (or the one of them that is asked for) with the time of their newest message, the newest first.
pub(super) const OF_USER: &str = "
    SELECT c.conversation_key, coalesce(m.created_at, 0) AS newest
    FROM users AS u JOIN participants AS p USING (user_key) JOIN conversations AS c USING (conversation_key)
    LEFT JOIN messages AS m ON m.conversation_key = c.conversation_key AND m.seq = c.last_seq
    WHERE u.id = ?1 AND (?2 IS NULL OR c.id = ?2) ORDER BY newest DESC";

pub(super) const ONE: &str = "SELECT conversation_key, 0 FROM conversations WHERE id = ?2 AND ?1 IS NULL";

/// The newest messages of one conversation that hold the words. The places come from the index alone, so that of a word that
/// everybody uses no more messages are read than are shown. CROSS, or SQLite walks the whole conversation and asks the index anew for
/// each of its messages.
pub(super) const FOUND: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM (SELECT rowid AS place FROM message_words
            WHERE message_words MATCH ?1 AND rowid >= (?2 << 32) AND rowid < (?2 << 32) + ?3
            ORDER BY rowid DESC LIMIT ?4 + 0) AS found
      CROSS JOIN messages AS m ON m.conversation_key = ?2 AND m.seq = (found.place & 4294967295) AND m.deleted_at IS NULL
      CROSS JOIN conversations AS c ON c.conversation_key = ?2
      CROSS JOIN users AS s ON s.user_key = m.sender_key ORDER BY m.seq DESC"
);

/// A word as a string of FTS5, within which nothing but a quote has a meaning.
pub(super) fn fts_word(word: &str) -> String {
    format!("\"{}\"", word.replace('"', "\"\""))
}

/// The same for a word that is only begun.
pub(super) fn fts_beginning(word: &str) -> String {
    fts_word(word) + " *"
}

fn fts_query(words: &SearchWords) -> String {
    let quoted: Vec<String> = words.iter().map(fts_word).collect();
    quoted.join(" AND ")
}

/// Indexes what is missing, or as much of it as somebody who waits has time for.
pub(super) async fn catch_up(store: &SqliteStore) {
    for _ in 0..BITES_PER_SEARCH {
        // A database that takes no writes can still be searched.
        if !index_some(store, 1).await.unwrap_or(false) {
            break;
        }
    }
}

async fn places(db: &mut SqliteConnection, reach: &Reach) -> Result<Vec<(i64, Timestamp)>, sqlx::Error> {
    let (sql, user, conversation) = match reach {
        Reach::OfUser(user) => (OF_USER, Some(user), None),
        Reach::OfUserIn(user, id) => (OF_USER, Some(user), Some(id)),
        Reach::In(id) => (ONE, None, Some(id)),
    };
    let rows = sqlx::query(sql)
        .bind(user.map(chat_core::UserId::as_str))
        .bind(conversation.map(chat_core::ConversationId::as_str))
        .fetch_all(db)
        .await?;
    let place = |row: &sqlx::sqlite::SqliteRow| Ok((row.try_get(0)?, Timestamp::from_millis(row.try_get(1)?)));
    rows.iter().map(place).collect()
}

/// See [`chat_core::ports::MessageLog::search`].
pub(super) async fn search(store: &SqliteStore, query: &SearchQuery) -> Result<Page<Message>, StoreError> {
    let _turn = store.searches.acquire().await.map_err(|_| closed())?;
    catch_up(store).await;
    let words = fts_query(&query.words);
    let below = query.before.map_or(1 << 32, rows::stored);
    let kept = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut db = store.reader().await?;
    let places = places(&mut db, &query.reach)
        .await
        .map_err(|error| unavailable(&error))?;
    let mut found: Vec<Message> = Vec::new();
    for (conversation, newest) in places {
        // Whatever this conversation and those after it hold is older than all that will be shown.
        if found.get(kept).is_some_and(|last| last.created_at > newest) {
            break;
        }
        let rows = sqlx::query(FOUND)
            .bind(&words)
            .bind(conversation)
            .bind(below)
            .bind(i64::from(query.limit) + 1) // one more than asked tells whether there are more
            .fetch_all(&mut *db)
            .await
            .map_err(|error| unavailable(&error))?;
        for row in &rows {
            found.push(messages::read(row)?);
        }
        found.sort_by(|a, b| (b.created_at, &b.conversation_id, b.seq).cmp(&(a.created_at, &a.conversation_id, a.seq)));
        found.truncate(kept.saturating_add(1));
    }
    let more = found.len() > kept;
    found.truncate(kept);
    Ok(Page { items: found, more })
}
