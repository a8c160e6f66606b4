//! Every metric that exists: name, help, kind, unit, labels with their closed sets of values, buckets.
//!
//! To add one: a label's enum in [`super::labels`] where it needs one, a `static` here, its line in [`ALL`], a field in
//! [`super::handles`]; then `ROLLCALL_BLESS=1 cargo test -p rollcall-server metrics_page` writes `docs/metrics.md` anew.

pub mod buckets;
mod entry;

pub use buckets::Buckets;
pub use entry::{Entry, Kind, Metric, Unit};

use super::labels::{
    BusKind, DeliveryOutcome, Direction, DisconnectReason, ErrorCode, Event, GapResult, JoinResult, Limit,
    MessageResult, Namespace, RejectReason, RetryResult, SpanResult, StoreErrorKind, Transport, Via, WebhookResult,
};
use super::routes::{RouteMethod, RouteMethodStatus};

/// What every name begins with, except for the `process_*` set, whose names are everybody's.
pub const PREFIX: &str = "rollcall_";

/// `connections`
pub static CONNECTIONS: Metric<(Namespace, Transport)> = Metric::gauge(
    "rollcall_connections",
    "Live connections by namespace and present transport",
);
/// `connections_opened_total`
pub static CONNECTIONS_OPENED: Metric<Transport> = Metric::counter(
    "rollcall_connections_opened_total",
    "Connections that were accepted, by the transport they began with",
);
/// `disconnections_total`
pub static DISCONNECTIONS: Metric<DisconnectReason> =
    Metric::counter("rollcall_disconnections_total", "Connections that ended, by reason");
/// `handshakes_rejected_total`
pub static HANDSHAKES_REJECTED: Metric<RejectReason> = Metric::counter(
    "rollcall_handshakes_rejected_total",
    "Connections that were refused, by reason; the latest are at /admin/rejected",
);
/// `rooms`
pub static ROOMS: Metric<Namespace> = Metric::gauge(
    "rollcall_rooms",
    "Conversation rooms that hold at least one socket, by namespace",
);
/// `users_online`
pub static USERS_ONLINE: Metric<()> = Metric::gauge("rollcall_users_online", "Users with at least one live connection");
/// `room_joins_total`
pub static ROOM_JOINS: Metric<JoinResult> = Metric::counter(
    "rollcall_room_joins_total",
    "Joins of conversation rooms, by what a look at the live room found afterwards",
);
/// `room_repairs_total`
pub static ROOM_REPAIRS: Metric<()> = Metric::counter(
    "rollcall_room_repairs_total",
    "Sockets of participants that were online but not in the room, and were put back when a message came",
);
/// `messages_total`
pub static MESSAGES: Metric<(Via, MessageResult)> = Metric::counter(
    "rollcall_messages_total",
    "Messages sent to the server, by way in and result",
);
/// `message_persist_seconds`
pub static MESSAGE_PERSIST_SECONDS: Metric<()> = Metric::histogram(
    "rollcall_message_persist_seconds",
    "From a message's acceptance to its commit, waiting included",
    Unit::Seconds,
    buckets::COMMIT_SECONDS,
);
/// `broadcast_seconds`
pub static BROADCAST_SECONDS: Metric<()> = Metric::histogram(
    "rollcall_broadcast_seconds",
    "From a message's commit to its hand-over to the last socket of this node",
    Unit::Seconds,
    buckets::HAND_OVER_SECONDS,
);
/// `broadcast_sockets`
pub static BROADCAST_SOCKETS: Metric<()> = Metric::histogram(
    "rollcall_broadcast_sockets",
    "Sockets of this node that one message was handed to",
    Unit::Count,
    buckets::SOCKETS,
);
/// `broadcasts_empty_total`
pub static BROADCASTS_EMPTY: Metric<()> = Metric::counter(
    "rollcall_broadcasts_empty_total",
    "Messages that found no socket at all on this node",
);
/// `deliveries_total`
pub static DELIVERIES: Metric<DeliveryOutcome> = Metric::counter(
    "rollcall_deliveries_total",
    "What became of messages at sockets (offline: at participants); one delivery can count under several outcomes",
);
/// `delivery_confirm_seconds`
pub static DELIVERY_CONFIRM_SECONDS: Metric<()> = Metric::histogram(
    "rollcall_delivery_confirm_seconds",
    "From the hand-over to a socket to its receipt",
    Unit::Seconds,
    buckets::CONFIRM_SECONDS,
);
/// `deliveries_unconfirmed`
pub static DELIVERIES_UNCONFIRMED: Metric<()> = Metric::gauge(
    "rollcall_deliveries_unconfirmed",
    "Deliveries at connected sockets that promised receipts, given up after 45 s without one",
);
/// `retries_total`
pub static RETRIES: Metric<RetryResult> = Metric::counter(
    "rollcall_retries_total",
    "Deliveries that were tried again, by how that ended",
);
/// `resumed_messages_total`
pub static RESUMED_MESSAGES: Metric<()> = Metric::counter(
    "rollcall_resumed_messages_total",
    "Missed messages handed to clients that came back",
);
/// `events_total`
pub static EVENTS: Metric<Event> = Metric::counter(
    "rollcall_events_total",
    "Events from and to clients in the chat; unknown names count as other",
);
/// `event_errors_total`
pub static EVENT_ERRORS: Metric<ErrorCode> =
    Metric::counter("rollcall_event_errors_total", "Events that were refused, by error code");
