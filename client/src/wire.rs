//! Packets, read and written. Pure: text in, [`Incoming`] out.
//!
//! Engine.IO packets are `engineioxide-core`'s and Socket.IO's are read by `socketioxide-parser-common`, which are kept with
//! the server library. Two things are not in them, since a server never reads them: Engine.IO's open packet (whose sid is
//! shaped by whoever made it) and Socket.IO's `CONNECT_ERROR`.

use std::time::Duration;

use engineioxide_core::{Packet as EnginePacket, ProtocolVersion, Str};
use rollcall_protocol::chat_core::Sid;
use serde::Deserialize;
use serde_json::Value;
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParseError, ParserState};
use socketioxide_parser_common::CommonParser;

use crate::limits::{PREVIEW_CHARS_MAX, SILENCE_MAX, SILENCE_MIN};

/// Engine.IO's open packet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Open {
    ping_interval: u64,
    ping_timeout: u64,
}

impl Open {
    /// How long the server may be silent.
    pub(crate) fn silence_max(&self) -> Duration {
        Duration::from_millis(self.ping_interval.saturating_add(self.ping_timeout)).clamp(SILENCE_MIN, SILENCE_MAX)
    }
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    Open(Open),
    Close,
    Ping,
    /// Of no consequence.
    Noop,
    Connected(Sid),
    ConnectError(String),
    Disconnected,
    Event {
        name: String,
        args: Vec<Value>,
        ack: Option<i64>,
    },
    Ack {
        id: i64,
        args: Vec<Value>,
    },
    /// A part of a packet; more follows.
    Partial,
}

/// What came and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Unreadable {
    pub(crate) why: String,
}

impl Unreadable {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }

    fn because(error: &impl ToString) -> Self {
        Self::new(error.to_string())
    }
}

/// The beginning of `text`, for a report.
pub(crate) fn preview(text: &str) -> String {
    text.chars().take(PREVIEW_CHARS_MAX).collect()
}

/// Reads the frames of one connection.
#[derive(Debug)]
pub(crate) struct Decoder {
    namespace: String,
    config: ParseConfig,
    state: ParserState,
}

impl Decoder {
    pub(crate) fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            config: ParseConfig::default(),
            state: ParserState::default(),
        }
    }

    /// Reads a text frame.
    pub(crate) fn text(&mut self, text: &str) -> Result<Incoming, Unreadable> {
        if let Some(open) = text.strip_prefix('0') {
            return serde_json::from_str(open)
                .map(Incoming::Open)
                .map_err(|error| Unreadable::because(&error));
        }
        match EnginePacket::parse(ProtocolVersion::V4, Str::copy_from_slice(text))
            .map_err(|error| Unreadable::because(&error))?
        {
            EnginePacket::Close => Ok(Incoming::Close),
            EnginePacket::Ping | EnginePacket::PingUpgrade => Ok(Incoming::Ping),
            EnginePacket::Message(message) => self.message(message),
            EnginePacket::Binary(_) | EnginePacket::BinaryV3(_) => {
                Err(Unreadable::new("base64 is for polling, not for WebSocket"))
            }
            _ => Ok(Incoming::Noop),
        }
    }

    /// Reads a binary frame: an attachment of the packet before it.
    pub(crate) fn binary(&mut self, data: &[u8]) -> Result<Incoming, Unreadable> {
        let attachment = data.to_vec().into();
        let packet = CommonParser.decode_bin(&self.config, &self.state, attachment);
        self.packet(packet)
    }

    fn message(&mut self, message: Str) -> Result<Incoming, Unreadable> {
        if let Some(refusal) = message.strip_prefix('4') {
            return self.connect_error(refusal);
        }
        let packet = CommonParser.decode_str(&self.config, &self.state, message);
        self.packet(packet)
    }

    fn packet(&mut self, packet: Result<Packet, ParseError>) -> Result<Incoming, Unreadable> {
        let packet = match packet {
            Ok(packet) => packet,
            Err(ParseError::NeedsMoreBinaryData) => return Ok(Incoming::Partial),
            Err(error) => {
                // A half-read binary packet would spoil everything after it.
                self.state = ParserState::default();
                return Err(Unreadable::because(&error));
            }
        };
        if packet.ns.as_str() != self.namespace {
            return Err(Unreadable::new(format!(
                "a packet of namespace {:?}, connected is {:?}",
                preview(&packet.ns),
                self.namespace
            )));
        }
        match packet.inner {
            PacketData::Connect(data) => connected(data.as_ref()),
            PacketData::Disconnect => Ok(Incoming::Disconnected),
            PacketData::ConnectError(message) => Ok(Incoming::ConnectError(message)),
            PacketData::Event(data, ack) | PacketData::BinaryEvent(data, ack) => event(&data, ack),
            PacketData::EventAck(data, id) | PacketData::BinaryAck(data, id) => {
                let args = arguments(&data)?;
                Ok(Incoming::Ack { id, args })
            }
        }
    }

    /// `[namespace,]{"message": "…"}`, from some servers a bare string.
    fn connect_error(&self, refusal: &str) -> Result<Incoming, Unreadable> {
        let (namespace, body) = match refusal.split_once(',') {
            Some((namespace, body)) if namespace.starts_with('/') => (namespace, body),
            _ => ("/", refusal),
        };
        if namespace != self.namespace {
            return Err(Unreadable::new(format!(
                "a refusal of namespace {:?}",
                preview(namespace)
            )));
        }
        let message = match serde_json::from_str::<Value>(body).map_err(|error| Unreadable::because(&error))? {
            Value::String(message) => message,
            Value::Object(mut fields) => match fields.remove("message") {
                Some(Value::String(message)) => message,
                _ => return Err(Unreadable::new("a refusal without a message")),
            },
            _ => return Err(Unreadable::new("a refusal that is no object")),
        };
        Ok(Incoming::ConnectError(message))
    }
}

