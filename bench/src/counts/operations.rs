//! The operations that are counted, one after the other at one server.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::callgrind::{Counted, Counter, wrapper};
use crate::fanout::{number_after, settle};
use crate::http::Http;
use crate::load::enter;
use crate::seed::{Member, People, Shape};
use crate::servers::{Kind, Programs, Server};
use crate::wire::{Connection, Packet};

/// Members of each conversation.
const MEMBERS: usize = 10;
/// Conversations: the first two are for messages, the others for coming and going.
const ROOMS: usize = 8;
/// So often before it counts: caches are filled, tables have their size.
const WARM: usize = 40;
/// Each operation is counted in so many stretches; the least counts.
const STRETCHES: usize = 4;
/// How long the server is left alone to see what it does by itself.
const IDLE: Duration = Duration::from_secs(4);

/// After this presence of everybody is told.
const TOLD: Duration = Duration::from_secs(2);

struct Bench {
    server: Server,
    shape: Shape,
    people: People,
    counter: Counter,
    /// What it does by itself, per second.
    alone: Counted,
    found: BTreeMap<String, Counted>,
}

/// Counts every operation.
pub(super) async fn count(programs: &Programs) -> Result<BTreeMap<String, Counted>> {
    let folder = tempfile::Builder::new().prefix("rollcall-counts-").tempdir()?;
    let out = folder.path().join("callgrind");
    let mut programs = programs.clone();
    programs.wrapper = wrapper(&out);
    // One thread does the work: nothing is stolen, nobody is woken who finds nothing.
    programs.env.push(("TOKIO_WORKER_THREADS".to_owned(), "1".to_owned()));
    let shape = Shape {
        users: ROOMS * MEMBERS,
        rooms: ROOMS,
        members: MEMBERS,
        history: 60,
    };
    let server = Server::start_with(Kind::Rollcall, &programs, &shape).await?;
    let counter = Counter::new(server.process(), &out, &programs.binaries.join("rollcall"))?;
    let mut bench = Bench {
        server,
        people: shape.people(false)?,
        shape,
        counter,
        alone: Counted::default(),
        found: BTreeMap::new(),
    };
    bench.alone().await?;
    bench.connects().await?;
    bench.messages().await?;
    bench.reads().await?;
    Ok(bench.found)
}

