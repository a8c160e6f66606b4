//! Coming and going without end: what a server holds when everybody is gone again must be what it held before.
//!
//! Everything that is bounded is filled first (the ledger, what is remembered of closed sockets, page caches). Then people come and go
//! for a while as they will afterwards, so that both looks are behind the same kind of work; the server is left alone, and
//! what it holds is the beginning. After the churn it is left alone as long, and compared.
//!
//! The server's allocator is told to give back at once what is freed: what is compared is what the server uses, and not what its
//! allocator keeps for later, which changes by several MiB either way from one look to the next.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::fanout::settle;
use crate::load::enter;
use crate::seed::{Member, People, Shape};
use crate::servers::{Kind, Programs, Server};
use crate::wire::{Connection, Packet};

/// Members of each conversation.
const MEMBERS: usize = 10;
/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// Filling goes on until the ledger has not grown for so many looks …
const STILL_LOOKS: usize = 2;
/// … and takes at most this.
const FILLING_MAX: Duration = Duration::from_mins(3);
/// Messages of a visit while filling.
const FILLING_BURST: usize = 40;
/// The share of the churn that comes before the first look: filling has a higher peak than the churn, and an allocator gives back what
/// a peak took bit by bit.
const WARMING_SHARE: f64 = 0.2;
/// How long the server is left alone before what it holds counts.
const ALONE: Duration = Duration::from_secs(20);
/// What a metric may be at the end beside the beginning: nothing more.
const GAUGES: [&str; 6] = [
    "rollcall_connections",
    "rollcall_users_online",
    "rollcall_rooms",
    "rollcall_ledger_entries",
    "rollcall_ledger_bytes",
    "rollcall_deliveries_unconfirmed",
];
/// mimalloc keeps nothing that is freed, and the kernel makes no huge page of a range that is used in part. What `--server-env`
/// says comes after these, and wins.
const GIVES_BACK: [(&str, &str); 2] = [("MIMALLOC_PURGE_DELAY", "0"), ("MIMALLOC_ALLOW_THP", "0")];
/// The store opens its four readers as they are needed at a time, with two files each, and keeps them: what may still be
/// opened after the first look. A file that stayed with each visit would be thousands.
const READERS_FILES: usize = 8;
/// The first gauges are of what is live.
const LIVE: usize = 3;

/// `bench churn`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Churn {
    /// How long people come and go
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Accounts, in conversations of ten
    #[arg(long, default_value_t = 500)]
    users: usize,
    /// Visits at a time
    #[arg(long, default_value_t = 32)]
    at_a_time: usize,
    /// Messages of each visit
    #[arg(long, default_value_t = 3)]
    messages: usize,
    /// How far the end may be from the beginning, in per cent
    #[arg(long, default_value_t = 5.0)]
    tolerance: f64,
}

/// What the server holds.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: f64,
    kib: u64,
    files: usize,
    disk: u64,
    gauges: [f64; GAUGES.len()],
    visits: u64,
}

struct Visits {
    server: Server,
    people: People,
    began: Instant,
    burst: Cell<usize>,
    count: Cell<u64>,
    leaving: Cell<bool>,
    looks: RefCell<Vec<Look>>,
}

impl Churn {
    /// Runs it; an error when the server does not end where it began.
    pub(crate) async fn run(&self, programs: &Programs, as_json: bool) -> Result<()> {
        let mut programs = programs.clone();
        let given = GIVES_BACK.map(|(name, value)| (name.to_owned(), value.to_owned()));
        programs.env.splice(0..0, given);
        LocalSet::new().run_until(self.visits(&programs, as_json)).await
    }

    async fn visits(&self, programs: &Programs, as_json: bool) -> Result<()> {
        let rooms = self.users / MEMBERS;
        let shape = Shape {
            users: rooms * MEMBERS,
            rooms,
            members: MEMBERS,
            history: 0,
        };
        let visits = Rc::new(Visits {
            server: Server::start_with(Kind::Rollcall, programs, &shape).await?,
            people: shape.people(true)?,
            began: Instant::now(),
            burst: Cell::new(FILLING_BURST),
            count: Cell::new(0),
            leaving: Cell::new(false),
            looks: RefCell::default(),
        });
        visits.fill(self.at_a_time).await?;
        visits.burst.set(self.messages);
        let churn = Duration::from_secs_f64(self.minutes * 60.0);
        visits.come_and_go(self.at_a_time, churn.mul_f64(WARMING_SHARE)).await?;
        let before = visits.alone().await?;
        let counted = visits.count.get();
        visits.come_and_go(self.at_a_time, churn).await?;
        let after = visits.alone().await?;
        self.judge(&visits, (before, after), visits.count.get() - counted, as_json)
    }

