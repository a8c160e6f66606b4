//! `rollcall-tui` without a screen, against the real server: `verify` calls every fault by its name, and the other commands
//! say what is true.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rollcall_tests::{Server, beside_the_test};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

#[path = "verify/meddler.rs"]
mod meddler;

use meddler::{Meddler, Meddling};

const GROUP: &str = "Ops night shift";

fn program(url: &str) -> Result<Command> {
    let mut command = Command::new(beside_the_test("rollcall-tui")?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROLLCALL_")) {
        command.env_remove(name);
    }
    command
        .env("ROLLCALL_URL", url)
        .env("ROLLCALL_PASSWORD", "demo")
        .env("ROLLCALL_PASSWORD_ADMIN", "admin-password");
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

async fn run(url: &str, args: &[&str]) -> Result<Output> {
    Ok(program(url)?.args(args).output().await?)
}

fn words(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

fn read(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| words(output))
}

async fn verify(url: &str, more: &[&str]) -> Result<Output> {
    let args = [
        "verify",
        "--conversation",
        GROUP,
        "--as",
        "alice,bob,carol",
        "--messages",
        "4",
    ];
    run(url, &[&args, more].concat()).await
}

#[tokio::test]
async fn a_good_server_passes() -> Result<()> {
    let server = Server::setup().demo().start().await?;
    let output = verify(&server.url(), &["--sockets", "2", "--json"]).await?;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let report = read(&output)?;
    assert_eq!(
        (&report["ok"], &report["expected"], &report["lost"]),
        (&json!(true), &json!(72), &json!(0))
    );
    assert!(
        report["latency_ms"]["p99"].as_f64().is_some_and(|p99| p99 > 0.0),
        "{report}"
    );

    let fresh = run(
        &server.url(),
        &["verify", "--new", "--as", "alice,bob", "--messages", "3"],
    )
    .await?;
    assert_eq!(fresh.status.code(), Some(0), "{}", words(&fresh));
    assert!(
        words(&fresh).contains("all 12 arrived once and in order"),
        "{}",
        words(&fresh)
    );

    let slow = verify(&server.url(), &["--p99", "0.001ms", "--junit"]).await?;
    assert_eq!(slow.status.code(), Some(1), "{}", words(&slow));
    assert!(words(&slow).contains("<failure message=\"it is "), "{}", words(&slow));
    Ok(())
}

/// bob's socket is the second one that connects.
async fn meddled(meddling: Meddling, more: &[&str]) -> Result<(Output, Value)> {
    let server = Server::setup().demo().start().await?;
    let meddler = Meddler::start(server.port(), 2, meddling).await?;
    let output = verify(&meddler.url, &[&["--json"], more].concat()).await?;
    let report = read(&output)?;
    Ok((output, report))
}

fn troubles(report: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = report["troubles"].as_array().into_iter().flatten();
    all.map(|one| (text(&one["user"]), text(&one["socket"]), text(&one["state"])))
        .collect()
}

fn only(who: &str, state: &str) -> Vec<(String, String, String)> {
    vec![(who.to_owned(), "1".to_owned(), state.to_owned())]
}

#[tokio::test]
async fn a_lost_message_is_named() -> Result<()> {
    // Nothing comes after it for a while, so that the client cannot notice the gap itself: the cell stays empty, or, where
    // something comes, is fetched. Both are faults.
    let (output, report) = meddled(Meddling::Lose, &[]).await?;
    assert_eq!(output.status.code(), Some(1), "{report}");
    let troubles = troubles(&report);
    ensure!(
        troubles == only("bob", "fetched") || troubles == only("bob", "missing"),
        "{report}"
    );
    assert!(report["troubles"][0]["seq"].is_u64(), "{report}");
    assert!(report["troubles"][0]["server"]["status"].is_string(), "{report}");
    Ok(())
}

#[tokio::test]
async fn one_lost_message_may_be_allowed() -> Result<()> {
    let (output, report) = meddled(Meddling::Lose, &["--max-loss", "1"]).await?;
    assert_eq!(
        (output.status.code(), &report["lost"]),
        (Some(0), &json!(1)),
        "{report}"
    );
    Ok(())
}

#[tokio::test]
async fn a_doubled_message_is_named() -> Result<()> {
    let (output, report) = meddled(Meddling::Double, &[]).await?;
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!(troubles(&report), only("bob", "doubled"), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_message_out_of_order_is_named() -> Result<()> {
    let (output, report) = meddled(Meddling::Swap, &[]).await?;
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!(troubles(&report), only("bob", "out_of_order"), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_cut_connection_is_replayed_and_good() -> Result<()> {
    let (output, report) = meddled(Meddling::Cut, &["--settle", "6s"]).await?;
    assert_eq!(output.status.code(), Some(0), "{report}");
    let cells = report["rows"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|row| row["cells"].as_array().into_iter().flatten());
    assert!(cells.into_iter().any(|cell| cell["state"] == "replayed"), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_late_message_breaks_the_limit() -> Result<()> {
    let hold = Meddling::Hold(Duration::from_millis(900));
    let (output, report) = meddled(hold, &["--p99", "800ms"]).await?;
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert_eq!(report["lost"], json!(0), "{report}");
    Ok(())
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
