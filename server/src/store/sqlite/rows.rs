//! From rows to the types of the rules. A row that contradicts them is said to be inconsistent, never "not found".

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chat_core::delivery::{
    ConnectionEvent, ConnectionEventKind, Cursor, DeliveryException, ExceptionKind, MembershipSpan,
};
use chat_core::explain::NodeLoss;
use chat_core::ports::{StoreError, StoreTrouble};
use chat_core::{ConversationKind, Message, Participant, ParticipantRole, Role, Seq, Timestamp, User, UserId};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::errors::unavailable;

/// A stored number as a seq. The schema keeps it from being negative.
pub(super) fn seq(stored: i64) -> Seq {
    Seq(u64::try_from(stored).unwrap_or(0))
}

/// A seq as the database compares it: beyond its integers there is nothing anyway.
pub(super) fn stored(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// Rows for `json_each`. Only for numbers and ids: SQLite's JSON functions end a string at its first NUL.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unavailable {
        trouble: StoreTrouble::Other,
        detail: error.to_string(),
    })
}

/// Texts of any content beside the rows of [`to_json`], which point into them.
pub(super) struct Texts(Vec<u8>);

impl Texts {
    pub(super) fn new() -> Self {
        // Never empty: sqlx binds an empty blob as NULL.
        Self(vec![0])
    }

    /// Where `substr()` finds this text, which counts from 1, and its length.
    pub(super) fn push(&mut self, text: &str) -> (usize, usize) {
        let start = self.0.len() + 1;
        self.0.extend_from_slice(text.as_bytes());
        (start, text.len())
    }

    pub(super) fn into_blob(self) -> Vec<u8> {
        self.0
    }
}

/// Reads the columns of one row, from left to right.
pub(super) struct Columns<'r> {
    row: &'r SqliteRow,
    next: usize,
    table: &'static str,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r SqliteRow, table: &'static str) -> Self {
        Self { row, next: 0, table }
    }

    /// The next column.
    pub(super) fn take<T>(&mut self) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let value = self.row.try_get(self.next).map_err(|error| match error {
            sqlx::Error::ColumnDecode { .. } => self.inconsistent(&error),
            error => unavailable(&error),
        })?;
        self.next += 1;
        Ok(value)
    }

    /// Passes over columns.
    pub(super) fn skip(&mut self, columns: usize) {
        self.next += columns;
    }

    /// The next column, parsed.
    pub(super) fn parse<T>(&mut self) -> Result<T, StoreError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let text: &str = self.take()?;
        text.parse().map_err(|error| self.inconsistent(&error))
    }

    /// The next column, parsed if it is not NULL.
    pub(super) fn parse_option<T>(&mut self) -> Result<Option<T>, StoreError>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let text: Option<&str> = self.take()?;
        text.map(str::parse)
            .transpose()
            .map_err(|error| self.inconsistent(&error))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.take().map(Timestamp::from_millis)
    }

    pub(super) fn time_option(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    pub(super) fn seq(&mut self) -> Result<Seq, StoreError> {
        self.take().map(seq)
    }

    fn inconsistent(&self, detail: &dyn fmt::Display) -> StoreError {
        inconsistent(
            self.table,
            &self.row.try_get::<String, _>(0).unwrap_or_default(),
            detail,
        )
    }
}

fn inconsistent(table: &'static str, row: &str, detail: &dyn fmt::Display) -> StoreError {
    StoreError::Inconsistent {
        table,
        row: row.to_owned(),
        detail: detail.to_string(),
    }
}

/// The columns of [`user`], for a query that names the table `u`.
macro_rules! user_columns {
    () => {
        "u.id, u.username, u.display_name, u.role, u.created_at, u.disabled_at, u.last_seen"
    };
}
pub(super) use user_columns;

/// A row that begins with [`user_columns`].
pub(super) fn user(row: &SqliteRow) -> Result<User, StoreError> {
    let mut columns = Columns::of(row, "users");
    Ok(User {
        id: columns.parse()?,
        username: columns.take()?,
        display_name: columns.take()?,
        role: columns.parse::<Role>()?,
        created_at: columns.time()?,
        disabled_at: columns.time_option()?,
        last_seen: columns.time_option()?,
    })
}

/// The columns of [`message`], for a query that names the tables `m`, `c` and `s` (the sender).
macro_rules! message_columns {
    () => {
        "m.id, c.id, m.seq, s.id, s.display_name, m.content, m.created_at, m.client_message_id, m.reply_to, \
         m.edited_at, m.deleted_at"
    };
}
pub(super) use message_columns;

/// The next eleven columns as a message.
pub(super) fn message(columns: &mut Columns<'_>) -> Result<Message, StoreError> {
    Ok(Message {
        id: columns.parse()?,
        conversation_id: columns.parse()?,
        seq: columns.seq()?,
        sender_id: columns.parse()?,
        sender_name: Arc::from(columns.take::<&str>()?),
        content: Arc::from(columns.take::<&str>()?),
        created_at: columns.time()?,
        client_message_id: columns.parse_option()?,
        reply_to: columns.parse_option()?,
        edited_at: columns.time_option()?,
        deleted_at: columns.time_option()?,
    })
}

