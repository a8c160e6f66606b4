//! Emptying messages for their age. Their numbers stay, so that no page, no resume and no receipt sees a gap.

use async_trait::async_trait;
use chat_core::Timestamp;
use chat_core::ports::StoreError;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::errors::{Stop, unavailable};
use super::writer::Change;

/// Messages emptied in one transaction: some milliseconds of the writer's time, which messages wait for.
const BITE: i64 = 500;

/// A conversation whose oldest message that is not emptied yet is too old. A walk over the conversations, now and then:
/// the `CROSS` keeps it from one over all messages that are old, most of which are empty.
pub(super) const ONE_TOO_OLD: &str = "
    SELECT c.conversation_key FROM conversations AS c
    CROSS JOIN messages AS m ON m.conversation_key = c.conversation_key AND m.seq = c.forgotten_seq + 1
    WHERE m.created_at < ?1 LIMIT 1";

const OLDEST: &str = "
    SELECT m.seq, m.created_at FROM conversations AS c
    JOIN messages AS m ON m.conversation_key = c.conversation_key AND m.seq > c.forgotten_seq
    WHERE c.conversation_key = ?1 ORDER BY m.seq LIMIT ?2 + 0";

const EMPTY: &str = "
    UPDATE messages SET content = '', deleted_at = coalesce(deleted_at, ?3)
    WHERE conversation_key = ?1 AND seq > (SELECT forgotten_seq FROM conversations WHERE conversation_key = ?1) AND seq <= ?2";

const UNINDEX: &str = "
    DELETE FROM message_words
    WHERE rowid > (?1 << 32) + (SELECT forgotten_seq FROM conversations WHERE conversation_key = ?1)
      AND rowid <= (?1 << 32) + ?2";

const UNNAME: &str = "
    DELETE FROM mentions
    WHERE conversation_key = ?1 AND seq > (SELECT forgotten_seq FROM conversations WHERE conversation_key = ?1) AND seq <= ?2";

const FORGOTTEN: &str = "UPDATE conversations SET forgotten_seq = ?2 WHERE conversation_key = ?1";

struct Forget {
    conversation: i64,
    before: Timestamp,
    at: Timestamp,
}

#[async_trait]
impl Change for Forget {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        let oldest = sqlx::query(OLDEST)
            .bind(self.conversation)
            .bind(BITE)
            .fetch_all(&mut *db)
            .await?;
        let mut upto = None;
        for row in &oldest {
            let (seq, created_at): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            if created_at >= self.before.as_millis() {
                break;
            }
            upto = Some(seq);
        }
        let Some(upto) = upto else { return Ok(()) };
        for sql in [UNINDEX, UNNAME] {
            sqlx::query(sql)
                .bind(self.conversation)
                .bind(upto)
                .execute(&mut *db)
                .await?;
        }
        sqlx::query(EMPTY)
            .bind(self.conversation)
            .bind(upto)
            .bind(self.at.as_millis())
            .execute(&mut *db)
            .await?;
        sqlx::query(FORGOTTEN)
            .bind(self.conversation)
            .bind(upto)
            .execute(&mut *db)
            .await?;
        Ok(())
    }
}

/// See [`chat_core::ports::MessageLog::forget_messages`].
pub(super) async fn forget_some(store: &SqliteStore, before: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
    let found: Option<i64> = {
        let mut db = store.reader().await?;
        let found = sqlx::query_scalar(ONE_TOO_OLD).bind(before.as_millis());
        found
            .fetch_optional(&mut *db)
            .await
            .map_err(|error| unavailable(&error))?
    };
    let Some(conversation) = found else { return Ok(false) };
    store
        .writer
        .change(Forget {
            conversation,
            before,
            at,
        })
        .await?;
    Ok(true)
}
