//! What the admin asks of the running server: the one seam between these pages and everything that is live.
//!
//! Implemented on the hub. All answers are read from the thing itself at the moment of asking.

use std::sync::Arc;

use async_trait::async_trait;
use chat_core::ports::StoreError;
use chat_core::{NodeId, Timestamp, User, UserId};
use serde::Serialize;
use tokio::sync::watch;

use crate::hub::glance::Glance;
use crate::hub::view::{ActivityView, LaneView, NamespaceView, RoomDetail, RoomView, SocketView};

/// What the admin asks of the running server.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// Every namespace, those without sockets too.
    fn namespaces(&self) -> Vec<NamespaceView>;

    /// Every live room of one namespace, or of all of them, of every kind, in no order.
    fn rooms(&self, namespace: Option<&str>) -> Vec<RoomView>;

    /// How many sockets a live room holds.
    fn sockets_in(&self, namespace: &str, room: &str) -> usize;

    /// One room. `None`: no socket is in it and it is no conversation's; a conversation's room without sockets is there
    /// and empty.
    async fn room(&self, namespace: &str, room: &str) -> Result<Option<RoomDetail>, StoreError>;

    /// How many conversations' rooms hold a socket.
    fn conversation_rooms(&self) -> usize;

    /// Every live socket of every namespace, also those on other nodes, in no order.
    fn sockets(&self) -> Vec<Glance>;

    /// One socket.
    fn socket(&self, sid: &str) -> Option<SocketView>;

    /// What it was handed, conversation by conversation; empty when there is no such socket.
    fn lanes(&self, sid: &str) -> Vec<LaneView>;

    /// What went through a chat socket; `None` when there is no such socket.
    fn activity(&self, sid: &str) -> Option<ActivityView>;

    /// The accounts that have a live socket in chat, each once, and how many it has.
    fn users_online(&self) -> Vec<(Arc<User>, usize)>;

    /// The live sockets of a user, on every node.
    fn sockets_of(&self, user: &UserId) -> Vec<SocketView>;

    /// Closes a socket; false when there is none of this SID.
    async fn disconnect(&self, sid: &str) -> bool;

    /// Closes every socket of a user whose account was disabled, also one that is just being admitted.
    async fn expel(&self, user: &UserId);

    /// Puts a socket into a room of its namespace; false when there is no such socket or the live room does not show it.
    async fn join(&self, sid: &str, room: &str) -> bool;

    /// Takes a socket out of a room; false when there is no such socket or it was not in the room.
    async fn leave(&self, sid: &str, room: &str) -> bool;

    /// Every server process that is known, this one first.
    fn nodes(&self) -> Vec<NodeView>;

    /// Ticks when sockets or rooms changed. Its closing ends the live streams.
    fn changes(&self) -> watch::Receiver<u64>;

    /// What the charts are drawn from, read every few seconds.
    fn tallies(&self) -> Tallies;

    /// The figures of the Overview.
    fn overview(&self) -> OverviewFigures;
}

/// A server process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeView {
    /// Its id.
    pub node_id: NodeId,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// Which build.
    pub version: String,
    /// Live sockets that it holds.
    pub sockets: usize,
    /// Live conversations' rooms on it.
    pub rooms: usize,
    /// It answers, and its store and bus work.
    pub healthy: bool,
}

/// Whether a part of the server works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "state", content = "why")]
pub enum Vital {
    /// It works.
    Up,
    /// It does not, and why.
    Down(String),
    /// This server runs without it.
    Unused,
}

/// Somebody who is online and is not getting messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotReached {
    /// Who.
    pub user_id: UserId,
    /// Their unique name.
    pub username: String,
    /// One of the contract's causes, such as `no_receipt`.
    pub cause: &'static str,
    /// The cause in words, such as "handed over, never confirmed (no listener?)".
    pub summary: String,
    /// How many messages.
    pub messages: u64,
    /// Since when, if that is known.
    pub since: Option<Timestamp>,
}

/// What the charts are drawn from, as in [`OverviewFigures`]: read without a look at any socket.
#[derive(Debug, Clone, Copy)]
pub struct Tallies {
    /// Live sockets in chat.
    pub connections: usize,
    /// Messages saved.
    pub messages: u64,
    /// Hand-overs to sockets.
    pub handed_over: u64,
    /// Those that must be confirmed and whose fate is known.
    pub receipts_due: u64,
    /// Those of them that a receipt covers.
    pub confirmed: u64,
    /// Hand-overs that failed.
    pub failed: u64,
    /// Messages that reached nobody though somebody was online.
    pub empty: u64,
    /// Connections that were turned away.
    pub rejected: u64,
    /// From hand-over to receipt, the slowest hundredth, in milliseconds.
    pub confirm_p99_ms: Option<f64>,
}

impl From<&OverviewFigures> for Tallies {
    fn from(figures: &OverviewFigures) -> Self {
        Self {
            connections: figures.connections,
            messages: figures.messages_total,
            handed_over: figures.handed_over_total,
            receipts_due: figures.receipts_due_total,
            confirmed: figures.confirmed_total,
            failed: figures.failed_total,
            empty: figures.broadcasts_empty_total,
            rejected: figures.rejected_total,
            confirm_p99_ms: figures.confirm_p99_ms,
        }
    }
}

/// The figures of the Overview. Totals count from this process's start; the rest is now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverviewFigures {
    /// Live sockets in chat, plain WebSockets included; those of namespace `/admin` are not.
    pub connections: usize,
    /// Users with at least one of them.
    pub users_online: usize,
    /// Conversations' rooms with at least one socket.
    pub rooms: usize,
    /// Messages saved.
    pub messages_total: u64,
    /// Hand-overs to sockets.
    pub handed_over_total: u64,
    /// Hand-overs to sockets that promised receipts, and whose fate is known: the base of the confirmed share.
    pub receipts_due_total: u64,
    /// Those of them that a receipt covers.
    pub confirmed_total: u64,
    /// Hand-overs that failed.
    pub failed_total: u64,
    /// Sockets that were online but not in the room, joined and sent to.
    pub repaired_total: u64,
    /// Hand-overs made again because no receipt came.
    pub retried_total: u64,
    /// Messages that reached no socket at all though a participant was online.
    pub broadcasts_empty_total: u64,
    /// Connections that were turned away.
    pub rejected_total: u64,
    /// Hand-overs without a receipt after the last retry, now.
    pub unconfirmed: usize,
    /// Sockets whose buffer was full and that are being fed from the store, now.
    pub lagging: usize,
    /// From hand-over to receipt, the middle, in milliseconds; `None` while nothing was confirmed.
    pub confirm_p50_ms: Option<f64>,
    /// From hand-over to receipt, the slowest hundredth, in milliseconds.
    pub confirm_p99_ms: Option<f64>,
    /// The built-in probe: two virtual users that message each other through the real path. `unused`: it is off.
    pub canary: Vital,
    /// The built-in probe's last round trip in milliseconds; `None` when it is off or failed.
    pub canary_ms: Option<f64>,
    /// The database.
    pub store: Vital,
    /// The bus between nodes.
    pub bus: Vital,
    /// Who is online and not getting messages, the worst first, at most 20 of them.
    pub not_reached: Vec<NotReached>,
    /// How many they are.
    pub not_reached_total: usize,
}
