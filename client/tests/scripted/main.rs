//! The client against a server that does what a real one should not, or not so soon.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends by panicking, its helpers too"
)]

mod damage;
mod secrets;
mod server;
mod stranger;

use std::time::Duration;

use rollcall_client::protocol::chat_core::{ConversationId, Seq};
use rollcall_client::{CallError, ClientEvent, DownReason, Events, Gap, GapOutcome, ServerEvent, State};
use serde_json::{Value, json};
use server::{Server, message, next, session};

fn conversation() -> ConversationId {
    ConversationId::parse("c").unwrap()
}

fn seq_of(event: &ClientEvent) -> Option<u64> {
    match event {
        ClientEvent::Server(ServerEvent::NewMessage(message)) => Some(message.seq.0),
        _ => None,
    }
}

async fn next_seq(events: &mut Events) -> u64 {
    next(events, seq_of).await
}

async fn next_gap(events: &mut Events) -> Gap {
    next(events, |event| match event {
        ClientEvent::Gap(gap) => Some(gap.clone()),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_gap_is_reported_filled_and_kept_in_order() {
    let server = Server::bind().await;
    let (_client, mut events) = server.client().start().unwrap();
    let mut connection = server.accept().await;
    connection.emit("session", session(5, &json!({}))).await;
    for seq in [6, 9, 10] {
        connection.message(seq).await;
    }
    let (event, data, ack) = connection.read_event().await;
    assert_eq!((event.as_str(), &data["after_seq"]), ("sync", &json!(6)));
    let page = json!({"ok": true, "messages": [message(7), message(8), message(9)], "more": true});
    connection.answer(ack.unwrap(), page).await;
    let (_, data, ack) = connection.read_event().await;
    assert_eq!(data["after_seq"], json!(9));
    connection
        .answer(
            ack.unwrap(),
            json!({"ok": true, "messages": [message(10)], "more": false}),
        )
        .await;
    connection.message(11).await;

    assert_eq!(next_seq(&mut events).await, 6);
    let gap = next_gap(&mut events).await;
    assert_eq!(
        (gap.after, gap.until, gap.outcome),
        (Seq(6), Seq(9), GapOutcome::Filling)
    );
    for seq in 7..=10 {
        assert_eq!(next_seq(&mut events).await, seq);
    }
    assert_eq!(next_gap(&mut events).await.outcome, GapOutcome::Filled { messages: 4 });
    assert_eq!(next_seq(&mut events).await, 11);
}

#[tokio::test]
async fn doubles_are_dropped_and_reported() {
    let server = Server::bind().await;
    let (_client, mut events) = server.client().start().unwrap();
    let mut connection = server.accept().await;
    connection.emit("session", session(0, &json!({}))).await;
    for seq in [1, 2, 1, 2, 3] {
        connection.message(seq).await;
    }
    let (mut given, mut doubles) = (Vec::new(), Vec::new());
    while given.last() != Some(&3) {
        next(&mut events, |event| {
            given.extend(seq_of(event));
            if let ClientEvent::Duplicate { seq, .. } = event {
                doubles.push(seq.0);
            }
            Some(())
        })
        .await;
    }
    assert_eq!((given, doubles), (vec![1, 2, 3], vec![1, 2]));
}

#[tokio::test]
async fn resume_says_what_is_held() {
    let server = Server::bind().await;
    let (client, mut events) = server.client().receipts(true).client_name("test/1").start().unwrap();
    let mut connection = server.accept().await;
    assert_eq!(connection.auth, json!({"receipts": true, "client": "test/1"}));
    connection.emit("session", session(5, &json!({}))).await;
    connection.message(6).await;
    assert_eq!(next_seq(&mut events).await, 6);
    let (event, data, ack) = connection.read_event().await;
    assert_eq!((event.as_str(), ack), ("receipt", None));
    assert_eq!(data, json!({"conversation_id": "c", "received": 6}));
    drop(connection);

    let mut connection = server.accept().await;
    assert_eq!(connection.auth["resume"], json!({"c": 6}));
    assert_eq!(connection.auth["epoch"], json!("e1"));
    let resumed = json!({"c": {"recovered": true, "messages": 1}});
    connection.emit("session", session(7, &resumed)).await;
    connection.message(7).await;
    assert_eq!(next_seq(&mut events).await, 7);
    assert_eq!(client.held().await.seqs[&conversation()], Seq(7));
}

#[tokio::test]
async fn a_call_without_an_answer_times_out_and_one_cut_off_is_told() {
    let server = Server::bind().await;
    let (client, _events) = server
        .client()
        .call_timeout(Duration::from_millis(200))
        .start()
        .unwrap();
    let mut connection = server.accept().await;
    client.wait_for(State::is_connected).await.unwrap();
    let late = client.whoami().await;
    assert!(matches!(late, Err(CallError::Timeout(_))), "{late:?}");
    let calling = tokio::spawn({
        let client = client.clone();
        async move { client.list_conversations().await }
    });
    loop {
        let (event, ..) = connection.read_event().await;
        if event == "list_conversations" {
            break;
        }
    }
    drop(connection);
    assert_eq!(calling.await.unwrap(), Err(CallError::Disconnected));
}

#[tokio::test]
async fn a_message_is_sent_again_under_the_same_id_after_a_cut() {
    let server = Server::bind().await;
    let (client, _events) = server.client().start().unwrap();
    let sending = tokio::spawn(async move { client.send(&conversation(), "hi").await });
    let mut connection = server.accept().await;
    let (_, first, _) = connection.read_event().await;
    drop(connection);
    let mut connection = server.accept().await;
    let (event, again, ack) = connection.read_event().await;
    assert_eq!(event, "send_message");
    assert_eq!(first["client_message_id"], again["client_message_id"]);
    let delivery = json!({"participants": 2, "online": 1, "sockets": 1, "handed_off": 1, "failed": 0, "repaired": 0});
    let sent = json!({"ok": true, "message": message(1), "duplicate": true, "delivery": delivery});
    connection.answer(ack.unwrap(), sent).await;
    assert!(sending.await.unwrap().unwrap().duplicate);
}

#[tokio::test]
async fn a_silent_server_is_left() {
    let server = Server::bind().await;
    let (client, mut events) = server.client().start().unwrap();
    let mut connection = server.accept_with_ping(100, 100).await;
    connection.write("2").await;
    assert_eq!(connection.read().await, "3");
    let reason = next(&mut events, |event| match event {
        ClientEvent::State(State::Reconnecting { reason, .. }) => Some(reason.clone()),
        _ => None,
    })
    .await;
    assert_eq!(reason, DownReason::Silent(Duration::from_millis(200)));
    let _again = server.accept().await;
    client.wait_for(State::is_connected).await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    let server = Server::bind().await;
    let connecting = server.client().connect_timeout(Duration::from_millis(100)).connect();
    let (outcome, _socket) = tokio::join!(connecting, server.accept_silently());
    assert_eq!(
        outcome.unwrap_err(),
        DownReason::HandshakeTimeout(Duration::from_millis(100))
    );
}

#[tokio::test]
async fn shutdown_is_waited_out_and_probes_are_answered() {
    let server = Server::bind().await;
    let (_client, mut events) = server.client().start().unwrap();
    let mut connection = server.accept().await;
    connection.write(r#"427["probe",{"probe_id":"p","room":"r"}]"#).await;
    assert_eq!(connection.read().await, r#"437[{"sid":"s1"}]"#);
    connection.emit("server_shutdown", json!({"retry_after_ms": 45})).await;
    connection.write("41").await;
    let (retry_in, reason) = next(&mut events, |event| match event {
        ClientEvent::State(State::Reconnecting { retry_in, reason, .. }) => Some((*retry_in, reason.clone())),
        _ => None,
    })
    .await;
    assert!(retry_in >= Duration::from_millis(45), "{retry_in:?}");
    assert_eq!(reason, DownReason::DisconnectedByServer);
    server.accept().await;
}

#[tokio::test]
async fn a_consumer_that_takes_nothing_stops_the_reading_and_nothing_else() {
    let server = Server::bind().await;
    let (client, mut events) = server.client().event_capacity(4).start().unwrap();
    let mut connection = server.accept().await;
    connection.emit("session", session(0, &json!({}))).await;
    // Much more than the kernel's buffers hold: at some point the server cannot write any more.
    let mut written = 0;
    let stuck = loop {
        written += 1;
        let mut large = message(written);
        large["content"] = "x".repeat(1 << 18).into();
        let write = connection.emit("new_message", large);
        if tokio::time::timeout(Duration::from_millis(500), write).await.is_err() {
            break true;
        }
        if written == 400 {
            break false;
        }
    };
    assert!(
        stuck,
        "{written} messages of 256 KiB were read for a consumer that took none"
    );
    // Meanwhile calls are still written.
    client.wait_for(State::is_connected).await.unwrap();
    client
        .emit("typing", json!({"conversation_id": "c", "typing": true}))
        .await
        .unwrap();
    assert_eq!(connection.read_event().await.0, "typing");
    let taking = async {
        for seq in 1..=written {
            assert_eq!(next_seq(&mut events).await, seq);
        }
    };
    tokio::join!(taking, async { connection.write("6").await });
}

#[tokio::test]
async fn nobody_who_listens_is_no_reason_to_stop() {
    let server = Server::bind().await;
    let (client, events) = server.client().event_capacity(1).receipts(true).start().unwrap();
    drop(events);
    let mut connection = server.accept().await;
    for seq in 1..=20 {
        connection.message(seq).await;
    }
    connection.write("2").await;
    assert_eq!(connection.read().await, "3", "no receipt for what nobody got");
    let asking = tokio::spawn(async move { client.emit_with_ack("x", Value::Null).await });
    let (event, _, ack) = connection.read_event().await;
    assert_eq!(event, "x");
    connection.answer(ack.unwrap(), json!(7)).await;
    assert_eq!(asking.await.unwrap(), Ok(json!(7)));
}

#[tokio::test]
async fn what_cannot_be_read_is_reported_and_survived() {
    let server = Server::bind().await;
    let (_client, mut events) = server.client().start().unwrap();
    let mut connection = server.accept().await;
    for junk in [
        "",
        "9",
        "42",
        "42{}",
        "42[]",
        "42[1]",
        "4é",
        "43",
        "431{",
        "0{}",
        "40{}",
        "44{}",
        "451-[\"x\"]",
        "bAA=",
    ] {
        connection.write(junk).await;
    }
    connection.write("42[\"x\"]").await;
    connection.emit("new_message", json!({"seq": -1})).await;
    connection.emit("new_message", message(u64::MAX)).await;
    connection.emit("new_message", message(u64::MAX)).await;
    connection.emit("after", json!(1)).await;
    let mut undecodable = 0;
    next(&mut events, |event| {
        undecodable += usize::from(matches!(event, ClientEvent::Undecodable { .. }));
        matches!(event, ClientEvent::Server(ServerEvent::Other { event, .. }) if event == "after").then_some(())
    })
    .await;
    assert!(undecodable >= 12, "{undecodable}");
}