impl Bench {
    /// What the server does by itself: it is taken off everything else, by time. First it is let index what it was given.
    async fn alone(&mut self) -> Result<()> {
        settle(&self.server).await?;
        tokio::time::sleep(TOLD).await;
        self.counter.take()?;
        let began = Instant::now();
        tokio::time::sleep(IDLE).await;
        let counted = self.counter.take()?;
        self.alone = counted.scaled(1.0 / began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Notes what `count` operations since `began` cost, each; of several stretches the one with the least that came by itself.
    #[expect(clippy::cast_precision_loss, reason = "hundreds")]
    fn note(&mut self, name: &str, began: Instant, count: usize) -> Result<()> {
        let alone = self.alone.scaled(began.elapsed().as_secs_f64());
        let each = self.counter.take()?.without(&alone).scaled(1.0 / count as f64);
        let least = self.found.get(name).map_or(f64::INFINITY, |least| least.instructions);
        if each.instructions < least {
            self.found.insert(name.to_owned(), each);
        }
        Ok(())
    }

    /// Everybody comes, and goes at once.
    async fn connects(&mut self) -> Result<()> {
        for member in &self.people.members[..WARM] {
            enter(&self.server, &self.people, member).await?;
        }
        // Presence of these is told by then.
        tokio::time::sleep(TOLD).await;
        self.counter.take()?;
        for _ in 0..STRETCHES {
            let began = Instant::now();
            let coming: Vec<Member> = self.people.members[WARM..].to_vec();
            for member in &coming {
                enter(&self.server, &self.people, member).await?;
            }
            tokio::time::sleep(TOLD).await;
            self.note("connect, authenticate, join, and go", began, coming.len())?;
        }
        Ok(())
    }

    /// One message after the other; in the second conversation everybody confirms.
    async fn messages(&mut self) -> Result<()> {
        for (name, room) in [
            ("a message to 10 members, all of them there", 0),
            ("the same, and each of them confirms it", 1),
        ] {
            let people = self.shape.people(room == 1)?;
            let mut members = Vec::new();
            for member in &people.members[room * MEMBERS..][..MEMBERS] {
                members.push(enter(&self.server, &people, member).await?);
            }
            self.say(room, &members, WARM).await?;
            self.counter.take()?;
            for _ in 0..STRETCHES {
                let (began, count) = (Instant::now(), 100);
                self.say(room, &members, count).await?;
                self.note(name, began, count)?;
            }
        }
        Ok(())
    }

    /// Sends so many, each when everybody had the last one.
    async fn say(&self, room: usize, members: &[Rc<Connection>], count: usize) -> Result<()> {
        let room_id = &self.people.rooms[room];
        let sender = members.first().context("somebody is there")?;
        for number in 0..count {
            let content = format!("{number:06}: the quick brown fox jumps over the lazy dog, and nobody is harmed");
            let data = json!({ "conversation_id": room_id, "content": content }).to_string();
            sender.ask("send_message", &data)?;
            let wanted = format!("\"content\":\"{number:06}:");
            for member in members {
                let heard = |packet: Packet<'_>| match packet {
                    Packet::Event(event) if event.contains(&wanted) => number_after(event, "\"seq\":"),
                    _ => None,
                };
                let seq = member.read_until(heard).await?;
                if room == 1 {
                    // At once: what is not confirmed is sent again, and that is another matter.
                    let data = json!({ "conversation_id": room_id, "received": seq });
                    member.ask_and_wait("receipt", &data.to_string()).await?;
                }
            }
        }
        Ok(())
    }

    /// What is asked over HTTP.
    async fn reads(&mut self) -> Result<()> {
        // They must read: who does not answer a heartbeat is gone.
        let mut readers = JoinSet::new();
        for member in &self.people.members[..MEMBERS] {
            let connection = enter(&self.server, &self.people, member).await?;
            readers.spawn_local(async move { while connection.read_some(|_| ()).await.is_ok() {} });
        }
        let mut http = Http::connect(self.server.address).await?;
        let token = self.people.members[0].token.clone();
        let room = self.people.rooms[0].clone();
        let body =
            json!({ "conversation_id": room, "content": "the quick brown fox jumps over the lazy dog" }).to_string();
        let page = format!("/api/v1/conversations/{room}/messages?limit=50");
        let posted: Value = serde_json::from_str(&http.ask("POST", "/api/v1/messages", &token, &body).await?)?;
        let id = posted["message"]["id"].as_str().or(posted["id"].as_str());
        let delivery = format!("/api/v1/messages/{}/delivery", id.context("a message has an id")?);
        for (name, method, path, body) in [
            ("a page of 50 messages over HTTP", "GET", page.as_str(), ""),
            (
                "a message over HTTP to 10 members",
                "POST",
                "/api/v1/messages",
                body.as_str(),
            ),
            ("the delivery of a message to 10 members", "GET", &delivery, ""),
        ] {
            for _ in 0..WARM / 4 {
                http.ask(method, path, &token, body).await?;
            }
            self.counter.take()?;
            for _ in 0..STRETCHES {
                let (began, count) = (Instant::now(), 30);
                for _ in 0..count {
                    http.ask(method, path, &token, body).await?;
                }
                self.note(name, began, count)?;
            }
        }
        Ok(())
    }
}

impl Counted {
    fn scaled(&self, by: f64) -> Self {
        Self {
            instructions: self.instructions * by,
            allocations: self.allocations * by,
            by_function: self
                .by_function
                .iter()
                .map(|(name, cost)| (name.clone(), cost * by))
                .collect(),
        }
    }

    fn without(mut self, other: &Self) -> Self {
        self.instructions = (self.instructions - other.instructions).max(0.0);
        self.allocations = (self.allocations - other.allocations).max(0.0);
        for (name, cost) in &mut self.by_function {
            *cost = (*cost - other.by_function.get(name).copied().unwrap_or_default()).max(0.0);
        }
        self
    }
}
