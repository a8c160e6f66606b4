//! One `rollcall` process under test.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::rest::Rest;
use crate::{PATIENCE, eventually};

/// A start includes migrations and, once, the hashing of passwords, in an unoptimised build.
const START: Duration = Duration::from_secs(30);
/// The contract allows 15 s from SIGTERM to exit.
const STOP: Duration = Duration::from_secs(20);
/// Somebody else may take the port between its choice and the server's start.
const PORT_ATTEMPTS: u32 = 3;
/// How much of the server's log stands in a failure.
const LOG_TAIL: usize = 8_000;
/// Password of `admin` on every server under test.
const ADMIN_PASSWORD: &str = "admin-password";
/// `JWT_SECRET` of every server under test: the same, so that several can be nodes of one.
const SECRET: &str = "a key of the tests, of more than 32 bytes";

/// How a server is to be started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    demo: bool,
    env: BTreeMap<String, String>,
}

impl Setup {
    /// With the demo's users and conversations.
    pub fn demo(mut self) -> Self {
        self.demo = true;
        self
    }

    /// With one environment variable more, or another value of one that the harness sets.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Result<Server> {
        Server::with(self).await
    }
}

/// A running server. The process and its data end with this value.
#[derive(Debug)]
pub struct Server {
    setup: Setup,
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    /// A server with an empty SQLite database, rates off and the canary off.
    pub async fn start() -> Result<Self> {
        Setup::default().start().await
    }

    /// Another way to start one: `Server::setup().demo().env("ROLLCALL_LOG", "debug").start()`.
    pub fn setup() -> Setup {
        Setup::default()
    }

    async fn with(setup: Setup) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("rollcall-rust-").tempdir()?;
        for attempt in 1.. {
            let port = free_port()?;
            match spawn(&setup, folder.path(), port).await {
                Ok(child) => {
                    return Ok(Self {
                        setup,
                        folder,
                        port,
                        child,
                    });
                }
                Err(error) if attempt == PORT_ATTEMPTS || !error.to_string().contains("in use") => return Err(error),
                Err(_) => {}
            }
        }
        bail!("no free port after {PORT_ATTEMPTS} attempts")
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its `ROLLCALL_DATA_DIR`.
    pub fn data_dir(&self) -> PathBuf {
        data_dir(self.folder.path())
    }

    /// Its `JWT_SECRET`, for tokens of a test's own making.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// The process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its REST and admin API, without a token.
    pub fn rest(&self) -> Rest {
        Rest::new(self.url())
    }

    /// Its API as user `admin`.
    pub async fn admin(&self) -> Result<Rest> {
        let user = self.rest().login("admin", ADMIN_PASSWORD).await?;
        Ok(self.rest().with_token(user.token))
    }

    /// The end of what it printed.
    pub fn output(&self) -> String {
        log_tail(self.folder.path())
    }

    /// Ends it at once, as a power cut would.
    pub async fn kill9(&mut self) -> Result<()> {
        self.child.kill().await.context("kill -9")
    }

    /// Asks it to stop and waits until it has.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        kill_process(pid.context("the server has already ended")?, Signal::TERM)?;
        match timeout(STOP, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("the server did not stop within {STOP:?} of SIGTERM\n{}", self.output()),
        }
    }

    /// Starts it again on the same data and port; ends it at once if it still runs.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill9().await?;
        self.child = spawn(&self.setup, self.folder.path(), self.port).await?;
        Ok(())
    }
}

impl Drop for Server {
    #[expect(
        clippy::print_stderr,
        reason = "a failed test shows what its server said; the test runner captures it"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- the server's log ends with:\n{}", self.output());
        }
    }
}

/// Where the log and the data lie in a test's folder.
fn log_file(folder: &Path) -> PathBuf {
    folder.join("rollcall.log")
}

fn data_dir(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn log_tail(folder: &Path) -> String {
    let log = std::fs::read(log_file(folder)).unwrap_or_default();
    String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL)..]).into_owned()
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// `ROLLCALL_BIN`, or the binary in the target folder that the running test lies in.
fn binary() -> Result<PathBuf> {
    let named = std::env::var_os("ROLLCALL_BIN").map(PathBuf::from);
    let found = named.map_or_else(|| beside_the_test("rollcall"), Ok)?;
    ensure!(
        found.is_file(),
        "no server at {}: cargo build first, or set ROLLCALL_BIN",
        found.display()
    );
    Ok(found)
}

/// The binary of that name in the target folder that the running test lies in.
pub fn beside_the_test(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test.ancestors().find(|folder| folder.join("deps").is_dir());
    Ok(profile.context("the test lies in no target folder")?.join(name))
}

/// Starts the process and waits until it is ready.
async fn spawn(setup: &Setup, folder: &Path, port: u16) -> Result<Child> {
    let log: File = OpenOptions::new().create(true).append(true).open(log_file(folder))?;
    let mut command = Command::new(binary()?);
    // Nothing of the caller's own settings reaches the server under test.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let mut child = command
        .arg("serve")
        .args(setup.demo.then_some("--demo"))
        .env("ROLLCALL_BIND", format!("127.0.0.1:{port}"))
        .env("ROLLCALL_DATA_DIR", data_dir(folder))
        .env("JWT_SECRET", SECRET)
        .env("ROLLCALL_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env("ROLLCALL_RATE_MESSAGES", "off")
        .env("ROLLCALL_RATE_CONNECTS", "off")
        .env("ROLLCALL_RATE_LOGINS", "off")
        .env("ROLLCALL_CANARY", "off")
        .env("ROLLCALL_LOG_FORMAT", "json")
        .envs(&setup.env)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()?;
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let ready = format!("http://127.0.0.1:{port}/health/ready");
    let outcome = eventually("the server is ready", START, async || {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(Err(status));
        }
        let answer = http.get(&ready).send().await.ok()?;
        answer.status().is_success().then_some(Ok(()))
    });
    match outcome.await {
        Ok(Ok(())) => Ok(child),
        Ok(Err(status)) => bail!("the server ended at its start with {status}\n{}", log_tail(folder)),
        Err(error) => bail!("{error}\n{}", log_tail(folder)),
    }
}

fn is_setting(name: &str) -> bool {
    // The test command finds processes that were left behind by this mark.
    if name == "ROLLCALL_TEST_RUN" {
        return false;
    }
    ["ROLLCALL_", "JWT_", "OTEL_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["PORT", "DATABASE_URL", "REDIS_URL", "ALLOWED_ORIGINS"].contains(&name)
}
