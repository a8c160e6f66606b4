//! Packets as they came: read by us, not by the library's extractors, which drop what they cannot read without a word.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rollcall_protocol::request::LINK_INSTEAD;
use rollcall_protocol::{ErrorCode, ShapeError, WireError};
use serde::Serialize;
use serde_json::Value;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromConnectParts, FromMessageParts};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};
use tokio::time::Instant;

use super::line_of;
use crate::hub::adapter::RoomsAdapter;
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::plain::PlainLink;
use crate::hub::{CloseReason, EmitError};

type Raw = socketioxide_core::Value;

/// The `auth` of a CONNECT packet, as text.
#[derive(Debug)]
pub struct RawAuth(Option<String>);

impl FromConnectParts<RoomsAdapter> for RawAuth {
    type Error = Infallible;

    fn from_connect_parts(_: &Arc<Socket<RoomsAdapter>>, auth: &Option<Raw>) -> Result<Self, Infallible> {
        Ok(Self(match auth {
            Some(Raw::Str(text, _)) => Some(text.to_string()),
            Some(Raw::Bytes(_)) | None => None,
        }))
    }
}

impl RawAuth {
    /// What it holds; nothing at all is `null`.
    pub fn json(&self) -> Result<Value, WireError> {
        match &self.0 {
            Some(text) if !text.is_empty() => serde_json::from_str(text).map_err(|error| not_json("auth", &error)),
            _ => Ok(Value::Null),
        }
    }
}

fn not_json(field: &str, error: &serde_json::Error) -> WireError {
    ShapeError::new(field, "valid JSON", format!("something else ({error})")).into()
}

/// An event, as it came.
#[derive(Debug)]
pub struct RawEvent {
    body: Body,
    /// Where its answer goes.
    pub answer: Answer,
    /// When it came, where somebody will ask.
    pub arrived: Option<Instant>,
}

#[derive(Debug)]
enum Body {
    /// A Socket.IO packet: a JSON array, not read yet.
    Packet { text: String, binary: bool },
    /// A plain WebSocket's frame, which was read to find its `id`.
    Frame {
        name: String,
        data: Result<Value, WireError>,
        bytes: usize,
    },
}

impl FromMessageParts<RoomsAdapter> for RawEvent {
    type Error = Infallible;

    fn from_message_parts(
        socket: &Arc<Socket<RoomsAdapter>>,
        value: &mut Raw,
        ack_id: &Option<i64>,
    ) -> Result<Self, Infallible> {
        let (text, binary) = match value {
            Raw::Str(text, attachments) => (text.to_string(), attachments.as_ref().is_some_and(|a| !a.is_empty())),
            Raw::Bytes(_) => (String::new(), true),
        };
        let answer = Answer(Route::Ack {
            socket: Arc::clone(socket),
            ack_id: *ack_id,
        });
        let body = Body::Packet { text, binary };
        Ok(Self {
            body,
            answer,
            arrived: None,
        })
    }
}

/// The name of an event, and its one argument or why that could not be read.
#[derive(Debug)]
pub struct ReadEvent {
    /// As the client wrote it.
    pub name: String,
    /// The argument; `null` when there was none.
    pub data: Result<Value, WireError>,
    /// Where its answer goes.
    pub answer: Answer,
}

impl RawEvent {
    /// Of a plain WebSocket.
    pub fn of_frame(name: String, data: Result<Value, WireError>, bytes: usize, answer: Answer) -> Self {
        let body = Body::Frame { name, data, bytes };
        Self {
            body,
            answer,
            arrived: None,
        }
    }

    /// Its size, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.body {
            Body::Packet { text, .. } => text.len(),
            Body::Frame { bytes, .. } => *bytes,
        }
    }

    /// Takes it apart.
    pub fn read(self) -> ReadEvent {
        let (name, data) = self.look();
        let answer = self.answer;
        ReadEvent { name, data, answer }
    }

    /// Its name and all of its arguments.
    pub fn arguments(&self) -> Result<(String, Vec<Value>), WireError> {
        let text = match &self.body {
            Body::Packet { text, .. } => text,
            Body::Frame { name, data, .. } => return Ok((name.clone(), vec![data.clone()?])),
        };
        let mut items = serde_json::from_str::<Vec<Value>>(text).map_err(|error| not_json("data", &error))?;
        if items.is_empty() {
            return Ok((String::new(), items));
        }
        let name = items.remove(0).as_str().unwrap_or_default().to_owned();
        Ok((name, items))
    }

    /// Its name, and its one argument or why that could not be read.
    pub fn look(&self) -> (String, Result<Value, WireError>) {
        let (text, binary) = match &self.body {
            Body::Packet { text, binary } => (text, *binary),
            Body::Frame { name, data, .. } => return (name.clone(), data.clone()),
        };
        let items = match serde_json::from_str::<Vec<Value>>(text) {
            Ok(items) => items,
            Err(error) => return (name_alone(text), Err(not_json("data", &error))),
        };
        let mut items = items.into_iter();
        let name = items
            .next()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default();
        let (first, more) = (items.next().unwrap_or_default(), items.len());
        let data = if binary {
            Err(
                ShapeError::new("data", "one object without binary attachments", "binary attachments")
                    .with_hint(LINK_INSTEAD)
                    .into(),
            )
        } else if more > 0 {
            Err(ShapeError::new("data", "one object", format!("{} arguments", more + 1)).into())
        } else {
            Ok(first)
        };
        (name, data)
    }
}

