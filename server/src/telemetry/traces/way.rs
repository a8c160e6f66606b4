//! A message's way, told step by step.

use std::sync::Arc;

use chat_core::{ConversationId, Message, MessageId, Seq, Sid, UserId};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, TraceId};
use opentelemetry_sdk::trace::SpanData;
use rollcall_protocol::ErrorCode;
use rollcall_protocol::reply::Delivery;
use tokio::time::Instant;

use super::On;
use super::spans::{Finished, Make, Place, Span, Step, counted};
use crate::telemetry::label::Label as _;
use crate::telemetry::labels::Via;

/// What a traced message carries with it; of one that is not traced, nothing. When it is dropped, the trace is finished: so it is told
/// whatever becomes of the message, and also of one whose sender hung up.
#[derive(Debug, Default)]
pub struct Way(Option<Open>);

#[derive(Debug)]
struct Open {
    on: Arc<On>,
    told: Option<Box<Told>>,
}

/// What is known of a way.
#[derive(Debug)]
pub(super) struct Told {
    place: Place,
    kind: SpanKind,
    began: Instant,
    ended: Instant,
    /// When each step was through.
    through: [Option<Instant>; Step::ALL.len()],
    via: Option<Via>,
    user: Option<UserId>,
    sid: Option<Sid>,
    conversation: Option<ConversationId>,
    message: Option<(MessageId, Seq)>,
    delivery: Option<Delivery>,
    result: Outcome,
}

/// What became of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Its sender went away before it was accepted, or a defect met it.
    Unfinished,
    Saved,
    Duplicate,
    Refused(ErrorCode),
}

impl Way {
    pub(super) fn begin(on: &Arc<On>, place: Place, kind: SpanKind, began: Instant) -> Self {
        let told = Told {
            place,
            kind,
            began,
            ended: began,
            through: [None; Step::ALL.len()],
            via: None,
            user: None,
            sid: None,
            conversation: None,
            message: None,
            delivery: None,
            result: Outcome::Unfinished,
        };
        Self(Some(Open {
            on: Arc::clone(on),
            told: Some(Box::new(told)),
        }))
    }

    fn told(&mut self) -> Option<&mut Told> {
        self.0.as_mut()?.told.as_deref_mut()
    }

    /// Which trace this is, if it is one.
    pub fn trace(&self) -> Option<TraceId> {
        Some(self.0.as_ref()?.told.as_ref()?.place.trace)
    }

    /// This step is through; it began where the one before it was.
    pub fn through(&mut self, step: Step) {
        if let Some(told) = self.told() {
            told.through[step as usize] = Some(Instant::now());
        }
    }

    /// Who sends, from where.
    pub fn sender(&mut self, user: &UserId, via: Via, sid: Option<&Sid>) {
        if let Some(told) = self.told() {
            told.user = Some(user.clone());
            told.via = Some(via);
            told.sid = sid.cloned();
        }
    }

    /// Where it is to be said.
    pub fn conversation(&mut self, id: &ConversationId) {
        if let Some(told) = self.told() {
            told.conversation = Some(id.clone());
        }
    }

    /// It was committed, and handed to so many.
    pub fn announced(&mut self, message: &Message, delivery: Delivery) {
        self.through(Step::Announce);
        if let Some(told) = self.told() {
            told.message = Some((message.id.clone(), message.seq));
            told.delivery = Some(delivery);
            told.result = Outcome::Saved;
        }
    }

    /// It had been sent before.
    pub fn repeated(&mut self, message: &Message) {
        if let Some(told) = self.told() {
            told.message = Some((message.id.clone(), message.seq));
            told.result = Outcome::Duplicate;
        }
    }

    /// It was refused. The code only: the words quote what was sent.
    pub fn refused(&mut self, code: ErrorCode) {
        if let Some(told) = self.told() {
            told.result = Outcome::Refused(code);
        }
    }

    /// The span of the log, so that lines bear the trace's id.
    pub fn log_span(&self) -> tracing::Span {
        match self.trace() {
            Some(trace) => tracing::info_span!("message", trace.id = %trace),
            None => tracing::Span::none(),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut told) = self.told.take() {
            told.ended = Instant::now();
            self.on.finish(Finished::Way(told));
        }
    }
}

impl Told {
    /// How many spans it makes.
    pub(super) fn count(&self) -> usize {
        1 + self.through.iter().flatten().count()
    }

    /// Makes them.
    pub(super) fn spans(mut self: Box<Self>, make: &Make, into: &mut Vec<SpanData>) {
        let mut began = self.began;
        for step in Step::ALL {
            let Some(ended) = self.through[step as usize] else {
                continue;
            };
            let attributes = match (step, self.delivery.take_if(|_| step == Step::Announce)) {
                (Step::Announce, Some(delivery)) => counts(delivery),
                _ => Vec::new(),
            };
            into.push(make.part(self.place, step, (began, ended), attributes));
            began = ended;
        }
        let failed = matches!(
            self.result,
            Outcome::Unfinished
                | Outcome::Refused(ErrorCode::StorageUnavailable | ErrorCode::ShuttingDown | ErrorCode::Internal)
        );
        let span = Span {
            name: "message.send".into(),
            kind: self.kind.clone(),
            began: self.began,
            ended: self.ended,
            attributes: self.attributes(),
            failed,
        };
        into.push(make.span(self.place, span));
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let (result, code) = match self.result {
            Outcome::Unfinished => ("unfinished", None),
            Outcome::Saved => ("saved", None),
            Outcome::Duplicate => ("duplicate", None),
            Outcome::Refused(code) => ("refused", Some(code)),
        };
        let (message, seq) = self.message.as_ref().map(|(id, seq)| (id, *seq)).unzip();
        let texts = [
            ("rollcall.result", Some(result.to_owned())),
            ("error.type", code.map(|code| code.as_str().to_owned())),
            ("rollcall.via", self.via.map(|via| via.as_str().to_owned())),
            ("user.id", self.user.as_ref().map(ToString::to_string)),
            ("rollcall.socket.sid", self.sid.as_ref().map(ToString::to_string)),
            (
                "rollcall.conversation.id",
                self.conversation.as_ref().map(ToString::to_string),
            ),
            ("rollcall.message.id", message.map(ToString::to_string)),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some(KeyValue::new(name, text?)));
        let seq = seq.map(|seq| KeyValue::new("rollcall.message.seq", i64::try_from(seq.0).unwrap_or(i64::MAX)));
        texts.chain(seq).collect()
    }
}

fn counts(delivery: Delivery) -> Vec<KeyValue> {
    vec![
        counted("rollcall.participants", delivery.participants),
        counted("rollcall.online", delivery.online),
        counted("rollcall.sockets", delivery.sockets),
        counted("rollcall.handed_off", delivery.handed_off),
        counted("rollcall.failed", delivery.failed),
        counted("rollcall.repaired", delivery.repaired),
    ]
}
