//! A packet for people: what stands on the wire, taken apart as far as it can be. Never fails; [`crate::wire`] is the strict one.

use std::fmt;

use serde_json::Value;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are Engine.IO's and Socket.IO's own")]
pub enum PacketKind {
    Open,
    Close,
    Ping,
    Pong,
    Upgrade,
    Noop,
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
    Unknown,
}

impl PacketKind {
    /// In lower case, as in `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Upgrade => "upgrade",
            Self::Noop => "noop",
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
            Self::Event => "event",
            Self::Ack => "ack",
            Self::ConnectError => "connect_error",
            Self::Unknown => "unknown",
        }
    }

    /// Ping and pong, which say nothing but that somebody lives.
    pub fn is_heartbeat(self) -> bool {
        matches!(self, Self::Ping | Self::Pong)
    }
}

impl fmt::Display for PacketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One packet, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// What it is.
    pub kind: PacketKind,
    /// Its namespace, for Socket.IO's packets.
    pub namespace: Option<String>,
    /// The number that an acknowledgement answers.
    pub ack: Option<u64>,
    /// An event's name.
    pub event: Option<String>,
    /// What it holds: the arguments of an event or an acknowledgement as an array, else the value as it is.
    pub data: Value,
}

impl Packet {
    /// Reads what stands on the wire.
    pub fn read(text: &str) -> Self {
        let (kind, rest) = match split_first(text) {
            ('0', rest) => (PacketKind::Open, rest),
            ('1', rest) => (PacketKind::Close, rest),
            ('2', rest) => (PacketKind::Ping, rest),
            ('3', rest) => (PacketKind::Pong, rest),
            ('4', rest) => return Self::message(rest),
            ('5', rest) => (PacketKind::Upgrade, rest),
            ('6', rest) => (PacketKind::Noop, rest),
            _ => (PacketKind::Unknown, text),
        };
        Self {
            kind,
            namespace: None,
            ack: None,
            event: None,
            data: value(rest),
        }
    }

    fn message(text: &str) -> Self {
        let (kind, rest) = match split_first(text) {
            ('0', rest) => (PacketKind::Connect, rest),
            ('1', rest) => (PacketKind::Disconnect, rest),
            ('2', rest) => (PacketKind::Event, rest),
            ('3', rest) => (PacketKind::Ack, rest),
            ('4', rest) => (PacketKind::ConnectError, rest),
            ('5', rest) => (PacketKind::Event, after_attachments(rest)),
            ('6', rest) => (PacketKind::Ack, after_attachments(rest)),
            _ => (PacketKind::Unknown, text),
        };
        let (namespace, rest) = match rest.starts_with('/').then(|| rest.split_once(',')) {
            Some(Some((namespace, rest))) => (namespace, rest),
            Some(None) => (rest, ""),
            None => ("/", rest),
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let ack = rest[..digits].parse().ok();
        let mut data = value(&rest[digits..]);
        let mut event = None;
        if let (PacketKind::Event, Value::Array(args)) = (kind, &mut data)
            && args.first().is_some_and(Value::is_string)
            && let Value::String(name) = args.remove(0)
        {
            event = Some(name);
        }
        Self {
            kind,
            namespace: Some(namespace.to_owned()),
            ack,
            event,
            data,
        }
    }
}

fn split_first(text: &str) -> (char, &str) {
    let mut chars = text.chars();
    let first = chars.next().unwrap_or(' ');
    (first, chars.as_str())
}

fn after_attachments(text: &str) -> &str {
    text.split_once('-').map_or(text, |(_, rest)| rest)
}

/// JSON, or the text itself where it is none.
fn value(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn packets_are_taken_apart() {
        let packet = Packet::read(r#"42/admin,12["x",{"a":1},2]"#);
        assert_eq!(packet.kind, PacketKind::Event);
        assert_eq!(packet.namespace.as_deref(), Some("/admin"));
        assert_eq!((packet.ack, packet.event.as_deref()), (Some(12), Some("x")));
        assert_eq!(packet.data, json!([{"a": 1}, 2]));
        assert_eq!(Packet::read("437[true]").ack, Some(7));
        assert_eq!(Packet::read("2probe").data, json!("probe"));
        assert_eq!(
            Packet::read(r#"451-["b",{"_placeholder":true,"num":0}]"#)
                .event
                .as_deref(),
            Some("b")
        );
        assert_eq!(Packet::read(r#"44{"message":"no"}"#).kind, PacketKind::ConnectError);
        assert_eq!(Packet::read("41/chat").namespace.as_deref(), Some("/chat"));
        assert_eq!(Packet::read("").kind, PacketKind::Unknown);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9/,\\-\\[\\]\"{}a-zé]{0,30}") {
            let _ = Packet::read(&text);
        }
    }
}
