//! What a live socket is reached through: Socket.IO's own socket, or a plain WebSocket. Everything else about the two is
//! the same, and nothing outside the hub can tell them apart but by [`super::LiveSocket::transport`].

use std::sync::Arc;

use serde_json::value::RawValue;
use socketioxide::{SendError, SocketError};
use socketioxide_core::Sid;

use super::adapter::{EncodedEvent, SocketRef};
use super::plain::PlainLink;
use super::{CloseReason, EmitError};

/// One of the two.
#[derive(Debug)]
pub(super) enum Outlet {
    /// A socket of the Socket.IO library.
    SocketIo(SocketRef),
    /// A plain WebSocket.
    Plain(Arc<PlainLink>),
}

impl Outlet {
    pub(super) fn sid(&self) -> Sid {
        match self {
            Outlet::SocketIo(link) => link.id,
            Outlet::Plain(link) => link.sid(),
        }
    }

    pub(super) fn transport(&self) -> &'static str {
        match self {
            Outlet::SocketIo(link) => match link.transport_type() {
                socketioxide::TransportType::Polling => "polling",
                socketioxide::TransportType::Websocket => "websocket",
            },
            Outlet::Plain(_) => "plain-websocket",
        }
    }

    pub(super) fn request(&self) -> Option<&http::request::Parts> {
        match self {
            Outlet::SocketIo(link) => Some(link.req_parts()),
            Outlet::Plain(_) => None,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self {
            Outlet::SocketIo(link) => link.connected(),
            Outlet::Plain(link) => link.is_connected(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn emit(&self, event: &'static str, data: &RawValue) -> Result<(), EmitError> {
        let link = match self {
            Outlet::Plain(link) => return link.emit(event, data),
            Outlet::SocketIo(link) => link,
        };
        match link.emit(event, data) {
            Ok(()) => Ok(()),
            Err(SendError::Socket(SocketError::InternalChannelFull)) => Err(EmitError::Full),
            Err(SendError::Socket(_)) => Err(EmitError::Closed),
            Err(SendError::Serialize(error)) => {
                // Our own types always serialize; a defect must be seen, not turned into a dead connection.
                tracing::error!(event, %error, "an event could not be encoded");
                Ok(())
            }
        }
    }

    /// The same for an event that is encoded already.
    pub(super) fn hand(&self, event: &EncodedEvent) -> Result<(), EmitError> {
        match self {
            Outlet::Plain(link) => link.hand(event.frame()),
            Outlet::SocketIo(link) if link.connected() => event.hand_to(link.id),
            Outlet::SocketIo(_) => Err(EmitError::Closed),
        }
    }

    /// Tells it to go; false when it cannot be told.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn dismiss(&self, reason: CloseReason) -> bool {
        match self {
            Outlet::SocketIo(link) => link.clone().disconnect().is_ok(),
            Outlet::Plain(link) => {
                link.close(reason);
                true
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn join(&self, rooms: &[&str]) {
        match self {
            Outlet::SocketIo(link) => link.join(rooms.iter().map(|room| (*room).to_owned()).collect::<Vec<_>>()),
            Outlet::Plain(link) => rooms.iter().for_each(|room| link.join(room)),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn leave(&self, room: &str) {
        match self {
            Outlet::SocketIo(link) => link.leave(room.to_owned()),
            Outlet::Plain(link) => link.leave(room),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    pub(super) fn leave_all(&self) {
        match self {
            Outlet::SocketIo(link) => link.leave_all(),
            Outlet::Plain(link) => link.leave_all(),
        }
    }

    pub(super) fn is_in(&self, room: &str) -> bool {
        match self {
            Outlet::SocketIo(link) => link.rooms().iter().any(|name| name == room),
            Outlet::Plain(link) => link.is_in(room),
        }
    }

    pub(super) fn rooms(&self) -> Vec<String> {
        match self {
            Outlet::SocketIo(link) => link.rooms().into_iter().map(std::borrow::Cow::into_owned).collect(),
            Outlet::Plain(link) => link.rooms(),
        }
    }
}
