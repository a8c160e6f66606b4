//! A Socket.IO connection over WebSocket that costs the load generator as little as possible: packets and frames by hand, one
//! task each for reading, writing straight into the kernel's buffer.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any frame of the workloads.
const SCRATCH_BYTES: usize = 256 * 1024;

thread_local! {
    // Everything runs on one thread, and a read never waits while it holds this.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come yet.
    rest: RefCell<Vec<u8>>,
    acks: Cell<u32>,
}

/// What a packet is, as far as the workloads care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    /// Engine.IO's first.
    Open,
    /// Engine.IO's heartbeat; answer it.
    Ping,
    /// The namespace is open.
    Connected,
    /// The namespace is not.
    Refused(&'a str),
    /// `["name", data]`
    Event(&'a str),
    /// An acknowledgement's `[data]`.
    Ack(&'a str),
    /// Of no consequence.
    Other,
}

fn packet(text: &str) -> Packet<'_> {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'0') => Packet::Open,
        Some(b'2') => Packet::Ping,
        Some(b'4') => match bytes.get(1) {
            Some(b'0') => Packet::Connected,
            Some(b'2') => Packet::Event(&text[2..]),
            Some(b'3') => Packet::Ack(text[2..].trim_start_matches(|c: char| c.is_ascii_digit())),
            Some(b'4') => Packet::Refused(&text[2..]),
            _ => Packet::Other,
        },
        _ => Packet::Other,
    }
}

/// The payload of the first whole frame and the bytes after it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&second, long) = (bytes.get(1)?, &bytes[2..]);
    let (length, body) = match second & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes(long.get(..2)?.try_into().ok()?)),
            &long[2..],
        ),
        127 => (
            usize::try_from(u64::from_be_bytes(long.get(..8)?.try_into().ok()?)).ok()?,
            &long[8..],
        ),
        short => (usize::from(short), long),
    };
    (body.len() >= length).then(|| body.split_at(length))
}

/// A client's frame must be masked; a mask of zeros leaves it as it is.
fn framed(text: &str) -> Vec<u8> {
    let length = text.len();
    let mut frame = Vec::with_capacity(length + 14);
    frame.push(0x81);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => frame.push(0x80 | short),
        (_, Ok(medium)) => {
            frame.push(0xfe);
            frame.extend(medium.to_be_bytes());
        }
        _ => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}

impl Connection {
    /// Connects, upgrades, and opens namespace `/` with this `auth`.
    pub(crate) async fn open(address: SocketAddr, auth: &str) -> Result<Rc<Self>> {
        let connection = Self::upgrade(address).await?;
        connection.write(&format!("40{auth}"))?;
        connection
            .read_until(|packet| match packet {
                Packet::Connected => Some(Ok(())),
                Packet::Refused(why) => Some(Err(anyhow::anyhow!("refused: {why}"))),
                _ => None,
            })
            .await??;
        Ok(connection)
    }