/// `rate_limited_total`
pub static RATE_LIMITED: Metric<Limit> =
    Metric::counter("rollcall_rate_limited_total", "Refusals because of a rate limit");
/// `coerced_ids_total`
pub static COERCED_IDS: Metric<()> = Metric::counter(
    "rollcall_coerced_ids_total",
    "JSON numbers that came where an id, a string, is expected, and were accepted as such",
);
/// `http_requests_total`
pub static HTTP_REQUESTS: Metric<RouteMethodStatus> = Metric::counter(
    "rollcall_http_requests_total",
    "HTTP requests by route, method and status code",
);
/// `http_request_seconds`
pub static HTTP_REQUEST_SECONDS: Metric<RouteMethod> = Metric::histogram(
    "rollcall_http_request_seconds",
    "From an HTTP request to the head of its answer; Socket.IO's long polls, which wait on purpose, are left out",
    Unit::Seconds,
    buckets::HTTP_SECONDS,
);
/// `store_queue_depth`
pub static STORE_QUEUE_DEPTH: Metric<()> =
    Metric::gauge("rollcall_store_queue_depth", "Writes that wait for the store's writer");
/// `store_batch_size`
pub static STORE_BATCH_SIZE: Metric<()> = Metric::histogram(
    "rollcall_store_batch_size",
    "Writes that were committed together",
    Unit::Count,
    buckets::BATCH,
);
/// `store_errors_total`
pub static STORE_ERRORS: Metric<StoreErrorKind> =
    Metric::counter("rollcall_store_errors_total", "Errors of the database, by kind");
/// `bus_messages_total`
pub static BUS_MESSAGES: Metric<(Direction, BusKind)> = Metric::counter(
    "rollcall_bus_messages_total",
    "Messages on the bus between nodes, by direction and kind",
);
/// `bus_gaps_total`
pub static BUS_GAPS: Metric<GapResult> = Metric::counter(
    "rollcall_bus_gaps_total",
    "Gaps in the seqs heard on the bus, by whether the store filled them",
);
/// `bus_up`
pub static BUS_UP: Metric<()> = Metric::gauge(
    "rollcall_bus_up",
    "1 while the bus between nodes works (always, when there is one node only)",
);
/// `nodes`
pub static NODES: Metric<()> = Metric::gauge(
    "rollcall_nodes",
    "Nodes that this one knows to be alive, itself included",
);
/// `ledger_entries`
pub static LEDGER_ENTRIES: Metric<()> = Metric::gauge(
    "rollcall_ledger_entries",
    "Messages, sockets and exceptions that the delivery ledger holds",
);
/// `ledger_bytes`
pub static LEDGER_BYTES: Metric<()> = Metric::gauge_of(
    "rollcall_ledger_bytes",
    "What the delivery ledger takes, about",
    Unit::Bytes,
);
/// `ledger_evicted_total`
pub static LEDGER_EVICTED: Metric<()> = Metric::counter(
    "rollcall_ledger_evicted_total",
    "Entries that left the delivery ledger early to keep it within its bytes",
);
/// `accept_errors_total`
pub static ACCEPT_ERRORS: Metric<()> = Metric::counter(
    "rollcall_accept_errors_total",
    "TCP connections that could not be accepted, for want of file descriptors for example",
);
/// `canary_up`
pub static CANARY_UP: Metric<()> = Metric::gauge(
    "rollcall_canary_up",
    "1 while the built-in probe's messages arrive; 0 also when the probe is off",
);
/// `canary_seconds`
pub static CANARY_SECONDS: Metric<()> = Metric::histogram(
    "rollcall_canary_seconds",
    "From the sending of a probe's message to its receipt, through the real path",
    Unit::Seconds,
    buckets::CANARY_SECONDS,
);
/// `webhook_requests_total`
pub static WEBHOOK_REQUESTS: Metric<WebhookResult> = Metric::counter(
    "rollcall_webhook_requests_total",
    "Requests of the webhook: taken, made again after a failure, or given up",
);
/// `webhook_queue`
pub static WEBHOOK_QUEUE: Metric<()> = Metric::gauge("rollcall_webhook_queue", "Notices that wait for the webhook");
/// `trace_spans_total`
pub static TRACE_SPANS: Metric<SpanResult> = Metric::counter(
    "rollcall_trace_spans_total",
    "Spans of traces: taken by the collector, refused by it or lost on the way to it, or dropped since too many waited",
);
/// `build_info`
pub static BUILD_INFO: Metric<BuildLabels> = Metric::gauge("rollcall_build_info", "1; the labels say what is running");

