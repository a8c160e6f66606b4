//! How far conversations were announced, and what a process that died left unannounced.

use async_trait::async_trait;
use chat_core::delivery::LeftBehind;
use chat_core::ports::StoreError;
use chat_core::{ConversationId, Seq, Timestamp};
use sqlx::SqliteConnection;

use super::errors::Stop;
use super::rows;
use super::trip::carry_out;
use super::writer::Change;

/// Moves marks.
pub(super) struct Announce(String);

impl Announce {
    pub(super) fn of(announced: &[(ConversationId, Seq)]) -> Result<Self, StoreError> {
        let all: Vec<_> = announced.iter().map(|(id, seq)| (id, rows::stored(*seq))).collect();
        Ok(Self(rows::to_json(&all)?))
    }
}

// The last condition keeps marks that are there already from costing a page.
pub(super) const ANNOUNCE: &str = "
    UPDATE conversations SET announced_seq = max(announced_seq, min(asked.seq, last_seq))
    FROM (SELECT d.value ->> 0 AS id, max(d.value ->> 1) AS seq FROM json_each(?1) AS d GROUP BY 1) AS asked
    WHERE conversations.id = asked.id AND announced_seq < min(asked.seq, last_seq)";

#[async_trait]
impl Change for Announce {
    type Done = ();
    type Refused = StoreError;

    const ONE_STATEMENT: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        carry_out(db, sqlx::query(ANNOUNCE).bind(self.0.as_str()), 1).await?;
        Ok(())
    }
}

/// Takes over from a process that is gone. Walks all conversations: it is done once, before anybody is let in.
pub(super) struct MakeUp {
    announced: Announce,
    left: LeftBehind,
}

impl MakeUp {
    pub(super) fn of(left: &LeftBehind) -> Result<Self, StoreError> {
        Ok(Self {
            announced: Announce::of(&left.announced)?,
            left: left.clone(),
        })
    }
}

const GAPS: &str = "
    SELECT coalesce(sum(c.last_seq - c.announced_seq), 0), max(m.created_at)
    FROM conversations AS c JOIN messages AS m ON m.conversation_key = c.conversation_key AND m.seq = c.last_seq
    WHERE c.announced_seq < c.last_seq";

#[async_trait]
impl Change for MakeUp {
    type Done = u64;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<u64, Stop<StoreError>> {
        self.announced.apply(&mut *db).await?;
        let (messages, newest): (i64, Option<i64>) = sqlx::query_as(GAPS).fetch_one(&mut *db).await?;
        let heard = self.left.ended.as_ref().map(|loss| loss.at.as_millis());
        // It was still there when the newest of them was committed, which was after it was written.
        let stopped_at = heard.max(newest.map(|written| written + 1));
        if let (true, Some(stopped_at)) = (self.left.complete, stopped_at) {
            sqlx::query(
                "INSERT INTO missed_broadcasts (conversation_key, first_seq, last_seq, at)
                 SELECT conversation_key, announced_seq + 1, last_seq, ?1 FROM conversations WHERE announced_seq < last_seq",
            )
            .bind(stopped_at)
            .execute(&mut *db)
            .await?;
        }
        if let (Some(loss), Some(at)) = (&self.left.ended, stopped_at) {
            sqlx::query("INSERT OR IGNORE INTO node_losses (node_id, at) VALUES (?1, ?2)")
                .bind(loss.node_id.as_str())
                .bind(at)
                .execute(&mut *db)
                .await?;
        }
        sqlx::query("UPDATE conversations SET announced_seq = last_seq WHERE announced_seq < last_seq")
            .execute(db)
            .await?;
        Ok(u64::try_from(messages).unwrap_or(0))
    }
}

// Runs do not overlap, so only the nearest one before can hold it.
pub(super) const MISSED: &str = "
    SELECT m.last_seq, m.at FROM missed_broadcasts AS m
    WHERE m.conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1) AND m.first_seq <= ?2
    ORDER BY m.first_seq DESC LIMIT 1";

pub(super) async fn missed(
    db: &mut SqliteConnection,
    conversation: &ConversationId,
    seq: Seq,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let seq = rows::stored(seq);
    let found: Option<(i64, i64)> = sqlx::query_as(MISSED)
        .bind(conversation.as_str())
        .bind(seq)
        .fetch_optional(db)
        .await?;
    Ok(found
        .filter(|(last, _)| *last >= seq)
        .map(|(_, at)| Timestamp::from_millis(at)))
}

pub(super) const LOSSES: &str = "SELECT node_id, at FROM node_losses WHERE at >= ?1 ORDER BY at, node_loss_key";
