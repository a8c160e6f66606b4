//! The task that makes spans of what is finished, and hands them to the collector in batches.

use std::time::Duration;

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::sync::{mpsc, oneshot};

use super::collector::Collector;
use super::spans::{Finished, Make};
use super::{TraceError, TraceSettings};
use crate::clock::WallTime;
use crate::limits::{TRACE_BATCH_MAX, TRACE_EXPORT_TIMEOUT, TRACE_LINGER};
use crate::telemetry::TraceMetrics;
use crate::telemetry::catalogue::VERSION;
use crate::telemetry::labels::SpanResult;

/// Exports until the tracer and everything that it began are gone.
pub struct Exporting {
    exporter: SpanExporter,
    collector: Collector,
    queue: mpsc::Receiver<Finished>,
    flushes: mpsc::Receiver<oneshot::Sender<()>>,
    scope: InstrumentationScope,
    metrics: TraceMetrics,
    /// The last batch was not taken, and that was said.
    down: bool,
}

impl std::fmt::Debug for Exporting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporting")
            .field("exporter", &self.exporter)
            .finish_non_exhaustive()
    }
}

impl Exporting {
    pub(super) fn new(
        settings: &TraceSettings,
        node: &str,
        queue: mpsc::Receiver<Finished>,
        flushes: mpsc::Receiver<oneshot::Sender<()>>,
        metrics: TraceMetrics,
    ) -> Result<Self, TraceError> {
        let collector = Collector::new(&settings.endpoint, settings.headers.as_ref())?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector.clone())
            .with_endpoint(settings.endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(TRACE_EXPORT_TIMEOUT)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(settings.service.clone())
            .with_attribute(KeyValue::new("service.version", VERSION))
            .with_attribute(KeyValue::new("service.instance.id", node.to_owned()))
            .build();
        exporter.set_resource(&resource);
        let scope = InstrumentationScope::builder("rollcall").with_version(VERSION).build();
        Ok(Self {
            exporter,
            collector,
            queue,
            flushes,
            scope,
            metrics,
            down: false,
        })
    }

    /// Exports what comes.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(TRACE_BATCH_MAX);
        loop {
            let mut asked = tokio::select! {
                first = self.queue.recv() => {
                    let Some(first) = first else { return };
                    batch.push(first);
                    None
                }
                Some(asked) = self.flushes.recv() => Some(asked),
            };
            // Not woken by each one that comes meanwhile.
            if asked.is_none() {
                asked = wait(&mut self.flushes, TRACE_LINGER).await;
            }
            loop {
                while batch.len() < TRACE_BATCH_MAX
                    && let Ok(next) = self.queue.try_recv()
                {
                    batch.push(next);
                }
                if batch.is_empty() {
                    break;
                }
                self.export(&mut batch).await;
            }
            if let Some(asked) = asked {
                // Whoever asked may have stopped waiting.
                let _gone = asked.send(());
            }
        }
    }

    async fn export(&mut self, batch: &mut Vec<Finished>) {
        let make = Make {
            scope: self.scope.clone(),
            wall: WallTime::now(),
        };
        let mut spans = Vec::with_capacity(batch.iter().map(Finished::count).sum());
        for finished in batch.drain(..) {
            finished.spans(&make, &mut spans);
        }
        let count = spans.len() as u64;
        let result = match self.exporter.export(spans).await {
            Ok(()) => {
                self.taken();
                SpanResult::Exported
            }
            Err(error) => {
                self.refused(&error);
                SpanResult::Failed
            }
        };
        self.metrics.spans.at(result).increment(count);
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.down) {
            tracing::info!(endpoint = self.collector.shown(), "traces are exported again");
        }
    }

    /// Once per trouble: what is lost meanwhile is counted, and nothing else suffers.
    fn refused(&mut self, error: &OTelSdkError) {
        if !std::mem::replace(&mut self.down, true) {
            let error = self.collector.trouble().unwrap_or_else(|| error.to_string());
            tracing::warn!(
                endpoint = self.collector.shown(),
                error,
                "traces cannot be exported and are lost until the collector takes them again; messages go on as ever"
            );
        }
    }
}

async fn wait(flushes: &mut mpsc::Receiver<oneshot::Sender<()>>, time: Duration) -> Option<oneshot::Sender<()>> {
    // The tracer is gone: what is left in the queue is exported at once.
    tokio::time::timeout(time, flushes.recv()).await.ok().flatten()
}
