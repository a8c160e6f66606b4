//! `rollcall-tui verify` against the real server: it passes, and every injected fault is called by its name.

use std::process::Output;
use std::time::Duration;

use anyhow::{Result, ensure};
use rollcall_tests::Server;
use serde_json::{Value, json};

#[path = "verify/asking.rs"]
mod asking;
#[path = "verify/meddler.rs"]
mod meddler;

use asking::{GROUP, read, run, words};
use meddler::{Meddler, Meddling};

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
