//! The listening socket: a TCP stream that can be cut and that counts what the kernel took.
//!
//! A client that stops reading shuts its TCP window; whoever writes to it then waits in the kernel for as long as the
//! client likes, and no layer above can reach in and stop that. Here every connection shares a [`Line`] with the rest of
//! the server: it tells how many bytes the kernel took and for how long it has taken none, and [`Line::cut`] ends the
//! connection at once, whatever it is waiting for.
//!
//! In: a bound `TcpListener`. Out: streams for `axum::serve`, and a [`ConnInfo`] in the extensions of each request.
//! Guarantees: no error of `accept` ends the listener; more connections than allowed wait in the kernel's backlog.

mod frames;
mod heartbeat;
mod line;
mod out;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use metrics::Counter;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub(crate) use frames::text_frame;
pub(crate) use line::given;
pub use line::{Flow, Line};
pub use stream::LineStream;

use crate::limits::SEND_BUFFER_BYTES;

/// How long to wait after an error that the next `accept` would meet as well, such as no descriptors left: short, since
/// a descriptor may come free at any moment, but no busy loop.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Such an error is logged at most this often: at ten a second it would bury everything else.
const ACCEPT_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// What a request knows of its connection: `ConnectInfo<ConnInfo>` in its extensions.
#[derive(Debug, Clone)]
pub struct ConnInfo {
    /// The connection.
    pub line: Arc<Line>,
}

impl Connected<IncomingStream<'_, LineListener>> for ConnInfo {
    fn connect_info(stream: IncomingStream<'_, LineListener>) -> Self {
        Self {
            line: Arc::clone(stream.io().line()),
        }
    }
}

/// A `TcpListener` whose connections are [`LineStream`]s.
#[derive(Debug)]
pub struct LineListener {
    tcp: TcpListener,
    slots: Arc<Semaphore>,
    errors: Counter,
    logged_at: Option<Instant>,
}

impl LineListener {
    /// Listens on `tcp` and holds at most `connections_max` connections at a time. Errors of `accept` are counted in
    /// `errors`.
    pub fn new(tcp: TcpListener, connections_max: usize, errors: Counter) -> Self {
        // Accepted connections inherit it.
        if let Err(error) = SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER_BYTES) {
            tracing::warn!(%error, "the kernel's send buffers are not bounded: slow clients may be closed by the heartbeat");
        }
        Self {
            tcp,
            slots: Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS))),
            errors,
            logged_at: None,
        }
    }

    /// Waits until one more connection is allowed.
    async fn slot(&self) -> OwnedSemaphorePermit {
        loop {
            // The semaphore is never closed; if it were, waiting is right, ending the listener is not.
            match Arc::clone(&self.slots).acquire_owned().await {
                Ok(slot) => return slot,
                Err(_) => std::future::pending().await,
            }
        }
    }

    async fn accept_failed(&mut self, error: &io::Error) {
        // The peer's own doing: it was gone before it was accepted.
        if is_of_the_connection(error) {
            return;
        }
        self.errors.increment(1);
        let now = Instant::now();
        if self
            .logged_at
            .is_none_or(|at| now.duration_since(at) >= ACCEPT_LOG_INTERVAL)
        {
            self.logged_at = Some(now);
            tracing::error!(%error, "connections cannot be accepted; trying again until it works");
        }
        tokio::time::sleep(ACCEPT_BACKOFF).await;
    }
}

impl Listener for LineListener {
    type Io = LineStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (LineStream, SocketAddr) {
        let slot = self.slot().await;
        loop {
            match self.tcp.accept().await {
                Ok((tcp, peer)) => {
                    without_delay(&tcp);
                    return (LineStream::new(tcp, Line::new(peer), slot), peer);
                }
                Err(error) => self.accept_failed(&error).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Chat messages are small and each is waited for: none may wait for the acknowledgement of the one before it.
fn without_delay(tcp: &TcpStream) {
    if let Err(error) = tcp.set_nodelay(true) {
        // Slower, but it works; a connection that is gone already says so to whoever reads it.
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
}

fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests;
