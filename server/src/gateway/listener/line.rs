//! What the server shares with a connection of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::poll_fn;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::heartbeat::Heartbeat;
use super::out::{Out, Wrote};

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
    /// A socket counts what is said here.
    claimed: AtomicBool,
    /// Acknowledgements of namespace `/` that were given to the library for this connection.
    answers: AtomicU64,
    // Never held across an await. Locked after a socket's lanes.
    pub(super) out: Mutex<Out>,
    peer: SocketAddr,
    opened_at: Instant,
    /// Two, since the halves of a WebSocket may live in different tasks.
    reader: AtomicWaker,
    writer: AtomicWaker,
    /// Whoever waits to write the rest of a frame that was begun at once.
    finisher: AtomicWaker,
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
            claimed: AtomicBool::new(false),
            answers: AtomicU64::new(0),
            out: Mutex::default(),
            finisher: AtomicWaker::new(),
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
            self.finisher.wake();
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
        self.out.lock().close();
        self.finisher.wake();
    }

    // === writing beside the library ===

    /// True for the first socket of namespace `/` on this connection. A client may leave the namespace and enter it again, and what
    /// was said in its first life is none of the second's, but was written here.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }

    /// Counts an acknowledgement of namespace `/` that `answer` gives to the library.
    pub(crate) fn answers<E>(&self, answer: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        given(&self.answers, answer)
    }

    /// Writes a whole text frame at once; `events` counts what the library was given in namespace `/`. False: nothing was written,
    /// and it must go by way of the library. That is so whenever anything that the library was given before is not out
    /// yet, so that whichever way a socket's events go, they come in order.
    pub(crate) fn write_now(self: &Arc<Self>, frame: &Bytes, events: &AtomicU64) -> bool {
        if self.is_cut() {
            return false;
        }
        // Who writes there right now has something to write.
        let Some(mut out) = self.out.try_lock() else {
            return false;
        };
        // Looked at while nobody writes: what is out was counted before, so that it is never more than this.
        match out.write_now(frame, self.handed(events)) {
            Wrote::All => self.took(frame.len()),
            Wrote::Part { bytes, unattended } => {
                self.took(bytes);
                drop(out);
                if unattended {
                    self.finish_later();
                }
            }
            Wrote::Nothing => return false,
        }
        true
    }

    #[cfg(test)]
    pub(crate) fn is_clear(&self, events: &AtomicU64) -> bool {
        let mut out = self.out.lock();
        out.is_clear(self.handed(events))
    }

    fn handed(&self, events: &AtomicU64) -> u64 {
        events.load(Ordering::Acquire) + self.answers.load(Ordering::Acquire)
    }

    /// The library may have nothing to write for a long time, and then nobody else looks whether there is room again.
    fn finish_later(self: &Arc<Self>) {
        let line = Arc::clone(self);
        match Handle::try_current() {
            // It ends with the rest, or with the connection.
            Ok(runtime) => drop(runtime.spawn(poll_fn(move |context| line.poll_rest(context)))),
            // A frame that is never ended would take the next one for its own.
            Err(_) => self.cut(),
        }
    }

    fn poll_rest(&self, context: &mut Context<'_>) -> Poll<()> {
        self.finisher.register(context.waker());
        if self.is_cut() || self.is_closed() {
            return Poll::Ready(());
        }
        let mut out = self.out.lock();
        let Poll::Ready(outcome) = out.poll_rest(context, |bytes| self.took(bytes)) else {
            self.took_nothing();
            return Poll::Pending;
        };
        out.finished();
        drop(out);
        if outcome.is_err() {
            // The library finds the connection ended, as with any other error.
            self.cut();
        }
        // There is one place for who waits for room, and this may have taken it from the library.
        self.writer.wake();
        Poll::Ready(())
    }

    /// For the library's own writes: what was begun goes before them.
    pub(super) fn poll_ahead(&self, out: &mut Out, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if !out.has_rest() {
            return Poll::Ready(Ok(()));
        }
        let outcome = out.poll_rest(context, |bytes| self.took(bytes));
        match outcome {
            // Its place for who waits for room was taken by this.
            Poll::Ready(_) => self.finisher.wake(),
            Poll::Pending => self.took_nothing(),
        }
        outcome
    }
}

/// Counts what `give` gives to the library: before it can be written, so that what is counted is never less than what waits. What was
/// not taken is not counted.
pub(crate) fn given<E>(count: &AtomicU64, give: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    count.fetch_add(1, Ordering::AcqRel);
    let outcome = give();
    if outcome.is_err() {
        count.fetch_sub(1, Ordering::AcqRel);
    }
    outcome
}
