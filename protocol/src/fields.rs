//! Reading one JSON object field by field, so that a mistake is named: which field, what came, what was expected.
//!
//! serde's own errors name no field, and it would take `42.0` where an id belongs. Unknown fields are ignored: clients may
//! be newer than the server.

use chat_core::Seq;
use chat_core::ids::InvalidId;
use serde_json::{Map, Value};

/// A wrong shape, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}, got {got}")]
pub struct ShapeError {
    /// Which field, as a path such as `user_ids[2]`; `data` is the object itself.
    pub field: String,
    /// What belongs there.
    pub expected: String,
    /// What came, shortened.
    pub got: String,
    /// What to do about it, where that is not plain from the rest.
    pub hint: Option<&'static str>,
}

impl ShapeError {
    /// Names `field`, what belongs there and what came.
    pub fn new(field: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            expected: expected.into(),
            got: got.into(),
            hint: None,
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self {
            hint: Some(hint),
            ..self
        }
    }
}

/// The expected shape of an id, in words.
const AN_ID: &str = "an id: a string of 1 to 64 characters of A-Z a-z 0-9 _ . : - (or a whole number)";
/// The longest piece of what came that is repeated in an error.
const GOT_CHARS_MAX: usize = 40;

/// What came, for a person: its type, and its value where that is short.
pub fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(value) if value.chars().count() <= GOT_CHARS_MAX => format!("the string {value:?}"),
        Value::String(value) => format!("a string of {} characters", value.chars().count()),
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(_) => "an object".into(),
    }
}

/// One object being read. Counts the numbers that were taken for ids.
#[derive(Debug)]
pub struct Fields {
    map: Map<String, Value>,
    coerced: u32,
}

impl Fields {
    /// Takes `value` apart; anything but an object is an error.
    pub fn of(value: Value) -> Result<Self, ShapeError> {
        match value {
            Value::Object(map) => Ok(Self { map, coerced: 0 }),
            other => Err(ShapeError::new("data", "one object", describe(&other))),
        }
    }

    /// How many numbers were taken for ids so far.
    pub fn coerced(&self) -> u32 {
        self.coerced
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        // `null` stands for "not given": several clients' encoders write absent fields so.
        self.map.remove(field).filter(|value| !value.is_null())
    }

    /// Is the field there and not null?
    pub fn has(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(|value| !value.is_null())
    }

    /// Is the field there, and an array or an object?
    pub fn holds_structure(&self, field: &str) -> bool {
        matches!(self.map.get(field), Some(Value::Array(_) | Value::Object(_)))
    }

    /// A field that must not be there, unless it is empty.
    pub fn refuse(&mut self, field: &str, expected: &str, hint: &'static str) -> Result<(), ShapeError> {
        let Some(value) = self.take(field) else { return Ok(()) };
        let empty = match &value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
            Value::Bool(true) | Value::Number(_) => false,
        };
        if empty {
            return Ok(());
        }
        Err(ShapeError::new(field, expected, describe(&value)).with_hint(hint))
    }

    fn required(&mut self, field: &str, expected: &str) -> Result<Value, ShapeError> {
        self.take(field)
            .ok_or_else(|| ShapeError::new(field, expected, "nothing"))
    }

    fn read_id<T: std::str::FromStr<Err = InvalidId>>(&mut self, field: &str, value: &Value) -> Result<T, ShapeError> {
        let parsed = match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) if number.is_i64() || number.is_u64() => {
                self.coerced += 1;
                number.to_string().parse().ok()
            }
            _ => None,
        };
        parsed.ok_or_else(|| ShapeError::new(field, AN_ID, describe(value)))
    }

    /// An id that must be there.
    pub fn id<T: std::str::FromStr<Err = InvalidId>>(&mut self, field: &str) -> Result<T, ShapeError> {
        let value = self.required(field, AN_ID)?;
        self.read_id(field, &value)
    }

    /// An id that may be there.
    pub fn optional_id<T: std::str::FromStr<Err = InvalidId>>(&mut self, field: &str) -> Result<Option<T>, ShapeError> {
        self.take(field).map(|value| self.read_id(field, &value)).transpose()
    }

    /// A list of ids, at most `most`.
    pub fn ids<T: std::str::FromStr<Err = InvalidId>>(
        &mut self,
        field: &str,
        most: usize,
    ) -> Result<Vec<T>, ShapeError> {
        let expected = format!("an array of at most {most} ids");
        match self.required(field, &expected)? {
            Value::Array(items) if items.len() <= most => items
                .iter()
                .enumerate()
                .map(|(at, item)| self.read_id(&format!("{field}[{at}]"), item))
                .collect(),
            other => Err(ShapeError::new(field, expected, describe(&other))),
        }
    }

    /// Text that must be there.
    pub fn text(&mut self, field: &str) -> Result<String, ShapeError> {
        let value = self.required(field, "a string")?;
        to_text(field, value)
    }

    /// Text that may be there.
    pub fn optional_text(&mut self, field: &str) -> Result<Option<String>, ShapeError> {
        self.take(field).map(|value| to_text(field, value)).transpose()
    }

    /// A boolean that must be there.
    pub fn boolean(&mut self, field: &str) -> Result<bool, ShapeError> {
        let value = self.required(field, "true or false")?;
        value
            .as_bool()
            .ok_or_else(|| ShapeError::new(field, "true or false", describe(&value)))
    }

    /// A boolean that is false when it is not there.
    pub fn flag(&mut self, field: &str) -> Result<bool, ShapeError> {
        if self.has(field) {
            self.boolean(field)
        } else {
            Ok(false)
        }
    }

    /// A message number that may be there.
    pub fn optional_seq(&mut self, field: &str) -> Result<Option<Seq>, ShapeError> {
        self.take(field).map(|value| to_seq(field, &value)).transpose()
    }

    /// A page size that may be there; under 1 is an error, more than the most is clamped by whoever uses it.
    pub fn optional_limit(&mut self, field: &str) -> Result<Option<u32>, ShapeError> {
        let Some(value) = self.take(field) else { return Ok(None) };
        match value.as_u64() {
            Some(limit) if limit >= 1 => Ok(Some(u32::try_from(limit).unwrap_or(u32::MAX))),
            _ => Err(ShapeError::new(field, "a whole number from 1 on", describe(&value))),
        }
    }

    /// An object from ids to message numbers that may be there, at most `most` entries.
    pub fn optional_seq_map<T: std::str::FromStr<Err = InvalidId>>(
        &mut self,
        field: &str,
        most: usize,
    ) -> Result<Vec<(T, Seq)>, ShapeError> {
        let expected = format!("an object of at most {most} conversation ids with the last seq held of each");
        match self.take(field) {
            None => Ok(Vec::new()),
            Some(Value::Object(entries)) if entries.len() <= most => entries
                .iter()
                .map(|(key, value)| {
                    let path = format!("{field}[{key:?}]");
                    let id = key
                        .parse()
                        .map_err(|_| ShapeError::new(&path, AN_ID, format!("the key {key:?}")))?;
                    Ok((id, to_seq(&path, value)?))
                })
                .collect(),
            Some(other) => Err(ShapeError::new(field, expected, describe(&other))),
        }
    }
}

