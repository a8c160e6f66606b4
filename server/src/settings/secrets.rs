//! Secrets: those that are given, and those that are generated once.

use std::fmt::{self, Write as _};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use chat_core::limits::{PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN};

use super::arguments::{SettingArgs, TokenKeyArgs};
use super::{NotAllowed, SettingError, TokenKeys};

/// Text that is never shown: neither in logs nor in errors nor with `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself. Each call is a place to look at when something leaks.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// HS256 wants a key as long as its hash: RFC 7518, section 3.2.
const JWT_SECRET_BYTES_MIN: usize = 32;

pub(super) fn given_jwt_secret(args: &TokenKeyArgs) -> Result<Option<Secret>, SettingError> {
    args.jwt_secret().parse_if_set(|text| {
        if text.len() < JWT_SECRET_BYTES_MIN {
            let length = text.len();
            return Err(NotAllowed::new(format!(
                "it must be at least {JWT_SECRET_BYTES_MIN} bytes and has {length}"
            )));
        }
        Ok(())
    })
}

pub(super) fn admin_password(args: &SettingArgs) -> Result<Option<Secret>, SettingError> {
    args.admin_password().parse_if_set(|text| {
        if (PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&text.len()) {
            return Ok(());
        }
        let length = text.len();
        Err(NotAllowed::new(format!(
            "it must be {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes and has {length}"
        )))
    })
}

pub(super) fn metrics_token(args: &SettingArgs) -> Result<Option<Secret>, SettingError> {
    args.metrics_token().parse_if_set(|text| {
        if text.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(());
        }
        Err(NotAllowed::new(
            "it must be ASCII without spaces, as it comes in a header",
        ))
    })
}

/// Why the data directory, or a secret in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made.
    #[error("the data directory {} cannot be made: {source} (ROLLCALL_DATA_DIR)", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A secret's file cannot be read or written.
    #[error("the secret's file {} cannot be used: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read it.
    #[error("the secret's file {} can be read by others (mode {mode:o}): chmod 600 it, and replace the secret if others may have seen it", path.display())]
    TooOpen {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold a secret.
    #[error("the secret's file {} holds less than {JWT_SECRET_BYTES_MIN} bytes: remove it to have a new one generated (every token becomes void)", path.display())]
    TooShort {
        /// Which.
        path: PathBuf,
    },
}

/// Makes the data directory, for its owner only, when it is not there.
pub fn open_data_dir(path: &Path) -> Result<(), DataDirError> {
    let make = DirBuilder::new().recursive(true).mode(0o700).create(path);
    make.map_err(|source| DataDirError::Make {
        path: path.to_owned(),
        source,
    })
}

/// The generated secret's file in the data directory.
pub const JWT_SECRET_FILE: &str = "jwt-secret";

/// The secret that was given, or that of the data directory, generated now if there is none.
pub fn jwt_secret(keys: &TokenKeys, data_dir: &Path) -> Result<Secret, DataDirError> {
    if let Some(given) = &keys.jwt_secret {
        return Ok(given.clone());
    }
    let path = data_dir.join(JWT_SECRET_FILE);
    let read = read_secret(&path);
    if matches!(&read, Err(DataDirError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound) {
        generate_secret(&path).map_err(|source| DataDirError::File {
            path: path.clone(),
            source,
        })?;
        return read_secret(&path);
    }
    read
}

fn read_secret(path: &Path) -> Result<Secret, DataDirError> {
    let failed = |source| DataDirError::File {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(DataDirError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let secret = text.trim_end();
    if secret.len() < JWT_SECRET_BYTES_MIN {
        return Err(DataDirError::TooShort { path: path.to_owned() });
    }
    Ok(Secret::new(secret))
}

/// Written whole under another name and then linked: whoever comes second at the same moment finds the first one's secret,
/// and a crash in between leaves no half of one.
fn generate_secret(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let bytes: [u8; 32] = rand::random();
    let linked = writeln!(file, "{}", hex(&bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
    std::fs::remove_file(&draft)?;
    linked?;
    // The name must survive a power cut as well as the bytes: a lost secret voids every token.
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // Writing to a String cannot fail.
            text
        })
}
