//! Making conversations, and who comes and goes.

use async_trait::async_trait;
use chat_core::limits::{CONVERSATIONS_PER_USER_MAX, PARTICIPANTS_MAX};
use chat_core::ports::{ConversationError, Created, NewConversation, StoreError};
use chat_core::{Conversation, ConversationId, ConversationKind, ParticipantRole, Timestamp, UserId};
use sqlx::SqliteConnection;

use super::conversations;
use super::errors::{Stop, unavailable};
use super::rows;
use super::writer::Change;
use crate::store::{TOO_MANY_CONVERSATIONS, TOO_MANY_PARTICIPANTS, direct_key};

type Stopped = Stop<ConversationError>;

/// Makes a conversation.
pub(super) struct Create(pub(super) NewConversation);

#[async_trait]
impl Change for Create {
    type Done = Created;
    type Refused = ConversationError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Created, Stopped> {
        let new = &self.0;
        let direct_key = (new.kind == ConversationKind::Direct).then(|| direct_key(&new.participant_ids));
        if let Some(id) = existing(db, &new.id, direct_key.as_deref()).await? {
            return Ok(Created::Existing(present(db, &id).await?));
        }
        let ids = ids_as_json(&new.participant_ids)?;
        refuse_unknown(db, &ids).await?;
        if new.participant_ids.len() > PARTICIPANTS_MAX {
            return Err(Stop::Refused(ConversationError::TooMany(TOO_MANY_PARTICIPANTS)));
        }
        refuse_busy(db, &ids).await?;
        sqlx::query(
            "INSERT INTO conversations (id, kind, title, direct_key, created_at, created_by_key)
             VALUES (?1, ?2, ?3, ?4, ?5, (SELECT user_key FROM users WHERE id = ?6))",
        )
        .bind(new.id.as_str())
        .bind(new.kind.as_str())
        .bind(new.title.as_deref())
        .bind(direct_key.as_deref())
        .bind(new.at.as_millis())
        .bind(new.created_by.as_ref().map(UserId::as_str))
        .execute(&mut *db)
        .await?;
        insert_participants(db, &new.id, &ids, new.owner.as_ref(), new.at).await?;
        Ok(Created::New(present(db, &new.id).await?))
    }
}

