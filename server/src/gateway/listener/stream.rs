//! A TCP stream that obeys its [`Line`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::line::{Half, Line};

/// The server's end of one connection.
#[derive(Debug)]
pub struct LineStream {
    pub(super) tcp: TcpStream,
    line: Arc<Line>,
    /// Given back when the connection ends.
    _slot: OwnedSemaphorePermit,
}

impl LineStream {
    pub(super) fn new(tcp: TcpStream, line: Arc<Line>, slot: OwnedSemaphorePermit) -> Self {
        Self { tcp, line, _slot: slot }
    }

    /// What the rest of the server holds of this connection.
    pub fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Does `io` on the stream, unless the line is cut or is cut while it waits.
    fn unless_cut<T>(
        &mut self,
        half: Half,
        context: &mut Context<'_>,
        io: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.line.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        let outcome = io(Pin::new(&mut self.tcp), context);
        if outcome.is_pending() {
            self.line.waits(half, context);
            if self.line.is_cut() {
                return Poll::Ready(Err(cut()));
            }
        }
        outcome
    }

    fn note(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(Ok(bytes)) => self.line.took(*bytes),
            Poll::Pending => self.line.took_nothing(),
            Poll::Ready(Err(_)) => {}
        }
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the server cut the connection")
}

impl Drop for LineStream {
    fn drop(&mut self) {
        if self.line.is_cut() {
            // Else the kernel would go on offering what it holds to a peer that takes nothing, for minutes.
            if let Err(error) = self.tcp.set_zero_linger() {
                tracing::debug!(%error, "a cut connection lingers");
            }
        }
        self.line.close();
    }
}

impl AsyncRead for LineStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = self.unless_cut(Half::Read, cx, |tcp, cx| tcp.poll_read(cx, buf));
        self.line.came(&buf.filled()[before..]);
        outcome
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = self.unless_cut(Half::Write, cx, |tcp, cx| tcp.poll_write(cx, buf));
        self.note(&outcome);
        if let Poll::Ready(Ok(bytes)) = &outcome {
            self.line.wrote(&buf[..*bytes]);
        }
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = self.unless_cut(Half::Write, cx, |tcp, cx| tcp.poll_write_vectored(cx, bufs));
        self.note(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_cut(Half::Write, cx, TcpStream::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unless_cut(Half::Write, cx, TcpStream::poll_shutdown)
    }
}
