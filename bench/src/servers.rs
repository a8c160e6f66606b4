//! The servers that are measured: how each is started, what it needs before a workload, what it has used.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::http::Http;
use crate::seed::Shape;

/// `JWT_SECRET` of the servers that are measured.
const SECRET: &str = "a key of the bench, of more than 32 bytes";
/// How long a start may take.
const START: Duration = Duration::from_secs(20);
/// The same of one that something else runs, tens of times slower.
const START_WRAPPED: Duration = Duration::from_mins(3);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The server of this repository.
    Rollcall,
    /// socketioxide alone: joins and emits.
    Bare,
    /// Node with socket.io, and better-sqlite3 where messages are saved.
    Node,
}

impl Kind {
    /// As it stands in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Rollcall => "rollcall",
            Kind::Bare => "bare socketioxide",
            Kind::Node => "node",
        }
    }
}

/// Where the programs are, and which cores they get.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The folder of the built binaries.
    pub(crate) binaries: PathBuf,
    /// The folder of the Node server.
    pub(crate) node: PathBuf,
    /// The core of the server; `None` leaves it to the kernel.
    pub(crate) core: Option<usize>,
    /// What the server is run by, with its arguments.
    pub(crate) wrapper: Vec<String>,
    /// Variables that the servers get besides.
    pub(crate) env: Vec<(String, String)>,
}

/// A server that runs. It and its data end with this value.
#[derive(Debug)]
pub(crate) struct Server {
    /// Which one.
    pub(crate) kind: Kind,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
    folder: TempDir,
}

/// Who talks where: conversations by id, each with the tokens of its members.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// The rooms, each with its members' `auth`.
    pub(crate) rooms: Vec<Room>,
}

/// A conversation.
#[derive(Debug)]
pub(crate) struct Room {
    /// Its id.
    pub(crate) id: String,
    /// What each member gives on connecting.
    pub(crate) auths: Vec<String>,
    /// The first member's token.
    pub(crate) token: String,
}

impl Server {
    /// Starts one; with `save` it stores messages where that is its choice (Rollcall always does).
    pub(crate) async fn start(kind: Kind, programs: &Programs, save: bool) -> Result<Self> {
        Self::start_in(folder()?, kind, programs, save).await
    }

    /// Starts Rollcall with what the seed says already in its database; the others need none.
    pub(crate) async fn start_with(kind: Kind, programs: &Programs, seed: &Shape) -> Result<Self> {
        let folder = folder()?;
        if kind == Kind::Rollcall {
            seed.import(programs, folder.path())?;
        }
        Self::start_in(folder, kind, programs, false).await
    }

    async fn start_in(folder: TempDir, kind: Kind, programs: &Programs, save: bool) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = command(kind, programs, folder.path(), port, save);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{}: {command:?}", kind.name()))?;
        let mut server = Self {
            kind,
            address,
            child,
            folder,
        };
        let patience = if programs.wrapper.is_empty() {
            START
        } else {
            START_WRAPPED
        };
        let deadline = Instant::now() + patience;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            ensure!(server.child.try_wait()?.is_none(), "{} ended at its start", kind.name());
            ensure!(Instant::now() < deadline, "{} did not start", kind.name());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Makes users and conversations, where the server wants to know them.
    pub(crate) async fn crowd(&self, rooms: usize, members: usize, receipts: bool) -> Result<Crowd> {
        let mut http = None;
        if self.kind == Kind::Rollcall {
            http = Some(Http::connect(self.address).await?);
        }
        let service = token("bench-service", "service")?;
        let mut crowd = Crowd { rooms: Vec::new() };
        for room in 0..rooms {
            let (mut auths, mut ids, mut first) = (Vec::new(), Vec::new(), None);
            for member in 0..members {
                let id = format!("user-{room}-{member}");
                let token = token(&id, "user")?;
                if let Some(http) = &mut http {
                    // The first sight of its token makes the account.
                    http.ask("GET", "/api/v1/auth/me", &token, "").await?;
                }
                auths.push(json!({ "token": token, "receipts": receipts }).to_string());
                first.get_or_insert(token);
                ids.push(id);
            }
            let id = format!("room-{room}");
            if let Some(http) = &mut http {
                let body = json!({ "kind": "group", "id": id, "title": id, "participant_ids": ids });
                http.ask("POST", "/api/v1/conversations", &service, &body.to_string())
                    .await?;
            }
            crowd.rooms.push(Room {
                id,
                auths,
                token: first.unwrap_or_default(),
            });
        }
        Ok(crowd)
    }

