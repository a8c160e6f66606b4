//! Ready-made handles, one struct per stage. A stage is given its struct and knows no metric's name. Clones share.

use chat_core::ports::StoreTrouble;
use metrics::{Counter, Gauge, Histogram};

use super::catalogue as c;
use super::labels::{
    BusKind, ClientEvent, DeliveryOutcome, Direction, DisconnectReason, ErrorCode, Event, GapResult, JoinResult, Limit,
    MessageResult, Namespace, RejectReason, RetryResult, ServerEvent, SpanResult, StoreErrorKind, Transport, Via,
    WebhookResult, find,
};
use super::registrar::{CounterBy, GaugeBy, Registrar};
use super::tallied::Tallied;
use crate::store::StoreMetrics;

/// What the gateway reports: what comes in and is refused.
#[derive(Debug, Clone)]
pub struct GatewayMetrics {
    /// Refused connections.
    pub handshakes_rejected: CounterBy<RejectReason>,
    /// TCP connections that could not be accepted.
    pub accept_errors: Counter,
    /// Events in both directions.
    pub events: CounterBy<Event>,
    /// Refused events.
    pub event_errors: CounterBy<ErrorCode>,
    /// Limits that were hit.
    pub rate_limited: CounterBy<Limit>,
    /// Numbers taken as ids.
    pub coerced_ids: Counter,
}

impl GatewayMetrics {
    /// An event of that name came from a client.
    pub fn received(&self, event: &str) {
        self.events.increment(Event::In(ClientEvent::named(event)));
    }

    /// `sockets` events of that name went to clients.
    pub fn sent(&self, event: &str, sockets: u64) {
        self.events.at(Event::Out(ServerEvent::named(event))).increment(sockets);
    }

    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            handshakes_rejected: registrar.counters(&c::HANDSHAKES_REJECTED),
            accept_errors: registrar.counter(&c::ACCEPT_ERRORS),
            events: registrar.counters(&c::EVENTS),
            event_errors: registrar.counters(&c::EVENT_ERRORS),
            rate_limited: registrar.counters(&c::RATE_LIMITED),
            coerced_ids: registrar.counter(&c::COERCED_IDS),
        }
    }
}

/// What the hub reports: who is here.
#[derive(Debug, Clone)]
pub struct HubMetrics {
    /// Live connections.
    pub connections: GaugeBy<(Namespace, Transport)>,
    /// Accepted connections.
    pub connections_opened: CounterBy<Transport>,
    /// Ended connections.
    pub disconnections: CounterBy<DisconnectReason>,
    /// Conversation rooms.
    pub rooms: GaugeBy<Namespace>,
    /// Users online.
    pub users_online: Gauge,
    /// Joins of conversation rooms.
    pub room_joins: CounterBy<JoinResult>,
    /// Sockets put back into rooms.
    pub room_repairs: Counter,
}

impl HubMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            connections: registrar.gauges(&c::CONNECTIONS),
            connections_opened: registrar.counters(&c::CONNECTIONS_OPENED),
            disconnections: registrar.counters(&c::DISCONNECTIONS),
            rooms: registrar.gauges(&c::ROOMS),
            users_online: registrar.gauge(&c::USERS_ONLINE),
            room_joins: registrar.counters(&c::ROOM_JOINS),
            room_repairs: registrar.counter(&c::ROOM_REPAIRS),
        }
    }
}

/// What the use cases report.
#[derive(Debug, Clone)]
pub struct ChatMetrics {
    /// Messages that came in.
    pub messages: CounterBy<(Via, MessageResult)>,
    /// Acceptance to commit.
    pub message_persist_seconds: Histogram,
    /// Missed messages handed over.
    pub resumed_messages: Counter,
}

impl ChatMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            messages: registrar.counters(&c::MESSAGES),
            message_persist_seconds: registrar.histogram(&c::MESSAGE_PERSIST_SECONDS),
            resumed_messages: registrar.counter(&c::RESUMED_MESSAGES),
        }
    }
}

