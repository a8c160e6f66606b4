//! All the handles together, and `/metrics` as text.

use std::time::Duration;

use metrics::Label as Pair;
use metrics_exporter_prometheus::{BuildError, PrometheusHandle};

use super::catalogue::{BUILD_INFO, COMMIT, VERSION};
use super::handles::{
    BusMetrics, CanaryMetrics, ChatMetrics, DeliveryMetrics, FanoutMetrics, GatewayMetrics, HubMetrics, TraceMetrics,
    WebhookMetrics, store_metrics,
};
use super::http::HttpMetrics;
use super::process;
use super::registrar::Registrar;
use crate::store::StoreMetrics;

/// How often samples of histograms are folded into their buckets. Until then each takes 8 bytes: at 100,000 samples a
/// second that is under 4 MiB.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Every handle of this process, by stage. Made once in the composition root; a test makes its own, since nothing here
/// is global.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Stage 1.
    pub gateway: GatewayMetrics,
    /// Stage 2.
    pub hub: HubMetrics,
    /// Stage 3.
    pub chat: ChatMetrics,
    /// Stage 4.
    pub store: StoreMetrics,
    /// Stage 5.
    pub fanout: FanoutMetrics,
    /// Stage 6.
    pub delivery: DeliveryMetrics,
    /// Between nodes.
    pub bus: BusMetrics,
    /// The built-in probe.
    pub canary: CanaryMetrics,
    /// Telling another server.
    pub webhook: WebhookMetrics,
    /// Exporting traces.
    pub traces: TraceMetrics,
    /// HTTP.
    pub http: HttpMetrics,
    exporter: PrometheusHandle,
}

impl Metrics {
    /// Registers the whole catalogue at 0.
    pub fn new() -> Result<Self, BuildError> {
        let registrar = Registrar::new()?;
        let build = vec![
            Pair::from_static_parts("version", VERSION),
            Pair::from_static_parts("commit", COMMIT),
        ];
        registrar.gauge_with(&BUILD_INFO, build).set(1.0);
        Ok(Self {
            gateway: GatewayMetrics::register(&registrar),
            hub: HubMetrics::register(&registrar),
            chat: ChatMetrics::register(&registrar),
            store: store_metrics(&registrar),
            fanout: FanoutMetrics::register(&registrar),
            delivery: DeliveryMetrics::register(&registrar),
            bus: BusMetrics::register(&registrar),
            canary: CanaryMetrics::register(&registrar),
            webhook: WebhookMetrics::register(&registrar),
            traces: TraceMetrics::register(&registrar),
            http: HttpMetrics::register(&registrar),
            exporter: registrar.exporter(),
        })
    }

    /// Everything as Prometheus reads it, the `process_*` set of this very moment included.
    pub fn render(&self) -> String {
        let mut text = self.exporter.render();
        self.delivery.delivery_confirm_seconds.render(&mut text);
        process::render(&mut text);
        text
    }

    /// Folds histogram samples into buckets, for as long as it is polled: without it, samples pile up between scrapes.
    pub async fn upkeep(&self) {
        let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.exporter.run_upkeep();
        }
    }
}

#[cfg(test)]
mod tests;
