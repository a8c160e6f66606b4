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
use super::writer::{Change, closed};

/// Messages indexed in one transaction: some milliseconds of the writer's time, which messages wait for.
const BITE: i64 = 500;

/// Bites that a search waits for at most: after a migration of a large database it finds what is indexed so far.
const BITES_PER_SEARCH: usize = 20;

pub(super) const TO_INDEX: &str = "
    SELECT conversation_key, indexed_seq, last_seq FROM conversations INDEXED BY conversations_to_index
    WHERE indexed_seq < last_seq LIMIT ?1 + 0";

pub(super) const INDEX: &str = "
    INSERT INTO message_words (rowid, content)
    SELECT (conversation_key << 32) | seq, content FROM messages
    WHERE conversation_key = ?1 AND seq > ?2 AND seq <= ?3 AND deleted_at IS NULL";

pub(super) const INDEXED: &str = "UPDATE conversations SET indexed_seq = ?2 WHERE conversation_key = ?1";

/// Indexes some of what is not; true when there is more.
struct Index;

#[async_trait]
impl Change for Index {
    type Done = bool;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<bool, Stop<StoreError>> {
        let found = sqlx::query(TO_INDEX).bind(BITE).fetch_all(&mut *db).await?;
        let mut room = BITE;
        for row in &found {
            if room <= 0 {
                return Ok(true);
            }
            let (conversation, from, last): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let upto = last.min(from + room);
            sqlx::query(INDEX)
                .bind(conversation)
                .bind(from)
                .bind(upto)
                .execute(&mut *db)
                .await?;
            sqlx::query(INDEXED)
                .bind(conversation)
                .bind(upto)
                .execute(&mut *db)
                .await?;
            room -= upto - from;
        }
        Ok(room <= 0)
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

pub(super) const ANY_TO_INDEX: &str = "
    SELECT EXISTS (SELECT 1 FROM conversations INDEXED BY conversations_to_index WHERE indexed_seq < last_seq)";

/// Indexes a bite if there is anything to index; true when there is more. An idle server writes nothing.
pub(super) async fn index_some(store: &SqliteStore) -> Result<bool, StoreError> {
    let any: bool = {
        let mut db = store.reader().await?;
        let any = sqlx::query_scalar(ANY_TO_INDEX).fetch_one(&mut *db).await;
        any.map_err(|error| unavailable(&error))?
    };
    if any {
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
        if !index_some(store).await.unwrap_or(false) {
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
