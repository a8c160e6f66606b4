//! Fetches the one thing that the chat page takes from elsewhere, the official Socket.IO client, as `package-lock.json`
//! pins it, into `OUT_DIR`, from where it goes into the binary. Again only when the lock file changes.
//!
//! A release also gets the commit that it is built from, for `rollcall_build_info`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

const BUNDLE: &str = "node_modules/socket.io-client/dist/socket.io.esm.min.js";

fn main() {
    for watched in ["build.rs", "package.json", "package-lock.json", "chat-page"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    if let Err(error) = bundle() {
        println!("cargo::error={error}");
    }
    tell_commit();
}

/// What `ROLLCALL_COMMIT` says, else what git says; neither is no fault. Of a release only: whoever develops would compile the server
/// again after each commit, for a label that nobody looks at.
fn tell_commit() {
    println!("cargo::rerun-if-env-changed=ROLLCALL_COMMIT");
    if env::var_os("ROLLCALL_COMMIT").is_some() || env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return;
    };
    // An unpacked archive may lie in somebody else's repository.
    let is_ours = git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix == "server/");
    if is_ours {
        // Written at each commit and checkout; a file that is not there would mean to run at every build.
        if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists()) {
            println!("cargo::rerun-if-changed={log}");
        }
        println!("cargo::rustc-env=ROLLCALL_COMMIT={commit}");
    }
}

/// What git answers here, in the crate's folder; `None` without git, or without a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn bundle() -> Result<(), String> {
    let folder = |name: &str| {
        env::var(name)
            .map(PathBuf::from)
            .map_err(|error| format!("{name}: {error}"))
    };
    let (here, out) = (folder("CARGO_MANIFEST_DIR")?, folder("OUT_DIR")?);
    let npm = out.join("npm");
    install(&here, &npm)?;
    let script = npm.join(BUNDLE);
    let text = fs::read_to_string(&script).map_err(|error| format!("{}: {error}", script.display()))?;
    // The map is not served: a browser's developer tools would ask for it in vain.
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("//# sourceMappingURL="))
        .collect();
    let bundle = out.join("socket.io-client.js");
    fs::write(&bundle, kept.join("\n")).map_err(|error| format!("{}: {error}", bundle.display()))
}

/// `npm ci`, unless it was done for this very lock file.
fn install(here: &Path, npm: &Path) -> Result<(), String> {
    let trouble = |error: io::Error| format!("{}: {error}", npm.display());
    let lock = fs::read(here.join("package-lock.json")).map_err(trouble)?;
    let stamp = npm.join("installed-for.json");
    if fs::read(&stamp).is_ok_and(|done| done == lock) {
        return Ok(());
    }
    fs::create_dir_all(npm).map_err(trouble)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(here.join(name), npm.join(name)).map_err(trouble)?;
    }
    let run = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"])
        .current_dir(npm)
        .output();
    let output = match run {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(
                "npm is missing: install Node.js with npm (Debian: apt-get install npm); \
                        the chat page's Socket.IO client comes from it"
                    .to_owned(),
            );
        }
        other => other.map_err(|error| format!("npm could not be started: {error}"))?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said
            .lines()
            // Older ones shout.
            .filter(|line| line.starts_with("npm error") || line.starts_with("npm ERR!"))
            .take(3)
            .collect();
        return Err(format!(
            "`npm ci` could not fetch the chat page's Socket.IO client ({}): {}",
            output.status,
            lines.join("; ")
        ));
    }
    fs::write(&stamp, lock).map_err(trouble)
}
