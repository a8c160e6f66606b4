//! Connections that meant Socket.IO and missed: answered with the remedy, counted, kept in a ring.
//!
//! The Socket.IO library tells nobody about a wrong path, an old protocol or a refused origin: its handlers never run.
//! So every request passes [`AdmissionLayer`] first, outside the library and the router. What is refused there, and what
//! the handshake refuses later (a bad token, an unknown namespace), becomes a [`Rejection`] in the [`RejectedRing`].
//!
//! In: HTTP requests, before anybody else. Out: those that may go on, those for Socket.IO stripped to what is worth
//! keeping in memory; for the others an answer with what came, what is right and what to do. Guarantees: no refusal is
//! silent; every answer to an allowed origin bears the CORS headers, errors included, so that a page can read them; the
//! ring is bounded and holds no token.

mod admission;
mod answer;
mod cors;
mod fault;
mod kept;
mod ring;
mod sanitized;

pub use admission::{
    AddressOf, Admission, AdmissionLayer, AdmissionService, OnTurnedAway, OnUpgrade, OperatorsDoor, OriginCheck,
    OwnerOf, RateCheck,
};
pub use fault::Fault;
pub use ring::{Rejected, RejectedPage, RejectedRing, Rejection};

/// Where Socket.IO is.
pub const SOCKET_IO_PATH: &str = "/socket.io/";

#[cfg(test)]
mod tests;
