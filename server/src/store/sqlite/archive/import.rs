//! Lines of an export into a database: all of them or none.

use async_trait::async_trait;
use chat_core::{ConversationId, Message, UserId};
use sqlx::SqliteConnection;

use super::{BanLine, ImportError, Line, Participant};
use crate::store::sqlite::errors::Stop;
use crate::store::sqlite::writer::Change;
use crate::store::sqlite::{mentions, rows};

pub(super) struct Import(pub(super) Vec<Line>);

type Stopped = Stop<ImportError>;

#[async_trait]
impl Change for Import {
    type Done = ();
    type Refused = ImportError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stopped> {
        // A refusal is no failure of the transaction, which may hold other people's writes: what came before it is undone here.
        sqlx::query("SAVEPOINT import").execute(&mut *db).await?;
        let done = self.take_in(db).await;
        match &done {
            Ok(()) => {}
            Err(Stop::Refused(_)) => {
                sqlx::query("ROLLBACK TO import").execute(&mut *db).await?;
            }
            // The whole transaction goes.
            Err(Stop::Failed(_)) => return done,
        }
        sqlx::query("RELEASE import").execute(db).await?;
        done
    }
}

impl Import {
    async fn take_in(&self, db: &mut SqliteConnection) -> Result<(), Stopped> {
        for line in &self.0 {
            match line {
                Line::Export { .. } => {}
                Line::User { .. } => import_user(db, line).await?,
                Line::Conversation { .. } => import_conversation(db, line).await?,
                Line::Message(message) => import_message(db, message).await?,
            }
        }
        Ok(())
    }
}

fn refused(why: String) -> Stopped {
    Stop::Refused(ImportError::Refused(why))
}

async fn import_user(db: &mut SqliteConnection, line: &Line) -> Result<(), Stopped> {
    let Line::User {
        id,
        username,
        display_name,
        role,
        created_at,
        disabled_at,
        password_hash,
    } = line
    else {
        return Ok(());
    };
    let other: Option<String> = sqlx::query_scalar("SELECT id FROM users WHERE username = ?1 AND id <> ?2")
        .bind(username.as_str())
        .bind(id.as_str())
        .fetch_optional(&mut *db)
        .await?;
    if let Some(other) = other {
        return Err(refused(format!(
            "the username {username} of {id} belongs to {other} here"
        )));
    }
    sqlx::query(
        "INSERT INTO users (id, username, display_name, role, created_at, disabled_at, password_hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(username.as_str())
    .bind(display_name.as_str())
    .bind(role.as_str())
    .bind(created_at)
    .bind(disabled_at)
    .bind(password_hash.as_deref())
    .execute(db)
    .await?;
    Ok(())
}

async fn import_conversation(db: &mut SqliteConnection, line: &Line) -> Result<(), Stopped> {
    let Line::Conversation {
        id,
        kind,
        title,
        direct_key,
        created_at,
        created_by,
        participants,
        bans,
    } = line
    else {
        return Ok(());
    };
    let there: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM conversations WHERE id = ?1 OR direct_key = ?2)")
            .bind(id.as_str())
            .bind(direct_key.as_deref())
            .fetch_one(&mut *db)
            .await?;
    if there {
        return Err(refused(format!(
            "conversation {id} is there already; export and import it alone, or remove its lines"
        )));
    }
    sqlx::query(
        "INSERT INTO conversations (id, kind, title, direct_key, created_at, created_by_key)
         VALUES (?1, ?2, ?3, ?4, ?5, (SELECT user_key FROM users WHERE id = ?6))",
    )
    .bind(id.as_str())
    .bind(kind.as_str())
    .bind(title.as_deref())
    .bind(direct_key.as_deref())
    .bind(created_at)
    .bind(created_by.as_ref().map(UserId::as_str))
    .execute(&mut *db)
    .await?;
    import_participants(db, id, participants).await?;
    import_bans(db, id, bans).await
}

