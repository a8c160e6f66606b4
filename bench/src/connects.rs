//! Coming: connect, authenticate, join; and what a connection that only sits there costs in memory.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fanout::{enter, settle};
use crate::figures::Figures;
use crate::servers::{Crowd, Kind, Programs, Server, own_cpu};

/// Connections that are being opened at a time.
const AT_A_TIME: usize = 64;

/// One run against one server.
pub(crate) async fn run(kind: Kind, programs: &Programs, sockets: usize, members: usize) -> Result<Figures> {
    let server = Server::start(kind, programs, false).await?;
    let crowd = Rc::new(server.crowd(sockets.div_ceil(members), members, false).await?);
    settle(&server).await?;
    let server = Rc::new(server);
    let (memory, server_cpu, load_cpu, began) = (server.memory_kib()?, server.cpu()?, own_cpu()?, Instant::now());
    let _reading = open_all(&server, &crowd, sockets, members).await?;
    let (took, load_cpu) = (began.elapsed(), own_cpu()? - load_cpu);
    let (until_here, before) = (server.cpu()? - server_cpu, server_cpu);
    // Until everybody has been told of everybody.
    settle(&server).await?;
    let server_cpu = server.cpu()? - before;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let grown = server.memory_kib()?.saturating_sub(memory);
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let (sockets, grown) = (sockets as f64, grown as f64);
    let mut figures = Figures::default();
    figures.set("connects per second", sockets / took.as_secs_f64());
    figures.set("server CPU per connect, µs", until_here * 1e6 / sockets);
    figures.set("the same until all are told of it, µs", server_cpu * 1e6 / sockets);
    figures.set("memory per idle connection, KiB", grown / sockets);
    figures.set("load CPU, share of a core", load_cpu / took.as_secs_f64());
    Ok(figures)
}

/// Opens so many connections of the crowd, whose rooms have `members` each. They read on, as clients do (presence, heartbeats), until
/// the set is dropped.
pub(crate) async fn open_all(
    server: &Rc<Server>,
    crowd: &Rc<Crowd>,
    sockets: usize,
    members: usize,
) -> Result<JoinSet<()>> {
    let next = Rc::new(Cell::new(0));
    let mut opening = JoinSet::new();
    let mut reading = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (server, crowd, next) = (Rc::clone(server), Rc::clone(crowd), Rc::clone(&next));
        opening.spawn_local(async move {
            let mut opened = Vec::new();
            while next.get() < sockets {
                let (room, member) = (next.get() / members, next.get() % members);
                next.set(next.get() + 1);
                let room = &crowd.rooms[room];
                opened.push(enter(&server, room, &room.auths[member]).await?);
            }
            anyhow::Ok(opened)
        });
    }
    while let Some(opened) = opening.join_next().await {
        for connection in opened?? {
            reading.spawn_local(async move { while connection.read_some(|_| ()).await.is_ok() {} });
        }
    }
    Ok(reading)
}