fn to_text(field: &str, value: Value) -> Result<String, ShapeError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(ShapeError::new(field, "a string", describe(&other))),
    }
}

fn to_seq(field: &str, value: &Value) -> Result<Seq, ShapeError> {
    // Beyond 2^53 a JavaScript client could not have meant it, and the database's integers end at 2^63.
    const SEQ_MAX: u64 = 1 << 53;
    match value.as_u64() {
        Some(seq) if seq <= SEQ_MAX => Ok(Seq(seq)),
        _ => Err(ShapeError::new(
            field,
            "a message number: a whole number from 0 on",
            describe(value),
        )),
    }
}

#[cfg(test)]
mod tests {
    use chat_core::{ConversationId, UserId};
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::of(value).unwrap()
    }

    #[test]
    fn a_number_is_an_id_and_is_counted() {
        let mut read = fields(json!({"a": 42, "b": "42", "c": -1}));
        assert_eq!(read.id::<UserId>("a").unwrap().as_str(), "42");
        assert_eq!(read.id::<UserId>("b").unwrap().as_str(), "42");
        assert_eq!(read.id::<UserId>("c").unwrap().as_str(), "-1");
        assert_eq!(read.coerced(), 2);
    }

    #[test]
    fn what_is_no_id_is_named() {
        for (value, got) in [
            (json!(4.5), "the number 4.5"),
            (json!(42.0), "the number 42.0"),
            (json!(true), "the boolean true"),
            (json!({}), "an object"),
            (json!([1]), "an array of 1"),
            (json!("a b"), "the string \"a b\""),
            (json!("x".repeat(65)), "a string of 65 characters"),
        ] {
            let error = fields(json!({ "id": value })).id::<UserId>("id").unwrap_err();
            assert_eq!((error.field.as_str(), error.got.as_str()), ("id", got));
        }
        let error = fields(json!({})).id::<UserId>("id").unwrap_err();
        assert_eq!(error.to_string(), format!("id: expected {AN_ID}, got nothing"));
    }

    #[test]
    fn one_object_or_an_error() {
        for value in [json!(null), json!([]), json!("x"), json!(1)] {
            assert_eq!(Fields::of(value).unwrap_err().field, "data");
        }
    }

    #[test]
    fn lists_name_the_place() {
        let error = fields(json!({"ids": ["a", null]})).ids::<UserId>("ids", 5).unwrap_err();
        assert_eq!(error.field, "ids[1]");
        assert!(fields(json!({"ids": [1, 2, 3]})).ids::<UserId>("ids", 2).is_err());
    }

    #[test]
    fn seqs_are_whole_and_not_negative() {
        for bad in [json!(-1), json!(1.5), json!("1"), json!(u64::MAX)] {
            assert!(fields(json!({ "s": bad })).optional_seq("s").is_err(), "{bad}");
        }
        assert_eq!(fields(json!({"s": null})).optional_seq("s").unwrap(), None);
        let map = fields(json!({"resume": {"42": 7}}))
            .optional_seq_map::<ConversationId>("resume", 9)
            .unwrap();
        assert_eq!(map, vec![(ConversationId::parse("42").unwrap(), Seq(7))]);
    }
}
