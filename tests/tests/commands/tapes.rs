//! `replay --send`: what a tape says was sent is sent again, and nothing else.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use rollcall_tests::Server;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::asking::{read, words};
use crate::run_as;

/// A tape of these packets.
fn tape(packets: &[(u64, &str, String)]) -> Result<tempfile::NamedTempFile> {
    let mut text =
        json!({"format": "rollcall-tape/1", "url": "http://elsewhere", "started_at": "2026-11-21T09:00:00.000Z"})
            .to_string();
    for (ms, direction, packet) in packets {
        let entry = json!({"ms": ms, "as": "alice", "direction": direction, "text": packet});
        write!(text, "\n{entry}")?;
    }
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), text)?;
    Ok(file)
}

fn sends(conversation: &str, content: &str) -> Value {
    json!(["send_message", {"conversation_id": conversation, "content": content}])
}

#[tokio::test]
async fn what_was_sent_is_sent_again_in_its_order_and_rhythm() -> Result<()> {
    let server = Server::start().await?;
    let (alice, bob) = (
        server.rest().new_user("alice").await?,
        server.rest().new_user("bob").await?,
    );
    let group = server.rest().as_user(&alice).new_group(&[&bob]).await?;
    let file = tape(&[
        (0, "out", "40{\"token\":\"…\"}".into()),
        (3, "in", "40{\"sid\":\"of-that-day\"}".into()),
        (5, "out", format!("420{}", sends(&group, "one"))),
        (
            9,
            "in",
            format!("42{}", json!(["new_message", {"content": "of that day"}])),
        ),
        (
            10,
            "in",
            format!("42{}", sends(&group, "never: it came from the server")),
        ),
        (600, "out", format!("421{}", sends(&group, "two 日本"))),
        (601, "in", "2".into()),
        (602, "out", "3".into()),
        // Without an acknowledgement, and the last one: it must be on its way before the connection ends.
        (700, "out", format!("42{}", sends(&group, "three"))),
        (710, "out", "41".into()),
    ])?;
    let path = file.path().display().to_string();
    let started = Instant::now();
    let replayed = run_as(&server.url(), &alice, &["replay", &path, "--send", "--speed", "2"]).await?;
    assert_eq!(replayed.status.code(), Some(0), "{}", words(&replayed));
    assert!(
        started.elapsed() >= Duration::from_millis(350),
        "twice as quick as it was, and no quicker"
    );

    let lines = String::from_utf8_lossy(&replayed.stdout).into_owned();
    let acks: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let answered: Vec<_> = acks
        .iter()
        .map(|line| (&line["event"], &line["ack"]["message"]["content"]))
        .collect();
    let event = json!("send_message");
    assert_eq!(
        answered,
        [(&event, &json!("one")), (&event, &json!("two 日本"))],
        "{lines}"
    );

    let path = format!("/api/v1/conversations/{group}/messages");
    let saved = rollcall_tests::eventually("all is saved", rollcall_tests::PATIENCE, async || {
        let page = server.rest().as_user(&bob).get(&path).await.ok()?;
        let messages = page["messages"].as_array()?.clone();
        (messages.len() >= 3).then_some(messages)
    });
    let saved = saved.await?;
    let contents: Vec<&str> = saved.iter().filter_map(|message| message["content"].as_str()).collect();
    assert_eq!(contents, ["one", "two 日本", "three"]);
    assert!(saved.iter().all(|message| message["sender_id"] == json!(alice.id)));
    Ok(())
}

#[tokio::test]
async fn what_is_refused_today_is_told_by_the_exit_status() -> Result<()> {
    let server = Server::start().await?;
    let alice = server.rest().new_user("alice").await?;
    let file = tape(&[(0, "out", format!("420{}", sends("of-another-server", "hello")))])?;
    let path = file.path().display().to_string();
    let replayed = run_as(&server.url(), &alice, &["replay", &path, "--send"]).await?;
    assert_eq!(replayed.status.code(), Some(1), "{}", words(&replayed));
    let line = read(&replayed).context("one line")?;
    assert_eq!(line["ack"]["error"]["code"], "not_found", "{line}");
    Ok(())
}
