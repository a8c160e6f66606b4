//! One plain WebSocket from its upgrade to its end: two halves, one that reads and one that writes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use rollcall_protocol::reply::{Done, Nothing, Refused};
use rollcall_protocol::request::Hello;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::door::Guest;
use super::frame::Frame;
use crate::gateway::socketio::Gateway;
use crate::gateway::socketio::dispatch::Received;
use crate::gateway::socketio::inbox::Inbox;
use crate::hub::plain::PlainLink;
use crate::hub::{Caller, CloseReason, Grant, LiveSocket};
use crate::limits::{FAREWELL_PATIENCE, HELLO_WITHIN, PING_INTERVAL, PING_TIMEOUT};
use crate::telemetry::labels::DisconnectReason;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client said goodbye.
    Client,
    /// It was cut, or the client vanished.
    Cut,
    /// Nothing was heard, not even an answer to a ping.
    Silent,
    /// A message beyond what is read.
    TooLarge,
    /// What came is no WebSocket.
    Protocol,
    /// The server wants it, for this reason.
    Asked(CloseReason),
}

impl End {
    fn reason(self) -> DisconnectReason {
        match self {
            End::Client => DisconnectReason::Client,
            // Of one that was asked to go the hub knows the reason.
            End::Cut | End::Asked(_) => DisconnectReason::TransportClose,
            End::Silent => DisconnectReason::PingTimeout,
            End::TooLarge | End::Protocol => DisconnectReason::Protocol,
        }
    }

    /// What the client is told.
    fn farewell(self) -> Option<(u16, &'static str)> {
        match self {
            End::Client | End::Cut => None,
            End::Silent => Some((4408, "nothing was heard from you, not even the answer to a ping")),
            End::TooLarge => Some((4413, "a message is at most 1 MiB")),
            End::Protocol => Some((1002, "that was no WebSocket frame")),
            End::Asked(reason) => Some(match reason {
                CloseReason::Token => (4401, "the token has expired: take a fresh one and connect again"),
                CloseReason::Disabled => (4403, "the account was disabled"),
                CloseReason::Slow => (4408, "you read too slowly: connect again and resume"),
                CloseReason::Flood => (4429, "100 refused events in 10 s"),
                CloseReason::Shutdown => (1001, "the server stops: connect again and resume"),
                CloseReason::Admin => (4403, "removed by an admin"),
                CloseReason::Failed => (1011, "the session could not be opened: connect again later"),
            }),
        }
    }
}

/// Serves an upgraded connection until it ends.
pub(super) async fn serve<S>(gateway: Arc<Gateway>, stream: WebSocketStream<S>, guest: Guest)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sink, mut frames) = stream.split();
    let first = match timeout(HELLO_WITHIN, first_frame(&mut frames)).await {
        Ok(Ok(frame)) => Some(frame),
        Err(_) => None,
        Ok(Err(end)) => return bid_farewell(sink, frames, end).await,
    };
    let (greeting, first) = match first {
        Some(frame) if frame.is_hello() => (Some(frame), None),
        other => (None, other),
    };
    let hello = greeting.as_ref().and_then(Frame::hello).unwrap_or_default();
    let (link, mut queue) = PlainLink::new(gateway.plain_rooms());
    let Some(socket) = gateway.enter_plain(&link, caller(guest, &hello)) else {
        return;
    };
    let inbox = Arc::new(Inbox::default());
    if let Some(frame) = first {
        // Before anything else is read, and an empty inbox takes whatever comes.
        gateway.receive(&inbox, frame.into_event(&link));
    }
    let session = open_session(
        Arc::clone(&gateway),
        socket,
        Arc::clone(&link),
        hello,
        Arc::clone(&inbox),
        greeting,
    );
    // Beside the reading: what the client sends meanwhile waits in the inbox.
    tokio::spawn(session);
    let end = tokio::select! {
        end = read(&gateway, &link, &inbox, &mut frames) => end,
        end = write(&link, &mut sink, &mut queue) => end,
    };
    inbox.close();
    link.went();
    gateway.gone_plain(&link, end.reason());
    bid_farewell(sink, frames, end).await;
}

fn caller(guest: Guest, hello: &Hello) -> (Caller, Option<Arc<crate::gateway::listener::Line>>) {
    let caller = Caller {
        grant: Grant::from(&guest.identity).into(),
        user: Arc::new(guest.identity.user),
        receipts: hello.receipts,
        client: hello.client.clone(),
        address: guest
            .address
            .map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
        user_agent: guest.user_agent,
    };
    (caller, guest.line)
}

/// Opens the session, answers the greeting, then carries out what waits.
async fn open_session(
    gateway: Arc<Gateway>,
    socket: Arc<LiveSocket>,
    link: Arc<PlainLink>,
    hello: Hello,
    inbox: Arc<Inbox>,
    greeting: Option<Frame>,
) {
    if !gateway.open_session(&socket, &hello, &inbox).await {
        return;
    }
    if let Some(frame) = greeting {
        let (answer, greeted) = frame.greeted(&link);
        match greeted {
            Ok(()) => {
                answer.send(&Done::new(Nothing {})).await;
            }
            Err(error) if answer.is_wanted() => {
                answer.send(&Refused::new(error)).await;
            }
            Err(error) => gateway.say_refused(&socket, "hello", error).await,
        }
    }
    if inbox.start(socket) {
        gateway.run_inbox(&inbox).await;
    }
}

