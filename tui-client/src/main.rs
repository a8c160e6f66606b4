//! Rollcall's terminal client.
//!
//! `model` is everything that the screen shows, `update` changes it (pure: an event in, effects out), `effects` carries those
//! out, `view` draws it. `layout` and `rows` say where things are and are shared by the two; colours are in `theme` alone.

mod app;
mod args;
mod effect;
mod effects;
#[cfg(test)]
mod fixtures;
mod layout;
mod model;
mod rows;
mod sign_in;
mod terminal;
mod text;
mod theme;
mod update;
mod view;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use jiff::tz::TimeZone;
use rollcall_client::Client;
use url::Url;

use crate::args::Args;
use crate::model::{Model, Size};

/// A message waits this long for a connection before it counts as failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::main]
#[expect(
    clippy::print_stderr,
    reason = "the terminal is given back by now, and this is why it ended"
)]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        // In words: a backtrace (RUST_BACKTRACE is set on many machines) tells its reader nothing.
        Err(error) => {
            eprintln!("rollcall-tui: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    // What reads the keys panics without one.
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        bail!("this draws on a terminal, and its input or output is none");
    }
    let server = Url::parse(&args.url).with_context(|| format!("--url {:?} is no address", args.url))?;
    let (name, auth) = sign_in::sign_in(&args).await?;
    let (client, events) = Client::builder(&args.url)
        .auth(auth)
        .receipts(true)
        .client_name(concat!("rollcall-tui/", env!("CARGO_PKG_VERSION")))
        .call_timeout(CALL_TIMEOUT)
        .start()?;
    // The real size is asked for when the terminal is taken.
    let size = Size { width: 80, height: 24 };
    let model = Model::new(&name, server.authority(), size, TimeZone::system());
    app::run(model, client, events).await
}
