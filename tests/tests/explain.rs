//! `rollcall explain`: asked of a running server, and of the database that a dead one left.

use std::process::Output;

use anyhow::{Context, Result};
use rollcall_client::{Client, ClientEvent, Events, ServerEvent};
use rollcall_tests::{PATIENCE, Server, User, beside_the_test, eventually};
use serde_json::{Value, json};
use tokio::process::Command;

struct Told {
    status: Option<i32>,
    out: String,
    error: String,
}

/// `rollcall explain` as an operator on the server's machine types it.
fn command(server: &Server, line: &[&str]) -> Result<Command> {
    let mut command = Command::new(beside_the_test("rollcall")?);
    command
        .env_clear()
        .env("ROLLCALL_BIND", format!("127.0.0.1:{}", server.port()))
        .env("ROLLCALL_DATA_DIR", server.data_dir())
        .env("JWT_SECRET", server.secret())
        .arg("explain")
        .args(line)
        .stdin(std::process::Stdio::null());
    Ok(command)
}

async fn run(mut command: Command) -> Result<Told> {
    let Output { status, stdout, stderr } = command.output().await?;
    Ok(Told {
        status: status.code(),
        out: String::from_utf8(stdout)?,
        error: String::from_utf8(stderr)?,
    })
}

async fn explain(server: &Server, line: &[&str]) -> Result<Told> {
    run(command(server, line)?).await
}

/// A group of three in which one message was sent: bob has confirmed it, carol was never there.
struct Scene {
    server: Server,
    bob: User,
    carol: User,
    group: String,
    message: String,
    _client: Client,
}

async fn heard(events: &mut Events, wanted: impl Fn(&ServerEvent) -> bool) -> Result<()> {
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await?;
        if matches!(event.context("the link ended")?, ClientEvent::Server(event) if wanted(&event)) {
            return Ok(());
        }
    }
}

async fn scene() -> Result<Scene> {
    let server = Server::start().await?;
    let alice = server.rest().new_user("alice").await?;
    let bob = server.rest().new_user("bob").await?;
    let carol = server.rest().new_user("carol").await?;
    let group = server.rest().as_user(&alice).new_group(&[&bob, &carol]).await?;
    let connecting = Client::builder(server.url()).token(&bob.token).receipts(true).connect();
    let (client, mut events) = connecting.await?;
    // Before its session a client holds nothing that it could be handed live.
    heard(&mut events, |event| matches!(event, ServerEvent::Session(_))).await?;
    let sent = server.rest().as_user(&alice).post_message(&group, "hello").await?;
    let message = sent["message"]["id"].as_str().context("no id")?.to_owned();
    heard(&mut events, |event| matches!(event, ServerEvent::NewMessage(_))).await?;
    // The receipt follows when the event was taken; whoever waits for confirmations has waited for it.
    let delivered = eventually("bob's receipt", PATIENCE, async || {
        let told = explain(&server, &["--message", &message, "--user", &bob.username])
            .await
            .ok()?;
        (told.status == Some(0) && told.out.starts_with("delivered\n")).then_some(())
    });
    delivered.await?;
    Ok(Scene {
        server,
        bob,
        carol,
        group,
        message,
        _client: client,
    })
}

#[tokio::test]
async fn the_verdict_is_the_exit_status_and_the_steps_are_shown() -> Result<()> {
    let scene = scene().await?;
    let (server, message) = (&scene.server, scene.message.as_str());
    let told = explain(server, &["--message", message, "--user", &scene.bob.username]).await?;
    assert_eq!((told.status, told.error.as_str()), (Some(0), ""), "{}", told.out);
    for step in ["  ✓ saved ", "  ✓ handed_over ", "  ✓ confirmed ", "  – read"] {
        assert!(told.out.contains(step), "{step}: {}", told.out);
    }
    assert!(told.out.ends_with("\nNothing to do.\n"), "{}", told.out);
    // By the id as well as by the name.
    let told = explain(server, &["--message", message, "--user", &scene.carol.id]).await?;
    assert_eq!(told.status, Some(1), "{}{}", told.out, told.error);
    assert!(
        told.out.starts_with("offline\n") && told.out.contains("✗ connected"),
        "{}",
        told.out
    );
    assert!(told.out.contains("\nWhat to do: "), "{}", told.out);
    // Would it reach them now?
    for (user, status) in [(&scene.bob, 0), (&scene.carol, 1)] {
        let told = explain(server, &["--conversation", &scene.group, "--user", &user.username]).await?;
        assert_eq!(
            told.status,
            Some(status),
            "{}: {}{}",
            user.username,
            told.out,
            told.error
        );
    }
    let told = explain(
        server,
        &["--message", message, "--user", &scene.carol.username, "--json"],
    )
    .await?;
    let json: Value = serde_json::from_str(&told.out)?;
    assert_eq!((told.status, &json["verdict"]), (Some(1), &json!("offline")));
    assert_eq!(json["steps"].as_array().map(Vec::len), Some(8));
    Ok(())
}

