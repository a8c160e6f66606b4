//! Rollcall's terminal client.
//!
//! `model` is everything that the screen shows, `update` changes it (pure: an event in, effects out), `effects` carries those
//! out, `view` draws it. `layout` and `rows` say where things are and are shared by the two; colours are in `theme` alone. A
//! `desk` holds one model for each identity. `headless` answers one question without a screen; `roll` is the roll call itself,
//! for both.

mod app;
mod args;
mod clock;
mod desk;
mod duration;
mod effect;
mod effects;
#[cfg(test)]
mod fixtures;
mod headless;
mod jwt;
mod layout;
mod model;
mod out;
mod profiles;
mod roll;
mod rows;
mod sign_in;
mod site;
mod tape;
mod terminal;
mod text;
mod theme;
mod update;
mod view;

use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use jiff::tz::TimeZone;
use url::Url;

use crate::args::Args;
use crate::desk::Desk;
use crate::headless::Outcome;
use crate::model::{Model, Size};
use crate::out::note;
use crate::sign_in::{Identity, Patience};
use crate::site::Site;
use crate::tape::{Head, Writer};
use crate::theme::ThemeName;

/// It could not be looked at.
const SET_UP: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = Args::parse();
    let (outcome, failure) = match args.command.take() {
        Some(command) => (headless::run(args, command).await, ExitCode::from(SET_UP)),
        None => (full_screen(args).await.map(|()| Outcome::Good), ExitCode::FAILURE),
    };
    match outcome {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::FAILURE,
        // Whoever read the output has seen enough: `| head` is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        // In words: a backtrace (RUST_BACKTRACE is set on many machines) tells its reader nothing.
        Err(error) => {
            note(format!("rollcall-tui: {error:#}"));
            failure
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

async fn full_screen(args: Args) -> anyhow::Result<()> {
    // What reads the keys panics without one.
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        bail!("this draws on a terminal, and its input or output is none");
    }
    let site = Site::open(&args.server, Patience::Lasting).await?;
    let server = Url::parse(&site.url).with_context(|| format!("--url {:?} is no address", site.url))?;
    site.first()?;
    let tape = args.screen.record.as_deref();
    let tape = tape
        .map(|file| Writer::create(file, &Head::new(&site.url, clock::now())))
        .transpose()?;
    let theme = ThemeName::from_environment(args.screen.theme.as_deref());
    // The real size is asked for when the terminal is taken.
    let size = Size { width: 80, height: 24 };
    let observes = site.identities.iter().any(Identity::may_observe) || args.server.admin_token.is_some();
    let seats = site.identities.iter().map(|identity| Model {
        theme,
        observes,
        mouse: !args.screen.no_mouse,
        ..Model::new(&identity.name, server.authority(), size, TimeZone::system())
    });
    let desk = Desk::new(seats.collect());
    app::run(desk, site, tape).await
}
