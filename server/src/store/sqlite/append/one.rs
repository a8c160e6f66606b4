//! A message that comes alone, saved by one statement.
//!
//! Where little happens nearly every message is the only one of its transaction, and what it costs is then less the work than the
//! ways: to the database's thread and back for each statement, by way of caches that something else has filled meanwhile.
//! A single statement needs no `BEGIN` and no `COMMIT`, is one way there and back, and passes no JSON. It saves what is plain; whatever it
//! does not save (a repetition, an unknown conversation, a reply to nothing) is left to the usual way, which finds out why.

use std::sync::Arc;

use chat_core::ids::ClientMessageId;
use chat_core::ports::{Appended, StoreTrouble};
use chat_core::{Draft, MessageId};
use sqlx::{Row as _, SqliteConnection};

use crate::store::sqlite::errors::unavailable;
use crate::store::sqlite::rows;
use crate::store::sqlite::trip::carry_out;
use crate::store::sqlite::writer::Failed;

/// What lets one statement write a message and move its conversation's head: a view of the writer's connection alone, and what an
/// insert into it does. The view itself is never read; its columns are what `RETURNING` can tell.
pub(in crate::store::sqlite) const PREPARE: &str = "
    CREATE TEMP VIEW new_messages AS
    SELECT conversation_key, seq, id, sender_key, '' AS sender_name, content, created_at, client_message_id, reply_to
    FROM main.messages;
    CREATE TEMP TRIGGER new_messages_are_saved INSTEAD OF INSERT ON new_messages BEGIN
        INSERT INTO messages (conversation_key, seq, id, sender_key, content, created_at, client_message_id, reply_to)
        VALUES (NEW.conversation_key, NEW.seq, NEW.id, NEW.sender_key, NEW.content, NEW.created_at,
                NEW.client_message_id, NEW.reply_to);
        UPDATE conversations SET last_seq = NEW.seq WHERE conversation_key = NEW.conversation_key;
    END";

pub(in crate::store::sqlite) const SAVE: &str = "
    INSERT INTO new_messages
    SELECT c.conversation_key, c.last_seq + 1, ?3, u.user_key, u.display_name, ?4, ?5, ?6, ?7
    FROM conversations AS c, users AS u
    WHERE c.id = ?1 AND u.id = ?2 AND (?7 IS NULL OR EXISTS (
        SELECT 1 FROM messages AS answered WHERE answered.id = ?7 AND answered.conversation_key = c.conversation_key))
    RETURNING seq, sender_name";

/// Saves a message in a transaction of its own. `None`: nothing was written, and the usual way is to be gone.
pub(in crate::store::sqlite) async fn save(
    db: &mut SqliteConnection,
    draft: &Draft,
) -> Result<Option<Appended>, Failed> {
    // Whom a message names is noted in its transaction, by another statement.
    if draft.content.contains('@') {
        return Ok(None);
    }
    let saved = sqlx::query(SAVE)
        .bind(draft.conversation_id.as_str())
        .bind(draft.sender_id.as_str())
        .bind(draft.id.as_str())
        .bind(&*draft.content)
        .bind(draft.at.as_millis())
        .bind(draft.client_message_id.as_ref().map(ClientMessageId::as_str))
        .bind(draft.reply_to.as_ref().map(MessageId::as_str));
    // To its end, and not its row alone: that is when it commits.
    let rows = match carry_out(db, saved, 1).await {
        Ok(rows) => rows,
        Err(error) => return not_saved(&error),
    };
    let Some(row) = rows.first() else { return Ok(None) };
    let told = || -> Result<_, sqlx::Error> { Ok((row.try_get::<i64, _>(0)?, row.try_get::<&str, _>(1)?)) };
    let (seq, sender_name) = told().map_err(|error| Failed::Job(unavailable(&error)))?;
    Ok(Some(Appended::New(
        draft.saved_as(rows::seq(seq), Arc::from(sender_name)),
    )))
}

/// SQLite has undone the statement. What may be a refusal is for the usual way to tell, and a trouble that lasts it meets too.
fn not_saved(error: &sqlx::Error) -> Result<Option<Appended>, Failed> {
    let error = unavailable(error);
    match error.trouble() {
        // It was waited for already.
        StoreTrouble::Busy => Err(Failed::Group(error)),
        // After an I/O error nothing that the connection holds in memory is certain.
        StoreTrouble::Connection => Err(Failed::Job(error)),
        StoreTrouble::Full | StoreTrouble::ReadOnly | StoreTrouble::Constraint | StoreTrouble::Other => Ok(None),
    }
}
