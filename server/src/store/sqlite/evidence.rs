//! Writing down what happened to deliveries: a whole batch by one statement.

use std::collections::HashMap;

use async_trait::async_trait;
use chat_core::delivery::{ConnectionEvent, Cursor, DeliveryException};
use chat_core::ports::StoreError;
use chat_core::{Seq, Timestamp, UserId};
use sqlx::SqliteConnection;

use super::errors::Stop;
use super::rows::{self, Texts};
use super::trip::carry_out;
use super::writer::Change;

/// What is forgotten of each table at a time: some milliseconds of the writer's time, which messages wait for.
const BITE: i64 = 1_000;

/// Moves cursors.
pub(super) struct Advance(String);

impl Advance {
    pub(super) fn of(cursors: &[Cursor]) -> Result<Self, StoreError> {
        // Of the same one the farthest counts.
        let mut farthest: HashMap<_, (Seq, Seq)> = HashMap::with_capacity(cursors.len());
        for cursor in cursors {
            let (received, read) = farthest.entry((&cursor.conversation_id, &cursor.user_id)).or_default();
            *read = cursor.read.max(*read);
            *received = cursor.received.max(*received).max(*read);
        }
        // In a crowd most are at one of a few places: the conversation and the place are then said, and looked up, once for all of them.
        let mut together: HashMap<_, Vec<&UserId>> = HashMap::new();
        for ((conversation, user), place) in farthest {
            together.entry((conversation, place)).or_default().push(user);
        }
        let all: Vec<_> = together
            .into_iter()
            .map(|((conversation, (received, read)), users)| {
                (conversation, rows::stored(received), rows::stored(read), users)
            })
            .collect();
        Ok(Self(rows::to_json(&all)?))
    }
}

// The scalar max() and min() take several arguments. The last condition keeps cursors that are there already from costing a page.
// Materialized: SQLite would else begin with every participant that there is.
pub(super) const ADVANCE: &str = "
    WITH asked_together AS MATERIALIZED (
        SELECT c.conversation_key, min(d.value ->> 1, c.last_seq) AS received, min(d.value ->> 2, c.last_seq) AS read,
               d.value ->> 3 AS users
        FROM json_each(?1) AS d CROSS JOIN conversations AS c ON c.id = d.value ->> 0
    ), asked AS MATERIALIZED (
        SELECT conversation_key, u.user_key, received, read
        FROM asked_together CROSS JOIN json_each(asked_together.users) AS d CROSS JOIN users AS u ON u.id = d.value
    )
    UPDATE participants SET received_seq = max(received_seq, asked.received), read_seq = max(read_seq, asked.read)
    FROM asked
    WHERE participants.conversation_key = asked.conversation_key AND participants.user_key = asked.user_key
      AND (received_seq < asked.received OR read_seq < asked.read)";

#[async_trait]
impl Change for Advance {
    type Done = ();
    type Refused = StoreError;

    const ONE_STATEMENT: bool = true;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        carry_out(db, sqlx::query(ADVANCE).bind(self.0.as_str()), 1).await?;
        Ok(())
    }
}

/// Stores rows that have texts.
pub(super) struct Note {
    sql: &'static str,
    rows: String,
    texts: Vec<u8>,
}

impl Note {
    pub(super) fn exceptions(exceptions: &[DeliveryException]) -> Result<Self, StoreError> {
        let mut texts = Texts::new();
        let all: Vec<_> = exceptions
            .iter()
            .map(|e| {
                let (first, last) = (rows::stored(e.first_seq), rows::stored(e.last_seq));
                let about = (&e.conversation_id, span_class(first, last), first, last);
                let socket = (&e.user_id, &e.sid, &e.node_id);
                (about, socket, e.kind.as_str(), e.at.as_millis(), texts.push(&e.detail))
            })
            .collect();
        Ok(Self {
            sql: NOTE_EXCEPTIONS,
            rows: rows::to_json(&all)?,
            texts: texts.into_blob(),
        })
    }

    pub(super) fn connections(events: &[ConnectionEvent]) -> Result<Self, StoreError> {
        let mut texts = Texts::new();
        let all: Vec<_> = events
            .iter()
            .map(|e| {
                let socket = (&e.user_id, &e.sid, &e.node_id);
                (socket, e.kind.as_str(), e.at.as_millis(), texts.push(&e.detail))
            })
            .collect();
        Ok(Self {
            sql: NOTE_CONNECTIONS,
            rows: rows::to_json(&all)?,
            texts: texts.into_blob(),
        })
    }
}

