//! What is finished, and the spans that are made of it.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::time::Instant;

use super::{child_of, request, way};
use crate::clock::WallTime;

/// A part of a message's way, in the order in which they follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// From the arrival of its bytes to its turn: it was read, and waited behind the events before it.
    Receive,
    /// The rules: who may say what where, and how often.
    Validate,
    /// In the store's queue, and in its commit.
    Commit,
    /// In its turn handed to every socket.
    Announce,
}

impl Step {
    /// Every step, in order.
    pub(super) const ALL: [Step; 4] = [Step::Receive, Step::Validate, Step::Commit, Step::Announce];

    pub(super) fn span_name(self) -> &'static str {
        match self {
            Step::Receive => "gateway.receive",
            Step::Validate => "chat.validate",
            Step::Commit => "store.commit",
            Step::Announce => "fanout.announce",
        }
    }
}

/// Where a span stands in its trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) parent: Option<Parent>,
}

/// The span above.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parent {
    pub(super) span: SpanId,
    /// Another program's.
    pub(super) remote: bool,
}

/// What is told to the collector.
#[derive(Debug)]
pub(super) enum Finished {
    /// A message's way.
    Way(Box<way::Told>),
    /// A request.
    Request(Box<request::Told>),
}

impl Finished {
    /// How many spans it makes.
    pub(super) fn count(&self) -> usize {
        match self {
            Finished::Way(told) => told.count(),
            Finished::Request(_) => 1,
        }
    }

    /// Makes them.
    pub(super) fn spans(self, make: &Make, into: &mut Vec<SpanData>) {
        match self {
            Finished::Way(told) => told.spans(make, into),
            Finished::Request(told) => into.push(told.span(make)),
        }
    }
}

/// What the spans of one batch have in common.
pub(super) struct Make {
    pub(super) scope: InstrumentationScope,
    pub(super) wall: WallTime,
}

/// One span, told.
pub(super) struct Span {
    pub(super) name: Cow<'static, str>,
    pub(super) kind: SpanKind,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) failed: bool,
}

impl Make {
    pub(super) fn span(&self, place: Place, span: Span) -> SpanData {
        SpanData {
            span_context: SpanContext::new(
                place.trace,
                place.span,
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: place.parent.map_or(SpanId::INVALID, |parent| parent.span),
            parent_span_is_remote: place.parent.is_some_and(|parent| parent.remote),
            span_kind: span.kind,
            name: span.name,
            start_time: self.time(span.began),
            end_time: self.time(span.ended),
            attributes: span.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if span.failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }

    /// A part of what happened below `place`.
    pub(super) fn part(
        &self,
        place: Place,
        step: Step,
        (began, ended): (Instant, Instant),
        attributes: Vec<KeyValue>,
    ) -> SpanData {
        let span = Span {
            name: step.span_name().into(),
            kind: SpanKind::Internal,
            began,
            ended,
            attributes,
            failed: false,
        };
        self.span(child_of(place), span)
    }

    fn time(&self, at: Instant) -> SystemTime {
        self.wall.of(at)
    }
}

/// A count as an attribute.
pub(super) fn counted(name: &'static str, count: usize) -> KeyValue {
    KeyValue::new(name, i64::try_from(count).unwrap_or(i64::MAX))
}
