//! A terminal with a program in it, by tmux: keys in, the screen out, as a person would see it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{PATIENCE, eventually};

/// Between two looks at whether the program has gone.
const POLL: Duration = Duration::from_millis(10);

/// One terminal. The program, its shell and tmux end with this value.
#[derive(Debug)]
pub struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// Runs `program` in a terminal of this size. When it ends, the terminal says `ended with <status>` and whether what is
    /// typed would be echoed, as in a shell.
    pub async fn run(program: &Path, args: &[&str], env: &[(&str, &str)], size: (u16, u16)) -> Result<Self> {
        ensure!(
            program.is_file(),
            "no program at {}: cargo build first",
            program.display()
        );
        let folder = tempfile::Builder::new().prefix("rollcall-tmux-").tempdir()?;
        let terminal = Self { folder };
        let (width, height) = (size.0.to_string(), size.1.to_string());
        let script = "\"$@\"; echo \"ended with $?\"; stty -a | grep -o -- '-\\?echo '; read -r _";
        let mut command = terminal.tmux();
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height]);
        for (name, value) in env {
            command.args(["-e", &format!("{name}={value}")]);
        }
        command.args(["--", "sh", "-c", script, "sh"]).arg(program).args(args);
        said(command).await?;
        Ok(terminal)
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(self.folder.path().join("tmux"));
        command.env("LC_ALL", "C.UTF-8").env_remove("TMUX").stdin(Stdio::null());
        command
    }

    /// Presses a key, by tmux's name for it: `Enter`, `Escape`, `C-c`, `PPage`.
    pub async fn press(&self, key: &str) -> Result<()> {
        let mut command = self.tmux();
        command.args(["send-keys", key]);
        said(command).await.map(drop)
    }

    /// Types text.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        let mut command = self.tmux();
        command.args(["send-keys", "-l", "--", text]);
        said(command).await.map(drop)
    }

    /// Makes the window another size.
    pub async fn resize(&self, width: u16, height: u16) -> Result<()> {
        let mut command = self.tmux();
        command.args(["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
        said(command).await.map(drop)
    }

    /// The process of the program itself.
    pub async fn pid(&self) -> Result<u32> {
        let mut command = self.tmux();
        command.args(["list-panes", "-F", "#{pane_pid}"]);
        let shell = said(command).await?.trim().to_owned();
        Ok(child_of(&shell).context("the program has ended")?.parse()?)
    }

    /// What stands on the screen.
    pub async fn screen(&self) -> Result<String> {
        let mut command = self.tmux();
        command.args(["capture-pane", "-p"]);
        said(command).await
    }

    /// Waits until `wanted` stands on the screen, and gives the screen.
    pub async fn shows(&self, wanted: &str) -> Result<String> {
        self.becomes(&format!("the screen shows {wanted:?}"), |screen| {
            screen.contains(wanted)
        })
        .await
    }

    /// Waits until the screen is as wanted, and gives it; a failure shows what it was at last.
    pub async fn becomes(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = String::new();
        let outcome = eventually(what, 2 * PATIENCE, async || {
            last = self.screen().await.unwrap_or_else(|error| error.to_string());
            wanted(&last).then(|| last.clone())
        });
        match outcome.await {
            Ok(screen) => Ok(screen),
            Err(error) => bail!("{error}; it was:\n{last}"),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Without a runtime's help: a drop cannot wait for a future.
        let tmux = |args: &[&str]| {
            let mut command = std::process::Command::new("tmux");
            command.arg("-S").arg(self.folder.path().join("tmux")).args(args);
            command.output().map(|output| output.stdout).unwrap_or_default()
        };
        let shell = tmux(&["list-panes", "-F", "#{pane_pid}"]);
        let shell = String::from_utf8_lossy(&shell).trim().to_owned();
        let program = child_of(&shell).unwrap_or_default();
        tmux(&["kill-server"]);
        // It says goodbye to the server first. What still lives when the suite ends counts as left behind.
        let looks = PATIENCE.as_millis() / POLL.as_millis();
        for _ in 0..looks {
            // One that has ended, and that nobody has asked for its status yet, has no program any more.
            if program.is_empty() || std::fs::read_link(format!("/proc/{program}/exe")).is_err() {
                return;
            }
            std::thread::sleep(POLL);
        }
    }
}

/// The first child of a process, as the kernel spells it.
fn child_of(pid: &str) -> Option<String> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next().map(ToOwned::to_owned)
}

async fn said(mut command: Command) -> Result<String> {
    let output = command.output().await.context("tmux")?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "tmux: {words}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