/// The number of bits of the distance between a run's ends; at most 63.
fn span_class(first: i64, last: i64) -> u32 {
    let distance = u64::try_from(last.saturating_sub(first)).unwrap_or(0);
    u64::BITS - distance.leading_zeros()
}

/// For each class, the lowest number at which a run that is about message `seq` can begin.
pub(super) fn lowest_first_seqs(seq: i64) -> Vec<i64> {
    let longest_distance = |class: u32| i64::try_from((1_u64 << class) - 1).unwrap_or(i64::MAX);
    (0..u64::BITS)
        .map(|class| seq.saturating_sub(longest_distance(class)).max(0))
        .collect()
}

// In the order in which they were given: of two with the same time, the first one came first.
pub(super) const NOTE_EXCEPTIONS: &str = "
    INSERT INTO delivery_exceptions
        (conversation_key, span_class, first_seq, last_seq, user_key, sid, node_id, kind, at, detail)
    SELECT c.conversation_key, d.value ->> '$[0][1]', d.value ->> '$[0][2]', d.value ->> '$[0][3]', u.user_key,
           d.value ->> '$[1][1]', d.value ->> '$[1][2]', d.value ->> 2, d.value ->> 3,
           CAST(substr(?2, d.value ->> '$[4][0]', d.value ->> '$[4][1]') AS TEXT)
    FROM json_each(?1) AS d JOIN conversations AS c ON c.id = d.value ->> '$[0][0]'
    JOIN users AS u ON u.id = d.value ->> '$[1][0]' ORDER BY d.key";

pub(super) const NOTE_CONNECTIONS: &str = "
    INSERT INTO connection_events (user_key, sid, node_id, kind, at, detail)
    SELECT u.user_key, d.value ->> '$[0][1]', d.value ->> '$[0][2]', d.value ->> 1, d.value ->> 2,
           CAST(substr(?2, d.value ->> '$[3][0]', d.value ->> '$[3][1]') AS TEXT)
    FROM json_each(?1) AS d JOIN users AS u ON u.id = d.value ->> '$[0][0]' ORDER BY d.key";

#[async_trait]
impl Change for Note {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        sqlx::query(self.sql)
            .bind(self.rows.as_str())
            .bind(self.texts.as_slice())
            .execute(db)
            .await?;
        Ok(())
    }
}

/// Forgets what is older.
pub(super) struct Prune(pub(super) Timestamp);

macro_rules! prune {
    ($table:literal, $key:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $key,
            " IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE at < ?1 ORDER BY at LIMIT ?2 + 0)"
        )
    };
}

pub(super) const PRUNE_EXCEPTIONS: &str = prune!("delivery_exceptions", "delivery_exception_key");
pub(super) const PRUNE_CONNECTIONS: &str = prune!("connection_events", "connection_event_key");
pub(super) const PRUNE_BROADCASTS: &str = prune!("missed_broadcasts", "missed_broadcast_key");
pub(super) const PRUNE_LOSSES: &str = prune!("node_losses", "node_loss_key");
pub(super) const MORE_TO_PRUNE: &str = "
    SELECT EXISTS (SELECT 1 FROM delivery_exceptions WHERE at < ?1)
        OR EXISTS (SELECT 1 FROM connection_events WHERE at < ?1)
        OR EXISTS (SELECT 1 FROM missed_broadcasts WHERE at < ?1)
        OR EXISTS (SELECT 1 FROM node_losses WHERE at < ?1)";

#[async_trait]
impl Change for Prune {
    type Done = bool;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<bool, Stop<StoreError>> {
        for sql in [PRUNE_EXCEPTIONS, PRUNE_CONNECTIONS, PRUNE_BROADCASTS, PRUNE_LOSSES] {
            sqlx::query(sql)
                .bind(self.0.as_millis())
                .bind(BITE)
                .execute(&mut *db)
                .await?;
        }
        let more = sqlx::query_scalar(MORE_TO_PRUNE).bind(self.0.as_millis());
        Ok(more.fetch_one(db).await?)
    }
}
