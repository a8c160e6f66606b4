//! Saved profiles: where a server is and the tokens of one's identities there, in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rollcall_client::protocol::chat_core::Timestamp;
use serde::{Deserialize, Serialize};

/// Only its owner reads it, writes it, or sees that it is there.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// One identity's token. The password is never kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) username: String,
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

/// A server and who one is there.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) url: String,
    pub(crate) identities: Vec<Identity>,
}

/// All of them.
#[derive(Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profiles {
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// `$XDG_CONFIG_HOME/rollcall/profiles.json`, or below `~/.config`.
pub(crate) fn file() -> Result<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let folder = folder.context("neither XDG_CONFIG_HOME nor HOME says where settings are kept")?;
    Ok(folder.join("rollcall").join("profiles.json"))
}

impl Profiles {
    /// What is saved; nothing, where there is no file.
    pub(crate) fn load(file: &Path) -> Result<Self> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let mode = fs::metadata(file)?.permissions().mode();
        if mode & 0o077 != 0 {
            bail!(
                "{} holds tokens and others may read it (mode {:o}): chmod 600 it",
                file.display(),
                mode & 0o777
            );
        }
        serde_json::from_str(&text).with_context(|| format!("{} cannot be understood", file.display()))
    }

    /// Writes all of them, through a new file beside it, so that nothing is lost half-way.
    pub(crate) fn save(&self, file: &Path) -> Result<()> {
        let folder = file.parent().context("a file without a folder")?;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(FOLDER_MODE).create(folder)?;
        let fresh = file.with_extension(format!("{}.new", std::process::id()));
        let mut options = fs::OpenOptions::new();
        let mut written = options.write(true).create_new(true).mode(FILE_MODE).open(&fresh)?;
        let outcome = written
            .write_all(&serde_json::to_vec_pretty(self)?)
            .and_then(|()| written.sync_all())
            .and_then(|()| fs::rename(&fresh, file));
        if outcome.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        outcome.with_context(|| format!("cannot write {}", file.display()))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Profile> {
        let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
        self.profiles.get(name).with_context(|| match known.as_slice() {
            [] => format!("there is no profile {name:?}: none is saved yet (`rollcall-tui profile save {name}`)"),
            known => format!("there is no profile {name:?}; saved are {}", known.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Profiles {
        let identity = Identity {
            username: "alice".into(),
            token: "secret".into(),
            expires_at: Timestamp::from_millis(0),
        };
        let profile = Profile {
            url: "http://h:1".into(),
            identities: vec![identity],
        };
        Profiles {
            profiles: BTreeMap::from([("home".into(), profile)]),
        }
    }

    #[test]
    fn saved_for_the_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/rollcall/profiles.json");
        assert!(Profiles::load(&file).unwrap().profiles.is_empty());
        some().save(&file).unwrap();
        some().save(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, FILE_MODE);
        assert!(Profiles::load(&file).unwrap() == some());
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_others_may_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("profiles.json");
        some().save(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Profiles::load(&file).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn an_unknown_one_names_those_that_are_there() {
        let error = some().get("work").err().unwrap().to_string();
        assert!(error.contains("saved are home"), "{error}");
    }
}
