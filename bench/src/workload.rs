//! The workloads that compare servers: what each is called, and how it is run.

use anyhow::Result;
use clap::{Subcommand, ValueEnum};

use crate::fanout::{self, Plan};
use crate::figures::Figures;
use crate::servers::{Kind, Programs};
use crate::{admin, connects, post};

/// Whose clients send receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Receipts {
    /// Rollcall's.
    Rollcall,
    /// Every server's: what reading them costs by itself.
    All,
}

/// One of them.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Workload {
    /// As many messages as go through, so many of them under way in each room
    Fanout {
        #[arg(long, default_value_t = 1)]
        rooms: usize,
        #[arg(long, default_value_t = 1000)]
        members: usize,
        #[arg(long, default_value_t = 16)]
        in_flight: usize,
        /// Clients send receipts: of Rollcall, or of `all` servers, where the others read them and do nothing
        #[arg(long, value_name = "WHOSE", num_args = 0..=1, require_equals = true, default_missing_value = "rollcall")]
        receipts: Option<Receipts>,
    },
    /// A few messages per second: what it costs, and how soon they are there
    Calm {
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        #[arg(long, default_value_t = 100)]
        members: usize,
        #[arg(long, default_value_t = 13.0)]
        per_second: f64,
        /// Clients send receipts: of Rollcall, or of `all` servers, where the others read them and do nothing
        #[arg(long, value_name = "WHOSE", num_args = 0..=1, require_equals = true, default_missing_value = "rollcall")]
        receipts: Option<Receipts>,
    },
    /// Messages that are saved and sent: Rollcall with synchronous=FULL, Node with NORMAL
    Saved {
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        #[arg(long, default_value_t = 20)]
        members: usize,
        #[arg(long, default_value_t = 16)]
        in_flight: usize,
    },
    /// Messages by POST, saved and sent
    Post,
    /// Connect, authenticate, join; and the memory of a connection that only sits there
    Connects {
        #[arg(long, default_value_t = 8000)]
        sockets: usize,
        /// Of each conversation; as many as there are sockets is the storm of one large group
        #[arg(long, default_value_t = 10)]
        members: usize,
    },
    /// Every page of the admin, its JSON and the metrics, while so many are connected, each in a room of their own
    Admin {
        #[arg(long, default_value_t = 10_000)]
        sockets: usize,
    },
}

impl Workload {
    /// All of them, as in the design's tables.
    pub(crate) fn all() -> Vec<Self> {
        let fanout = |rooms, members, in_flight, receipts| Self::Fanout {
            rooms,
            members,
            in_flight,
            receipts,
        };
        let receipts = Some(Receipts::Rollcall);
        let (rooms, members) = (10, 20);
        vec![
            fanout(1, 1000, 1, None),
            fanout(1, 1000, 16, None),
            fanout(10, 100, 1, None),
            fanout(10, 100, 16, None),
            fanout(1, 1000, 1, receipts),
            fanout(1, 1000, 16, receipts),
            fanout(10, 100, 1, receipts),
            fanout(10, 100, 16, receipts),
            Self::Calm {
                rooms: 10,
                members: 100,
                per_second: 13.0,
                receipts: None,
            },
            Self::Calm {
                rooms: 10,
                members: 100,
                per_second: 13.0,
                receipts,
            },
            Self::Saved {
                rooms,
                members,
                in_flight: 1,
            },
            Self::Saved {
                rooms,
                members,
                in_flight: 16,
            },
            Self::Post,
            Self::Connects {
                sockets: 8000,
                members: 10,
            },
            Self::Connects {
                sockets: 1000,
                members: 1000,
            },
        ]
    }

    /// What stands above its table.
    pub(crate) fn title(&self) -> String {
        let receipted = |receipts: &Option<Receipts>| match receipts {
            None => "",
            Some(Receipts::Rollcall) => ", every client of Rollcall sends receipts",
            Some(Receipts::All) => ", every client sends receipts",
        };
        match self {
            Self::Fanout {
                rooms,
                members,
                in_flight,
                receipts,
            } => {
                format!(
                    "fan-out {rooms} × {members}, {in_flight} in flight{}",
                    receipted(receipts)
                )
            }
            Self::Calm {
                rooms,
                members,
                per_second,
                receipts,
            } => {
                format!(
                    "calm {rooms} × {members}, {per_second} messages/s{}",
                    receipted(receipts)
                )
            }
            Self::Saved {
                rooms,
                members,
                in_flight,
            } => {
                format!("saved and sent, {rooms} × {members}, {in_flight} in flight per room")
            }
            Self::Post => "POST to everyone's socket, 10 × 20, 16 at a time".to_owned(),
            Self::Connects { sockets, members } => {
                format!("{sockets} connects and joins in conversations of {members}, and idle memory")
            }
            Self::Admin { sockets } => format!("the admin's pages at {sockets} sockets, each in a room of its own"),
        }
    }

    /// The bare server neither saves nor takes a POST.
    pub(crate) fn takes(&self, kind: Kind) -> bool {
        match self {
            Self::Admin { .. } => kind == Kind::Rollcall,
            Self::Saved { .. } | Self::Post => kind != Kind::Bare,
            _ => true,
        }
    }

    /// One run against one server.
    pub(crate) async fn run(&self, kind: Kind, programs: &Programs, seconds: f64) -> Result<Figures> {
        let plan = |rooms, members, in_flight| Plan {
            rooms,
            members,
            in_flight,
            pace: None,
            receipts: None,
            save: false,
            seconds,
        };
        match *self {
            Self::Fanout {
                rooms,
                members,
                in_flight,
                receipts,
            } => {
                let plan = Plan {
                    receipts,
                    ..plan(rooms, members, in_flight)
                };
                fanout::run(kind, programs, plan).await
            }
            Self::Calm {
                rooms,
                members,
                per_second,
                receipts,
            } => {
                let pace = Some(per_second);
                let plan = Plan {
                    pace,
                    receipts,
                    ..plan(rooms, members, 1)
                };
                fanout::run(kind, programs, plan).await
            }
            Self::Saved {
                rooms,
                members,
                in_flight,
            } => {
                let plan = Plan {
                    save: true,
                    ..plan(rooms, members, in_flight)
                };
                fanout::run(kind, programs, plan).await
            }
            Self::Post => post::run(kind, programs, 10, 20, seconds).await,
            Self::Connects { sockets, members } => connects::run(kind, programs, sockets, members).await,
            Self::Admin { sockets } => admin::run(programs, sockets).await,
        }
    }
}
