//! The rules of Rollcall, without I/O.
//!
//! Everything here is plain data and pure functions: identifiers ([`ids`]), bounds ([`limits`]), people ([`user`]),
//! conversations ([`conversation`]), messages ([`message`]), whom they name ([`mention`]), why one did not reach somebody ([`explain`]) and the ports that
//! the outside implements ([`ports`]).
//! The server, the clients and the tests share it; it knows nothing of sockets, SQL or HTTP.

pub mod conversation;
pub mod delivery;
pub mod explain;
pub mod ids;
pub mod limits;
pub mod mention;
pub mod message;
pub mod ports;
pub mod search;
pub mod time;
pub mod user;

pub use conversation::{Conversation, ConversationKind, Participant, ParticipantRole};
pub use ids::{ConversationId, Epoch, MessageId, NodeId, Seq, Sid, UserId};
pub use message::{Draft, Message};
pub use time::Timestamp;
pub use user::{Role, User};
