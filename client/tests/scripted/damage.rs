//! Packets with characters changed, doubled, lost and cut off: the client lives through all of them.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use rollcall_client::State;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::server::{Server, message, session};

/// The same damage in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn damage(&mut self, packet: &str) -> String {
        const STRAYS: [char; 16] = [
            '"', '[', ']', '{', '}', ',', ':', '\\', '0', '9', '-', '4', '5', 'é', '\u{0}', '👋',
        ];
        let mut text: Vec<char> = packet.chars().collect();
        for _ in 0..=self.below(3) {
            let at = self.below(text.len().max(1)).min(text.len().saturating_sub(1));
            match self.below(5) {
                0 => text.truncate(at),
                1 if !text.is_empty() => drop(text.remove(at)),
                2 => text.insert(at, STRAYS[self.below(STRAYS.len())]),
                3 if !text.is_empty() => text[at] = STRAYS[self.below(STRAYS.len())],
                // Numbers grow beyond what fits.
                _ => text.extend_from_within(at..),
            }
        }
        text.into_iter().collect()
    }
}

fn packets() -> Vec<String> {
    let event = |name: &str, data| format!("42{}", json!([name, data]));
    vec![
        event(
            "session",
            session(5, &json!({"c": {"recovered": false, "messages": 0, "reason": "ahead"}})),
        ),
        event("new_message", message(6)),
        event("new_message", message(u64::MAX - 1)),
        event("heads", json!({"c": 18_446_744_073_709_551_615_u64})),
        event(
            "receipts",
            json!({"conversation_id": "c", "users": [{"user_id": "u", "received": 1, "read": 1}]}),
        ),
        event(
            "conversation_updated",
            session(1, &json!({}))["conversations"][0].clone(),
        ),
        event("conversation_removed", json!({"conversation_id": "c"})),
        event("token_expiring", json!({"expires_at": "2026-11-21T08:00:00.000Z"})),
        event(
            "server_shutdown",
            json!({"retry_after_ms": 18_446_744_073_709_551_615_u64}),
        ),
        event(
            "error",
            json!({"ok": false, "error": {"code": "internal", "message": "m"}, "event": "x"}),
        ),
        r#"4212["probe",{"probe_id":"p","room":"r"}]"#.into(),
        r#"430[{"ok":true,"messages":[],"more":true}]"#.into(),
        r#"451-["x",{"_placeholder":true,"num":0}]"#.into(),
        r#"40{"sid":"s2"}"#.into(),
        r#"44{"message":"internal: x"}"#.into(),
        "2".into(),
        "41".into(),
    ]
}

#[tokio::test]
async fn random_damage_is_survived() {
    let server = Server::bind().await;
    let (client, mut events) = server.client().receipts(true).start().unwrap();
    let listening = tokio::spawn(async move { while events.next().await.is_some() {} });
    let packets = packets();
    let mut dice = Dice(0x5eed);
    let mut connection = server.accept().await;
    for _ in 0..5_000 {
        let chosen = dice.below(packets.len());
        let damaged = dice.damage(&packets[chosen]);
        let kind = dice.below(20);
        let frame = if kind == 0 {
            Frame::binary(damaged)
        } else {
            Frame::text(damaged)
        };
        // What ends a connection (and some damage does) is followed by a new one.
        if connection.socket.send(frame).await.is_err() || is_over(&mut connection) {
            connection = server.accept().await;
        }
    }
    drop(connection);
    let mut connection = server.accept().await;
    client.wait_for(State::is_connected).await.unwrap();
    let asking = tokio::spawn(async move { client.emit_with_ack("x", json!(1)).await });
    loop {
        let (event, _, ack) = connection.read_event().await;
        if event == "x" {
            connection.answer(ack.unwrap(), json!(2)).await;
            break;
        }
    }
    assert_eq!(asking.await.unwrap(), Ok(json!(2)));
    let ended = tokio::time::timeout(Duration::from_secs(10), listening).await;
    ended.expect("the link ends with its last handle").unwrap();
}

/// Reads what the client wrote, so that it is never stuck, and tells whether it has gone.
fn is_over(connection: &mut crate::server::Connection) -> bool {
    loop {
        match connection.socket.next().now_or_never() {
            None => return false,
            Some(Some(Ok(frame))) if !frame.is_close() => {}
            Some(_) => return true,
        }
    }
}