/// Adds participants.
pub(super) struct Add {
    pub(super) id: ConversationId,
    pub(super) user_ids: Vec<UserId>,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Change for Add {
    type Done = Conversation;
    type Refused = ConversationError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Conversation, Stopped> {
        let before = conversations::find(db, &self.id).await?;
        let before = before.ok_or(Stop::Refused(ConversationError::NotFound))?;
        let mut new: Vec<UserId> = self.user_ids.iter().filter(|id| !before.has(id)).cloned().collect();
        new.sort();
        new.dedup();
        if new.is_empty() {
            return Ok(before);
        }
        // In the order in which they were asked for.
        refuse_unknown(db, &ids_as_json(&self.user_ids)?).await?;
        let ids = ids_as_json(&new)?;
        refuse_banned(db, &self.id, &ids).await?;
        if before.participants.len() + new.len() > PARTICIPANTS_MAX {
            return Err(Stop::Refused(ConversationError::TooMany(TOO_MANY_PARTICIPANTS)));
        }
        refuse_busy(db, &ids).await?;
        insert_participants(db, &self.id, &ids, None, self.at).await?;
        Ok(present(db, &self.id).await?)
    }
}

/// Removes a participant.
pub(super) struct Remove {
    pub(super) id: ConversationId,
    pub(super) user: UserId,
    pub(super) at: Timestamp,
}

#[async_trait]
impl Change for Remove {
    type Done = Conversation;
    type Refused = ConversationError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Conversation, Stopped> {
        remove(db, &self.id, &self.user, self.at).await?;
        let now = conversations::find(db, &self.id).await?;
        now.ok_or(Stop::Refused(ConversationError::NotFound))
    }
}

/// Ends a membership, if there is one, and keeps what was said of it.
pub(super) async fn remove(
    db: &mut SqliteConnection,
    id: &ConversationId,
    user: &UserId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let kept = sqlx::query(
            "INSERT INTO past_memberships
                 (conversation_key, user_key, joined_at, joined_seq, left_at, left_seq, received_seq, read_seq)
             SELECT p.conversation_key, p.user_key, p.joined_at, p.joined_seq, ?3, c.last_seq, p.received_seq, p.read_seq
             FROM participants AS p JOIN conversations AS c USING (conversation_key) JOIN users AS u USING (user_key)
             WHERE c.id = ?1 AND u.id = ?2",
        )
        .bind(id.as_str())
        .bind(user.as_str())
        .bind(at.as_millis())
        .execute(&mut *db)
        .await?;
    if kept.rows_affected() > 0 {
        sqlx::query(
            "DELETE FROM participants
                 WHERE conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1)
                   AND user_key = (SELECT user_key FROM users WHERE id = ?2)",
        )
        .bind(id.as_str())
        .bind(user.as_str())
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

async fn existing(
    db: &mut SqliteConnection,
    id: &ConversationId,
    direct_key: Option<&str>,
) -> Result<Option<ConversationId>, StoreError> {
    // The pair's own one first, should both exist.
    let found: Option<String> = sqlx::query_scalar(
        "SELECT id FROM conversations WHERE direct_key = ?2 OR id = ?1 ORDER BY direct_key IS NOT ?2 LIMIT 1",
    )
    .bind(id.as_str())
    .bind(direct_key)
    .fetch_optional(db)
    .await
    .map_err(|error| unavailable(&error))?;
    let parsed = found.map(|text| ConversationId::parse(&text).map_err(|error| (text, error)));
    parsed.transpose().map_err(|(row, error)| StoreError::Inconsistent {
        table: "conversations",
        row,
        detail: error.to_string(),
    })
}

/// A conversation that this transaction has just seen or made.
async fn present(db: &mut SqliteConnection, id: &ConversationId) -> Result<Conversation, StoreError> {
    conversations::find(db, id)
        .await?
        .ok_or_else(|| StoreError::Inconsistent {
            table: "conversations",
            row: id.to_string(),
            detail: "it vanished within a transaction".to_owned(),
        })
}

fn ids_as_json(ids: &[UserId]) -> Result<String, StoreError> {
    rows::to_json(&ids)
}

async fn refuse_unknown(db: &mut SqliteConnection, ids: &str) -> Result<(), Stopped> {
    let unknown: Vec<String> = sqlx::query_scalar(
        "SELECT value FROM json_each(?1) WHERE value NOT IN (SELECT id FROM users WHERE id = value) ORDER BY key",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.into_iter().filter_map(|id| UserId::parse(id).ok()).collect();
    Err(Stop::Refused(ConversationError::UnknownUsers(unknown)))
}

async fn refuse_banned(db: &mut SqliteConnection, id: &ConversationId, ids: &str) -> Result<(), Stopped> {
    let banned: Vec<String> = sqlx::query_scalar(BANNED_AMONG)
        .bind(ids)
        .bind(id.as_str())
        .fetch_all(db)
        .await?;
    if banned.is_empty() {
        return Ok(());
    }
    let banned = banned.into_iter().filter_map(|id| UserId::parse(id).ok()).collect();
    Err(Stop::Refused(ConversationError::Banned(banned)))
}

pub(super) const BANNED_AMONG: &str = "
    SELECT u.id FROM json_each(?1) AS asked JOIN users AS u ON u.id = asked.value
    JOIN bans AS b ON b.user_key = u.user_key
        AND b.conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?2)
    ORDER BY asked.key";

/// Refuses when one of these users is in too many conversations already.
async fn refuse_busy(db: &mut SqliteConnection, ids: &str) -> Result<(), Stopped> {
    let busy: bool = sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT 1 FROM json_each(?1) AS asked JOIN users AS u ON u.id = asked.value
             WHERE (SELECT count(*) FROM participants AS p WHERE p.user_key = u.user_key) >= ?2
         )",
    )
    .bind(ids)
    .bind(i64::try_from(CONVERSATIONS_PER_USER_MAX).unwrap_or(i64::MAX))
    .fetch_one(db)
    .await?;
    if busy {
        return Err(Stop::Refused(ConversationError::TooMany(TOO_MANY_CONVERSATIONS)));
    }
    Ok(())
}

async fn insert_participants(
    db: &mut SqliteConnection,
    id: &ConversationId,
    ids: &str,
    owner: Option<&UserId>,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO participants (conversation_key, user_key, role, joined_at, joined_seq)
         SELECT c.conversation_key, u.user_key, CASE u.id WHEN ?3 THEN ?5 ELSE ?6 END, ?4, c.last_seq
         FROM json_each(?2) AS asked JOIN users AS u ON u.id = asked.value JOIN conversations AS c ON c.id = ?1",
    )
    .bind(id.as_str())
    .bind(ids)
    .bind(owner.map(UserId::as_str))
    .bind(at.as_millis())
    .bind(ParticipantRole::Owner.as_str())
    .bind(ParticipantRole::Member.as_str())
    .execute(db)
    .await?;
    Ok(())
}
