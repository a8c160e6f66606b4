//! Looking: what each page of the admin, its JSON and the metrics cost while many are connected, in rooms of their own.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::Instant;

use crate::connects::open_all;
use crate::fanout::settle;
use crate::figures::Figures;
use crate::http::Http;
use crate::servers::{Kind, Programs, Server, token};

/// Looks at each page; the figure is the middle one.
const LOOKS: usize = 7;
/// Between two looks at the same page: longer than anything is kept that was counted for the last one.
const PAUSE: Duration = Duration::from_millis(700);

/// What is looked at besides the pages of one thing, each with and without `/api`.
const BOTH: [&str; 18] = [
    "overview",
    "namespaces",
    "rooms",
    "rooms?all=1",
    "rooms?q=room-77",
    "rooms/%2F/conversation%3Aroom-1",
    "sockets",
    "sockets?sort=client",
    "sockets?sort=-rooms",
    "sockets?q=user-77",
    "sockets?state=unconfirmed",
    "users",
    "users?online=1",
    "users/user-1-0",
    "conversations",
    "conversations/room-1",
    "messages?q=hello",
    "nodes",
];
const PAGES: [&str; 5] = [
    "/admin/messages",
    "/admin/rejected",
    "/admin/audit",
    "/admin/explain?conversation_id=room-1&user_id=user-1-0",
    "/metrics",
];

/// One run: so many sockets, each in a conversation of its own.
pub(crate) async fn run(programs: &Programs, sockets: usize) -> Result<Figures> {
    let server = Rc::new(Server::start(Kind::Rollcall, programs, false).await?);
    let crowd = Rc::new(server.crowd(sockets, 1, true).await?);
    let _reading = open_all(&server, &crowd, sockets, 1).await?;
    settle(&server).await?;
    let admin = token("bench-admin", "admin")?;
    let mut http = Http::connect(server.address).await?;
    let first: Value = serde_json::from_str(&http.ask("GET", "/admin/api/sockets", &admin, "").await?)?;
    let sid = first["items"][0]["sid"].as_str().context("a socket")?.to_owned();
    let mut paths: Vec<String> = Vec::new();
    for what in BOTH
        .iter()
        .map(|what| (*what).to_owned())
        .chain([format!("sockets/{sid}")])
    {
        // The Overview's page bears no name.
        paths.push(if what == "overview" {
            "/admin".to_owned()
        } else {
            format!("/admin/{what}")
        });
        paths.push(format!("/admin/api/{what}"));
    }
    paths.extend(PAGES.map(str::to_owned));
    let mut took: Vec<Vec<Duration>> = vec![Vec::new(); paths.len()];
    for _ in 0..LOOKS {
        tokio::time::sleep(PAUSE).await;
        for (path, took) in paths.iter().zip(&mut took) {
            let began = Instant::now();
            http.ask("GET", path, &admin, "").await?;
            took.push(began.elapsed());
        }
    }
    let mut figures = Figures::default();
    for (path, mut took) in paths.into_iter().zip(took) {
        took.sort_unstable();
        figures.set(
            format!("{}, ms", path.replace(&sid, "SID")),
            took[LOOKS / 2].as_secs_f64() * 1e3,
        );
    }
    Ok(figures)
}
