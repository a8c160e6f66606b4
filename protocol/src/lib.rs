//! The wire of Rollcall, shared by the server and its clients.
//!
//! [`request`] is what clients ask (one type per event, read field by field so that every mistake is named), [`event`] what
//! the server says by itself, [`reply`] what an acknowledgement holds, [`error`] the closed set of error codes.
//! Names and shapes are fixed by the contract; the snapshot tests freeze them.

pub mod error;
pub mod event;
pub mod fields;
pub mod reply;
pub mod request;

pub use chat_core;
pub use error::{ErrorCode, WireError};
pub use event::{ConversationView, ParticipantView, ServerEvent, UserView};
pub use fields::{Fields, ShapeError};
pub use request::Request;
