//! What the server says about itself: metrics ([`Metrics`], served by [`endpoint`]), logs ([`logs`]) and traces ([`traces`]).
//!
//! Every metric is declared once, in the [`catalogue`]: name, help, kind, unit, the closed sets of its label values and,
//! for histograms, the buckets with their reason. From it come the handles that the stages count with ([`handles`]),
//! `/metrics` itself and `docs/metrics.md` ([`doc`]).
//!
//! Guarantees: every series of a closed label set is there from the start, at 0; no label ever holds a room, a user, a
//! SID, a conversation or a message, nor any text that came from outside; nobody makes a metric elsewhere.

pub mod catalogue;
pub mod doc;
pub mod endpoint;
pub mod handles;
pub mod http;
pub mod label;
pub mod labels;
pub mod logs;
mod metrics;
pub mod process;
mod registrar;
pub mod routes;
mod tallied;
pub mod traces;

pub use handles::{
    BusMetrics, CanaryMetrics, ChatMetrics, DeliveryMetrics, FanoutMetrics, GatewayMetrics, HubMetrics, TraceMetrics,
    WebhookMetrics,
};
pub use http::HttpMetrics;
pub use metrics::Metrics;
pub use registrar::{CounterBy, GaugeBy};
pub use tallied::Tallied;
