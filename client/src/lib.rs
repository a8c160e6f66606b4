//! A Socket.IO client for Rollcall: typed calls and events, reconnect, resume.
//!
//! It speaks Engine.IO 4 and Socket.IO 5 over WebSocket alone. [`Client::builder`] is the way in; it gives a [`Client`]
//! (cheap to clone, typed calls) and [`Events`] (what the server says, and what becomes of the connection).
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use rollcall_client::{Client, ClientEvent, Rest, ServerEvent};
//!
//! let url = "http://127.0.0.1:4600";
//! let login = Rest::new(url)?.login("alice", "demo").await?;
//! let (client, mut events) = Client::builder(url).token(login.token).connect().await?;
//! let conversations = client.list_conversations().await?.conversations;
//! client.send(&conversations[0].id, "hello").await?;
//! while let Some(event) = events.next().await {
//!     if let ClientEvent::Server(ServerEvent::NewMessage(message)) = event {
//!         assert!(!message.content.is_empty());
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! What it guarantees:
//! - **Order.** The messages of a conversation come out in rising seq, each once: what comes twice is dropped and reported
//!   ([`ClientEvent::Duplicate`]), what is missing is reported and fetched before later ones are given ([`ClientEvent::Gap`]).
//! - **Resume.** It remembers the last seq of each conversation that it gave out, and the epoch they belong to, and asks for
//!   the rest after every reconnect.
//! - **Backpressure.** [`Events`] is bounded. While nobody takes events, nothing is read from the socket, so a slow
//!   consumer is a slow reader to the server, which knows what to do about those. Calls are still written meanwhile, but
//!   their answers stand behind the events on the wire: a consumer that awaits a call while it leaves more than the
//!   capacity of events lying gets [`CallError::Timeout`], never a deadlock.
//! - **No panic**, whatever a server sends; what cannot be read is reported as [`ClientEvent::Undecodable`].
//!
//! The modules follow a packet inwards: `transport` opens the socket, `wire` reads and writes packets, `live` is one
//! connection, `link` keeps there being one, `positions` knows what is held.

mod auth;
mod backoff;
mod builder;
mod calls;
mod error;
mod event;
mod limits;
mod link;
mod live;
mod outbox;
mod packet;
mod positions;
mod receipts;
mod rest;
mod stream;
mod tap;
mod transport;
mod wire;

pub use auth::Auth;
pub use backoff::Backoff;
pub use builder::{Builder, InvalidUrl};
pub use calls::Client;
pub use error::{CallError, DownReason};
pub use event::{ClientEvent, Events, Gap, GapOutcome, LostReason, State};
pub use packet::{Packet, PacketKind};
pub use positions::Held;
pub use rest::{History, Login, Page, Rest, RestError};
pub use rollcall_protocol as protocol;
pub use rollcall_protocol::ServerEvent;
pub use stream::{ServerSent, ServerSentEvents};
pub use tap::{Direction, TappedPacket};
pub use transport::tls_config;