    /// Connects and upgrades; Engine.IO is open, no namespace is.
    pub(crate) async fn upgrade(address: SocketAddr) -> Result<Rc<Self>> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let rest = upgraded(&mut stream).await?;
        Ok(Rc::new(Self {
            stream,
            rest: RefCell::new(rest),
            acks: Cell::new(0),
        }))
    }

    /// Writes a text frame at once. The kernel's buffer is never full for what a workload's client says.
    pub(crate) fn write(&self, text: &str) -> Result<()> {
        let frame = framed(text);
        let written = self.stream.try_write(&frame)?;
        ensure!(
            written == frame.len(),
            "the kernel took half a frame: the server does not read"
        );
        Ok(())
    }

    /// Emits an event without a callback.
    pub(crate) fn say(&self, event: &str, data: &str) -> Result<()> {
        self.write(&format!("42[\"{event}\",{data}]"))
    }

    /// Emits an event that is to be answered.
    pub(crate) fn ask(&self, event: &str, data: &str) -> Result<()> {
        let id = self.acks.get();
        self.acks.set(id.wrapping_add(1));
        self.write(&format!("42{id}[\"{event}\",{data}]"))
    }

    /// Emits an event and waits for a good answer. Only where nobody else reads.
    pub(crate) async fn ask_and_wait(&self, event: &str, data: &str) -> Result<()> {
        self.ask(event, data)?;
        let answer = self.read_until(|packet| match packet {
            Packet::Ack(answer) => Some(answer.to_owned()),
            _ => None,
        });
        let answer = answer.await?;
        ensure!(answer.contains("\"ok\":true"), "{event}: {answer}");
        Ok(())
    }

    /// Reads until this event came. Only where nobody else reads.
    pub(crate) async fn until_event(&self, name: &str) -> Result<()> {
        let begins = format!("[\"{name}\"");
        self.read_until(|packet| match packet {
            Packet::Event(event) if event.starts_with(&begins) => Some(()),
            _ => None,
        })
        .await
    }

    /// Reads until `wanted` gives something; heartbeats are answered. What came behind it is left for the next reader.
    pub(crate) async fn read_until<T>(&self, mut wanted: impl FnMut(Packet<'_>) -> Option<T>) -> Result<T> {
        loop {
            let mut found = None;
            self.take_rest(|packet| {
                found = wanted(packet);
                found.is_none()
            })?;
            if let Some(found) = found {
                return Ok(found);
            }
            self.stream.readable().await?;
            self.read_into_rest()?;
        }
    }

    /// Waits for bytes and shows every whole packet among them.
    pub(crate) async fn read_some(&self, mut seen: impl FnMut(Packet<'_>)) -> Result<()> {
        let mut all = |packet: Packet<'_>| {
            seen(packet);
            true
        };
        self.take_rest(&mut all)?;
        self.stream.readable().await?;
        self.read_into_rest()?;
        self.take_rest(&mut all)
    }

    fn read_into_rest(&self) -> Result<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            match self.stream.try_read(scratch) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(count) => self.rest.borrow_mut().extend_from_slice(&scratch[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        })
    }

    /// Shows the whole packets that are here, for as long as `seen` wants more.
    fn take_rest(&self, seen: impl FnMut(Packet<'_>) -> bool) -> Result<()> {
        let mut rest = self.rest.borrow_mut();
        let left = self.take_frames(&rest, seen)?.len();
        let taken = rest.len() - left;
        rest.drain(..taken);
        Ok(())
    }

    fn take_frames<'a>(&self, mut bytes: &'a [u8], mut seen: impl FnMut(Packet<'_>) -> bool) -> Result<&'a [u8]> {
        while bytes.len() >= 2 {
            let opcode = bytes[0] & 0x0f;
            let Some((payload, after)) = split(bytes) else { break };
            bytes = after;
            match opcode {
                1 => match packet(std::str::from_utf8(payload)?) {
                    Packet::Ping => self.write("3")?,
                    other if !seen(other) => break,
                    _ => {}
                },
                8 => bail!("the server closed the WebSocket"),
                _ => {}
            }
        }
        Ok(bytes)
    }
}

/// Reads the answer to the upgrade; what came behind it is returned.
async fn upgraded(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(512);
    loop {
        ensure!(
            stream.read_buf(&mut head).await? > 0,
            "closed in the middle of the upgrade"
        );
        if let Some(end) = memchr::memmem::find(&head, b"\r\n\r\n") {
            ensure!(
                head.starts_with(b"HTTP/1.1 101"),
                "no upgrade: {}",
                String::from_utf8_lossy(&head[..end.min(200)])
            );
            return Ok(head.split_off(end + 4));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_split() {
        for length in [0, 5, 125, 126, 65_535, 65_536] {
            let text = "x".repeat(length);
            let mut frame = framed(&text);
            // A server does not mask.
            frame[1] &= 0x7f;
            let header = frame.len() - length - 4;
            frame.drain(header..header + 4);
            frame.extend_from_slice(b"more");
            let (payload, rest) = split(&frame).unwrap();
            assert_eq!((payload.len(), rest), (length, &b"more"[..]), "{length}");
            assert!(split(&frame[..frame.len() - 5]).is_none() || length == 0, "{length}");
        }
    }

    #[test]
    fn packets_are_told_apart() {
        assert_eq!(packet(r#"42["a",1]"#), Packet::Event(r#"["a",1]"#));
        assert_eq!(packet(r#"4312[{"ok":true}]"#), Packet::Ack(r#"[{"ok":true}]"#));
        assert_eq!(packet("40{}"), Packet::Connected);
        assert_eq!(packet("2"), Packet::Ping);
        assert_eq!(packet(""), Packet::Other);
    }
}
