//! One question, one answer, no screen. Each command has a file; what they share is [`Site`] and
//! [`Out`].

use anyhow::Result;

use crate::args::{Args, Command};
use crate::out::Out;
use crate::sign_in::Patience;
use crate::site::Site;

mod asking;
mod doctor;
mod emit;
mod finding;
mod generated;
mod hearing;
mod profile;
mod tape;
pub(crate) mod verify;
mod whoami;

pub(crate) use asking::cause_beside;
pub(crate) use finding::called;
pub(crate) use whoami::{differences, room_name};

/// What the exit status says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// 0
    Good,
    /// 1: it was looked at, and is not good.
    Bad,
}

/// Carries a command out. An error means that it could not be looked at.
pub(crate) async fn run(args: Args, command: Command) -> Result<Outcome> {
    let out = Out::new();
    let server = &args.server;
    match command {
        Command::Completions { shell } => return generated::completions(shell),
        Command::Man => return generated::man(),
        Command::Profile(command) => return profile::run(server, &command, out).await,
        Command::Doctor(doctor) => return doctor::run(server, &doctor, out).await,
        Command::Replay(replay) => return tape::replay(server, &replay, out).await,
        _ => {}
    }
    let site = Site::open(server, Patience::None).await?;
    match command {
        Command::Verify(verify) => verify::run(&site, &verify, out).await,
        Command::Listen(listen) => hearing::listen(&site, &listen, out).await,
        Command::Tail(tail) => hearing::tail(&site, &tail, out).await,
        Command::Send(send) => emit::send(&site, &send, out).await,
        Command::Record(record) => tape::record(&site, &record).await,
        Command::Whoami => whoami::run(&site, out).await,
        Command::Rooms(rooms) => asking::rooms(&site, &rooms, out).await,
        Command::Sockets(sockets) => asking::sockets(&site, &sockets, out).await,
        Command::Delivery(delivery) => asking::delivery(&site, &delivery, out).await,
        Command::Explain(explain) => asking::explain(&site, &explain, out).await,
        Command::Monitor(monitor) => asking::monitor(&site, &monitor, out).await,
        Command::Probe(probe) => asking::probe(&site, &probe, out).await,
        Command::Completions { .. } | Command::Man | Command::Profile(_) | Command::Doctor(_) | Command::Replay(_) => {
            Ok(Outcome::Good)
        }
    }
}
