//! The Rust program of `docs/clients/rust.md`: it is the example of the client, and it runs.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rollcall_tests::{PASSWORD, PATIENCE, Server};
use tokio::process::Command;
use tokio::time::timeout;

const PAGE: &str = include_str!("../../docs/clients/rust.md");
const EXAMPLE: &str = include_str!("../../client/examples/guide.rs");

#[test]
fn the_page_holds_the_example() {
    let (_, rest) = PAGE.split_once("```rust run\n").unwrap();
    let (program, _) = rest.split_once("\n```").unwrap();
    let (_, example) = EXAMPLE.split_once("\n\n").unwrap();
    assert_eq!(program.trim(), example.trim());
}

/// Cargo builds examples beside the tests of a workspace: `target/debug/examples`.
fn example() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let debug = test
        .parent()
        .and_then(|deps| deps.parent())
        .context("no target folder")?;
    Ok(debug.join("examples/guide"))
}

#[tokio::test]
async fn the_example_sends_and_hears() -> Result<()> {
    let program = example()?;
    if !program.exists() && std::env::var_os("ROLLCALL_TEST_RUN").is_none() {
        // A run of this one test builds no examples; the whole run does, and there it must exist.
        return Ok(());
    }
    let server = Server::start().await?;
    let (alice, bob) = (
        server.rest().new_user("alice").await?,
        server.rest().new_user("bob").await?,
    );
    let running = Command::new(&program)
        .env("ROLLCALL_URL", server.url())
        .env("ROLLCALL_USER", &alice.username)
        .env("ROLLCALL_PASSWORD", PASSWORD)
        .env("ROLLCALL_PEER", &bob.username)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, running).await??;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{out}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(out.contains("saved as #1, handed to 1 sockets"), "{out}");
    ensure!(out.contains("hello from Rust"), "{out}");
    Ok(())
}
