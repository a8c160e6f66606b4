//! What is written down about deliveries, as it is read.

use async_trait::async_trait;
use chat_core::delivery::{ConnectionEvent, Cursor, DeliveryException, LeftBehind, MembershipSpan};
use chat_core::explain::NodeLoss;
use chat_core::ports::{DeliveryLog, StoreError};
use chat_core::{ConversationId, Seq, Timestamp, User, UserId};

use super::SqliteStore;
use super::announced::{self, Announce, MakeUp};
use super::errors::unavailable;
use super::evidence::{Advance, Note, Prune, lowest_first_seqs};
use super::rows::{self, user_columns};

pub(super) const CURSORS: &str = "
    SELECT c.id, u.id, p.received_seq, p.read_seq FROM conversations AS c
    JOIN participants AS p USING (conversation_key) JOIN users AS u USING (user_key) WHERE c.id = ?1 ORDER BY u.id";

// For each class of runs, those that begin where a run about this message can: at least every other one is about it.
pub(super) const EXCEPTIONS: &str = "
    SELECT c.id, e.first_seq, e.last_seq, u.id, e.sid, e.node_id, e.kind, e.at, e.detail
    FROM conversations AS c CROSS JOIN json_each(?3) AS d
    CROSS JOIN delivery_exceptions AS e ON e.conversation_key = c.conversation_key AND e.span_class = d.key
        AND e.first_seq BETWEEN d.value AND ?2
    CROSS JOIN users AS u ON u.user_key = e.user_key
    WHERE c.id = ?1 AND e.last_seq >= ?2
      AND (?4 IS NULL OR e.user_key = (SELECT user_key FROM users WHERE id = ?4))
    ORDER BY e.at, e.delivery_exception_key";

pub(super) const CONNECTIONS: &str = "
    SELECT u.id, e.at, e.kind, e.sid, e.node_id, e.detail
    FROM json_each(?1) AS d CROSS JOIN users AS u ON u.id = d.value
    CROSS JOIN connection_events AS e ON e.connection_event_key IN (
        SELECT k.connection_event_key FROM connection_events AS k WHERE k.user_key = u.user_key AND k.at BETWEEN ?2 AND ?3
        ORDER BY k.at DESC, k.connection_event_key DESC LIMIT ?4 + 0
    )
    ORDER BY e.at DESC, e.connection_event_key DESC";

// Past ones lie in the order in which they ended, which is also the order in which they began; the present one is last.
pub(super) const MEMBERSHIPS: &str = "
    SELECT u.id, m.joined_at, m.joined_seq, m.left_at, m.left_seq, m.received_seq, m.read_seq, m.past_membership_key AS place
    FROM json_each(?2) AS d CROSS JOIN users AS u ON u.id = d.value CROSS JOIN past_memberships AS m
        ON m.conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1) AND m.user_key = u.user_key
    UNION ALL
    SELECT u.id, p.joined_at, p.joined_seq, NULL, NULL, p.received_seq, p.read_seq, 9223372036854775807
    FROM json_each(?2) AS d CROSS JOIN users AS u ON u.id = d.value CROSS JOIN participants AS p
        ON p.conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1) AND p.user_key = u.user_key
    ORDER BY place";

pub(super) const PARTICIPANTS_AT: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users AS u WHERE u.user_key IN (
          SELECT p.user_key FROM participants AS p
          WHERE p.conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1) AND p.joined_seq < ?2
          UNION ALL
          SELECT m.user_key FROM past_memberships AS m
          WHERE m.conversation_key = (SELECT conversation_key FROM conversations WHERE id = ?1)
            AND m.joined_seq < ?2 AND m.left_seq >= ?2
      ) ORDER BY u.id"
);

#[async_trait]
impl DeliveryLog for SqliteStore {
    async fn advance_cursors(&self, cursors: &[Cursor]) -> Result<(), StoreError> {
        if cursors.is_empty() {
            return Ok(());
        }
        let advance = Advance::of(cursors)?;
        self.counted(self.writer.change(advance)).await
    }

    async fn cursors(&self, conversation: &ConversationId) -> Result<Vec<Cursor>, StoreError> {
        let asked = sqlx::query(CURSORS).bind(conversation.as_str());
        self.read_all(asked, rows::cursor).await
    }

    async fn note_exceptions(&self, exceptions: &[DeliveryException]) -> Result<(), StoreError> {
        if exceptions.is_empty() {
            return Ok(());
        }
        let note = Note::exceptions(exceptions)?;
        self.counted(self.writer.change(note)).await
    }

    async fn exceptions(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        user: Option<&UserId>,
    ) -> Result<Vec<DeliveryException>, StoreError> {
        let seq = rows::stored(seq);
        let asked = sqlx::query(EXCEPTIONS)
            .bind(conversation.as_str())
            .bind(seq)
            .bind(rows::to_json(&lowest_first_seqs(seq))?)
            .bind(user.map(UserId::as_str));
        self.read_all(asked, rows::exception).await
    }

    async fn note_connections(&self, events: &[ConnectionEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let note = Note::connections(events)?;
        self.counted(self.writer.change(note)).await
    }

    async fn connections_of(
        &self,
        users: &[UserId],
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<ConnectionEvent>, StoreError> {
        let asked = sqlx::query(CONNECTIONS)
            .bind(rows::to_json(&users)?)
            .bind(from.as_millis())
            .bind(to.as_millis())
            .bind(i64::from(limit));
        self.read_all(asked, rows::connection_event).await
    }

    async fn memberships_of(
        &self,
        conversation: &ConversationId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, MembershipSpan)>, StoreError> {
        let asked = sqlx::query(MEMBERSHIPS)
            .bind(conversation.as_str())
            .bind(rows::to_json(&users)?);
        self.read_all(asked, rows::membership).await
    }

    async fn participants_at(&self, conversation: &ConversationId, seq: Seq) -> Result<Vec<User>, StoreError> {
        let asked = sqlx::query(PARTICIPANTS_AT)
            .bind(conversation.as_str())
            .bind(rows::stored(seq));
        self.read_all(asked, rows::user).await
    }

    async fn note_announced(&self, announced: &[(ConversationId, Seq)]) -> Result<(), StoreError> {
        if announced.is_empty() {
            return Ok(());
        }
        let announce = Announce::of(announced)?;
        self.counted(self.writer.change(announce)).await
    }

    async fn make_up(&self, left: &LeftBehind) -> Result<u64, StoreError> {
        let make_up = MakeUp::of(left)?;
        self.counted(self.writer.change(make_up)).await
    }

    async fn missed_broadcast(&self, conversation: &ConversationId, seq: Seq) -> Result<Option<Timestamp>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            announced::missed(&mut db, conversation, seq)
                .await
                .map_err(|error| unavailable(&error))
        })
        .await
    }

    async fn node_losses(&self, from: Timestamp) -> Result<Vec<NodeLoss>, StoreError> {
        let asked = sqlx::query(announced::LOSSES).bind(from.as_millis());
        self.read_all(asked, rows::node_loss).await
    }

    async fn prune_evidence(&self, before: Timestamp) -> Result<bool, StoreError> {
        self.counted(self.writer.change(Prune(before))).await
    }
}
