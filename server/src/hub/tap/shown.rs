//! Payloads, made fit to be shown: short, and without secrets.

use std::borrow::Cow;

use chat_core::ids::CONVERSATION_ROOM_PREFIX;
use serde::Deserialize;
use serde_json::{Map, Value};

/// An event's name is shorter when it is meant well.
const NAME_CHARS_MAX: usize = 64;
/// Characters of a text within a payload.
const TEXT_CHARS_MAX: usize = 120;
/// Values of a payload that are shown, those within others included: enough for a message with everything around it.
const VALUES_MAX: usize = 48;
/// Beyond this a payload is not taken apart: reading a packet of the largest size for a line of text is work for nothing.
const READ_BYTES_MAX: usize = 64 * 1024;
/// Characters of a preview.
const PREVIEW_CHARS_MAX: usize = 400;

const CUT: char = '…';
const REDACTED: &str = "[redacted]";

/// What an event carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Payload<'a> {
    /// Read already.
    Read(&'a Value),
    /// JSON, as it goes over the wire.
    Text(&'a str),
    /// Something that could not be read.
    Unreadable,
}

/// The fields that tell a room.
#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow)]
    room: Option<Cow<'a, str>>,
    #[serde(borrow)]
    conversation_id: Option<Cow<'a, str>>,
}

impl Payload<'_> {
    /// The room that it is about.
    pub(super) fn room(self) -> Option<String> {
        let (room, conversation) = match self {
            Payload::Read(value) => {
                let text = |name: &str| match value.get(name)? {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                (text("room"), text("conversation_id"))
            }
            Payload::Text(text) => {
                let about: About<'_> = serde_json::from_str(text).ok()?;
                (
                    about.room.map(Cow::into_owned),
                    about.conversation_id.map(Cow::into_owned),
                )
            }
            Payload::Unreadable => return None,
        };
        room.or_else(|| conversation.map(|id| format!("{CONVERSATION_ROOM_PREFIX}{id}")))
            .map(|room| cut(&room, TEXT_CHARS_MAX))
    }

    /// Fit to be shown.
    pub(super) fn shown(self) -> Value {
        match self {
            Payload::Read(value) => value_shown(value),
            Payload::Text(text) if text.len() > READ_BYTES_MAX => {
                Value::String(format!("{CUT} {} bytes, too many to be shown", text.len()))
            }
            Payload::Text(text) => {
                serde_json::from_str(text).map_or_else(|_| unreadable(), |value: Value| value_shown(&value))
            }
            Payload::Unreadable => unreadable(),
        }
    }
}

fn unreadable() -> Value {
    Value::String(format!("{CUT} not one object of JSON"))
}

/// Shortened, and without secrets.
fn value_shown(value: &Value) -> Value {
    shown(value, &mut VALUES_MAX.clone())
}

fn shown(value: &Value, left: &mut usize) -> Value {
    *left = left.saturating_sub(1);
    match value {
        Value::String(text) if looks_like_token(text) => REDACTED.into(),
        Value::String(text) => cut(text, TEXT_CHARS_MAX).into(),
        Value::Array(items) => {
            let mut out = Vec::new();
            for item in items {
                if *left == 0 {
                    out.push(format!("{CUT} {} more", items.len() - out.len()).into());
                    break;
                }
                out.push(shown(item, left));
            }
            Value::Array(out)
        }
        Value::Object(fields) => {
            let mut out = Map::new();
            for (name, field) in fields {
                if *left == 0 {
                    let more = format!("{} more", fields.len() - out.len());
                    out.insert(CUT.to_string(), more.into());
                    break;
                }
                let field = if is_secret(name) {
                    *left -= 1;
                    REDACTED.into()
                } else {
                    shown(field, left)
                };
                out.insert(cut(name, NAME_CHARS_MAX), field);
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}

/// Fields that are secret whatever they hold.
fn is_secret(name: &str) -> bool {
    const ALONE: [&str; 2] = ["auth", "jwt"];
    const WITHIN: [&str; 7] = [
        "token",
        "password",
        "passwd",
        "secret",
        "authorization",
        "cookie",
        "apikey",
    ];
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    ALONE.contains(&name.as_str()) || WITHIN.iter().any(|word| name.contains(word))
}

/// Somebody may paste a token into any field.
fn looks_like_token(text: &str) -> bool {
    text.match_indices("eyJ").any(|(at, _)| {
        let word = text[at..]
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
            .next()
            .unwrap_or_default();
        word.len() > 20 && word.matches('.').count() == 2
    })
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}{CUT}", &text[..at]),
        None => text.to_owned(),
    }
}

/// An event's name.
pub(super) fn name_shown(name: &str) -> String {
    if looks_like_token(name) {
        return REDACTED.to_owned();
    }
    cut(name, NAME_CHARS_MAX)
}

/// A payload in one line.
pub(super) fn preview(shown: &Value) -> String {
    cut(&shown.to_string(), PREVIEW_CHARS_MAX)
}