async fn import_participants(
    db: &mut SqliteConnection,
    id: &ConversationId,
    participants: &[Participant],
) -> Result<(), Stopped> {
    for one in participants {
        let added = sqlx::query(
            "INSERT INTO participants
                 (conversation_key, user_key, role, joined_at, joined_seq, received_seq, read_seq, muted_at)
             SELECT c.conversation_key, u.user_key, ?3, ?4, ?5, ?6, ?7, ?8 FROM conversations AS c, users AS u
             WHERE c.id = ?1 AND u.id = ?2",
        )
        .bind(id.as_str())
        .bind(one.user_id.as_str())
        .bind(one.role.as_str())
        .bind(one.joined_at)
        .bind(one.joined_seq)
        .bind(one.received_seq)
        .bind(one.read_seq)
        .bind(one.muted_at)
        .execute(&mut *db)
        .await?;
        if added.rows_affected() == 0 {
            return Err(refused(format!(
                "participant {} of conversation {id} is no user here",
                one.user_id
            )));
        }
    }
    Ok(())
}

async fn import_bans(db: &mut SqliteConnection, id: &ConversationId, bans: &[BanLine]) -> Result<(), Stopped> {
    for one in bans {
        let added = sqlx::query(
            "INSERT INTO bans (conversation_key, user_key, banned_at, banned_by_key, reason)
             SELECT c.conversation_key, u.user_key, ?3, b.user_key, ?5 FROM conversations AS c, users AS u, users AS b
             WHERE c.id = ?1 AND u.id = ?2 AND b.id = ?4",
        )
        .bind(id.as_str())
        .bind(one.user_id.as_str())
        .bind(one.at)
        .bind(one.by.as_str())
        .bind(one.reason.as_deref())
        .execute(&mut *db)
        .await?;
        if added.rows_affected() == 0 {
            return Err(refused(format!(
                "{} who is banned from conversation {id}, or {} who did it, is no user here",
                one.user_id, one.by
            )));
        }
    }
    Ok(())
}

async fn import_message(db: &mut SqliteConnection, message: &Message) -> Result<(), Stopped> {
    let (id, seq) = (&message.conversation_id, message.seq);
    let last: Option<i64> = sqlx::query_scalar("SELECT last_seq FROM conversations WHERE id = ?1")
        .bind(id.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let last = last.ok_or_else(|| refused(format!("message {} comes before its conversation {id}", message.id)))?;
    if rows::stored(seq) != last + 1 {
        return Err(refused(format!(
            "conversation {id}: message {seq} does not follow message {last}"
        )));
    }
    let millis = |at: Option<chat_core::Timestamp>| at.map(chat_core::Timestamp::as_millis);
    let added = sqlx::query(
        "INSERT INTO messages (conversation_key, seq, id, sender_key, content, created_at, client_message_id, reply_to,
                               edited_at, deleted_at)
         SELECT c.conversation_key, ?2, ?3, u.user_key, ?5, ?6, ?7, ?8, ?9, ?10 FROM conversations AS c, users AS u
         WHERE c.id = ?1 AND u.id = ?4",
    )
    .bind(id.as_str())
    .bind(rows::stored(seq))
    .bind(message.id.as_str())
    .bind(message.sender_id.as_str())
    .bind(&*message.content)
    .bind(message.created_at.as_millis())
    .bind(
        message
            .client_message_id
            .as_ref()
            .map(chat_core::ids::ClientMessageId::as_str),
    )
    .bind(message.reply_to.as_ref().map(chat_core::MessageId::as_str))
    .bind(millis(message.edited_at))
    .bind(millis(message.deleted_at))
    .execute(&mut *db)
    .await?;
    if added.rows_affected() == 0 {
        return Err(refused(format!("the sender of message {} is no user here", message.id)));
    }
    // History is announced to nobody, so nobody missed it: it is done where all before it is.
    sqlx::query(
        "UPDATE conversations SET last_seq = ?2,
             announced_seq = CASE WHEN announced_seq = last_seq THEN ?2 ELSE announced_seq END
         WHERE id = ?1",
    )
    .bind(id.as_str())
    .bind(rows::stored(seq))
    .execute(&mut *db)
    .await?;
    mentions::note_again(db, &message.id, &message.content).await?;
    Ok(())
}