/// The name of an event whose argument is no JSON (a lone surrogate, say).
fn name_alone(text: &str) -> String {
    let mut reader = serde_json::Deserializer::from_str(text.get(1..).unwrap_or_default()).into_iter::<String>();
    reader.next().and_then(Result::ok).unwrap_or_default()
}

/// How long an answer waits for room in the buffer of a client that does not read.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks for room.
const ANSWER_RETRY: Duration = Duration::from_millis(10);

/// Where an event's answer goes: to its acknowledgement callback, or as `reply_to`, if it has asked for one.
#[derive(Clone)]
pub struct Answer(Route);

#[derive(Clone)]
enum Route {
    Ack {
        socket: Arc<Socket<RoomsAdapter>>,
        ack_id: Option<i64>,
    },
    Reply {
        link: Arc<PlainLink>,
        id: Option<Value>,
    },
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Route::Ack { ack_id, .. } => write!(f, "Answer({ack_id:?})"),
            Route::Reply { id, .. } => write!(f, "Answer({id:?})"),
        }
    }
}

impl Answer {
    /// Did the client ask for one?
    pub fn is_wanted(&self) -> bool {
        match &self.0 {
            Route::Ack { ack_id, .. } => ack_id.is_some(),
            Route::Reply { id, .. } => id.is_some(),
        }
    }

    /// To a plain WebSocket's frame with this `id`.
    pub fn to_frame(link: Arc<PlainLink>, id: Option<Value>) -> Self {
        Self(Route::Reply { link, id })
    }

    /// Answers if there is room for it now.
    pub fn try_send<T: Serialize>(&self, data: &T) -> Result<(), EmitError> {
        match &self.0 {
            // What nobody asked for is not written, and not even looked at where to: most receipts are of this kind.
            Route::Ack { ack_id: None, .. } | Route::Reply { id: None, .. } => Ok(()),
            Route::Ack { socket, ack_id } => {
                let Ok(ack) = AckSender::from_message_parts(socket, &mut Raw::Bytes(bytes::Bytes::new()), ack_id);
                let say = || {
                    ack.send(data).map_err(|error| match error {
                        SendError::Socket(SocketError::InternalChannelFull) => EmitError::Full,
                        error => {
                            tracing::debug!(sid = %socket.id, %error, "an answer could not be sent");
                            EmitError::Closed
                        }
                    })
                };
                // An admin's namespace is not counted.
                match line_of(socket.req_parts()).filter(|_| socket.ns() == CHAT_NAMESPACE) {
                    Some(line) => line.answers(say),
                    None => say(),
                }
            }
            Route::Reply { link, id: Some(id) } => link.answer(id, data),
        }
    }

    /// Answers; waits a while for a client whose buffer is full, since an acknowledgement that is dropped is a silence.
    /// False when it could not be sent.
    pub async fn send<T: Serialize>(&self, data: &T) -> bool {
        let deadline = tokio::time::Instant::now() + ANSWER_PATIENCE;
        loop {
            match self.try_send(data) {
                Err(EmitError::Full) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(ANSWER_RETRY).await;
                }
                sent => return sent.is_ok(),
            }
        }
    }

    /// Whose it is.
    pub fn sid(&self) -> impl std::fmt::Display {
        match &self.0 {
            Route::Ack { socket, .. } => socket.id,
            Route::Reply { link, .. } => link.sid(),
        }
    }

    /// Ends the connection of a client that has no session yet.
    #[expect(clippy::disallowed_methods, reason = "the hub does not know it yet")]
    pub fn disconnect(self) {
        match self.0 {
            Route::Ack { socket, .. } => {
                let _gone = socket.disconnect();
            }
            Route::Reply { link, .. } => link.close(CloseReason::Slow),
        }
    }
}

/// The refusal of an event beyond what one socket may have waiting.
pub fn too_many_waiting() -> WireError {
    WireError::new(ErrorCode::RateLimited, "too many of your events wait to be carried out")
        .with_hint("wait for acknowledgements before you send more")
        .with_retry_after_ms(1_000)
}