fn connected(data: Option<&socketioxide_core::Value>) -> Result<Incoming, Unreadable> {
    #[derive(Deserialize)]
    struct Connected {
        sid: Sid,
    }
    let text = data.and_then(|data| data.as_str()).map_or("", |text| text.as_str());
    let connected: Connected = serde_json::from_str(text).map_err(|error| Unreadable::because(&error))?;
    Ok(Incoming::Connected(connected.sid))
}

fn arguments(data: &socketioxide_core::Value) -> Result<Vec<Value>, Unreadable> {
    let text = data.as_str().map_or("", |text| text.as_str());
    serde_json::from_str(text).map_err(|error| Unreadable::because(&error))
}

fn event(data: &socketioxide_core::Value, ack: Option<i64>) -> Result<Incoming, Unreadable> {
    let mut args = arguments(data)?;
    if !args.first().is_some_and(Value::is_string) {
        return Err(Unreadable::new("an event without a name"));
    }
    let Value::String(name) = args.remove(0) else {
        return Err(Unreadable::new("an event without a name"));
    };
    Ok(Incoming::Event { name, args, ack })
}

/// Engine.IO's answer to a ping.
pub(crate) const PONG: &str = "3";

/// Engine.IO's message packet with a Socket.IO packet in it.
fn message(namespace: &str, inner: PacketData) -> String {
    let ns = Str::copy_from_slice(namespace);
    match CommonParser.encode(Packet { inner, ns }) {
        socketioxide_core::Value::Str(text, _) => EnginePacket::Message(text).into(),
        // The common parser writes text; only a parser that writes MessagePack gives this.
        socketioxide_core::Value::Bytes(_) => String::new(),
    }
}

fn json(value: &Value) -> socketioxide_core::Value {
    socketioxide_core::Value::Str(Str::from(value.to_string()), None)
}

/// CONNECT with what stands in `auth`.
pub(crate) fn connect(namespace: &str, auth: &Value) -> String {
    message(namespace, PacketData::Connect(Some(json(auth))))
}

/// DISCONNECT.
pub(crate) fn disconnect(namespace: &str) -> String {
    message(namespace, PacketData::Disconnect)
}