/// The labels of `build_info`: closed at build time.
pub struct BuildLabels;

/// The version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit of this build, as `ROLLCALL_COMMIT` said when it was built, or, for a release, git.
pub const COMMIT: &str = match option_env!("ROLLCALL_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

impl super::label::Labelled for BuildLabels {
    const LABELS: &'static [super::label::LabelDef] = &[
        super::label::LabelDef {
            name: "version",
            values: &[VERSION],
        },
        super::label::LabelDef {
            name: "commit",
            values: &[COMMIT],
        },
    ];
}

/// Every metric, in the order of a message's way.
pub static ALL: &[&Entry] = &[
    &CONNECTIONS.entry,
    &CONNECTIONS_OPENED.entry,
    &DISCONNECTIONS.entry,
    &HANDSHAKES_REJECTED.entry,
    &ACCEPT_ERRORS.entry,
    &ROOMS.entry,
    &USERS_ONLINE.entry,
    &ROOM_JOINS.entry,
    &ROOM_REPAIRS.entry,
    &MESSAGES.entry,
    &MESSAGE_PERSIST_SECONDS.entry,
    &BROADCAST_SECONDS.entry,
    &BROADCAST_SOCKETS.entry,
    &BROADCASTS_EMPTY.entry,
    &DELIVERIES.entry,
    &DELIVERY_CONFIRM_SECONDS.entry,
    &DELIVERIES_UNCONFIRMED.entry,
    &RETRIES.entry,
    &RESUMED_MESSAGES.entry,
    &EVENTS.entry,
    &EVENT_ERRORS.entry,
    &RATE_LIMITED.entry,
    &COERCED_IDS.entry,
    &HTTP_REQUESTS.entry,
    &HTTP_REQUEST_SECONDS.entry,
    &STORE_QUEUE_DEPTH.entry,
    &STORE_BATCH_SIZE.entry,
    &STORE_ERRORS.entry,
    &BUS_MESSAGES.entry,
    &BUS_GAPS.entry,
    &BUS_UP.entry,
    &NODES.entry,
    &LEDGER_ENTRIES.entry,
    &LEDGER_BYTES.entry,
    &LEDGER_EVICTED.entry,
    &CANARY_UP.entry,
    &CANARY_SECONDS.entry,
    &WEBHOOK_REQUESTS.entry,
    &WEBHOOK_QUEUE.entry,
    &TRACE_SPANS.entry,
    &BUILD_INFO.entry,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_prefixed() {
        let mut names: Vec<_> = ALL.iter().map(|entry| entry.name).collect();
        assert!(names.iter().all(|name| name.starts_with(PREFIX)));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn a_counter_is_a_total_and_nothing_else_is() {
        for entry in ALL {
            assert_eq!(
                entry.name.ends_with("_total"),
                matches!(entry.kind, Kind::Counter),
                "{}",
                entry.name
            );
        }
    }

    #[test]
    fn bounds_rise_and_have_a_reason() {
        for buckets in buckets::ALL {
            assert!(buckets.bounds.is_sorted_by(|a, b| a < b), "{}", buckets.reason);
            assert!(!buckets.reason.is_empty());
        }
    }

    #[test]
    fn every_label_has_values() {
        for label in ALL.iter().flat_map(|entry| entry.labels) {
            assert!(!label.values.is_empty(), "{}", label.name);
        }
    }
}
