//! Reading requests: body, query and path, each mistake named with its field, what came and what was expected.

use std::borrow::Cow;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use chat_core::Seq;
use chat_core::ids::InvalidId;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use rollcall_protocol::request::LINK_INSTEAD;
use rollcall_protocol::{ErrorCode, Fields, ShapeError};
use serde_json::Value;

use super::problem::Problem;
use crate::limits::HTTP_BODY_BYTES_MAX;

/// A body that is one JSON object, to be read field by field.
#[derive(Debug)]
pub struct JsonFields(pub Fields);

impl<S: Send + Sync> FromRequest<S> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        json_was_sent(request.headers())?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                    ErrorCode::TooLarge,
                    format!("a body is at most {HTTP_BODY_BYTES_MAX} bytes"),
                ),
                _ => Problem::new(ErrorCode::BadRequest, "body: it ended before it was complete"),
            })?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
            // Its words are about syntax only, since any JSON would do; they hold no value of the body.
            let got = if bytes.is_empty() {
                "nothing".to_owned()
            } else {
                format!("no JSON ({error})")
            };
            ShapeError::new("body", "a JSON object", got)
        })?;
        Ok(Self(Fields::of(value).map_err(|error| ShapeError {
            field: "body".to_owned(),
            ..error
        })?))
    }
}

/// A body without a content type is taken for JSON: that is all that is served here.
fn json_was_sent(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(sent) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let sent = sent.to_str().unwrap_or("something unreadable");
    let essence = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    if is_json {
        return Ok(());
    }
    let error = ShapeError::new("content-type", "application/json", format!("{sent:.60?}"));
    Err(Problem::from(error).with_hint(if essence.starts_with("multipart/") {
        LINK_INSTEAD
    } else {
        "send the body as JSON with the header content-type: application/json"
    }))
}

/// The query's parameters, to be read one by one. Unknown ones are ignored.
#[derive(Debug)]
pub struct QueryFields(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        ))
    }
}

impl QueryFields {
    /// A parameter's text; empty counts as not given.
    pub fn text(&self, field: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name == field);
        found.map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
    }

    /// An id.
    pub fn id<T: FromStr<Err = InvalidId>>(&self, field: &'static str) -> Result<Option<T>, ShapeError> {
        let Some(text) = self.text(field) else { return Ok(None) };
        let parsed = text.parse().map(Some);
        parsed.map_err(|error: InvalidId| ShapeError::new(field, error.to_string(), format!("{text:.70?}")))
    }

    /// A message number.
    pub fn seq(&self, field: &'static str) -> Result<Option<Seq>, ShapeError> {
        Ok(self
            .number(field, "a message number: a whole number from 0 on", 0)?
            .map(Seq))
    }

    /// A page size; more than the most is clamped by whoever uses it.
    pub fn limit(&self) -> Result<Option<u32>, ShapeError> {
        let limit = self.number("limit", "a whole number from 1 on", 1)?;
        Ok(limit.map(|limit| u32::try_from(limit).unwrap_or(u32::MAX)))
    }

    /// Milliseconds.
    pub fn millis(&self, field: &'static str) -> Result<Option<u64>, ShapeError> {
        self.number(field, "a number of milliseconds from 0 on", 0)
    }

    /// Two parameters that exclude each other were given.
    pub fn contradiction(&self, field: &'static str, other: &'static str) -> Problem {
        let got = format!("both, {:.40?}", self.text(field).unwrap_or_default());
        ShapeError::new(field, format!("one of {other} and {field}"), got).into()
    }

    fn number(&self, field: &'static str, expected: &str, least: u64) -> Result<Option<u64>, ShapeError> {
        /// As in the protocol: what a JavaScript client can mean.
        const MOST: u64 = 1 << 53;
        let Some(text) = self.text(field) else { return Ok(None) };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|number| digits && (least..=MOST).contains(number));
        number
            .map(Some)
            .ok_or_else(|| ShapeError::new(field, expected, format!("{text:.40?}")))
    }
}

/// The path's parameters, to be read one by one.
#[derive(Debug)]
pub struct PathIds(RawPathParams);

impl<S: Send + Sync> FromRequestParts<S> for PathIds {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        params
            .map(Self)
            .map_err(|_| Problem::new(ErrorCode::BadRequest, "path: it is not UTF-8 once decoded"))
    }
}

impl PathIds {
    /// The id under this name in the route's template.
    pub fn id<T: FromStr<Err = InvalidId>>(&self, name: &'static str) -> Result<T, ShapeError> {
        let text = self
            .0
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(Cow::Borrowed(""), |(_, text)| Cow::Borrowed(text));
        text.parse()
            .map_err(|error: InvalidId| ShapeError::new(name, error.to_string(), format!("{text:.70?}")))
    }
}
