//! A proxy that meddles with what the server sends to one connection: it loses, doubles, swaps or holds back messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, connect_async};

/// What happens to the second message for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meddling {
    Lose,
    Double,
    /// It comes after the third.
    Swap,
    /// The connection is cut, and the next one is left alone.
    Cut,
    /// It comes late.
    Hold(Duration),
}

/// A running proxy; it ends with this value.
#[derive(Debug)]
pub(crate) struct Meddler {
    pub(crate) url: String,
    _tasks: JoinSet<()>,
}

impl Meddler {
    /// Between clients and the server at `port`; meddles with the `victim`th WebSocket, from 1.
    pub(crate) async fn start(port: u16, victim: u32, meddling: Meddling) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let count = Arc::new(AtomicU32::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = count.clone();
                tokio::spawn(async move {
                    // A client that goes is no failure of the proxy.
                    let _ = serve(stream, port, &count, victim, meddling).await;
                });
            }
        });
        Ok(Self { url, _tasks: tasks })
    }
}

async fn serve(mut client: TcpStream, port: u16, count: &AtomicU32, victim: u32, meddling: Meddling) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8(head.clone())?;
    let key = text.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.to_owned())
    });
    let Some(key) = key else {
        let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
        server.write_all(&head).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    };
    let target = text.split(' ').nth(1).context("no target")?;
    let (mut server, _) = connect_async(format!("ws://127.0.0.1:{port}{target}")).await?;
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    client.write_all(answer.as_bytes()).await?;
    let mut client = WebSocketStream::from_raw_socket(client, Role::Server, None).await;
    let is_victim = count.fetch_add(1, Ordering::Relaxed) + 1 == victim;
    let mut seen = 0;
    let mut held: Option<Frame> = None;
    loop {
        tokio::select! {
            frame = client.next() => server.send(frame.context("gone")??).await?,
            frame = server.next() => {
                let frame = frame.context("gone")??;
                let is_message = frame.is_text() && frame.to_text()?.starts_with("42[\"new_message\"");
                seen += u32::from(is_message);
                if !(is_victim && is_message && (2..=3).contains(&seen)) {
                    client.send(frame).await?;
                    continue;
                }
                match (meddling, seen) {
                    (Meddling::Lose, 2) => {}
                    (Meddling::Double, 2) => {
                        client.send(frame.clone()).await?;
                        client.send(frame).await?;
                    }
                    (Meddling::Swap, 2) => held = Some(frame),
                    (Meddling::Cut, 2) => return Ok(()),
                    (Meddling::Hold(time), 2) => {
                        tokio::time::sleep(time).await;
                        client.send(frame).await?;
                    }
                    _ => {
                        client.send(frame).await?;
                        if let Some(held) = held.take() {
                            client.send(held).await?;
                        }
                    }
                }
            }
        }
    }
}
