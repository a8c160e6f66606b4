//! Messages that come over HTTP and go to everybody's socket.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::Instant;

use crate::fanout::{enter, settle};
use crate::figures::Figures;
use crate::http::Http;
use crate::servers::{Kind, Programs, Server, own_cpu};

/// HTTP connections that post at the same time, each its next when the last was answered.
const POSTERS: usize = 16;

/// One run against one server.
pub(crate) async fn run(
    kind: Kind,
    programs: &Programs,
    rooms: usize,
    members: usize,
    seconds: f64,
) -> Result<Figures> {
    let server = Server::start(kind, programs, true).await?;
    let crowd = server.crowd(rooms, members, false).await?;
    let mut tasks = tokio::task::JoinSet::new();
    let (heard, posted, times) = (
        Rc::new(Cell::new(0_u64)),
        Rc::new(Cell::new(0_u64)),
        Rc::new(RefCell::new(Vec::new())),
    );
    for room in &crowd.rooms {
        for auth in &room.auths {
            let (connection, heard) = (enter(&server, room, auth).await?, Rc::clone(&heard));
            tasks.spawn_local(async move {
                loop {
                    let read = connection.read_some(|packet| {
                        if matches!(packet, crate::wire::Packet::Event(event) if event.starts_with("[\"new_message\""))
                        {
                            heard.set(heard.get() + 1);
                        }
                    });
                    read.await?;
                }
            });
        }
    }
    settle(&server).await?;
    for poster in 0..POSTERS {
        let room = &crowd.rooms[poster % rooms];
        let (token, id) = (room.token.clone(), room.id.clone());
        let (mut http, posted, times) = (
            Http::connect(server.address).await?,
            Rc::clone(&posted),
            Rc::clone(&times),
        );
        tasks.spawn_local(async move {
            let body =
                json!({ "conversation_id": id, "content": "the quick brown fox jumps over the lazy dog" }).to_string();
            loop {
                let began = Instant::now();
                http.ask("POST", "/api/v1/messages", &token, &body).await?;
                posted.set(posted.get() + 1);
                times.borrow_mut().push(began.elapsed());
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    times.borrow_mut().clear();
    let (began, before, server_cpu, load_cpu) = (Instant::now(), posted.get(), server.cpu()?, own_cpu()?);
    let heard_before = heard.get();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let (server_cpu, load_cpu, took) = (server.cpu()? - server_cpu, own_cpu()? - load_cpu, began.elapsed());
    if let Some(ended) = tasks.try_join_next() {
        let ended: Result<()> = ended?;
        ended.context("a client ended")?;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    let (posts, heard) = ((posted.get() - before) as f64, (heard.get() - heard_before) as f64);
    let mut figures = Figures::default();
    figures.set("requests per second", posts / took.as_secs_f64());
    figures.set("server CPU per request, µs", server_cpu * 1e6 / posts.max(1.0));
    figures.set("deliveries per request", heard / posts.max(1.0));
    figures.latencies("an answer", &mut times.borrow_mut());
    figures.set("load CPU, share of a core", load_cpu / took.as_secs_f64());
    Ok(figures)
}