#[tokio::test]
async fn a_message_that_was_refused_is_found_by_its_senders_id() -> Result<()> {
    let scene = scene().await?;
    let rest = scene.server.rest().as_user(&scene.bob);
    let body = json!({"conversation_id": scene.group, "content": "  ", "client_message_id": "mine-1"});
    let answer = rest
        .send(reqwest::Method::POST, "/api/v1/messages", Some(&body))
        .await?;
    assert_eq!(answer.status, 400);
    let line = ["--client-message-id", "mine-1", "--conversation", &scene.group];
    let told = explain(&scene.server, &line).await?;
    assert_eq!(told.status, Some(1), "{}{}", told.out, told.error);
    assert!(told.out.starts_with("missed: not_saved\n"), "{}", told.out);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_down_is_answered_for_by_its_database() -> Result<()> {
    let mut scene = scene().await?;
    scene.server.terminate().await?;
    let server = &scene.server;
    let told = explain(server, &["--message", &scene.message, "--user", &scene.bob.username]).await?;
    assert_eq!(told.status, Some(0), "{}{}", told.out, told.error);
    assert!(told.out.starts_with("delivered\n"), "{}", told.out);
    assert!(
        told.error.contains("no server answers at http://127.0.0.1:"),
        "{}",
        told.error
    );
    let told = explain(server, &["--conversation", &scene.group, "--user", &scene.bob.username]).await?;
    assert_eq!(told.status, Some(1), "{}{}", told.out, told.error);
    let told = explain(server, &["--message", "no-such", "--user", &scene.bob.username]).await?;
    assert_eq!((told.status, told.out.as_str()), (Some(2), ""), "{}", told.error);
    assert!(told.error.contains("no message no-such"), "{}", told.error);
    Ok(())
}

#[tokio::test]
async fn whoever_cannot_be_asked_is_named() -> Result<()> {
    let mut scene = scene().await?;
    let line = [
        "--message",
        scene.message.as_str(),
        "--user",
        scene.bob.username.as_str(),
    ];
    let url = scene.server.url();
    let elsewhere = [&line[..], &["--url", &url]].concat();
    // A named server could be anybody's: no token is made for it.
    let told = explain(&scene.server, &elsewhere).await?;
    assert_eq!(told.status, Some(2), "{}{}", told.out, told.error);
    assert!(told.error.contains("ROLLCALL_TOKEN"), "{}", told.error);
    let mut with_password = command(&scene.server, &elsewhere)?;
    let told = run({
        with_password.env("ROLLCALL_PASSWORD", "admin-password");
        with_password
    })
    .await?;
    assert_eq!(told.status, Some(0), "{}{}", told.out, told.error);
    let mut wrong = command(&scene.server, &elsewhere)?;
    let told = run({
        wrong.env("ROLLCALL_PASSWORD", "wrong-hunter2");
        wrong
    })
    .await?;
    assert_eq!(told.status, Some(2), "{}", told.out);
    assert!(
        told.error.contains("unauthorized") && !told.error.contains("hunter2"),
        "{}",
        told.error
    );
    // Bob may not ask.
    let mut as_bob = command(&scene.server, &elsewhere)?;
    let told = run({
        as_bob.env("ROLLCALL_TOKEN", &scene.bob.token);
        as_bob
    })
    .await?;
    assert_eq!(told.status, Some(2), "{}", told.out);
    assert!(told.error.contains("forbidden"), "{}", told.error);
    let unknown = explain(&scene.server, &["--message", line[1], "--user", "nobody"]).await?;
    assert_eq!(unknown.status, Some(2), "{}", unknown.out);
    assert!(unknown.error.contains("nobody"), "{}", unknown.error);
    scene.server.kill9().await.context("killing the server")?;
    let told = explain(&scene.server, &elsewhere).await?;
    assert_eq!(told.status, Some(2), "{}", told.out);
    assert!(told.error.contains("cannot reach the server"), "{}", told.error);
    Ok(())
}
