//! The socket's two directions in one step, so that neither waits for the other.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as Frame};

use crate::error::DownReason;
use crate::transport::{Socket, lost};

/// What the socket did.
pub(super) enum Io {
    Frame(Frame),
    Ended(DownReason),
}

/// Writes what waits and reads one frame if asked to. Everything it does stays done when it is cancelled.
pub(super) async fn step(socket: &mut Socket, outgoing: &mut VecDeque<Frame>, unflushed: &mut bool, read: bool) -> Io {
    std::future::poll_fn(|cx| {
        if let Err(error) = write(socket, outgoing, unflushed, cx) {
            return Poll::Ready(Io::Ended(lost(&error)));
        }
        if !read {
            return Poll::Pending;
        }
        match Pin::new(&mut *socket).poll_next(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Io::Frame(frame)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Io::Ended(lost(&error))),
            Poll::Ready(None) => Poll::Ready(Io::Ended(DownReason::Lost("the stream ended".into()))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

fn write(
    socket: &mut Socket,
    outgoing: &mut VecDeque<Frame>,
    unflushed: &mut bool,
    cx: &mut Context<'_>,
) -> Result<(), SocketError> {
    let mut socket = Pin::new(socket);
    while !outgoing.is_empty() {
        match socket.as_mut().poll_ready(cx) {
            Poll::Ready(ready) => ready?,
            Poll::Pending => return Ok(()),
        }
        if let Some(frame) = outgoing.pop_front() {
            socket.as_mut().start_send(frame)?;
            *unflushed = true;
        }
    }
    if *unflushed && let Poll::Ready(flushed) = socket.as_mut().poll_flush(cx) {
        flushed?;
        *unflushed = false;
    }
    Ok(())
}
