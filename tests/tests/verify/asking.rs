//! Runs `rollcall-tui` without a screen.

use std::process::{Output, Stdio};

use anyhow::{Context, Result};
use rollcall_tests::beside_the_test;
use serde_json::Value;
use tokio::process::Command;

/// The demo's group.
pub(crate) const GROUP: &str = "Ops night shift";

pub(crate) fn program(url: &str) -> Result<Command> {
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

pub(crate) async fn run(url: &str, args: &[&str]) -> Result<Output> {
    Ok(program(url)?.args(args).output().await?)
}

pub(crate) fn words(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&all).into_owned()
}

pub(crate) fn read(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| words(output))
}
