//! What is asked on the command line.

use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand};

use crate::duration::Span;

mod commands;

pub(crate) use commands::{
    DeliveryArgs, DoctorArgs, ExplainArgs, ListenArgs, MonitorArgs, ProbeArgs, ProfileCommand, RecordArgs, ReplayArgs,
    RoomsArgs, SendArgs, SocketsArgs, TailArgs, VerifyArgs,
};

/// Where the server is when nothing says otherwise.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:4600";

/// Rollcall's terminal client: full screen without a command, one question answered with one.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "rollcall-tui",
    version,
    about,
    after_help = "Data goes to standard output, words to standard error. Exit status: 0 good, 1 what was looked at is not \
                  good, 2 it could not be looked at."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) server: ServerArgs,

    #[command(flatten)]
    pub(crate) screen: ScreenArgs,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Which server, and who one is there.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Server and sign-in")]
pub(crate) struct ServerArgs {
    /// The server's address [default: `http://127.0.0.1:4600`]
    #[arg(long, env = "ROLLCALL_URL", global = true)]
    pub(crate) url: Option<String>,

    /// Who to sign in as; several times, or with commas, for several identities.
    #[arg(
        long = "as",
        value_name = "USERNAME",
        env = "ROLLCALL_USER",
        global = true,
        value_delimiter = ','
    )]
    pub(crate) usernames: Vec<String>,

    /// The password of all of them; asked for when it is not given. Others on this machine can read it here: prefer the
    /// variable, or `ROLLCALL_PASSWORD_ALICE` for one of several.
    #[arg(long, env = "ROLLCALL_PASSWORD", hide_env_values = true, global = true)]
    pub(crate) password: Option<String>,

    /// A token, instead of a username and a password.
    #[arg(
        long,
        env = "ROLLCALL_TOKEN",
        hide_env_values = true,
        conflicts_with = "password",
        global = true
    )]
    pub(crate) token: Option<String>,

    /// An admin's or observer's token, for what only they may ask.
    #[arg(long, env = "ROLLCALL_ADMIN_TOKEN", hide_env_values = true, global = true)]
    pub(crate) admin_token: Option<String>,

    /// A profile saved with `profile save`.
    #[arg(long, env = "ROLLCALL_PROFILE", global = true)]
    pub(crate) profile: Option<String>,

    /// The Socket.IO namespace.
    #[arg(long, default_value = "/", global = true)]
    pub(crate) namespace: String,

    /// Where Socket.IO is served.
    #[arg(long, default_value = "/socket.io/", global = true)]
    pub(crate) path: String,

    /// What stands in CONNECT's `auth`, as a JSON object.
    #[arg(long, value_name = "JSON", global = true)]
    pub(crate) auth: Option<String>,

    /// The `Origin` that a browser would send.
    #[arg(long, global = true)]
    pub(crate) origin: Option<String>,

    /// JSON instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// How long an answer may take.
    #[arg(long, default_value = "10s", global = true)]
    pub(crate) timeout: Span,
}

/// Only for full screen.
#[derive(Debug, Clone, Default, Group)]
#[command(next_help_heading = "Full screen")]
pub(crate) struct ScreenArgs {
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub(crate) no_mouse: bool,

    /// Colours: `terminal` (its own sixteen), `night`, `day`, `none`.
    #[arg(long, env = "ROLLCALL_THEME", value_parser = ["terminal", "night", "day", "none"])]
    pub(crate) theme: Option<String>,

    /// Write every packet to a file, as `record` does.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

/// One question.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Connect all, let each send, and check that everybody got everything once and in order.
    Verify(VerifyArgs),
    /// Show what any Socket.IO server says.
    Listen(ListenArgs),
    /// Send a message, or any event.
    Send(SendArgs),
    /// Follow a conversation, one JSON object a line.
    Tail(TailArgs),
    /// What the server believes of this connection, against what the client believes.
    Whoami,
    /// The live rooms, or one of them (admin).
    Rooms(RoomsArgs),
    /// The live sockets, or one of them (admin).
    Sockets(SocketsArgs),
    /// Who got a message, and who did not.
    Delivery(DeliveryArgs),
    /// Why a user did not get a message, or whether one would reach them now (admin).
    Explain(ExplainArgs),
    /// The traffic of the server as it happens (admin).
    Monitor(MonitorArgs),
    /// Ask every socket of a room to answer (admin).
    Probe(ProbeArgs),
    /// Find out why a client cannot connect: any Socket.IO server, check by check, with the remedy.
    Doctor(DoctorArgs),
    /// Write every packet of a connection to a file.
    Record(RecordArgs),
    /// Show a recorded file again, or send again what it sent.
    Replay(ReplayArgs),
    /// Save, list and remove profiles.
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Completions for a shell, on standard output.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// The manual page, on standard output.
    Man,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn names_come_with_commas_or_one_by_one() {
        let args = Args::try_parse_from([
            "rollcall-tui",
            "verify",
            "--conversation",
            "c",
            "--as",
            "a,b",
            "--as",
            "c",
        ]);
        assert_eq!(args.unwrap().server.usernames, ["a", "b", "c"]);
        let args = Args::try_parse_from(["rollcall-tui", "--as", "a", "--json", "whoami"]).unwrap();
        assert!(args.server.json && args.server.usernames == ["a"]);
    }
}
