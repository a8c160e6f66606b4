//! A TCP stream that obeys its [`Line`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::OwnedSemaphorePermit;

use super::line::{Half, Line};
use super::out::Out;

/// The server's end of one connection.
#[derive(Debug)]
pub struct LineStream {
    pub(super) reads: OwnedReadHalf,
    /// Has the other half, which others may write to, too.
    line: Arc<Line>,
    /// Given back when the connection ends.
    _slot: OwnedSemaphorePermit,
}

impl LineStream {
    pub(super) fn new(tcp: TcpStream, line: Arc<Line>, slot: OwnedSemaphorePermit) -> Self {
        let (reads, writes) = tcp.into_split();
        line.out.lock().open(writes);
        Self {
            reads,
            line,
            _slot: slot,
        }
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
        io: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.line.is_cut() {
            return Poll::Ready(Err(cut()));
        }
        let outcome = io(self, context);
        if outcome.is_pending() {
            self.line.waits(half, context);
            if self.line.is_cut() {
                return Poll::Ready(Err(cut()));
            }
        }
        outcome
    }

    /// Writes by `io`, behind what others have begun to write.
    fn write<T>(
        &mut self,
        context: &mut Context<'_>,
        io: impl FnOnce(&Line, &mut Out, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.unless_cut(Half::Write, context, |stream, context| {
            let line = &stream.line;
            let mut out = line.out.lock();
            let outcome = match line.poll_ahead(&mut out, context) {
                Poll::Ready(Ok(())) => io(line, &mut out, context),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            };
            if outcome.is_pending() {
                // While it is locked: whoever takes the place for who waits for room wakes this one afterwards.
                line.waits(Half::Write, context);
            }
            outcome
        })
    }
}

/// What a write came to; told while the writing end is locked, so that it is told in the order of the writes.
fn note(line: &Line, outcome: &Poll<io::Result<usize>>) {
    match outcome {
        Poll::Ready(Ok(bytes)) => line.took(*bytes),
        Poll::Pending => line.took_nothing(),
        Poll::Ready(Err(_)) => {}
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the server cut the connection")
}

impl Drop for LineStream {
    fn drop(&mut self) {
        if self.line.is_cut() {
            // Else the kernel would go on offering what it holds to a peer that takes nothing, for minutes.
            if let Err(error) = self.reads.as_ref().set_zero_linger() {
                tracing::debug!(%error, "a cut connection lingers");
            }
        }
        self.line.close();
    }
}

impl AsyncRead for LineStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = self.unless_cut(Half::Read, cx, |stream, cx| {
            Pin::new(&mut stream.reads).poll_read(cx, buf)
        });
        self.line.came(&buf.filled()[before..]);
        outcome
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = self.write(cx, |line, out, cx| {
            let outcome = out.poll_write(cx, buf);
            note(line, &outcome);
            outcome
        });
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
        self.write(cx, |line, out, cx| {
            let outcome = out.poll_write_vectored(cx, bufs);
            note(line, &outcome);
            outcome
        })
    }

    fn is_write_vectored(&self) -> bool {
        // A TCP stream's.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel's buffer is not ours to flush.
        self.unless_cut(Half::Write, cx, |_, _| Poll::Ready(Ok(())))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |_, out, cx| out.poll_shutdown(cx))
    }
}
