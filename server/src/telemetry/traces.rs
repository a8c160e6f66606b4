//! Traces: the way of each sampled message, and of each sampled request, told to a collector by OTLP.
//!
//! In: what a [`Way`] and a [`RequestSpan`] were told on their way. Out: spans, in batches, at the operator's collector.
//! Guarantees: switched off, nothing is kept, allocated or asked the time for; switched on, nobody waits for the collector; what
//! waits is bounded, and what is lost is counted; no span holds what people write, nor a token.
//!
//! The SDK's own tracer is not used: its spans are made where things happen, and cost where they are made. Here a message carries a
//! few instants with it, and the spans are made from them by the task that exports.

mod collector;
mod exporting;
mod request;
mod spans;
mod way;

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::trace::{SpanId, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use url::Url;

pub use self::exporting::Exporting;
pub use self::request::{Ongoing, RequestSpan};
pub use self::spans::Step;
pub use self::way::Way;

use self::spans::{Finished, Parent, Place};
use crate::limits::TRACES_WAITING_MAX;
use crate::settings::Secret;
use crate::telemetry::TraceMetrics;
use crate::telemetry::labels::SpanResult;

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct TraceSettings {
    /// Takes `POST` requests of OTLP spans.
    pub endpoint: Url,
    /// Headers of these requests; they hold keys.
    pub headers: Option<Secret>,
    /// The share of traces that begin here and are kept, 0 to 1.
    pub ratio: f64,
    /// What the service is called there.
    pub service: String,
}

/// Why traces cannot be exported at all.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A setting of the exporter's own.
    #[error(transparent)]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// TLS.
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// Begins traces. One that is off begins none.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<On>>);

#[derive(Debug)]
struct On {
    finished: mpsc::Sender<Finished>,
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    sampler: Sampler,
    metrics: TraceMetrics,
}

impl Tracer {
    /// Begins nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// A tracer, and the task that exports what it finishes. `node`: which process.
    pub fn start(settings: &TraceSettings, node: &str, metrics: TraceMetrics) -> Result<(Self, Exporting), TraceError> {
        let (finished, queue) = mpsc::channel(TRACES_WAITING_MAX);
        // One stop, one flush.
        let (flushes, asked) = mpsc::channel(1);
        let exporting = Exporting::new(settings, node, queue, asked, metrics.clone())?;
        let on = On {
            finished,
            flushes,
            sampler: Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.ratio))),
            metrics,
        };
        Ok((Self(Some(Arc::new(on))), exporting))
    }

    /// The moment of an arrival; `None` when nobody will ask for it.
    pub fn arrival(&self) -> Option<Instant> {
        self.0.is_some().then(Instant::now)
    }

    /// The way of a message that came over a socket, if it is sampled.
    pub fn message(&self, arrived: Option<Instant>) -> Way {
        let Some((on, place)) = self.0.as_ref().and_then(|on| Some((on, on.root(None)?))) else {
            return Way::default();
        };
        Way::begin(on, place, SpanKind::Server, arrived.unwrap_or_else(Instant::now))
    }

    /// The span of a request, if it is sampled: its `traceparent` says so, or chance does.
    pub fn request(
        &self,
        headers: &http::HeaderMap,
        method: &http::Method,
        route: Option<&str>,
    ) -> Option<RequestSpan> {
        let on = self.0.as_ref()?;
        let context = TraceContextPropagator::new().extract_of(headers);
        let place = on.root(context.as_ref())?;
        Some(RequestSpan::begin(on, place, method, route))
    }

    /// Waits until everything that is finished by now was exported or given up.
    pub async fn flush(&self) {
        let Some(on) = &self.0 else { return };
        let (done, flushed) = oneshot::channel();
        if on.flushes.send(done).await.is_ok() {
            // The task may end meanwhile; then nothing is waited for.
            let _ended = flushed.await;
        }
    }
}

impl On {
    /// A new span that nothing here is above; `None` when it is not sampled.
    fn root(&self, from: Option<&Context>) -> Option<Place> {
        let parent = from.map(|context| context.span().span_context().clone());
        let ids = RandomIdGenerator::default();
        let trace = parent
            .as_ref()
            .map_or_else(|| ids.new_trace_id(), opentelemetry::trace::SpanContext::trace_id);
        let sampled = self.sampler.should_sample(from, trace, "", &SpanKind::Server, &[], &[]);
        (sampled.decision == SamplingDecision::RecordAndSample).then(|| Place {
            trace,
            span: ids.new_span_id(),
            parent: parent.map(|parent| Parent {
                span: parent.span_id(),
                remote: true,
            }),
        })
    }

