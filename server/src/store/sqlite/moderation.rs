//! Muting and banning.

use async_trait::async_trait;
use chat_core::limits::BANS_MAX;
use chat_core::ports::moderation::{Ban, Moderation, NewBan};
use chat_core::ports::{ConversationError, StoreError};
use chat_core::{Conversation, ConversationId, Timestamp, UserId};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::errors::Stop;
use super::rows::{self, Columns, user_columns};
use super::writer::Change;
use super::{Asked, SqliteStore, conversations, participants};
use crate::store::TOO_MANY_BANS;

pub(super) const MUTE: &str = "
    UPDATE participants SET muted_at = CASE WHEN ?3 IS NULL THEN NULL ELSE coalesce(muted_at, ?3) END
    WHERE conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1)
      AND user_key = (SELECT user_key FROM users WHERE id = ?2)";

struct Mute {
    id: ConversationId,
    user: UserId,
    at: Option<Timestamp>,
}

#[async_trait]
impl Change for Mute {
    type Done = Option<Conversation>;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Option<Conversation>, Stop<StoreError>> {
        let set = sqlx::query(MUTE)
            .bind(self.id.as_str())
            .bind(self.user.as_str())
            .bind(self.at.map(Timestamp::as_millis))
            .execute(&mut *db)
            .await?;
        if set.rows_affected() == 0 {
            return Ok(None);
        }
        Ok(conversations::find(db, &self.id).await?)
    }
}

struct MakeBan(NewBan);

const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1)";

const FULL: &str = "
    SELECT count(*) >= ?3 FROM bans AS b JOIN conversations AS c USING (conversation_key) JOIN users AS u USING (user_key)
    WHERE c.id = ?1 AND u.id <> ?2";

const BAN: &str = "
    INSERT INTO bans (conversation_key, user_key, banned_at, banned_by_key, reason)
    SELECT c.conversation_key, u.user_key, ?4, b.user_key, ?5 FROM conversations AS c, users AS u, users AS b
    WHERE c.id = ?1 AND u.id = ?2 AND b.id = ?3
    ON CONFLICT (conversation_key, user_key) DO UPDATE
    SET banned_at = excluded.banned_at, banned_by_key = excluded.banned_by_key, reason = excluded.reason";

#[async_trait]
impl Change for MakeBan {
    type Done = Conversation;
    type Refused = ConversationError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<Conversation, Stop<ConversationError>> {
        let ban = &self.0;
        if conversations::find(db, &ban.conversation_id).await?.is_none() {
            return Err(Stop::Refused(ConversationError::NotFound));
        }
        for user in [&ban.user_id, &ban.by] {
            let known: bool = sqlx::query_scalar(KNOWN)
                .bind(user.as_str())
                .fetch_one(&mut *db)
                .await?;
            if !known {
                return Err(Stop::Refused(ConversationError::UnknownUsers(vec![user.clone()])));
            }
        }
        let full: bool = sqlx::query_scalar(FULL)
            .bind(ban.conversation_id.as_str())
            .bind(ban.user_id.as_str())
            .bind(i64::try_from(BANS_MAX).unwrap_or(i64::MAX))
            .fetch_one(&mut *db)
            .await?;
        if full {
            return Err(Stop::Refused(ConversationError::TooMany(TOO_MANY_BANS)));
        }
        participants::remove(db, &ban.conversation_id, &ban.user_id, ban.at).await?;
        sqlx::query(BAN)
            .bind(ban.conversation_id.as_str())
            .bind(ban.user_id.as_str())
            .bind(ban.by.as_str())
            .bind(ban.at.as_millis())
            .bind(ban.reason.as_deref())
            .execute(&mut *db)
            .await?;
        let now = conversations::find(db, &ban.conversation_id).await?;
        now.ok_or(Stop::Refused(ConversationError::NotFound))
    }
}

pub(super) const UNBAN: &str = "
    DELETE FROM bans WHERE conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1)
      AND user_key = (SELECT user_key FROM users WHERE id = ?2)";

struct Unban(ConversationId, UserId);

#[async_trait]
impl Change for Unban {
    type Done = bool;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<bool, Stop<StoreError>> {
        let lifted = sqlx::query(UNBAN)
            .bind(self.0.as_str())
            .bind(self.1.as_str())
            .execute(db)
            .await?;
        Ok(lifted.rows_affected() > 0)
    }
}

pub(super) const BANS: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", banner.id, b.reason, b.banned_at
       FROM conversations AS c JOIN bans AS b USING (conversation_key) JOIN users AS u ON u.user_key = b.user_key
       JOIN users AS banner ON banner.user_key = b.banned_by_key
       WHERE c.id = ?1 AND (?2 IS NULL OR u.id = ?2) ORDER BY b.banned_at DESC, u.id"
);

fn read(row: &SqliteRow) -> Result<Ban, StoreError> {
    let user = rows::user(row)?;
    let mut columns = Columns::of(row, "bans");
    columns.skip(7);
    Ok(Ban {
        user,
        by: columns.parse()?,
        reason: columns.take()?,
        at: columns.time()?,
    })
}

fn of_conversation<'a>(id: &'a ConversationId, user: Option<&'a UserId>) -> Asked<'a> {
    sqlx::query(BANS).bind(id.as_str()).bind(user.map(UserId::as_str))
}

#[async_trait]
impl Moderation for SqliteStore {
    async fn set_muted(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Option<Timestamp>,
    ) -> Result<Option<Conversation>, StoreError> {
        let (id, user) = (id.clone(), user.clone());
        self.counted(self.writer.change(Mute { id, user, at })).await
    }

    async fn ban(&self, ban: NewBan) -> Result<Conversation, ConversationError> {
        let banned = self.writer.change(MakeBan(ban)).await;
        banned.inspect_err(|error| self.count_conversation_error(error))
    }

    async fn unban(&self, id: &ConversationId, user: &UserId) -> Result<bool, StoreError> {
        self.counted(self.writer.change(Unban(id.clone(), user.clone()))).await
    }

    async fn bans(&self, id: &ConversationId) -> Result<Vec<Ban>, StoreError> {
        self.read_all(of_conversation(id, None), read).await
    }

    async fn ban_of(&self, id: &ConversationId, user: &UserId) -> Result<Option<Ban>, StoreError> {
        Ok(self.read_all(of_conversation(id, Some(user)), read).await?.pop())
    }
}
