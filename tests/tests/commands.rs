//! `rollcall-tui`'s other commands against the real server: they say what is true.

use std::process::{Output, Stdio};

use anyhow::{Context, Result};
use rollcall_tests::{Server, User};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

#[path = "verify/asking.rs"]
mod asking;
#[path = "commands/listing.rs"]
mod listing;
#[path = "commands/tapes.rs"]
mod tapes;

use asking::{GROUP, program, read, run, words};

/// With somebody's token.
async fn run_as(url: &str, user: &User, args: &[&str]) -> Result<Output> {
    let mut command = program(url)?;
    command.env_remove("ROLLCALL_PASSWORD").args(args);
    Ok(command.args(["--token", &user.token]).output().await?)
}

#[tokio::test]
async fn what_is_no_loss_but_a_wrong_set_up_says_so() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    for (args, why) in [
        (
            &["verify", "--conversation", "nowhere", "--as", "alice,bob"][..],
            "in no conversation",
        ),
        (&["verify", "--conversation", GROUP], "say who takes part"),
        (
            &["verify", "--new", "--as", "alice,mallory"],
            "signing in as mallory was refused",
        ),
        (&["tail", "--as", "alice", "--after", "1"], "--conversation"),
        (&["send", "--as", "alice", "--conversation", GROUP], "nothing to send"),
    ] {
        let output = run(&server.url(), args).await?;
        assert_eq!(output.status.code(), Some(2), "{}", words(&output));
        assert!(words(&output).contains(why), "{}", words(&output));
    }
    let nobody = run("http://127.0.0.1:1", &["verify", "--new", "--as", "alice"]).await?;
    assert_eq!(nobody.status.code(), Some(2), "{}", words(&nobody));
    Ok(())
}

#[tokio::test]
async fn the_commands_say_what_is_true() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let url = server.url();
    let mut tail = program(&url)?;
    tail.args([
        "tail",
        "--as",
        "bob",
        "--conversation",
        GROUP,
        "--after",
        "0",
        "--count",
        "3",
        "--for",
        "20s",
    ]);
    let tail = tokio::spawn(async move { tail.output().await });

    let mut send = program(&url)?;
    send.args(["send", "--as", "alice", "--conversation", GROUP, "--lines", "--json"]);
    let mut child = send.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child
        .stdin
        .take()
        .context("no stdin")?
        .write_all("one\n\ntwo 日本\nthree\n".as_bytes())
        .await?;
    let sent = child.wait_with_output().await?;
    let sent: Vec<Value> = sent
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(sent.len(), 3);
    let message = sent[1]["message"]["id"].as_str().context("no id")?;

    let tail = tail.await??;
    assert_eq!(tail.status.code(), Some(0), "{}", words(&tail));
    assert_eq!(String::from_utf8_lossy(&tail.stdout).lines().count(), 3);

    let delivery = run(&url, &["delivery", message, "--as", "alice", "--json"]).await?;
    assert_eq!(read(&delivery)?["message"]["content"], "two 日本");
    let whoami = run(&url, &["whoami", "--as", "alice", "--json"]).await?;
    assert_eq!((whoami.status.code(), &read(&whoami)?["ok"]), (Some(0), &json!(true)));
    let explain = run(
        &url,
        &[
            "explain",
            "--message",
            message,
            "--user",
            "carol",
            "--as",
            "admin",
            "--json",
        ],
    )
    .await?;
    assert_eq!(read(&explain)?["verdict"], "offline", "{}", words(&explain));
    let refused = run(&url, &["rooms", "--as", "alice"]).await?;
    assert_eq!(refused.status.code(), Some(2));
    assert!(words(&refused).contains("needs an admin"), "{}", words(&refused));
    let rooms = run(&url, &["rooms", "--as", "admin", "--json"]).await?;
    assert!(read(&rooms)?["items"].is_array());
    Ok(())
}