async fn first_frame<S>(frames: &mut SplitStream<WebSocketStream<S>>) -> Result<Frame, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if let Some(frame) = heard(frames.next().await)? {
            return Ok(frame);
        }
    }
}

/// What was heard, if it is anything to act on.
fn heard(message: Option<Result<Message, Error>>) -> Result<Option<Frame>, End> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(Some(Frame::read(&text))),
        Some(Ok(Message::Binary(bytes))) => Ok(Some(Frame::binary(bytes.len()))),
        // Pings are answered by the library.
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(None),
        Some(Ok(Message::Close(_))) => Err(End::Client),
        Some(Err(Error::Capacity(_))) => Err(End::TooLarge),
        // Text that is no UTF-8 is one of these, too.
        Some(Err(Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        )))
        | None => Err(End::Cut),
        Some(Err(Error::Protocol(_) | Error::Utf8(_))) => Err(End::Protocol),
        Some(Err(_)) => Err(End::Cut),
    }
}

async fn read<S>(
    gateway: &Arc<Gateway>,
    link: &Arc<PlainLink>,
    inbox: &Arc<Inbox>,
    frames: &mut SplitStream<WebSocketStream<S>>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let Ok(message) = timeout(PING_INTERVAL + PING_TIMEOUT, frames.next()).await else {
            return End::Silent;
        };
        let frame = match heard(message) {
            Ok(Some(frame)) => frame,
            Ok(None) => continue,
            Err(end) => return end,
        };
        // Too late, or to nothing: whoever asked has noted that already.
        if frame.answers().is_some_and(|id| link.answered(id) || id.is_string()) {
            continue;
        }
        let received = gateway.receive(inbox, frame.into_event(link));
        if !matches!(received, Received::Waits) {
            let (gateway, inbox) = (Arc::clone(gateway), Arc::clone(inbox));
            tokio::spawn(async move { gateway.received(&inbox, received).await });
        }
    }
}

type Sink<S> = SplitSink<WebSocketStream<S>, Message>;

async fn write<S>(link: &Arc<PlainLink>, sink: &mut Sink<S>, queue: &mut mpsc::Receiver<Utf8Bytes>) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut closing = link.closing();
    // The first at once: its answer tells the round trip.
    let mut pings = tokio::time::interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let writing = async {
        loop {
            let written = tokio::select! {
                biased;
                frame = queue.recv() => match frame {
                    Some(frame) => write_all(sink, frame, queue).await,
                    None => return End::Cut,
                },
                _ = pings.tick() => sink.send(Message::Ping(Vec::new().into())).await,
            };
            if written.is_err() {
                return End::Cut;
            }
        }
    };
    let reason = tokio::select! {
        end = writing => return end,
        closing = closing.wait_for(Option::is_some) => closing.ok().and_then(|reason| *reason),
    };
    let reason = reason.unwrap_or(CloseReason::Failed);
    if reason != CloseReason::Slow {
        // What was said before the end is heard before it.
        let _late = timeout(FAREWELL_PATIENCE, async {
            while let Ok(frame) = queue.try_recv() {
                write_all(sink, frame, queue).await?;
            }
            Ok::<(), Error>(())
        })
        .await;
    }
    End::Asked(reason)
}

/// Writes a frame and whatever waits behind it, and pushes them out together.
async fn write_all<S>(sink: &mut Sink<S>, first: Utf8Bytes, queue: &mut mpsc::Receiver<Utf8Bytes>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    sink.feed(Message::Text(first)).await?;
    while let Ok(next) = queue.try_recv() {
        sink.feed(Message::Text(next)).await?;
    }
    sink.flush().await
}

/// Says why, and reads on for a moment: a client that is still sending would otherwise have its connection reset, and the
/// reason with it.
async fn bid_farewell<S>(mut sink: Sink<S>, mut frames: SplitStream<WebSocketStream<S>>, end: End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _late = timeout(FAREWELL_PATIENCE, async {
        match end.farewell() {
            Some((code, why)) => {
                let close = CloseFrame {
                    code: CloseCode::from(code),
                    reason: why.into(),
                };
                sink.send(Message::Close(Some(close))).await?;
            }
            // Answers the client's own goodbye.
            None => sink.flush().await?,
        }
        while let Some(Ok(_)) = frames.next().await {}
        Ok::<(), Error>(())
    })
    .await;
    if end != End::TooLarge && end != End::Protocol {
        return;
    }
    if let Ok(stream) = frames.reunite(sink) {
        let _late = timeout(LINGER, async {
            let (mut raw, mut thrown_away) = (stream.into_inner(), vec![0; 16 << 10]);
            while raw.read(&mut thrown_away).await.is_ok_and(|bytes| bytes > 0) {}
        })
        .await;
    }
}

/// How long the rest of a message that is too large is read and thrown away.
const LINGER: Duration = Duration::from_secs(2);
