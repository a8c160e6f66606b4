//! Tokens: asked for, refused, renewed, and never shown.

use std::sync::{Arc, Mutex};

use futures_util::SinkExt;
use rollcall_client::protocol::ErrorCode;
use rollcall_client::{Auth, ClientEvent, Direction, State, TappedPacket};
use serde_json::{Value, json};

use crate::server::{Connection, Server, next};

#[tokio::test]
async fn a_provider_is_asked_again_until_it_repeats_itself() {
    let server = Server::bind().await;
    let given = Arc::new(Mutex::new(Vec::new()));
    let auth = Auth::provider({
        let given = given.clone();
        move || {
            let given = given.clone();
            async move {
                let mut given = given.lock().unwrap();
                let token = if given.is_empty() { "old" } else { "new" };
                given.push(token);
                Ok(token.to_owned())
            }
        }
    });
    let (_client, mut events) = server.client().auth(auth).start().unwrap();
    for token in ["old", "new", "new"] {
        let mut socket = server.accept_silently().await;
        let mut connection = {
            let open = r#"0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1}"#;
            socket.send(open.into()).await.unwrap();
            Connection {
                socket,
                auth: Value::Null,
            }
        };
        assert_eq!(connection.read().await, format!(r#"40{{"token":"{token}"}}"#));
        connection.write(r#"44{"message":"token_expired: it has ended"}"#).await;
    }
    let reason = next(&mut events, |event| match event {
        ClientEvent::State(State::Closed { reason }) => Some(reason.clone()),
        _ => None,
    })
    .await;
    assert_eq!(reason.code(), Some(ErrorCode::TokenExpired));
    assert_eq!(*given.lock().unwrap(), ["old", "new", "new"]);
}

#[tokio::test]
async fn the_tap_sees_both_ways_and_no_token() {
    let server = Server::bind().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tap = {
        let seen = seen.clone();
        move |packet: TappedPacket<'_>| {
            seen.lock().unwrap().push((packet.direction, packet.text.to_owned()));
        }
    };
    let (client, _events) = server.client().token("very-secret").tap(tap).start().unwrap();
    let mut connection = server.accept().await;
    assert_eq!(connection.auth["token"], json!("very-secret"));
    client.wait_for(State::is_connected).await.unwrap();
    let asking = tokio::spawn(async move { client.refresh_token("also-secret").await });
    let (_, data, ack) = connection.read_event().await;
    assert_eq!(data["token"], json!("also-secret"));
    connection
        .answer(
            ack.unwrap(),
            json!({"ok": true, "expires_at": "2026-11-21T08:00:00.000Z"}),
        )
        .await;
    asking.await.unwrap().unwrap();
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter()
            .any(|(way, text)| *way == Direction::Out && text.contains("refresh_token"))
    );
    assert!(
        seen.iter()
            .any(|(way, text)| *way == Direction::In && text.starts_with("430"))
    );
    assert!(seen.iter().all(|(_, text)| !text.contains("secret")), "{seen:?}");
}
