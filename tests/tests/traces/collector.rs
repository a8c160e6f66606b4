//! A collector of traces: an HTTP server that reads OTLP, as real ones do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::SpanFlags;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use rollcall_tests::{PATIENCE, eventually};
use tokio::net::TcpListener;

/// One span as it came.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty: it has none.
    pub(crate) parent: String,
    /// Its parent is a span of another program, and it says so.
    pub(crate) below_another: bool,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) nanos: (u64, u64),
    pub(crate) failed: bool,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Those of the program that it came from.
    pub(crate) resource: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Heard {
    spans: Vec<Span>,
    requests: Vec<HeaderMap>,
    bytes: Vec<u8>,
}

/// What came so far.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    pub(crate) url: String,
    heard: Arc<Mutex<Heard>>,
}

impl Collector {
    /// Listens on a port of its own until the test ends.
    pub(crate) async fn listen() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let heard = Arc::<Mutex<Heard>>::default();
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&heard));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, heard })
    }

    fn with<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.with(|heard| heard.spans.clone())
    }

    /// The headers of the requests.
    pub(crate) fn requests(&self) -> Vec<HeaderMap> {
        self.with(|heard| heard.requests.clone())
    }

    /// Is this text anywhere in what came?
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.with(|heard| heard.bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }

    /// The spans of the trace in which `is` is true for one, once that one has come.
    pub(crate) async fn trace(&self, what: &str, is: impl Fn(&Span) -> bool) -> Result<Trace> {
        eventually(what, PATIENCE, async || {
            let spans = self.spans();
            let id = spans.iter().find(|span| is(span))?.trace.clone();
            let spans: Vec<Span> = spans.into_iter().filter(|span| span.trace == id).collect();
            Some(Trace { id, spans })
        })
        .await
    }

    /// The trace of the message with this id.
    pub(crate) async fn trace_of(&self, message: &str) -> Result<Trace> {
        self.trace("the trace of the message", |span| {
            span.attributes.get("rollcall.message.id").map(String::as_str) == Some(message)
        })
        .await
    }
}

/// One trace.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: String,
    pub(crate) spans: Vec<Span>,
}

impl Trace {
    /// The span of that name; there is one.
    pub(crate) fn span(&self, name: &str) -> Result<&Span> {
        let mut of_name = self.spans.iter().filter(|span| span.name == name);
        let first = of_name.next().with_context(|| format!("no {name} in {self:#?}"))?;
        anyhow::ensure!(of_name.next().is_none(), "several {name} in {self:#?}");
        Ok(first)
    }
}

async fn take(State(heard): State<Arc<Mutex<Heard>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body.clone()) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.requests.push(headers);
    heard.bytes.extend_from_slice(&body);
    for of_program in request.resource_spans {
        let resource = of_program.resource.unwrap_or_default();
        let resource = read(&resource.attributes);
        for span in of_program.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            heard.spans.push(Span {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                below_another: span.flags & SpanFlags::ContextIsRemoteMask as u32 != 0,
                kind: span.kind(),
                nanos: (span.start_time_unix_nano, span.end_time_unix_nano),
                failed: span.status.is_some_and(|status| status.code == 2),
                attributes: read(&span.attributes),
                name: span.name,
                resource: resource.clone(),
            });
        }
    }
    StatusCode::OK
}

fn read(pairs: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> BTreeMap<String, String> {
    let value = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let of = |pair: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        let given = pair.value.as_ref().and_then(|given| given.value.as_ref());
        (pair.key.clone(), given.map(value).unwrap_or_default())
    };
    pairs.iter().map(of).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _written = write!(text, "{byte:02x}");
        text
    })
}
