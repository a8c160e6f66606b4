//! Accounts.

use async_trait::async_trait;
use chat_core::limits::USERNAME_CHARS_MAX;
use chat_core::ports::operators::Slice;
use chat_core::ports::{Accounts, CreateUserError, Credentials, KeptToken, KeptTokens, NewUser, Page, StoreError};
use chat_core::{Timestamp, User, UserId};
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::errors::{Stop, unavailable};
use super::rows::{self, user_columns};
use super::tokens;
use super::writer::Change;

const BY_ID: &str = concat!("SELECT ", user_columns!(), " FROM users AS u WHERE u.id = ?1");

const BY_USERNAME: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", u.password_hash FROM users AS u WHERE u.username = ?1"
);

// instr() and not LIKE: it knows no wildcards and no NUL that ends a pattern.
const SEARCH: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users AS u WHERE instr(lower(u.username), ?1) > 0 OR instr(lower(u.display_name), ?1) > 0
      ORDER BY u.username LIMIT ?2 + 0"
);

async fn find(db: &mut SqliteConnection, id: &UserId) -> Result<Option<User>, StoreError> {
    let row = sqlx::query(BY_ID)
        .bind(id.as_str())
        .fetch_optional(db)
        .await
        .map_err(|error| unavailable(&error))?;
    row.as_ref().map(rows::user).transpose()
}

async fn insert(db: &mut SqliteConnection, new: &NewUser, username: String) -> Result<User, sqlx::Error> {
    sqlx::query(
        "INSERT INTO users (id, username, display_name, role, password_hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(new.id.as_str())
    .bind(username.as_str())
    .bind(new.display_name.as_str())
    .bind(new.role.as_str())
    .bind(new.password_hash.as_deref())
    .bind(new.at.as_millis())
    .execute(db)
    .await?;
    Ok(User {
        id: new.id.clone(),
        username,
        display_name: new.display_name.clone(),
        role: new.role,
        created_at: new.at,
        disabled_at: None,
        last_seen: None,
    })
}

struct Create(NewUser);

#[async_trait]
impl Change for Create {
    type Done = User;
    type Refused = CreateUserError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<User, Stop<CreateUserError>> {
        let taken: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1 OR username = ?2)")
            .bind(self.0.id.as_str())
            .bind(self.0.username.as_str())
            .fetch_one(&mut *db)
            .await?;
        if taken {
            return Err(Stop::Refused(CreateUserError::Taken));
        }
        Ok(insert(db, &self.0, self.0.username.clone()).await?)
    }
}

struct Provision(NewUser);

#[async_trait]
impl Change for Provision {
    type Done = (User, bool);
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(User, bool), Stop<StoreError>> {
        if let Some(user) = find(db, &self.0.id).await? {
            return Ok((user, false));
        }
        // The name itself, then with -2, -3 …: SQLite stops counting at the first that is free.
        let username: String = sqlx::query_scalar(
            "WITH RECURSIVE suffixes (n, suffix) AS (
                 SELECT 1, '' UNION ALL SELECT n + 1, '-' || (n + 1) FROM suffixes
             )
             SELECT substr(?1, 1, ?2 - length(suffix)) || suffix AS candidate FROM suffixes
             WHERE NOT EXISTS (SELECT 1 FROM users WHERE username = candidate) LIMIT 1",
        )
        .bind(self.0.username.as_str())
        .bind(i64::try_from(USERNAME_CHARS_MAX).unwrap_or(i64::MAX))
        .fetch_one(&mut *db)
        .await?;
        Ok((insert(db, &self.0, username).await?, true))
    }
}

// By the index over just these; see migration 0008.
const BCRYPT_COST_MAX: &str =
    "SELECT max(substr(password_hash, 5, 2)) FROM users WHERE substr(password_hash, 1, 2) = '$2'";

struct ReplaceHash {
    id: UserId,
    old: String,
    new: String,
}

#[async_trait]
impl Change for ReplaceHash {
    type Done = bool;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<bool, Stop<StoreError>> {
        let query = sqlx::query("UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2")
            .bind(self.id.as_str())
            .bind(self.old.as_str())
            .bind(self.new.as_str());
        Ok(query.execute(db).await?.rows_affected() > 0)
    }
}

/// One field of one account.
struct Set {
    id: UserId,
    sql: &'static str,
    value: Value,
}

enum Value {
    Text(String),
    Time(Option<Timestamp>),
}

#[async_trait]
impl Change for Set {
    type Done = bool;
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<bool, Stop<StoreError>> {
        let query = sqlx::query(self.sql).bind(self.id.as_str());
        let query = match &self.value {
            Value::Text(text) => query.bind(text.as_str()),
            Value::Time(at) => query.bind(at.map(Timestamp::as_millis)),
        };
        Ok(query.execute(db).await?.rows_affected() > 0)
    }
}