/// What the store reports, in the store's own struct.
pub(super) fn store_metrics(registrar: &Registrar) -> StoreMetrics {
    let errors = registrar.counters(&c::STORE_ERRORS);
    StoreMetrics {
        queue_depth: registrar.gauge(&c::STORE_QUEUE_DEPTH),
        batch_size: registrar.histogram(&c::STORE_BATCH_SIZE),
        errors: StoreTrouble::ALL.map(|trouble| {
            let kind = find(trouble.as_str()).unwrap_or(StoreErrorKind::Other);
            errors.at(kind).clone()
        }),
    }
}

/// What the fan-out reports.
#[derive(Debug, Clone)]
pub struct FanoutMetrics {
    /// Commit to the last socket.
    pub broadcast_seconds: Histogram,
    /// Sockets per message.
    pub broadcast_sockets: Histogram,
    /// Messages without a socket.
    pub broadcasts_empty: Counter,
    /// What became of messages at sockets.
    pub deliveries: CounterBy<DeliveryOutcome>,
    /// How retries ended.
    pub retries: CounterBy<RetryResult>,
}

impl FanoutMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            broadcast_seconds: registrar.histogram(&c::BROADCAST_SECONDS),
            broadcast_sockets: registrar.histogram(&c::BROADCAST_SOCKETS),
            broadcasts_empty: registrar.counter(&c::BROADCASTS_EMPTY),
            deliveries: registrar.counters(&c::DELIVERIES),
            retries: registrar.counters(&c::RETRIES),
        }
    }
}

/// What the ledger reports. It counts deliveries in the same counters as the fan-out.
#[derive(Debug, Clone)]
pub struct DeliveryMetrics {
    /// Hand-over to receipt.
    pub delivery_confirm_seconds: Tallied,
    /// Open deliveries.
    pub deliveries_unconfirmed: Gauge,
    /// What became of messages at sockets.
    pub deliveries: CounterBy<DeliveryOutcome>,
    /// Entries held.
    pub ledger_entries: Gauge,
    /// Bytes held.
    pub ledger_bytes: Gauge,
    /// Entries given up early.
    pub ledger_evicted: Counter,
}

impl DeliveryMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            delivery_confirm_seconds: Tallied::new(&c::DELIVERY_CONFIRM_SECONDS),
            deliveries_unconfirmed: registrar.gauge(&c::DELIVERIES_UNCONFIRMED),
            deliveries: registrar.counters(&c::DELIVERIES),
            ledger_entries: registrar.gauge(&c::LEDGER_ENTRIES),
            ledger_bytes: registrar.gauge(&c::LEDGER_BYTES),
            ledger_evicted: registrar.counter(&c::LEDGER_EVICTED),
        }
    }
}

/// What the bus between nodes reports.
#[derive(Debug, Clone)]
pub struct BusMetrics {
    /// Messages on the bus.
    pub messages: CounterBy<(Direction, BusKind)>,
    /// Gaps heard.
    pub gaps: CounterBy<GapResult>,
    /// 1 while it works.
    pub up: Gauge,
    /// Nodes alive.
    pub nodes: Gauge,
}

impl BusMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            messages: registrar.counters(&c::BUS_MESSAGES),
            gaps: registrar.counters(&c::BUS_GAPS),
            up: registrar.gauge(&c::BUS_UP),
            nodes: registrar.gauge(&c::NODES),
        }
    }
}

/// What the webhook reports.
#[derive(Debug, Clone)]
pub struct WebhookMetrics {
    /// Requests.
    pub requests: CounterBy<WebhookResult>,
    /// Notices that wait.
    pub queued: Gauge,
}

impl WebhookMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            requests: registrar.counters(&c::WEBHOOK_REQUESTS),
            queued: registrar.gauge(&c::WEBHOOK_QUEUE),
        }
    }
}

/// What the export of traces reports.
#[derive(Debug, Clone)]
pub struct TraceMetrics {
    /// Spans.
    pub spans: CounterBy<SpanResult>,
}

impl TraceMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            spans: registrar.counters(&c::TRACE_SPANS),
        }
    }
}

/// What the built-in probe reports.
#[derive(Debug, Clone)]
pub struct CanaryMetrics {
    /// 1 while its messages arrive.
    pub up: Gauge,
    /// There and back.
    pub seconds: Histogram,
}

impl CanaryMetrics {
    pub(super) fn register(registrar: &Registrar) -> Self {
        Self {
            up: registrar.gauge(&c::CANARY_UP),
            seconds: registrar.histogram(&c::CANARY_SECONDS),
        }
    }
}
