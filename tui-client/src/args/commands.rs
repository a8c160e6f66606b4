//! Each command's own arguments.

use std::path::PathBuf;

use clap::{Args as Group, Subcommand};

use crate::duration::Span;
use crate::headless::verify::Loss;

/// `rooms` and `sockets` list so many, where nothing else is asked for.
const LISTED_DEFAULT: u32 = 10_000;
const LISTED_MAX: i64 = 1_000_000;

/// `verify`
#[derive(Debug, Clone, Group)]
pub(crate) struct VerifyArgs {
    /// Where: an id or a title. Messages are really sent there, and stay.
    #[arg(long, required_unless_present = "new")]
    pub(crate) conversation: Option<String>,

    /// Make a group of its own for it.
    #[arg(long, conflicts_with = "conversation")]
    pub(crate) new: bool,

    /// Connections of each identity.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) sockets: u16,

    /// Messages that each identity sends.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) messages: u32,

    /// What may be lost: a number of arrivals, or a share (`0.5%`).
    #[arg(long, default_value = "0")]
    pub(crate) max_loss: Loss,

    /// Fail when the 99th percentile of all arrivals is above this.
    #[arg(long, value_name = "DURATION")]
    pub(crate) p99: Option<Span>,

    /// What counts as late, in the matrix only.
    #[arg(long, default_value = "1s")]
    pub(crate) late: Span,

    /// Between two messages of one identity; the server's usual limit is 20 in a second.
    #[arg(long, default_value = "60ms")]
    pub(crate) interval: Span,

    /// How long to wait for the last arrivals.
    #[arg(long, default_value = "5s")]
    pub(crate) settle: Span,

    /// Print every row, also where there are many and all is well.
    #[arg(long)]
    pub(crate) all: bool,

    /// `JUnit`'s XML, for CI.
    #[arg(long, conflicts_with = "json")]
    pub(crate) junit: bool,
}

/// `listen`
#[derive(Debug, Clone, Group)]
pub(crate) struct ListenArgs {
    /// Only events of this name; several times for several.
    #[arg(long = "event", value_name = "NAME")]
    pub(crate) events: Vec<String>,

    /// Packets as they stand on the wire, both ways, heartbeats included.
    #[arg(long)]
    pub(crate) wire: bool,

    /// Emit this first, with the arguments after `--`, such as a join; no answer is waited for.
    #[arg(long, value_name = "NAME")]
    pub(crate) first: Option<String>,

    /// Arguments of `--first`, each as JSON, or as text where it is none.
    #[arg(last = true)]
    pub(crate) args: Vec<String>,

    /// End after so many events.
    #[arg(long)]
    pub(crate) count: Option<u64>,

    /// End after this time.
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) lasts: Option<Span>,
}

/// `send`
#[derive(Debug, Clone, Group)]
pub(crate) struct SendArgs {
    /// The text; without any it is read from standard input. With `--event`: its arguments, each as JSON, or as text where
    /// it is none.
    pub(crate) text: Vec<String>,

    /// Where: an id or a title.
    #[arg(long, required_unless_present = "event")]
    pub(crate) conversation: Option<String>,

    /// Each line of standard input is a message.
    #[arg(long)]
    pub(crate) lines: bool,

    /// The id of the message that this one answers.
    #[arg(long)]
    pub(crate) reply_to: Option<String>,

    /// Any event of any Socket.IO server, instead of a message.
    #[arg(long, value_name = "NAME", conflicts_with = "conversation")]
    pub(crate) event: Option<String>,

    /// Do not wait for the event's acknowledgement.
    #[arg(long, requires = "event")]
    pub(crate) no_ack: bool,
}

/// `tail`
#[derive(Debug, Clone, Group)]
pub(crate) struct TailArgs {
    /// Where: an id or a title; without it, everything.
    #[arg(long)]
    pub(crate) conversation: Option<String>,

    /// Begin after this seq; needs `--conversation`.
    #[arg(long, value_name = "SEQ", requires = "conversation")]
    pub(crate) after: Option<u64>,

    /// End after so many messages.
    #[arg(long)]
    pub(crate) count: Option<u64>,

