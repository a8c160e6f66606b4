//! What memory goes into: a connection in one state after the other, each state the one before it and something more.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::fanout::settle;
use crate::http::Http;
use crate::load::enter;
use crate::seed::{People, Shape};
use crate::servers::{Kind, Programs, Server};
use crate::wire::Connection;

/// Members of each conversation.
const MEMBERS: usize = 10;
/// Connections that are opened at a time.
const AT_A_TIME: usize = 32;
/// After the last connection: buffers of the handshake are given back.
const SETTLED: Duration = Duration::from_secs(1);

/// `bench memory`.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Memory {
    /// Connections of each state; a quarter as many come before, so that what is paid once is not counted
    #[arg(long, default_value_t = 2_000)]
    sockets: usize,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Tcp,
    Answered,
    EngineIo,
    Connected,
    OneRoom,
    OneRoomUsed,
    TenRooms,
}

const STATES: [State; 7] = [
    State::Tcp,
    State::Answered,
    State::EngineIo,
    State::Connected,
    State::OneRoom,
    State::OneRoomUsed,
    State::TenRooms,
];

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Tcp => "TCP, nothing said",
            State::Answered => "an HTTP request answered, kept open",
            State::EngineIo => "Engine.IO open over WebSocket",
            State::Connected => "namespace open, authenticated, in no conversation",
            State::OneRoom => "in 1 conversation of 10",
            State::OneRoomUsed => "in 1 conversation of 10, a message was sent to each",
            State::TenRooms => "in 10 conversations of 10",
        }
    }

    fn rooms_each(self) -> usize {
        match self {
            State::OneRoom | State::OneRoomUsed => 1,
            State::TenRooms => 10,
            _ => 0,
        }
    }

    fn shape(self, sockets: usize) -> Shape {
        Shape {
            users: sockets,
            rooms: sockets * self.rooms_each() / MEMBERS,
            members: MEMBERS,
            history: 0,
        }
    }
}

/// Held open, whatever it is.
enum Held {
    Tcp(#[expect(dead_code, reason = "it is only held")] TcpStream),
    Http(#[expect(dead_code, reason = "it is only held")] Http),
    Reading,
}

impl Memory {
    /// Measures every state at every server.
    pub(crate) async fn run(&self, programs: &Programs, servers: &[Kind], rounds: usize, as_json: bool) -> Result<()> {
        let mut all: Vec<(Kind, State, f64)> = Vec::new();
        for kind in servers {
            for state in STATES {
                let mut found = Vec::new();
                for _ in 0..rounds {
                    let run = LocalSet::new().run_until(self.state(state, *kind, programs)).await;
                    found.push(run.with_context(|| format!("{}: {}", kind.name(), state.name()))?);
                }
                found.sort_by(f64::total_cmp);
                all.push((*kind, state, found[found.len() / 2]));
            }
        }
        say(servers, &all, as_json);
        Ok(())
    }

    /// KiB per connection in this state.
    async fn state(&self, state: State, kind: Kind, programs: &Programs) -> Result<f64> {
        let (first, more) = (self.sockets.div_ceil(4 * MEMBERS) * MEMBERS, self.sockets);
        let shape = state.shape(first + more);
        let server = Rc::new(Server::start_with(kind, programs, &shape).await?);
        let people = Rc::new(shape.people(false)?);
        let mut readers = JoinSet::new();
        let mut held = open(state, &server, &people, (0, first), &mut readers).await?;
        let before = settled(&server).await?;
        held.extend(open(state, &server, &people, (first, first + more), &mut readers).await?);
        let after = settled(&server).await?;
        if let Some(ended) = readers.try_join_next() {
            ended?.context("a connection ended")?;
        }
        drop(held);
        #[expect(
            clippy::cast_precision_loss,
            reason = "KiB of a process, and thousands of connections"
        )]
        Ok((after as f64 - before as f64) / more as f64)
    }
}

async fn settled(server: &Server) -> Result<u64> {
    settle(server).await?;
    tokio::time::sleep(SETTLED).await;
    server.memory_kib()
}

async fn open(
    state: State,
    server: &Rc<Server>,
    people: &Rc<People>,
    (from, to): (usize, usize),
    readers: &mut JoinSet<Result<()>>,
) -> Result<Vec<Held>> {
    let mut opening = JoinSet::new();
    let mut held = Vec::new();
    let take =
        async |opening: &mut JoinSet<Result<Opened>>, held: &mut Vec<Held>, readers: &mut JoinSet<Result<()>>| {
            let Some(opened) = opening.join_next().await else {
                return anyhow::Ok(false);
            };
            held.push(match opened?? {
                Opened::Held(one) => one,
                Opened::Reads(connection) => {
                    readers.spawn_local(async move {
                        loop {
                            connection.read_some(|_| ()).await?;
                        }
                    });
                    Held::Reading
                }
            });
            Ok(true)
        };
    for at in from..to {
        if opening.len() >= AT_A_TIME {
            take(&mut opening, &mut held, readers).await?;
        }
        let (server, people) = (Rc::clone(server), Rc::clone(people));
        opening.spawn_local(async move { one(state, &server, &people, at).await });
    }
    while take(&mut opening, &mut held, readers).await? {}
    Ok(held)
}

enum Opened {
    Held(Held),
    Reads(Rc<Connection>),
}

async fn one(state: State, server: &Server, people: &People, at: usize) -> Result<Opened> {
    Ok(match state {
        State::Tcp => Opened::Held(Held::Tcp(TcpStream::connect(server.address).await?)),
        State::Answered => {
            let mut http = Http::connect(server.address).await?;
            // What it answers does not matter, and the bare server knows no page at all.
            let _answered_anything = http.ask("GET", "/health", "", "").await;
            Opened::Held(Held::Http(http))
        }
        State::EngineIo => Opened::Reads(Connection::upgrade(server.address).await?),
        State::Connected | State::OneRoom | State::TenRooms => {
            Opened::Reads(enter(server, people, &people.members[at]).await?)
        }
        State::OneRoomUsed => {
            let member = &people.members[at];
            let connection = enter(server, people, member).await?;
            let data = json!({ "conversation_id": people.rooms[member.rooms[0]], "content": "hello" });
            connection.ask("send_message", &data.to_string())?;
            Opened::Reads(connection)
        }
    })
}

#[expect(clippy::print_stdout, reason = "what was measured is what the command is for")]
fn say(servers: &[Kind], all: &[(Kind, State, f64)], as_json: bool) {
    let found = |kind: Kind, state: State| all.iter().find(|one| one.0 == kind && one.1 == state).map(|one| one.2);
    if as_json {
        let states = |kind: &Kind| -> Map<String, Value> {
            let of = |state: State| Some((state.name().to_owned(), json!(found(*kind, state)?)));
            STATES.into_iter().filter_map(of).collect()
        };
        let servers: Vec<Value> = servers
            .iter()
            .map(|kind| json!({ "server": kind.name(), "KiB per connection": states(kind) }))
            .collect();
        println!("{}", json!({ "memory": servers }));
        return;
    }
    print!("\n| KiB per connection |");
    for kind in servers {
        print!(" {} |", kind.name());
    }
    print!("\n|---|{}", "---|".repeat(servers.len()));
    for state in STATES {
        print!("\n| {} |", state.name());
        for kind in servers {
            print!(
                " {} |",
                found(*kind, state).map(|kib| format!("{kib:.1}")).unwrap_or_default()
            );
        }
    }
    println!();
}
