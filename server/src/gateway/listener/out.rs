//! The writing end of a connection, which two may write to: the library that serves it, and whoever has a whole frame for it.
//!
//! A message to a hundred calm sockets costs less when it is written to each at once than when it waits in each one's channel for a
//! task to be woken that writes it: no wake-up, no copy of the packet, no buffer. [`Out::write_now`] does so where it cannot be told
//! from the other way: the socket's library has nothing left that was said before, and no frame is half written. Whatever the kernel
//! does not take at once goes out before anything else, by whichever of the two finds room first.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

use super::frames::Frames;

/// What became of a frame that was to be written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    /// The kernel has all of it.
    All,
    /// The kernel has so many bytes of it, and the rest waits. `unattended`: nobody waits for room yet.
    Part { bytes: usize, unattended: bool },
    /// None of it: it must go the other way.
    Nothing,
}

#[derive(Debug, Default)]
pub(super) struct Out {
    half: Option<OwnedWriteHalf>,
    frames: Frames,
    /// Of a frame that was written at once and only begun: nothing may come before it.
    rest: Bytes,
    /// Somebody is there already who waits for room for the rest.
    finishing: bool,
}

impl Out {
    pub(super) fn open(&mut self, half: OwnedWriteHalf) {
        self.half = Some(half);
    }

    /// The end. The other half closes the connection.
    pub(super) fn close(&mut self) {
        self.rest = Bytes::new();
        if let Some(half) = self.half.take() {
            // Dropped as it is, it would send its own end first: another call of the kernel, and no reset where one is meant.
            half.forget();
        }
    }

    /// Everything that was said before is out, and no frame is half written.
    pub(super) fn is_clear(&mut self, handed: u64) -> bool {
        if self.frames.said().is_some_and(|said| said > handed) {
            // More was written than anybody counted: from here on equal counts would mean nothing.
            self.frames.give_up();
        }
        self.rest.is_empty() && self.frames.said() == Some(handed)
    }

    /// Whoever waited for room is gone.
    pub(super) fn finished(&mut self) {
        self.finishing = false;
    }

    /// Writes a frame if all of the `handed` events and acknowledgements are out.
    pub(super) fn write_now(&mut self, frame: &Bytes, handed: u64) -> Wrote {
        if !self.is_clear(handed) {
            return Wrote::Nothing;
        }
        let Some(half) = &self.half else { return Wrote::Nothing };
        match half.try_write(frame) {
            Ok(took) if took >= frame.len() => Wrote::All,
            // An error is for the other way to meet, which tells everybody.
            Ok(0) | Err(_) => Wrote::Nothing,
            Ok(took) => {
                self.rest = frame.slice(took..);
                Wrote::Part {
                    bytes: took,
                    unattended: !std::mem::replace(&mut self.finishing, true),
                }
            }
        }
    }

    /// Writes what waits before anything else may be written; `noted` is told of every byte.
    pub(super) fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
        mut noted: impl FnMut(usize),
    ) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let Some(half) = &mut self.half else {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            };
            let took = ready!(Pin::new(half).poll_write(context, &self.rest))?;
            if took == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.advance(took);
            noted(took);
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn has_rest(&self) -> bool {
        !self.rest.is_empty()
    }

    fn half(&mut self) -> io::Result<Pin<&mut OwnedWriteHalf>> {
        let half = self.half.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(half))
    }

    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let took = ready!(self.half()?.poll_write(context, bytes))?;
        self.frames.took(&bytes[..took]);
        Poll::Ready(Ok(took))
    }

    pub(super) fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let took = ready!(self.half()?.poll_write_vectored(context, pieces))?;
        let mut left = took;
        for piece in pieces {
            let part = left.min(piece.len());
            self.frames.took(&piece[..part]);
            left -= part;
        }
        Poll::Ready(Ok(took))
    }

    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.half()?.poll_shutdown(context)
    }
}