#[tokio::test]
async fn profiles_tapes_and_listening() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let folder = tempfile::tempdir()?;
    let with_config = |args: &[&str]| -> Result<Command> {
        let mut command = program(&server.url())?;
        command
            .env("XDG_CONFIG_HOME", folder.path())
            .env_remove("ROLLCALL_PASSWORD")
            .args(args);
        Ok(command)
    };
    let mut save = with_config(&["profile", "save", "home", "--as", "alice,bob"])?;
    let saved = save.env("ROLLCALL_PASSWORD", "demo").output().await?;
    assert!(saved.status.success(), "{}", words(&saved));
    let whoami = with_config(&["whoami", "--profile", "home", "--json"])?
        .output()
        .await?;
    assert_eq!(
        String::from_utf8_lossy(&whoami.stdout).lines().count(),
        2,
        "{}",
        words(&whoami)
    );

    let tape = folder.path().join("tape").display().to_string();
    let mut record = with_config(&["record", &tape, "--profile", "home", "--for", "1500ms"])?;
    let recording = tokio::spawn(async move { record.output().await });
    let listen = with_config(&[
        "listen",
        "--profile",
        "home",
        "--json",
        "--event",
        "session",
        "--count",
        "1",
    ])?
    .output()
    .await?;
    let session = read(&listen)?;
    assert_eq!(session["event"], "session");
    assert!(session["args"][0]["sid"].is_string(), "{session}");
    let recorded = recording.await??;
    assert!(recorded.status.success(), "{}", words(&recorded));
    let replayed = with_config(&["replay", &tape])?.output().await?;
    let shown = words(&replayed);
    assert!(
        shown.contains("event session") && shown.contains("→ connect"),
        "{shown}"
    );
    let text = std::fs::read_to_string(&tape)?;
    assert!(!text.contains("eyJ"), "no token stands on a tape");
    Ok(())
}

#[tokio::test]
async fn the_doctor_finds_the_real_server_well() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let origin = "http://localhost:4600";
    let args = ["doctor", "--as", "alice", "--origin", origin, "--quick", "--json"];
    let output = run(&server.url(), &args).await?;
    let report = read(&output)?;
    assert_eq!(
        (output.status.code(), &report["warnings"]),
        (Some(0), &json!(0)),
        "{report:#}"
    );
    let good = report["checks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|check| check["status"] == "ok")
        .count();
    assert!(good >= 16, "{report:#}");
    let wrong = run(
        &server.url(),
        &[
            "doctor",
            "--namespace",
            "/chat",
            "--origin",
            "https://evil.example",
            "--quick",
        ],
    )
    .await?;
    assert_eq!(wrong.status.code(), Some(1), "{}", words(&wrong));
    assert!(words(&wrong).contains("ALLOWED_ORIGINS"), "{}", words(&wrong));
    Ok(())
}

#[tokio::test]
async fn traffic_and_probes_are_seen_by_an_admin() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let url = server.url();
    let mut monitor = program(&url)?;
    monitor.args([
        "monitor",
        "--as",
        "admin",
        "--event",
        "send_message",
        "--count",
        "1",
        "--json",
    ]);
    let monitor = tokio::spawn(async move { monitor.output().await });
    let mut tail = program(&url)?;
    tail.args([
        "tail",
        "--as",
        "bob",
        "--conversation",
        GROUP,
        "--count",
        "1",
        "--for",
        "30s",
    ]);
    let tail = tokio::spawn(async move { tail.output().await });
    // The monitor may not be there yet when the first one is sent.
    let mut room = String::new();
    while !monitor.is_finished() {
        let sent = run(
            &url,
            &["send", "--as", "alice", "--conversation", GROUP, "--json", "seen?"],
        )
        .await?;
        let conversation = read(&sent)?["message"]["conversation_id"]
            .as_str()
            .map(ToOwned::to_owned);
        room = format!("conversation:{}", conversation.context("no conversation")?);
    }
    let event = read(&monitor.await??)?;
    assert_eq!(
        (&event["event"], &event["direction"]),
        (&json!("send_message"), &json!("in")),
        "{event}"
    );
    assert!(tail.await??.status.success());

    let empty = run(&url, &["probe", &room, "--as", "admin"]).await?;
    assert_eq!(empty.status.code(), Some(1), "{}", words(&empty));
    let mut listen = program(&url)?;
    listen.args(["tail", "--as", "bob", "--for", "20s"]);
    let mut listener = listen.spawn()?;
    let probed = rollcall_tests::eventually("bob answers a probe", rollcall_tests::PATIENCE, async || {
        let probed = run(&url, &["probe", &room, "--as", "admin", "--json"]).await.ok()?;
        read(&probed)
            .ok()
            .filter(|answer| answer["results"][0]["result"] == "answered")
    });
    probed.await?;
    listener.kill().await?;
    Ok(())
}