    /// Processor time that it has used so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        cpu_of(&format!("/proc/{}", self.child.id()))
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Open files, sockets among them.
    pub(crate) fn files(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Bytes that its data takes on disk.
    pub(crate) fn disk_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for file in std::fs::read_dir(self.folder.path())? {
            bytes += file?.metadata()?.len();
        }
        Ok(bytes)
    }

    /// The sum over the labels of each of these metrics of Rollcall, 0 for one that it does not tell.
    pub(crate) async fn metrics<const N: usize>(&self, names: [&str; N]) -> Result<[f64; N]> {
        let text = Http::connect(self.address)
            .await?
            .ask("GET", "/metrics", "", "")
            .await?;
        Ok(names.map(|name| sum(&text, name)))
    }

    /// Memory that it holds, in KiB, without what it shares with others.
    pub(crate) fn memory_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("no RssAnon in /proc/…/status")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Processor time of this process itself, the load, in seconds.
pub(crate) fn own_cpu() -> Result<f64> {
    cpu_of("/proc/self")
}

/// In ticks, which are 10 ms long, it would be off by some percent where little happens. What the threads say is exact, but those
/// that have ended say nothing, so that the larger of the two is the better.
fn cpu_of(process: &str) -> Result<f64> {
    Ok(cpu_in_ticks(process)?.max(cpu_of_threads(process)?))
}

fn cpu_in_ticks(process: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("{process}/stat"))?;
    // The name before it may hold anything, spaces and brackets too.
    let (_, fields) = stat.rsplit_once(") ").context("/proc/…/stat")?;
    let ticks = |at: usize| -> Result<f64> {
        let field = fields.split(' ').nth(at).context("/proc/…/stat")?;
        Ok(field.parse()?)
    };
    let (user, system) = (ticks(11)?, ticks(12)?);
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second())?;
    Ok((user + system) / f64::from(per_second))
}

fn cpu_of_threads(process: &str) -> Result<f64> {
    let mut nanoseconds = 0.0;
    for thread in std::fs::read_dir(format!("{process}/task"))? {
        // One that ends meanwhile is none; a kernel without these figures has none.
        let Ok(times) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        let running = times.split(' ').next().context("/proc/…/schedstat")?;
        nanoseconds += running.parse::<f64>()?;
    }
    Ok(nanoseconds / 1e9)
}

fn folder() -> Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("rollcall-bench-").tempdir()?)
}

/// The sum of a metric's samples.
fn sum(text: &str, name: &str) -> f64 {
    let value = |line: &str| -> Option<f64> {
        let rest = line.strip_prefix(name)?;
        let bare = rest.starts_with([' ', '{']);
        bare.then(|| rest.rsplit(' ').next()?.parse().ok()).flatten()
    };
    text.lines().filter_map(value).sum()
}

fn command(kind: Kind, programs: &Programs, folder: &Path, port: u16, save: bool) -> Command {
    let program = match kind {
        Kind::Rollcall => programs.binaries.join("rollcall"),
        Kind::Bare => programs.binaries.join("bare-socketioxide"),
        Kind::Node => PathBuf::from("node"),
    };
    let mut words: Vec<OsString> = Vec::new();
    if let Some(core) = programs.core {
        words.extend(["taskset".into(), "-c".into(), core.to_string().into()]);
    }
    words.extend(programs.wrapper.iter().map(OsString::from));
    words.push(program.into());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command.envs(programs.env.iter().map(|(name, value)| (name, value)));
    match kind {
        Kind::Rollcall => {
            command
                .arg("serve")
                .env("ROLLCALL_BIND", format!("127.0.0.1:{port}"))
                .env("ROLLCALL_DATA_DIR", folder)
                .env("JWT_SECRET", SECRET)
                .env("ROLLCALL_ADMIN_PASSWORD", "not-of-interest")
                .env("ROLLCALL_AUTO_PROVISION", "true")
                .env("ROLLCALL_RATE_MESSAGES", "off")
                .env("ROLLCALL_RATE_CONNECTS", "off")
                .env("ROLLCALL_RATE_LOGINS", "off")
                .env("ROLLCALL_CANARY", "off")
                .env("ROLLCALL_LOG", "warn");
        }
        Kind::Bare => {
            command.arg(port.to_string());
        }
        Kind::Node => {
            command.arg(programs.node.join("server.mjs")).arg(port.to_string());
            if save {
                command.arg(folder.join("messages.db"));
            }
        }
    }
    command
}

/// A token that the measured servers take.
pub(crate) fn token(id: &str, role: &str) -> Result<String> {
    let claims = json!({ "sub": id, "name": id, "role": role, "exp": 4_102_444_800_u64 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &key)?)
}