    /// End after this time.
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) lasts: Option<Span>,
}

/// `rooms`
#[derive(Debug, Clone, Group)]
pub(crate) struct RoomsArgs {
    /// One room, by its name.
    pub(crate) room: Option<String>,
    /// Only those whose name holds this.
    #[arg(long = "search", value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// At most so many; they are fetched page by page.
    #[arg(long, default_value_t = LISTED_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=LISTED_MAX))]
    pub(crate) limit: u32,
}

/// `sockets`
#[derive(Debug, Clone, Group)]
pub(crate) struct SocketsArgs {
    /// One socket, by its SID.
    pub(crate) sid: Option<String>,
    /// Only those whose user, SID or client holds this.
    #[arg(long = "search", value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// At most so many; they are fetched page by page.
    #[arg(long, default_value_t = LISTED_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=LISTED_MAX))]
    pub(crate) limit: u32,
}

/// `delivery`
#[derive(Debug, Clone, Group)]
pub(crate) struct DeliveryArgs {
    /// The message's id.
    pub(crate) message: String,
}

/// `explain`
#[derive(Debug, Clone, Group)]
pub(crate) struct ExplainArgs {
    /// The message's id.
    #[arg(long, required_unless_present = "conversation")]
    pub(crate) message: Option<String>,
    /// Whom it should have reached: an id or a username.
    #[arg(long, required_unless_present = "client_message")]
    pub(crate) user: Option<String>,
    /// Instead of a message: would one reach the user now?
    #[arg(long, conflicts_with = "message")]
    pub(crate) conversation: Option<String>,
    /// The id that its sender gave it, for one that perhaps never was saved.
    #[arg(long, requires = "conversation")]
    pub(crate) client_message: Option<String>,
}

/// `monitor`
#[derive(Debug, Clone, Group)]
pub(crate) struct MonitorArgs {
    /// Only this room.
    #[arg(long)]
    pub(crate) room: Option<String>,
    /// Only this user's id.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only this socket.
    #[arg(long)]
    pub(crate) sid: Option<String>,
    /// Only this event.
    #[arg(long)]
    pub(crate) event: Option<String>,
    /// Only `in` (from clients) or `out`.
    #[arg(long, value_parser = ["in", "out"])]
    pub(crate) direction: Option<String>,
    /// End after so many events.
    #[arg(long)]
    pub(crate) count: Option<u64>,
}

/// `probe`
#[derive(Debug, Clone, Group)]
pub(crate) struct ProbeArgs {
    /// The room's name, as in `conversation:<id>`.
    pub(crate) room: String,
}

/// `doctor`
#[derive(Debug, Clone, Group)]
pub(crate) struct DoctorArgs {
    /// The server's address, as a client is given it; else that of `--url`.
    pub(crate) address: Option<String>,
    /// Do not wait until the connection has stood idle between two heartbeats (25 s on most servers).
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only this check, and what it needs; several times for several.
    #[arg(long, value_name = "CHECK")]
    pub(crate) only: Vec<String>,
    /// An event with an acknowledgement to emit as an echo, for servers that are no Rollcall.
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
}

/// `record`
#[derive(Debug, Clone, Group)]
pub(crate) struct RecordArgs {
    /// The file; it must not exist yet.
    pub(crate) file: PathBuf,
    /// End after this time; else with Ctrl-C.
    #[arg(long = "for", value_name = "DURATION")]
    pub(crate) lasts: Option<Span>,
}

/// `replay`
#[derive(Debug, Clone, Group)]
pub(crate) struct ReplayArgs {
    /// The file.
    pub(crate) file: PathBuf,
    /// Send the events that it sent to the server again, in their rhythm.
    #[arg(long)]
    pub(crate) send: bool,
    /// How much quicker than it was; 0: at once.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) speed: f64,
}

/// `profile`
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Sign in, and save the address and the tokens (never the password) for the current user alone.
    Save {
        /// A name of one's own choice.
        name: String,
    },
    /// What is saved.
    List,
    /// Forget one.
    Remove {
        /// Which.
        name: String,
    },
}