struct NoteLastSeen(String);

#[async_trait]
impl Change for NoteLastSeen {
    type Done = ();
    type Refused = StoreError;

    async fn apply(&self, db: &mut SqliteConnection) -> Result<(), Stop<StoreError>> {
        sqlx::query(
            "UPDATE users SET last_seen = seen.at
             FROM (SELECT value ->> 0 AS id, max(value ->> 1) AS at FROM json_each(?1) GROUP BY 1) AS seen
             WHERE users.id = seen.id AND (users.last_seen IS NULL OR users.last_seen < seen.at)",
        )
        .bind(self.0.as_str())
        .execute(db)
        .await?;
        Ok(())
    }
}

#[async_trait]
impl Accounts for SqliteStore {
    async fn create_user(&self, new: NewUser) -> Result<User, CreateUserError> {
        let created = self.writer.change(Create(new)).await;
        if let Err(CreateUserError::Store(error)) = &created {
            self.metrics.failed(error);
        }
        created
    }

    async fn provision_user(&self, new: NewUser) -> Result<(User, bool), StoreError> {
        self.counted(self.writer.change(Provision(new))).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.counted(async { find(&mut *self.reader().await?, id).await }).await
    }

    async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let row = sqlx::query(BY_USERNAME)
                .bind(username)
                .fetch_optional(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            let Some(row) = row else { return Ok(None) };
            Ok(Some(Credentials {
                user: rows::user(&row)?,
                password_hash: row.try_get("password_hash").map_err(|error| unavailable(&error))?,
            }))
        })
        .await
    }

    async fn set_password(&self, id: &UserId, password_hash: &str) -> Result<bool, StoreError> {
        let set = Set {
            id: id.clone(),
            sql: "UPDATE users SET password_hash = ?2 WHERE id = ?1",
            value: Value::Text(password_hash.to_owned()),
        };
        self.counted(self.writer.change(set)).await
    }

    async fn replace_password_hash(&self, id: &UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        let (id, old, new) = (id.clone(), old.to_owned(), new.to_owned());
        self.counted(self.writer.change(ReplaceHash { id, old, new })).await
    }

    async fn bcrypt_cost_max(&self) -> Result<Option<u32>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let digits: Option<String> = sqlx::query_scalar(BCRYPT_COST_MAX)
                .fetch_one(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            Ok(digits.and_then(|digits| digits.parse().ok()))
        })
        .await
    }

    async fn set_disabled(&self, id: &UserId, at: Option<Timestamp>) -> Result<bool, StoreError> {
        let set = Set {
            id: id.clone(),
            sql: "UPDATE users SET disabled_at = ?2 WHERE id = ?1",
            value: Value::Time(at),
        };
        let _changes = self.own_changes.one();
        self.counted(self.writer.change(set)).await
    }

    async fn standing(&self) -> Result<i64, StoreError> {
        self.counted(self.standing_now()).await
    }

    async fn search_users(&self, query: &str, limit: u32) -> Result<Page<User>, StoreError> {
        self.counted(async {
            let mut db = self.reader().await?;
            let found = sqlx::query(SEARCH)
                .bind(query.to_ascii_lowercase())
                .bind(i64::from(limit) + 1)
                .fetch_all(&mut *db)
                .await
                .map_err(|error| unavailable(&error))?;
            let kept = usize::try_from(limit).unwrap_or(usize::MAX);
            Ok(Page {
                items: found.iter().take(kept).map(rows::user).collect::<Result<_, _>>()?,
                more: found.len() > kept,
            })
        })
        .await
    }

    async fn disabled_among(&self, ids: &[UserId]) -> Result<Vec<UserId>, StoreError> {
        self.counted(tokens::disabled_among(self, ids)).await
    }

    async fn keep_token(&self, token: KeptToken) -> Result<(), StoreError> {
        self.counted(self.writer.change(tokens::Keep(token))).await
    }

    async fn kept_tokens(&self, text: Option<&str>, now: Timestamp, slice: Slice) -> Result<KeptTokens, StoreError> {
        self.counted(tokens::list(self, text, now, slice)).await
    }

    async fn forget_tokens(&self, before: Timestamp) -> Result<(), StoreError> {
        self.counted(tokens::forget(self, before)).await
    }

    async fn good_tokens_among(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        self.counted(tokens::good_among(self, ids)).await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        let id = id.to_owned();
        let _changes = self.own_changes.one();
        self.counted(self.writer.change(tokens::Revoke { id, at })).await
    }

    async fn note_last_seen(&self, seen: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        let seen: Vec<_> = seen.iter().map(|(id, at)| (id.as_str(), at.as_millis())).collect();
        let seen = rows::to_json(&seen)?;
        self.counted(self.writer.change(NoteLastSeen(seen))).await
    }
}
