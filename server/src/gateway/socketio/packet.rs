//! Packets as they came: read by us, not by the library's extractors, which drop what they cannot read without a word.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rollcall_protocol::{ErrorCode, ShapeError, WireError};
use serde::Serialize;
use serde_json::Value;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromConnectParts, FromMessageParts};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};

type Raw = socketioxide_core::Value;

/// The `auth` of a CONNECT packet, as text.
#[derive(Debug)]
pub struct RawAuth(Option<String>);

impl FromConnectParts<LocalAdapter> for RawAuth {
    type Error = Infallible;

    fn from_connect_parts(_: &Arc<Socket<LocalAdapter>>, auth: &Option<Raw>) -> Result<Self, Infallible> {
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
    text: String,
    binary: bool,
    /// Where its answer goes.
    pub answer: Answer,
}

impl FromMessageParts<LocalAdapter> for RawEvent {
    type Error = Infallible;

    fn from_message_parts(
        socket: &Arc<Socket<LocalAdapter>>,
        value: &mut Raw,
        ack_id: &Option<i64>,
    ) -> Result<Self, Infallible> {
        let (text, binary) = match value {
            Raw::Str(text, attachments) => (text.to_string(), attachments.as_ref().is_some_and(|a| !a.is_empty())),
            Raw::Bytes(_) => (String::new(), true),
        };
        let answer = Answer {
            socket: Arc::clone(socket),
            ack_id: *ack_id,
        };
        Ok(Self { text, binary, answer })
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
    /// Its size, in bytes.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Takes it apart.
    pub fn read(self) -> ReadEvent {
        let (name, data) = self.look();
        let answer = self.answer;
        ReadEvent { name, data, answer }
    }

    /// Its name, and its one argument or why that could not be read.
    pub fn look(&self) -> (String, Result<Value, WireError>) {
        let items = match serde_json::from_str::<Vec<Value>>(&self.text) {
            Ok(items) => items,
            Err(error) => return (name_alone(&self.text), Err(not_json("data", &error))),
        };
        let mut items = items.into_iter();
        let name = items
            .next()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default();
        let (first, more) = (items.next().unwrap_or_default(), items.len());
        let data = if self.binary {
            Err(ShapeError::new("data", "one object without binary attachments", "binary attachments").into())
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

/// Where an event's answer goes: to its acknowledgement callback, if it has one.
#[derive(Clone)]
pub struct Answer {
    socket: Arc<Socket<LocalAdapter>>,
    ack_id: Option<i64>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({:?})", self.ack_id)
    }
}

impl Answer {
    /// Did the client ask for one?
    pub fn is_wanted(&self) -> bool {
        self.ack_id.is_some()
    }

    /// Answers; waits a while for a client whose buffer is full, since an acknowledgement that is dropped is a silence.
    /// False when it could not be sent.
    pub async fn send<T: Serialize>(&self, data: &T) -> bool {
        let deadline = tokio::time::Instant::now() + ANSWER_PATIENCE;
        loop {
            let Ok(ack) =
                AckSender::from_message_parts(&self.socket, &mut Raw::Bytes(bytes::Bytes::new()), &self.ack_id);
            match ack.send(data) {
                Err(SendError::Socket(SocketError::InternalChannelFull)) if tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(ANSWER_RETRY).await;
                }
                Ok(()) => return true,
                Err(error) => {
                    tracing::debug!(sid = %self.socket.id, %error, "an answer could not be sent");
                    return false;
                }
            }
        }
    }

    /// Answers if there is room for it now; false when there is none.
    pub fn try_send<T: Serialize>(&self, data: &T) -> bool {
        let Ok(ack) = AckSender::from_message_parts(&self.socket, &mut Raw::Bytes(bytes::Bytes::new()), &self.ack_id);
        ack.send(data).is_ok()
    }

    /// Whose it is.
    pub fn sid(&self) -> impl std::fmt::Display {
        self.socket.id
    }

    /// Ends the connection of a client that has no session yet.
    #[expect(clippy::disallowed_methods, reason = "the hub does not know it yet")]
    pub fn disconnect(self) {
        let _gone = self.socket.disconnect();
    }
}

/// The refusal of an event beyond what one socket may have waiting.
pub fn too_many_waiting() -> WireError {
    WireError::new(ErrorCode::RateLimited, "too many of your events wait to be carried out")
        .with_hint("wait for acknowledgements before you send more")
        .with_retry_after_ms(1_000)
}