    /// Nobody waits: a collector that is slow costs spans, not messages.
    fn finish(&self, finished: Finished) {
        if let Err(not_taken) = self.finished.try_send(finished) {
            let (mpsc::error::TrySendError::Full(lost) | mpsc::error::TrySendError::Closed(lost)) = not_taken;
            self.metrics
                .spans
                .at(SpanResult::Dropped)
                .increment(lost.count() as u64);
        }
    }
}

/// Reads `traceparent`.
trait ExtractOf {
    fn extract_of(&self, headers: &http::HeaderMap) -> Option<Context>;
}

impl ExtractOf for TraceContextPropagator {
    fn extract_of(&self, headers: &http::HeaderMap) -> Option<Context> {
        use opentelemetry::propagation::TextMapPropagator as _;
        let context = self.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let valid = context.span().span_context().is_valid();
        valid.then_some(context)
    }
}

/// A trace's id as it stands in answers.
pub(crate) fn shown(trace: TraceId) -> Option<chat_core::ids::TraceId> {
    chat_core::ids::TraceId::parse(trace.to_string()).ok()
}

/// A span's id below its parent's.
fn child_of(place: Place) -> Place {
    Place {
        trace: place.trace,
        span: new_span_id(),
        parent: Some(Parent {
            span: place.span,
            remote: false,
        }),
    }
}

fn new_span_id() -> SpanId {
    RandomIdGenerator::default().new_span_id()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::telemetry::Metrics;

    fn settings(endpoint: &str) -> TraceSettings {
        TraceSettings {
            endpoint: endpoint.parse().unwrap(),
            headers: None,
            ratio: 1.0,
            service: "rollcall".to_owned(),
        }
    }

    fn count(metrics: &Metrics, result: &str) -> u64 {
        let series = format!("rollcall_trace_spans_total{{result=\"{result}\"}} ");
        let text = metrics.render();
        let line = text.lines().find_map(|line| line.strip_prefix(&series));
        line.unwrap().parse().unwrap()
    }

    #[test]
    fn off_keeps_nothing_and_asks_nothing() {
        let tracer = Tracer::off();
        let way = tracer.message(tracer.arrival());
        assert!(tracer.arrival().is_none() && way.trace().is_none() && way.log_span().is_none());
        let mut headers = http::HeaderMap::new();
        headers.insert("traceparent", TRACEPARENT.parse().unwrap());
        assert!(tracer.request(&headers, &http::Method::GET, None).is_none());
        assert!(
            size_of::<Way>() <= 2 * size_of::<usize>(),
            "it travels with every message"
        );
    }

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn what_finds_no_place_is_dropped_and_counted() {
        let metrics = Metrics::new().unwrap();
        let (tracer, _never_run) = Tracer::start(&settings("http://127.0.0.1:9"), "n", metrics.traces.clone()).unwrap();
        for _ in 0..TRACES_WAITING_MAX {
            drop(tracer.message(None));
        }
        assert_eq!(count(&metrics, "dropped"), 0);
        let mut way = tracer.message(None);
        way.through(Step::Receive);
        drop(way);
        assert_eq!(count(&metrics, "dropped"), 2, "the way and its step");
    }

    /// A flush waits for the answer to what was finished before it, and for no pause.
    #[tokio::test]
    async fn a_flush_ends_when_everything_was_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let metrics = Metrics::new().unwrap();
        let (tracer, exporting) = Tracer::start(&settings(&url), "n", metrics.traces.clone()).unwrap();
        tokio::spawn(exporting.run());
        let collector = axum::Router::new().route("/v1/traces", axum::routing::post(|| async {}));
        tokio::spawn(async move { axum::serve(listener, collector).await });
        for _ in 0..10 {
            drop(tracer.message(None));
        }
        tracer.flush().await;
        assert_eq!(count(&metrics, "exported"), 10);
    }

    #[tokio::test]
    async fn a_share_is_sampled_and_a_parent_is_followed() {
        let sampled = |ratio, traceparent: &str| {
            let settings = TraceSettings {
                ratio,
                ..settings("http://127.0.0.1:9")
            };
            let (tracer, _) = Tracer::start(&settings, "n", Metrics::new().unwrap().traces).unwrap();
            let mut headers = http::HeaderMap::new();
            headers.insert("traceparent", traceparent.parse().unwrap());
            let spans = (0..1_000).filter(|_| tracer.request(&headers, &http::Method::GET, None).is_some());
            spans.count()
        };
        assert_eq!(sampled(0.0, TRACEPARENT), 1_000);
        assert_eq!(sampled(1.0, &TRACEPARENT.replace("-01", "-00")), 0);
        assert_eq!((sampled(0.0, "nonsense"), sampled(1.0, "nonsense")), (0, 1_000));
        assert!((150..350).contains(&sampled(0.25, "nonsense")));
    }
}
