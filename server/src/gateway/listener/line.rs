//! What the server shares with a connection of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::heartbeat::Heartbeat;

/// One TCP connection, seen and held from outside.
#[derive(Debug)]
// What every write touches is in one line of memory.
#[repr(C, align(64))]
pub struct Line {
    /// Bytes that the kernel took.
    written: AtomicU64,
    /// When the kernel stopped taking bytes while some wait: nanoseconds since `opened_at`, or [`NOT_STALLED`].
    stalled_at: AtomicU64,
    /// Where its bytes are counted, once it is known to carry Socket.IO.
    flow: OnceLock<Arc<Flow>>,
    cut: AtomicBool,
    closed: AtomicBool,
    peer: SocketAddr,
    opened_at: Instant,
    /// Two, since the halves of a WebSocket may live in different tasks.
    reader: AtomicWaker,
    writer: AtomicWaker,
    heartbeat: Heartbeat,
}

/// Bytes of all connections that carry Socket.IO.
#[derive(Debug, Default)]
pub struct Flow {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Flow {
    /// Received and sent since the start.
    pub fn totals(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }
}

const NOT_STALLED: u64 = u64::MAX;

/// Which half of the connection is waiting.
#[derive(Debug, Clone, Copy)]
pub(super) enum Half {
    Read,
    Write,
}

impl Line {
    pub(super) fn new(peer: SocketAddr) -> Arc<Self> {
        Arc::new(Self {
            peer,
            opened_at: Instant::now(),
            written: AtomicU64::new(0),
            stalled_at: AtomicU64::new(NOT_STALLED),
            cut: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            flow: OnceLock::new(),
            heartbeat: Heartbeat::default(),
        })
    }

    /// A line without a connection, for tests of what only asks who the peer is.
    #[cfg(test)]
    pub(crate) fn of_peer(peer: SocketAddr) -> Arc<Self> {
        Self::new(peer)
    }

    /// The other end's address. Behind a proxy it is the proxy's.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Bytes that the kernel took so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// For how long bytes have been waiting without the kernel taking any; `None` when nothing waits.
    pub fn stalled_for(&self) -> Option<Duration> {
        let at = self.stalled_at.load(Ordering::Relaxed);
        (at != NOT_STALLED).then(|| self.opened_at.elapsed().saturating_sub(Duration::from_nanos(at)))
    }

    /// How long the peer took to answer the newest heartbeat of a WebSocket, and how long ago that was; `None` before the first.
    pub fn round_trip(&self) -> Option<(Duration, Duration)> {
        let (took, at) = self.heartbeat.newest()?;
        Some((took, self.opened_at.elapsed().saturating_sub(at)))
    }

    /// Whether the connection is gone: nothing holds its stream any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends the connection at once: reads and writes fail from now on, and those that wait are woken to fail. What the
    /// kernel still holds for the peer is thrown away. Does nothing the second time.
    pub fn cut(&self) {
        if !self.cut.swap(true, Ordering::SeqCst) {
            self.reader.wake();
            self.writer.wake();
        }
    }

    /// Whether [`Line::cut`] was called.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Counts its bytes there from now on.
    pub fn flows_into(&self, flow: &Arc<Flow>) {
        self.flow.get_or_init(|| Arc::clone(flow));
    }

    /// The peer sent `bytes`.
    pub(super) fn came(&self, bytes: &[u8]) {
        self.heartbeat.read(bytes, || self.opened_at.elapsed());
        if let Some(flow) = self.flow.get() {
            flow.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
    }

    /// The kernel took these, of which [`Line::took`] is told as well.
    pub(super) fn wrote(&self, bytes: &[u8]) {
        self.heartbeat.wrote(bytes, || self.opened_at.elapsed());
    }

    /// The half waits: whoever cuts must wake it. The caller asks [`Line::is_cut`] again afterwards, since the cut may
    /// have come between its look and this call.
    pub(super) fn waits(&self, half: Half, context: &Context<'_>) {
        match half {
            Half::Read => self.reader.register(context.waker()),
            Half::Write => self.writer.register(context.waker()),
        }
    }

    /// The kernel took `bytes`.
    pub(super) fn took(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(flow) = self.flow.get() {
            flow.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        // A load is cheaper than a store to a line that others read, and a stall is rare.
        if self.stalled_at.load(Ordering::Relaxed) != NOT_STALLED {
            self.stalled_at.store(NOT_STALLED, Ordering::Relaxed);
        }
    }

    /// The kernel took nothing. Only the first time since it last took something counts.
    pub(super) fn took_nothing(&self) {
        if self.stalled_at.load(Ordering::Relaxed) == NOT_STALLED {
            // 584 years fit.
            let now = u64::try_from(self.opened_at.elapsed().as_nanos()).unwrap_or(0);
            self.stalled_at.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn close(&self) {
        self.stalled_at.store(NOT_STALLED, Ordering::Relaxed);
        self.closed.store(true, Ordering::Release);
    }
}
