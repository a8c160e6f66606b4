//! Frames as they came: `{event, data, id?}`.

use std::sync::Arc;

use rollcall_protocol::fields::describe;
use rollcall_protocol::request::{Hello, LINK_INSTEAD};
use rollcall_protocol::{ErrorCode, ShapeError, WireError};
use serde_json::Value;

use crate::gateway::socketio::packet::{Answer, RawEvent};
use crate::hub::plain::PlainLink;

/// The name of the frame that may open a connection.
const HELLO: &str = "hello";

/// A frame, taken apart.
#[derive(Debug)]
pub(super) struct Frame {
    event: String,
    data: Result<Value, WireError>,
    id: Option<Value>,
    /// It is no event but an answer to one of ours.
    answers: Option<Value>,
    bytes: usize,
}

impl Frame {
    /// Of a text. Whatever is wrong with it is kept, to be said in its turn.
    pub(super) fn read(text: &str) -> Self {
        let (bytes, mut event, mut id) = (text.len(), String::new(), None);
        let mut answers = None;
        let data = parts(text).and_then(|(name, data, its_id, to)| {
            answers = to;
            event = name?;
            id = its_id?;
            Ok(data)
        });
        Self {
            event,
            data: data.map_err(WireError::from),
            id,
            answers,
            bytes,
        }
    }

    /// Something that is no text.
    pub(super) fn binary(bytes: usize) -> Self {
        let error =
            ShapeError::new("frame", "a text frame with one JSON object", "a binary frame").with_hint(LINK_INSTEAD);
        Self {
            event: String::new(),
            data: Err(error.into()),
            id: None,
            answers: None,
            bytes,
        }
    }

    /// The `id` that it answers, if it is an answer.
    pub(super) fn answers(&self) -> Option<&Value> {
        self.answers.as_ref()
    }

    /// The greeting, if this is one.
    pub(super) fn is_hello(&self) -> bool {
        self.event == HELLO
    }

    /// The greeting's content; what is wrong with it is left to be said.
    pub(super) fn hello(&self) -> Option<Hello> {
        let data = self.data.as_ref().ok()?.clone();
        Hello::decode(data).ok().map(|decoded| decoded.value)
    }

    /// The event that waits its turn.
    pub(super) fn into_event(self, link: &Arc<PlainLink>) -> RawEvent {
        let data = if self.event == HELLO { Err(late()) } else { self.data };
        RawEvent::of_frame(
            self.event,
            data,
            self.bytes,
            Answer::to_frame(Arc::clone(link), self.id),
        )
    }

    /// A greeting is through: the answer to it, if it asked for one, or what was wrong with it.
    pub(super) fn greeted(self, link: &Arc<PlainLink>) -> (Answer, Result<(), WireError>) {
        let answer = Answer::to_frame(Arc::clone(link), self.id);
        (answer, self.data.and_then(Hello::decode).map(|_| ()))
    }
}

fn late() -> WireError {
    WireError::new(
        ErrorCode::BadRequest,
        "hello: expected as the first frame, within 1 s of the connection; it came later",
    )
    .with_hint("connect again to resume or to promise receipts")
}

type Parts = (
    Result<String, ShapeError>,
    Value,
    Result<Option<Value>, ShapeError>,
    Option<Value>,
);

fn parts(text: &str) -> Result<Parts, ShapeError> {
    let expected = "one JSON object {event, data, id?}";
    let value: Value =
        serde_json::from_str(text).map_err(|error| ShapeError::new("frame", expected, format!("no JSON ({error})")))?;
    let Value::Object(mut fields) = value else {
        return Err(ShapeError::new("frame", expected, describe(&value)));
    };
    let named = fields.remove("event");
    // What has a name is an event, whatever else it has.
    let answers = if named.is_none() {
        fields.remove("reply_to")
    } else {
        None
    };
    let event = match named {
        Some(Value::String(event)) => Ok(event),
        Some(other) => Err(ShapeError::new("event", "the name of an event", describe(&other))),
        None => Err(ShapeError::new("event", "the name of an event", "nothing")),
    };
    let id = match fields.remove("id") {
        None | Some(Value::Null) => Ok(None),
        Some(id @ (Value::Number(_) | Value::String(_))) => Ok(Some(id)),
        Some(other) => Err(ShapeError::new("id", "a number or a string", describe(&other))),
    };
    Ok((event, fields.remove("data").unwrap_or_default(), id, answers))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(text: &str) -> String {
        Frame::read(text).data.unwrap_err().message
    }

    #[test]
    fn a_frame_has_an_event_and_may_have_data_and_an_id() {
        let frame = Frame::read(r#"{"event":"whoami","id":"seven","more":1}"#);
        assert_eq!((frame.event.as_str(), frame.id), ("whoami", Some(json!("seven"))));
        assert_eq!(frame.data.unwrap(), Value::Null);
        let frame = Frame::read(r#"{"event":"sync","data":{"a":1},"id":7}"#);
        assert_eq!((frame.data.unwrap(), frame.id), (json!({"a": 1}), Some(json!(7))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(error("hello").starts_with("frame: expected one JSON object"));
        assert!(error("[1]").starts_with("frame: "));
        assert!(error("{}").starts_with("event: expected the name of an event, got nothing"));
        assert!(error(r#"{"event":4}"#).starts_with("event: "));
        assert!(error(r#"{"event":"sync","id":{}}"#).starts_with("id: expected a number or a string"));
        assert!(error("\"\\ud800\"").starts_with("frame: "));
        // Which event it was is known all the same.
        assert_eq!(Frame::read(r#"{"event":"sync","id":[]}"#).event, "sync");
    }

    #[test]
    fn a_greeting_is_read_once() {
        let frame = Frame::read(r#"{"event":"hello","data":{"receipts":true},"id":1}"#);
        assert!(frame.is_hello() && frame.hello().unwrap().receipts);
        let wrong = Frame::read(r#"{"event":"hello","data":{"receipts":"yes"}}"#);
        assert!(wrong.is_hello() && wrong.hello().is_none());
    }
}
