//! Which database.

use std::path::{Path, PathBuf};

use super::arguments::StorageArgs;
use super::{NotAllowed, SettingError};

/// The file in the data directory.
const FILE_DEFAULT: &str = "rollcall.db";

/// The database that keeps everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file; made when it is not there.
    Sqlite(PathBuf),
}

impl Database {
    pub(super) fn in_data_dir(data_dir: &Path) -> Self {
        Database::Sqlite(data_dir.join(FILE_DEFAULT))
    }

    pub(super) fn parse(url: &str) -> Result<Self, NotAllowed> {
        const SQLITE: &str = "write sqlite://path/to/file, or leave it out for a file in the data directory";
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(NotAllowed::new(SQLITE));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                // What other SQLite tools need to be told is what this server does anyway.
                let path = path.strip_suffix("?mode=rwc").unwrap_or(path);
                if path.contains(":memory:") || path.contains("mode=memory") {
                    return Err(NotAllowed::new(
                        "a database in memory would lose messages; write sqlite://path/to/file",
                    ));
                }
                if path.is_empty() || path.ends_with('/') || path.contains('?') || path.contains('\0') {
                    return Err(NotAllowed::new(SQLITE));
                }
                Ok(Database::Sqlite(PathBuf::from(path)))
            }
            "postgres" | "postgresql" => Err(NotAllowed::new(format!(
                "PostgreSQL is not in this build yet; {SQLITE}"
            ))),
            _ => Err(NotAllowed::new(SQLITE)),
        }
    }
}

/// A URL with what may be a password left out.
pub(super) fn without_password(url: &str) -> String {
    match url.split_once(':') {
        Some(("sqlite", _)) | None => url.to_owned(),
        Some((scheme, _)) => format!("{scheme}://…"),
    }
}

/// SQLite is one process's own, so there is nobody to share a bus with.
pub(super) fn refuse_bus(args: &StorageArgs) -> Result<(), SettingError> {
    let Some(url) = args.redis_url().given() else {
        return Ok(());
    };
    let shown = without_password(url);
    Err(args.redis_url().error(
        &shown,
        NotAllowed::new(
            "a bus between nodes needs PostgreSQL, and the database is SQLite, which is one node's own; leave it out",
        ),
    ))
}