/// EVENT with these arguments.
pub(crate) fn emit(namespace: &str, name: &str, mut args: Vec<Value>, ack: Option<i64>) -> String {
    args.insert(0, Value::String(name.to_owned()));
    message(namespace, PacketData::Event(json(&Value::Array(args)), ack))
}

/// ACK with one argument.
pub(crate) fn acknowledge(namespace: &str, id: i64, data: Value) -> String {
    message(namespace, PacketData::EventAck(json(&Value::Array(vec![data])), id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Incoming, Unreadable> {
        Decoder::new("/").text(text)
    }

    #[test]
    fn the_frames_of_a_conversation_by_hand() {
        let open = read(r#"0{"sid":"Xy_z","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1}"#);
        let Ok(Incoming::Open(open)) = open else {
            panic!("{open:?}")
        };
        assert_eq!(open.silence_max(), Duration::from_secs(45));
        let sid = Sid::parse("aBc-1").unwrap();
        assert_eq!(read(r#"40{"sid":"aBc-1"}"#), Ok(Incoming::Connected(sid)));
        assert_eq!(
            read(r#"44{"message":"not_found: no namespace"}"#),
            Ok(Incoming::ConnectError("not_found: no namespace".into()))
        );
        assert_eq!(read(r#"44"old words""#), Ok(Incoming::ConnectError("old words".into())));
        assert_eq!(read("41"), Ok(Incoming::Disconnected));
        assert_eq!(read("2"), Ok(Incoming::Ping));
        assert_eq!(read("6"), Ok(Incoming::Noop));
        let event = Incoming::Event {
            name: "a \"b\"".into(),
            args: vec![json!({"x": "é"})],
            ack: Some(12),
        };
        assert_eq!(read(r#"4212["a \"b\"",{"x":"é"}]"#), Ok(event));
        let ack = Incoming::Ack {
            id: 7,
            args: vec![json!({"ok": true})],
        };
        assert_eq!(read(r#"437[{"ok":true}]"#), Ok(ack));
    }

    #[test]
    fn other_namespaces_are_not_taken_for_ours() {
        assert!(read(r#"42/admin,["x"]"#).is_err());
        assert!(read(r#"44/admin,{"message":"x"}"#).is_err());
        let mut admin = Decoder::new("/admin");
        assert!(admin.text(r#"42/admin,["x"]"#).is_ok());
        let refused = admin.text(r#"44/admin,{"message":"invalid credentials"}"#);
        assert_eq!(refused, Ok(Incoming::ConnectError("invalid credentials".into())));
    }

    #[test]
    fn a_spoiled_binary_packet_does_not_spoil_the_next() {
        let mut decoder = Decoder::new("/");
        let partial = decoder.text(r#"451-["x",{"_placeholder":true,"num":0}]"#);
        assert_eq!(partial, Ok(Incoming::Partial));
        assert!(decoder.text(r#"42["y"]"#).is_err());
        assert!(decoder.text(r#"42["y"]"#).is_ok());
        assert!(decoder.binary(b"stray").is_err());
    }

    #[test]
    fn what_is_written() {
        assert_eq!(connect("/", &json!({"token": "t"})), r#"40{"token":"t"}"#);
        assert_eq!(connect("/admin", &json!({})), "40/admin,{}");
        assert_eq!(
            emit("/", "typing", vec![json!({"a": 1})], Some(0)),
            r#"420["typing",{"a":1}]"#
        );
        assert_eq!(emit("/", "whoami", Vec::new(), None), r#"42["whoami"]"#);
        assert_eq!(acknowledge("/", 3, json!({"sid": "s"})), r#"433[{"sid":"s"}]"#);
        assert_eq!(disconnect("/"), "41");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = read(&text);
        }

        #[test]
        fn nothing_near_a_packet_panics(head in "[0-6b]{0,3}[0-9]{0,4}-?/?[a-zé,]{0,4}[0-9]{0,20}", tail in "[\\[\\]{}\":,a-z0-9é\u{0}]*") {
            let mut decoder = Decoder::new("/");
            let _ = decoder.text(&format!("{head}{tail}"));
            let _ = decoder.binary(tail.as_bytes());
            let _ = decoder.text(&format!("4{head}{tail}"));
        }
    }
}
