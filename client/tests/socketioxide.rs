//! The client against the server library itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends by panicking, its helpers too"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the one door is the real server's; this is a server of four lines"
)]

use std::time::Duration;

use rollcall_client::protocol::ErrorCode;
use rollcall_client::{Backoff, Builder, CallError, Client, ClientEvent, DownReason, Events, ServerEvent, State};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;

const PATIENCE: Duration = Duration::from_secs(10);

async fn check_token(_: SocketRef, Data(auth): Data<Value>) -> Result<(), &'static str> {
    match auth["token"].as_str() {
        Some("good") => Ok(()),
        Some("old") => Err("token_expired: it ended at noon"),
        _ => Err("unauthorized: no token"),
    }
}

async fn on_connect(socket: SocketRef) {
    socket.on("echo", async |Data::<Value>(data), ack: AckSender| {
        drop(ack.send(&data));
    });
    socket.on("whoami", async |socket: SocketRef, ack: AckSender| {
        let error = json!({"code": "rate_limited", "message": "slow down", "retry_after_ms": 5});
        let _ = ack.send(&json!({"ok": false, "error": error}));
        let _ = socket.emit("greeting", &json!({"to": socket.id}));
    });
    socket.on("cut", async |socket: SocketRef| drop(socket.disconnect()));
}

async fn serve() -> (SocketIo, Builder) {
    let (io, address) = serve_at().await;
    let backoff = Backoff {
        first: Duration::from_millis(20),
        most: Duration::from_millis(50),
        attempts_max: None,
    };
    (io, Client::builder(address).reconnect(backoff))
}

async fn serve_at() -> (SocketIo, String) {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", on_connect.with(check_token));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().layer(layer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    (io, address)
}

async fn next<T>(events: &mut Events, mut pick: impl FnMut(ClientEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(picked) = pick(events.next().await.expect("the link ended")) {
                return picked;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("the event in time")
}

#[tokio::test]
async fn calls_events_and_refusals() {
    let (_io, builder) = serve().await;
    let (client, mut events) = builder.token("good").connect().await.unwrap();
    let data = json!({"text": "grüße 👋", "n": 1});
    assert_eq!(client.emit_with_ack("echo", data.clone()).await.unwrap(), data);
    let refused = client.whoami().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::RateLimited));
    let greeting = next(&mut events, |event| match event {
        ClientEvent::Server(ServerEvent::Other { event, data }) => Some((event, data)),
        _ => None,
    })
    .await;
    let State::Connected { sid } = client.state() else {
        panic!("{:?}", client.state())
    };
    assert_eq!(greeting, ("greeting".into(), json!({ "to": sid })));
}

#[tokio::test]
async fn a_disconnect_by_the_server_is_told_and_come_back_from() {
    let (_io, builder) = serve().await;
    let (client, mut events) = builder.token("good").connect().await.unwrap();
    client.emit("cut", Value::Null).await.unwrap();
    let reason = next(&mut events, |event| match event {
        ClientEvent::State(State::Reconnecting { reason, attempt, .. }) => Some((reason, attempt)),
        _ => None,
    })
    .await;
    assert_eq!(reason, (DownReason::DisconnectedByServer, 1));
    next(&mut events, |event| {
        matches!(event, ClientEvent::State(State::Connected { .. })).then_some(())
    })
    .await;
    assert_eq!(client.emit_with_ack("echo", json!(1)).await, Ok(json!(1)));
}

#[tokio::test]
async fn a_token_that_is_refused_ends_it() {
    let (_io, builder) = serve().await;
    let refused = builder.clone().token("old").connect().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::TokenExpired));
    let (client, mut events) = builder.token("bad").start().unwrap();
    let reason = next(&mut events, |event| match event {
        ClientEvent::State(State::Closed { reason }) => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason.code(), Some(ErrorCode::Unauthorized));
    assert_eq!(events.next().await, None);
    assert_eq!(client.emit("x", Value::Null).await, Err(CallError::Disconnected));
}

#[tokio::test]
async fn wrong_addresses_are_said_in_words() {
    let (_io, address) = serve_at().await;
    let builder = Client::builder(&address);
    let wrong_path = builder
        .clone()
        .token("good")
        .path("/elsewhere/")
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(wrong_path, DownReason::Http { status: 404, .. }),
        "{wrong_path}"
    );
    let wrong_namespace = builder.token("good").namespace("/nowhere").connect().await.unwrap_err();
    assert!(
        matches!(wrong_namespace, DownReason::RefusedInWords(_)),
        "{wrong_namespace}"
    );
    let no_tls = Client::builder(address.replace("http:", "https:"))
        .connect()
        .await
        .unwrap_err();
    assert!(matches!(no_tls, DownReason::Unreachable(_)), "{no_tls}");
    let nobody = Client::builder("http://127.0.0.1:1").connect().await.unwrap_err();
    assert!(matches!(nobody, DownReason::Unreachable(_)), "{nobody}");
}

#[tokio::test]
async fn close_takes_leave() {
    let (io, builder) = serve().await;
    let (client, mut events) = builder.token("good").connect().await.unwrap();
    assert_eq!(io.sockets().len(), 1);
    client.close().await;
    let gone = async {
        while !io.sockets().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    let reason = next(&mut events, |event| match event {
        ClientEvent::State(State::Closed { reason }) => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, DownReason::Closed);
}
