//! The admin pages over a made-up server, for looking at them: `cargo run -p rollcall-server --example admin_preview`.
//!
//! Sign in as `admin` or `watcher` with the password that is printed. `POST /preview/connect?user=carol` connects somebody.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developers")]

#[path = "../tests/admin/fake.rs"]
mod fake;
#[path = "../tests/admin/stage.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod stage;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Query;
use axum::routing::post;
use chat_core::UserId;
use chat_core::ports::Clock;
use rollcall_server::clock::SystemClock;
use rollcall_server::gateway::rejected::{Fault, Rejection};
use tokio_util::sync::CancellationToken;

use crate::fake::FakeServer;
use crate::stage::{PASSWORD, Stage};

#[tokio::main]
async fn main() {
    let everybody: &[&str] = &["alice", "bob", "carol", "dora", "erin", "frank"];
    let server = FakeServer::with(&[
        ("0197c31f-2b7e-7000-8000-0000000000a1", everybody),
        ("0197c31f-2b7e-7000-8000-0000000000b2", &["alice", "bob"]),
        ("0197c31f-2b7e-7000-8000-0000000000c3", &["carol", "dora"]),
        ("42", &["alice", "carol", "dora", "zoe"]),
    ]);
    people(&server);
    let stage = Stage::set(Arc::clone(&server), "off").await;
    reject(&stage);
    let history = Arc::clone(&stage.history);
    tokio::spawn(history.keep(server.clone(), Arc::new(SystemClock), CancellationToken::new()));
    let busy = Arc::clone(&server);
    tokio::spawn(async move {
        for n in 0_u64.. {
            busy.send(20 + n * 7 % 23);
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    });
    let connect = Arc::clone(&server);
    let connect = move |Query(query): Query<HashMap<String, String>>| async move {
        let sid = format!("New{:017}", SystemClock.now().as_millis());
        connect.connect(connect.usual(&sid, &query["user"]));
        sid
    };
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(4699);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!(
        "http://{}/admin (admin or watcher, {PASSWORD})",
        listener.local_addr().unwrap()
    );
    let router = stage.router.clone().route("/preview/connect", post(connect));
    axum::serve(listener, router).await.unwrap();
}

fn people(server: &FakeServer) {
    let ago = |minutes: i64| SystemClock.now().plus_millis(-60_000 * minutes - 7_113);
    let sids = [
        "8JxTq1vPw0aaLmQwAAAB",
        "kP2fYc77RkS0dd1xAAAD",
        "Zt9Uu3yNnE4hq8z1AAAF",
        "0aBrM5kGvV2jc6t7AAAH",
    ];
    let users = ["alice", "alice", "bob", "carol"];
    for (n, (sid, user)) in (0_i64..).zip(sids.into_iter().zip(users)) {
        let mut socket = server.usual(sid, user);
        socket.connected_at = ago(12 + 31 * n);
        if n == 1 {
            socket.client = None;
            socket.transport = "polling";
            socket.user_agent =
                Some("Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/148.0 Mobile".to_owned());
        }
        socket.receipts = user != "bob";
        server.connect(socket);
    }
    let mut dora = server.usual("Qw7Lz2bHsX9pe3r0AAAJ", "dora");
    dora.rooms.retain(|room| room != "conversation:42");
    dora.rooms.push("conversation_42".to_owned());
    dora.client = Some("\"><script>alert(1)</script>".to_owned());
    dora.connected_at = ago(1500);
    server.connect(dora);
    let mut erin = server.usual("Er1nK4dWmT8vo5y2AAAL", "erin");
    erin.transport = "plain-websocket";
    erin.client = Some("rollcall-tui/0.1.0".to_owned());
    erin.lagging = true;
    erin.connected_at = ago(3);
    server.connect(erin);
    for n in 0..140 {
        let mut crowd = server.usual(&format!("Crowd{n:011}AAAB"), &format!("visitor-{:02}", n % 90));
        crowd
            .rooms
            .push(format!("conversation:0197c31f-2b7e-7000-8000-{:012}", n % 37));
        crowd.connected_at = ago(2 * n);
        server.connect(crowd);
    }
}

fn reject(stage: &Stage) {
    let faults = [
        Fault::Namespace("/chat".to_owned()),
        Fault::Protocol("3".to_owned()),
        Fault::Path("/ws/socket.io".to_owned()),
        Fault::Origin("https://app.example".to_owned()),
        Fault::Origin("https://app.example".to_owned()),
        Fault::TokenInvalid("its signature is not ours".to_owned()),
        Fault::TokenExpired,
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        let user_id = matches!(fault, Fault::TokenExpired)
            .then(|| UserId::parse("0197c31f-0000-7000-8000-0000000b0b0b").unwrap());
        stage.rejected.note(Rejection {
            fault,
            address: Some(format!("192.0.2.{}", 7 + n).parse().unwrap()),
            origin: Some("https://app.example".to_owned()),
            path: "/socket.io/?EIO=4&transport=websocket".to_owned(),
            user_id,
        });
    }
}
