//! The commands beside `serve`: accounts, migration, a look at whether all is well, and why a message was not seen.
//!
//! In: parsed arguments. Out: text for whoever called, or an error of one line. Guarantee: they work beside a running
//! server (the database is shared by its own locks), and a password or a token is shown only where it was asked for.

mod archive;
mod check;
mod explain;
mod user;

pub use archive::{backup, export, import};
pub use check::{Finding, Report, check};
pub use explain::{Answer, ExplainError, explain};
pub use user::user;

use std::sync::Arc;

use chat_core::Role;
use chat_core::ports::StoreError;
use chat_core::user::InvalidRole;

use crate::clock::{SystemClock, UuidSource};
use crate::identity::{AccountError, InvalidHash, InvalidPassword, KeepError, TokenError};
use crate::settings::{DataDirError, Database, MigrateArgs, SettingError, Storage, open_data_dir};
use crate::store::{self, BackupError, OpenError, SqliteStore, StoreMetrics};

/// `rollcall migrate`
pub async fn migrate(args: &MigrateArgs) -> Result<String, CommandError> {
    let storage = Storage::parse(&args.storage)?;
    open_data_dir(&storage.data_dir)?;
    let Database::Sqlite(path) = &storage.database;
    store::migrate(path).await?;
    let mut epoch = "";
    if args.new_epoch {
        store::renew_epoch(path).await?;
        epoch = ", and begins a new epoch when it is opened next";
    }
    Ok(format!(
        "the database {} has the schema of this version{epoch}",
        path.display()
    ))
}

async fn open_store(storage: &Storage) -> Result<Arc<SqliteStore>, OpenError> {
    let Database::Sqlite(path) = &storage.database;
    let store = SqliteStore::open(path, &SystemClock, &UuidSource, StoreMetrics::noop()).await?;
    Ok(Arc::new(store))
}

/// Why a command failed. One line each.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The data directory, or the secret in it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The role.
    #[error("--role: {0}")]
    Role(#[from] InvalidRole),
    /// A token cannot claim what the account may not.
    #[error("--role: the account is {stored}, and a token claims at most that", stored = .0.as_str())]
    RoleBeyond(Role),
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The password.
    #[error(transparent)]
    Password(#[from] InvalidPassword),
    /// The hash of one.
    #[error("the password's hash: {0}")]
    PasswordHash(#[from] InvalidHash),
    /// The token was not written down.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// There is no backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// What came contradicts something.
    #[error("{0}")]
    Refused(String),
    /// Reading or writing an export.
    #[error("the export could not be read or written: {0}")]
    Archive(#[source] std::io::Error),
    /// It was to be read from there.
    #[error("the password could not be read from standard input: {0}")]
    Stdin(#[from] std::io::Error),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}
