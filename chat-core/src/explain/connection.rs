//! What is known of a user's connections, of their refused attempts at one, and of nodes that died: part of the evidence.

use crate::{NodeId, Sid, Timestamp};

/// A connection in `/`, as the history keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Which socket.
    pub sid: Sid,
    /// The process that held it.
    pub node_id: NodeId,
    /// Since when.
    pub connected_at: Timestamp,
    /// How it ended; `None` while it is open. One that nobody could note, as its process died, has to be closed by whoever
    /// finds it (`node_lost`), or be named in [`Evidence::node_losses`](super::Evidence::node_losses).
    pub disconnected: Option<End>,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// By what.
    pub reason: EndReason,
}

/// By what a connection ended: the label values of `rollcall_disconnections_total`, and the loss of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The client closed it.
    Client,
    /// The transport was closed.
    TransportClose,
    /// The transport failed.
    TransportError,
    /// No answer to the heartbeat.
    PingTimeout,
    /// It took nothing for too long.
    Slow,
    /// Its token ended, or its account was disabled.
    Token,
    /// An admin closed it.
    Admin,
    /// The server stopped in order.
    Shutdown,
    /// What came was no Socket.IO.
    Protocol,
    /// The process died.
    NodeLost,
}

impl EndReason {
    /// The reason as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::Client => "client",
            EndReason::TransportClose => "transport_close",
            EndReason::TransportError => "transport_error",
            EndReason::PingTimeout => "ping_timeout",
            EndReason::Slow => "slow",
            EndReason::Token => "token",
            EndReason::Admin => "admin",
            EndReason::Shutdown => "shutdown",
            EndReason::Protocol => "protocol",
            EndReason::NodeLost => "node_lost",
        }
    }
}

/// An attempt to connect that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// When.
    pub at: Timestamp,
    /// The kind.
    pub reason: RejectedReason,
    /// What came and what is right.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// Why an attempt to connect was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedReason {
    /// No token, or one that is not accepted.
    Token,
    /// A page of another site.
    Origin,
    /// Socket.IO on another path.
    Path,
    /// Another version of the protocol.
    Protocol,
    /// A namespace that does not exist.
    Namespace,
    /// Too many attempts.
    Rate,
}

impl RejectedReason {
    /// The reason as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectedReason::Token => "token",
            RejectedReason::Origin => "origin",
            RejectedReason::Path => "path",
            RejectedReason::Protocol => "protocol",
            RejectedReason::Namespace => "namespace",
            RejectedReason::Rate => "rate",
        }
    }
}

/// A node that died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLoss {
    /// Which.
    pub node_id: NodeId,
    /// When it was last heard of.
    pub at: Timestamp,
}
