//! A server that is no Rollcall, and a client that stands still on request.

use std::sync::{Arc, Mutex};

use futures_util::SinkExt;
use rollcall_client::{ClientEvent, ServerEvent, TappedPacket};
use serde_json::{Map, Value, json};
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::server::{Server, message, next, session};

fn other(event: &ClientEvent) -> Option<(String, Value)> {
    match event {
        ClientEvent::Server(ServerEvent::Other { event, data }) => Some((event.clone(), data.clone())),
        _ => None,
    }
}

fn is_session(event: &ClientEvent) -> Option<()> {
    matches!(event, ClientEvent::Server(ServerEvent::Session(_))).then_some(())
}

#[tokio::test]
async fn a_plain_client_reads_no_meaning_into_events() {
    let server = Server::bind().await;
    let further: Map<String, Value> = serde_json::from_value(json!({"secret": "s", "room": 7})).unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let tap = seen.clone();
    let builder = server
        .client()
        .plain(true)
        .auth_data(further)
        .tap(move |packet: TappedPacket<'_>| {
            tap.lock().unwrap().push_str(packet.text);
        });
    let (client, mut events) = builder.start().unwrap();
    let mut connection = server.accept().await;
    assert_eq!(connection.auth, json!({"secret": "s", "room": 7}));
    // Names of the contract in other shapes, and several arguments or none.
    connection.write(r#"42["new_message","a text",{"x":1}]"#).await;
    connection.write(r#"42["session"]"#).await;
    assert_eq!(
        next(&mut events, other).await,
        ("new_message".into(), json!(["a text", {"x": 1}]))
    );
    assert_eq!(next(&mut events, other).await, ("session".into(), json!([])));

    let asked = tokio::spawn({
        let client = client.clone();
        async move { client.emit_args_with_ack("sum", vec![json!(1), json!([2])]).await }
    });
    assert_eq!(connection.read().await, r#"420["sum",1,[2]]"#);
    connection.answer(0, json!(3)).await;
    assert_eq!(asked.await.unwrap().unwrap(), json!(3));
    let seen = seen.lock().unwrap().clone();
    assert!(
        seen.contains(r#""secret":"…""#) && !seen.contains(r#""secret":"s""#),
        "{seen}"
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_still_writes_and_reads_on_later() {
    let server = Server::bind().await;
    let (client, mut events) = server.client().start().unwrap();
    let mut connection = server.accept().await;
    connection.emit("session", session(0, &json!({}))).await;
    next(&mut events, is_session).await;
    client.set_reading(false).await;
    // Written after the command was taken, so nothing that is sent now is read.
    client.emit("typing", json!({})).await.unwrap();
    assert_eq!(connection.read_event().await.0, "typing");
    connection.message(1).await;
    let nothing = timeout(Duration::from_millis(200), events.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    client.set_reading(true).await;
    let seq = next(&mut events, |event| match event {
        ClientEvent::Server(ServerEvent::NewMessage(message)) => Some(message.seq.0),
        _ => None,
    });
    assert_eq!(seq.await, 1);
}

#[tokio::test]
async fn receipts_are_kept_back_on_request_and_sent_later() {
    let server = Server::bind().await;
    let (client, mut events) = server.client().receipts(true).start().unwrap();
    let mut connection = server.accept().await;
    connection.emit("session", session(0, &json!({}))).await;
    next(&mut events, is_session).await;
    client.set_confirming(false).await;
    client.emit("first", Value::Null).await.unwrap();
    connection.emit("new_message", message(1)).await;
    next(&mut events, |event| {
        matches!(event, ClientEvent::Server(ServerEvent::NewMessage(_))).then_some(())
    })
    .await;
    client.emit("second", Value::Null).await.unwrap();
    let sent = [connection.read_event().await.0, connection.read_event().await.0];
    assert_eq!(sent, ["first", "second"]);
    client.set_confirming(true).await;
    let (event, data, _) = connection.read_event().await;
    assert_eq!((event.as_str(), &data["received"]), ("receipt", &json!(1)));
}

#[tokio::test]
async fn events_before_the_answer_to_connect_are_not_lost() {
    let server = Server::bind().await;
    let (_client, mut events) = server.client().plain(true).start().unwrap();
    let mut socket = server.accept_silently().await;
    let open = r#"0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    for packet in [open, r#"42["early",1]"#, r#"40{"sid":"s1"}"#, r#"42["later",2]"#] {
        socket.send(Frame::text(packet)).await.unwrap();
    }
    assert_eq!(next(&mut events, other).await, ("early".into(), json!([1])));
    assert_eq!(next(&mut events, other).await, ("later".into(), json!([2])));
}
