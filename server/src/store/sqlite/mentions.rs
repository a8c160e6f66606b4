//! Whom messages name. A row for each name, written with the message; nothing for the many messages without an `@`.

use chat_core::mention::named_in;
use chat_core::ports::StoreError;
use chat_core::{Message, MessageId};
use sqlx::SqliteConnection;

use super::errors::unavailable;
use super::rows;

/// Only participants are named, and nobody by themself. Looked up by name: the number of participants does not matter.
pub(super) const NOTE: &str = "
    INSERT INTO mentions (user_key, conversation_key, seq)
    SELECT u.user_key, d.value ->> 0, d.value ->> 1
    FROM json_each(?1) AS d CROSS JOIN users AS u ON u.username = d.value ->> 3
    JOIN participants AS p ON p.conversation_key = d.value ->> 0 AND p.user_key = u.user_key
    WHERE u.user_key <> d.value ->> 2";

pub(super) const FORGET: &str = "
    DELETE FROM mentions
    WHERE (conversation_key, seq) = (SELECT m.conversation_key, m.seq FROM messages AS m WHERE m.id = ?1)";

pub(super) const PLACE: &str = "
    SELECT conversation_key, seq, sender_key FROM messages WHERE id = ?1 AND deleted_at IS NULL";

/// What one name of one message is noted by: conversation, seq, sender, name.
type Named = (i64, i64, i64, String);

fn named(conversation: i64, seq: i64, sender: i64, content: &str) -> impl Iterator<Item = Named> {
    named_in(content)
        .into_iter()
        .map(move |name| (conversation, seq, sender, name))
}

/// Notes whom new messages name; conversation's key and sender's key stand beside each.
pub(super) async fn note(db: &mut SqliteConnection, messages: &[(i64, i64, Message)]) -> Result<(), StoreError> {
    let all: Vec<Named> = messages
        .iter()
        .flat_map(|(conversation, sender, m)| named(*conversation, rows::stored(m.seq), *sender, &m.content))
        .collect();
    write(db, &all).await.map_err(|error| unavailable(&error))
}

async fn write(db: &mut SqliteConnection, all: &[Named]) -> Result<(), sqlx::Error> {
    if all.is_empty() {
        return Ok(());
    }
    // Of numbers and names alone, which hold no NUL.
    let all = serde_json::to_string(all).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(NOTE).bind(all).execute(db).await?;
    Ok(())
}

/// A message was changed or came from elsewhere in this transaction: whom it names is what it says now.
pub(super) async fn note_again(db: &mut SqliteConnection, id: &MessageId, content: &str) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(id.as_str()).execute(&mut *db).await?;
    let place: Option<(i64, i64, i64)> = sqlx::query_as(PLACE).bind(id.as_str()).fetch_optional(&mut *db).await?;
    let Some((conversation, seq, sender)) = place else {
        return Ok(());
    };
    let all: Vec<Named> = named(conversation, seq, sender, content).collect();
    write(db, &all).await
}