/// The participants of conversation `c` as one column of JSON. One row for each costs several times as much, and a session of somebody in
/// a group of thousands reads them all.
macro_rules! participants_column {
    () => {
        "(SELECT json_group_array(json_array(u.id, u.username, u.display_name, p.role, p.joined_at, p.joined_seq, \
          p.muted_at IS NOT NULL)) FROM participants AS p JOIN users AS u USING (user_key) \
          WHERE p.conversation_key = c.conversation_key)"
    };
}
pub(super) use participants_column;

/// The next column, a [`participants_column`], sorted by user id.
pub(super) fn participants(columns: &mut Columns<'_>) -> Result<Arc<[Participant]>, StoreError> {
    type Row = (UserId, String, String, ParticipantRole, i64, Seq, u8);
    let rows: Vec<Row> = serde_json::from_str(columns.take()?).map_err(|error| columns.inconsistent(&error))?;
    let participant = |(user_id, username, display_name, role, joined_at, joined_seq, muted): Row| Participant {
        user_id,
        username,
        display_name,
        role,
        joined_at: Timestamp::from_millis(joined_at),
        joined_seq,
        muted: muted != 0,
    };
    let mut participants: Vec<Participant> = rows.into_iter().map(participant).collect();
    // Here and not there: an aggregate is sorted through a table of its own.
    participants.sort_unstable_by(|a, b| a.user_id.cmp(&b.user_id));
    Ok(participants.into())
}

/// The next column as a conversation's kind.
pub(super) fn kind(columns: &mut Columns<'_>) -> Result<ConversationKind, StoreError> {
    match columns.take::<&str>()? {
        "direct" => Ok(ConversationKind::Direct),
        "group" => Ok(ConversationKind::Group),
        other => Err(columns.inconsistent(&format_args!("{other:?} is no kind of conversation"))),
    }
}

/// A row of a cursor: conversation, user, received, read.
pub(super) fn cursor(row: &SqliteRow) -> Result<Cursor, StoreError> {
    let mut columns = Columns::of(row, "participants");
    Ok(Cursor {
        conversation_id: columns.parse()?,
        user_id: columns.parse()?,
        received: columns.seq()?,
        read: columns.seq()?,
    })
}

/// A row of an exception, in the order of its fields.
pub(super) fn exception(row: &SqliteRow) -> Result<DeliveryException, StoreError> {
    let mut columns = Columns::of(row, "delivery_exceptions");
    Ok(DeliveryException {
        conversation_id: columns.parse()?,
        first_seq: columns.seq()?,
        last_seq: columns.seq()?,
        user_id: columns.parse()?,
        sid: columns.parse()?,
        node_id: columns.parse()?,
        kind: one_of(&mut columns, ExceptionKind::ALL, ExceptionKind::as_str)?,
        at: columns.time()?,
        detail: columns.take()?,
    })
}

/// A row of a connection's history, in the order of its fields.
pub(super) fn connection_event(row: &SqliteRow) -> Result<ConnectionEvent, StoreError> {
    let mut columns = Columns::of(row, "connection_events");
    Ok(ConnectionEvent {
        user_id: columns.parse()?,
        at: columns.time()?,
        kind: one_of(&mut columns, ConnectionEventKind::ALL, ConnectionEventKind::as_str)?,
        sid: columns.parse_option()?,
        node_id: columns.parse()?,
        detail: columns.take()?,
    })
}

/// A row of a lost node.
pub(super) fn node_loss(row: &SqliteRow) -> Result<NodeLoss, StoreError> {
    let mut columns = Columns::of(row, "node_losses");
    Ok(NodeLoss {
        node_id: columns.parse()?,
        at: columns.time()?,
    })
}

/// A row of a membership: whose, joined at and after which seq, left at and after which seq or twice NULL, received and read.
pub(super) fn membership(row: &SqliteRow) -> Result<(UserId, MembershipSpan), StoreError> {
    let mut columns = Columns::of(row, "past_memberships");
    let user = columns.parse()?;
    let (joined_at, joined_seq) = (columns.time()?, columns.seq()?);
    let (left_at, left_seq) = (columns.time_option()?, columns.take::<Option<i64>>()?);
    let (received, read) = (columns.take::<Option<i64>>()?, columns.take::<Option<i64>>()?);
    let span = MembershipSpan {
        joined_at,
        joined_seq,
        left: left_at.zip(left_seq.map(seq)),
        cursors: received.map(seq).zip(read.map(seq)),
    };
    Ok((user, span))
}

/// The next column as one of a closed set.
fn one_of<T: Copy, const N: usize>(
    columns: &mut Columns<'_>,
    all: [T; N],
    as_str: fn(T) -> &'static str,
) -> Result<T, StoreError> {
    let text: &str = columns.take()?;
    let known = all.into_iter().find(|one| as_str(*one) == text);
    known.ok_or_else(|| columns.inconsistent(&format_args!("{text:?} is no kind that this version knows")))
}
