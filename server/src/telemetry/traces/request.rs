//! A request's span: the way of a message that came by REST hangs below it.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::SpanData;
use tokio::time::Instant;

use super::spans::{Finished, Make, Place, Span};
use super::{On, Way, child_of};

/// A sampled request. When it is dropped, the span is finished: also that of a client that hung up.
#[derive(Debug)]
pub struct RequestSpan {
    on: Arc<On>,
    told: Option<Box<Told>>,
}

/// What is known of a request.
#[derive(Debug)]
pub(super) struct Told {
    place: Place,
    began: Instant,
    ended: Instant,
    method: http::Method,
    /// The router's template: a path itself may hold anything.
    route: Option<String>,
    status: Option<u16>,
}

/// A request that is being answered, for what hangs below its span.
#[derive(Debug, Clone)]
pub struct Ongoing {
    on: Arc<On>,
    place: Place,
    began: Instant,
}

impl Ongoing {
    /// The way of the message that the request sends. It begins with the request.
    pub fn message(&self) -> Way {
        Way::begin(&self.on, child_of(self.place), SpanKind::Internal, self.began)
    }
}

impl RequestSpan {
    pub(super) fn begin(on: &Arc<On>, place: Place, method: &http::Method, route: Option<&str>) -> Self {
        let began = Instant::now();
        let told = Told {
            place,
            began,
            ended: began,
            method: method.clone(),
            route: route.map(str::to_owned),
            status: None,
        };
        Self {
            on: Arc::clone(on),
            told: Some(Box::new(told)),
        }
    }

    /// Which trace it belongs to.
    pub fn trace(&self) -> Option<TraceId> {
        self.told.as_ref().map(|told| told.place.trace)
    }

    /// For the request's extensions.
    pub fn ongoing(&self) -> Option<Ongoing> {
        self.told.as_ref().map(|told| Ongoing {
            on: Arc::clone(&self.on),
            place: told.place,
            began: told.began,
        })
    }

    /// It was answered.
    pub fn answered(mut self, status: http::StatusCode) {
        if let Some(told) = &mut self.told {
            told.status = Some(status.as_u16());
        }
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        if let Some(mut told) = self.told.take() {
            told.ended = Instant::now();
            self.on.finish(Finished::Request(told));
        }
    }
}

impl Told {
    pub(super) fn span(self, make: &Make) -> SpanData {
        let route = self.route.as_deref();
        let mut attributes = vec![KeyValue::new("http.request.method", self.method.to_string())];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
        attributes.extend(
            self.status
                .map(|status| KeyValue::new("http.response.status_code", i64::from(status))),
        );
        let span = Span {
            name: format!("{} {}", self.method, route.unwrap_or("other")).into(),
            kind: SpanKind::Server,
            began: self.began,
            ended: self.ended,
            attributes,
            // Nobody was there any more to take the answer, or it was a failure of ours.
            failed: self.status.is_none_or(|status| status >= 500),
        };
        make.span(self.place, span)
    }
}