    fn judge(&self, visits: &Visits, (before, after): (Look, Look), came: u64, as_json: bool) -> Result<()> {
        let kib = |look: &Look| f64::from(u32::try_from(look.kib).unwrap_or(u32::MAX));
        let changed = (kib(&after) / kib(&before) - 1.0) * 100.0;
        let steady = changed.abs() <= self.tolerance;
        let gone = after.gauges[..LIVE].iter().all(|gauge| *gauge == 0.0);
        let files = after.files <= before.files + READERS_FILES;
        if as_json {
            let looks: Vec<Value> = visits.looks.borrow().iter().map(Look::json).collect();
            print(
                &json!({ "churn": { "visits": came, "minutes": self.minutes, "before": before.json(), "after": after.json(),
                "change, %": changed, "steady": steady, "nothing live is left": gone, "files are closed": files,
                "looks": looks } }).to_string(),
            );
        } else {
            print(&format!(
                "{came} visits in {} minutes: {:.1} MiB before, {:.1} MiB after ({changed:+.1} %), {} and {} files open, \
                 {:.0} and {:.0} ledger entries; {}",
                self.minutes,
                kib(&before) / 1024.0,
                kib(&after) / 1024.0,
                before.files,
                after.files,
                before.gauges[LIVE],
                after.gauges[LIVE],
                if steady && gone && files {
                    "it ends where it began"
                } else {
                    "it does NOT end where it began"
                }
            ));
        }
        ensure!(
            gone,
            "connections, users or rooms are left: {:?}",
            &after.gauges[..LIVE]
        );
        ensure!(files, "{} files are open, {} were before", after.files, before.files);
        ensure!(
            steady,
            "memory changed by {changed:.1} %, more than {} %",
            self.tolerance
        );
        Ok(())
    }
}

impl Visits {
    /// Until what is bounded is full.
    async fn fill(self: &Rc<Self>, at_a_time: usize) -> Result<()> {
        let deadline = Instant::now() + FILLING_MAX;
        let (mut most, mut still) = (0.0, 0);
        while still < STILL_LOOKS && Instant::now() < deadline {
            self.come_and_go(at_a_time, LOOK).await?;
            let entries = self.look().await?.gauges[LIVE];
            still = if entries > most * 1.02 { 0 } else { still + 1 };
            most = entries.max(most);
        }
        Ok(())
    }

    async fn come_and_go(self: &Rc<Self>, at_a_time: usize, time: Duration) -> Result<()> {
        self.leaving.set(false);
        let until = Instant::now() + time;
        let mut visitors = JoinSet::new();
        for visitor in 0..at_a_time {
            let visits = Rc::clone(self);
            visitors.spawn_local(async move {
                // Nobody is there twice: each visitor has accounts of their own.
                let mut user = visitor;
                while !visits.leaving.get() {
                    visits.visit(user % visits.people.members.len()).await?;
                    user += at_a_time;
                }
                anyhow::Ok(())
            });
        }
        while Instant::now() < until {
            tokio::time::sleep(LOOK.min(until - Instant::now())).await;
            let look = self.look().await?;
            self.looks.borrow_mut().push(look);
            if let Some(ended) = visitors.try_join_next() {
                ended??;
            }
        }
        self.leaving.set(true);
        while let Some(ended) = visitors.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Connect, say something, leave, go: every other time without a word.
    async fn visit(&self, user: usize) -> Result<()> {
        let member: &Member = &self.people.members[user];
        let room = &self.people.rooms[member.rooms[0]];
        let connection = enter(&self.server, &self.people, member).await?;
        let room_only = json!({ "conversation_id": room }).to_string();
        connection.ask_and_wait("join_conversation", &room_only).await?;
        let data = json!({ "conversation_id": room, "content": "somebody was here, said this, and went again" });
        let (data, burst) = (data.to_string(), self.burst.get());
        for _ in 0..burst {
            connection.ask("send_message", &data)?;
        }
        answered(&connection, burst).await?;
        let count = self.count.get();
        let receipt = json!({ "conversation_id": room, "received": u32::MAX });
        connection.ask_and_wait("receipt", &receipt.to_string()).await?;
        connection.ask_and_wait("leave_conversation", &room_only).await?;
        if count.is_multiple_of(2) {
            connection.write("41")?;
        }
        self.count.set(count + 1);
        Ok(())
    }

    async fn alone(&self) -> Result<Look> {
        settle(&self.server).await?;
        tokio::time::sleep(ALONE).await;
        let look = self.look().await?;
        self.looks.borrow_mut().push(look);
        Ok(look)
    }

    async fn look(&self) -> Result<Look> {
        Ok(Look {
            at: self.began.elapsed().as_secs_f64(),
            gauges: self.server.metrics(GAUGES).await?,
            kib: self.server.memory_kib()?,
            files: self.server.files()?,
            disk: self.server.disk_bytes()?,
            visits: self.count.get(),
        })
    }
}

async fn answered(connection: &Connection, count: usize) -> Result<()> {
    let mut left = count;
    if left == 0 {
        return Ok(());
    }
    let refused = connection.read_until(|packet| match packet {
        Packet::Ack(answer) if !answer.contains("\"ok\":true") => Some(Some(answer.to_owned())),
        Packet::Ack(_) => {
            left -= 1;
            (left == 0).then_some(None)
        }
        _ => None,
    });
    match refused.await? {
        None => Ok(()),
        Some(answer) => anyhow::bail!("a message was refused: {answer}"),
    }
}

impl Look {
    fn json(&self) -> Value {
        let gauges: serde_json::Map<String, Value> = GAUGES
            .iter()
            .zip(self.gauges)
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        json!({ "seconds": self.at, "visits": self.visits, "memory, KiB": self.kib, "files": self.files,
            "disk, bytes": self.disk, "gauges": gauges })
    }
}

#[expect(clippy::print_stdout, reason = "what was measured is what the command is for")]
fn print(text: &str) {
    println!("{text}");
}
