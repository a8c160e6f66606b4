//! What an event or an acknowledgement means.

use rollcall_protocol::chat_core::{ConversationId, Message, Seq, limits};
use rollcall_protocol::{ErrorCode, ServerEvent, WireError, event, reply};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Fill, Live, Waiting};
use crate::error::DownReason;
use crate::event::{ClientEvent, Gap, GapOutcome};
use crate::limits::{CALL_TIMEOUT, FILL_ATTEMPTS, FILL_PAUSE};
use crate::positions::{Filled, Verdict};
use crate::wire::{self, preview};

impl Live<'_> {
    /// `text` is the frame, for a report.
    pub(super) fn event(&mut self, name: String, args: Vec<Value>, ack: Option<i64>, text: &str) {
        if self.link.options.plain {
            let data = Value::Array(args);
            self.link
                .outbox
                .push(ClientEvent::Server(ServerEvent::Other { event: name, data }));
            return;
        }
        // Every event of the contract has one argument; of more, the first counts.
        let data = args.into_iter().next().unwrap_or(Value::Null);
        if let Some(ack) = ack.filter(|_| name == event::name::PROBE && self.link.options.answer_probes) {
            let answer = json!({ "sid": self.sid });
            let packet = wire::acknowledge(&self.link.options.target.namespace, ack, answer);
            self.send(packet);
        }
        match ServerEvent::decode(&name, data) {
            Ok(event) => self.server_event(event),
            Err(error) => self.link.outbox.push(ClientEvent::Undecodable {
                event: Some(name),
                why: error.to_string(),
                preview: preview(text),
            }),
        }
    }

    fn server_event(&mut self, event: ServerEvent) {
        let mut gaps = Vec::new();
        match &event {
            ServerEvent::NewMessage(message) => match self.link.positions.message(message) {
                Verdict::Deliver => {}
                verdict => return self.not_delivered(message.conversation_id.clone(), message.seq, verdict),
            },
            ServerEvent::Session(session) => {
                self.link.receipts.begins(session);
                gaps = self.link.positions.session(session);
            }
            ServerEvent::Heads(heads) => {
                self.link.positions.heads(heads, Instant::now());
            }
            ServerEvent::ConversationUpdated(view) => {
                self.link.receipts.knows(view);
                self.link.positions.appeared(view);
            }
            ServerEvent::ConversationRemoved(removed) => {
                self.link.receipts.forgets(&removed.conversation_id);
                self.link.positions.removed(&removed.conversation_id);
                self.fills.remove(&removed.conversation_id);
            }
            ServerEvent::ServerShutdown(shutdown) => {
                self.link.retry_after = Some(std::time::Duration::from_millis(shutdown.retry_after_ms));
            }
            ServerEvent::TokenExpiring(_) if self.link.options.auth.is_provider() => {
                self.fresh_token = Some(Box::pin(self.link.options.auth.clone().fetch()));
            }
            _ => {}
        }
        self.link.outbox.push(ClientEvent::Server(event));
        for gap in gaps {
            self.report_gap(gap);
        }
    }

    fn not_delivered(&mut self, conversation_id: ConversationId, seq: Seq, verdict: Verdict) {
        match verdict {
            Verdict::Duplicate => self.link.outbox.push(ClientEvent::Duplicate { conversation_id, seq }),
            Verdict::Gap(gap) => self.report_gap(gap),
            Verdict::Deliver | Verdict::Wait => {}
        }
    }

    /// Tells the consumer, and begins to fetch where that is meant.
    pub(super) fn report_gap(&mut self, gap: Gap) {
        let (conversation, after) = (gap.conversation_id.clone(), gap.after);
        let filling = gap.outcome == GapOutcome::Filling;
        self.link.outbox.push(ClientEvent::Gap(gap));
        if filling {
            self.fetch(conversation, after, 1);
        }
    }

    fn fetch(&mut self, conversation: ConversationId, after: Seq, attempts: u32) {
        let ack = self.take_ack();
        let data = json!({ "conversation_id": conversation, "after_seq": after, "limit": limits::PAGE_MAX });
        self.emit("sync", vec![data], Some(ack));
        self.waiting.insert(ack, Waiting::Fill(conversation.clone()));
        let deadline = Instant::now() + CALL_TIMEOUT;
        self.fills.insert(
            conversation,
            Fill {
                ack,
                attempts,
                deadline,
            },
        );
    }

    /// Fetches that got no answer are tried again; at last a new connection has to resume.
    pub(super) fn retry_fills(&mut self, now: Instant) -> Result<(), DownReason> {
        let late = self.fills.iter().filter(|(_, fill)| fill.deadline <= now);
        let late: Vec<(ConversationId, u32)> = late.map(|(id, fill)| (id.clone(), fill.attempts)).collect();
        for (conversation, attempts) in late {
            self.retry_fill(conversation, attempts)?;
        }
        Ok(())
    }

    fn retry_fill(&mut self, conversation: ConversationId, attempts: u32) -> Result<(), DownReason> {
        if let Some(fill) = self.fills.remove(&conversation) {
            self.waiting.remove(&fill.ack);
        }
        if attempts >= FILL_ATTEMPTS {
            return Err(DownReason::Lost("missing messages could not be fetched".into()));
        }
        let after = self.link.positions.held().seqs.get(&conversation).copied();
        if let Some(after) = after {
            self.fetch(conversation, after, attempts + 1);
        }
        Ok(())
    }

    pub(super) fn acknowledged(&mut self, id: i64, args: Vec<Value>) {
        let answer = args.into_iter().next().unwrap_or(Value::Null);
        match self.waiting.remove(&id) {
            Some(Waiting::Fill(conversation)) => self.filled(id, conversation, answer),
            Some(Waiting::Caller {
                event,
                conversation,
                done,
            }) => {
                if let Some(conversation) = conversation {
                    self.learn(&event, &conversation, &answer);
                }
                let _ = done.send(Ok(answer));
            }
            // A caller that gave up and was swept away, or a server that counts wrong: nobody waits for it.
            None => {}
        }
    }

    /// What an answer to the consumer says about what is held.
    fn learn(&mut self, event: &str, conversation: &ConversationId, answer: &Value) {
        if answer["ok"] != json!(true) {
            return;
        }
        match (event, answer["last_seq"].as_u64()) {
            ("join_conversation", Some(last_seq)) => self.link.positions.joined(conversation, Seq(last_seq)),
            ("leave_conversation", _) => self.link.positions.left(conversation),
            _ => {}
        }
    }

    fn filled(&mut self, id: i64, conversation: ConversationId, answer: Value) {
        let attempts = self.fills.remove(&conversation).map_or(1, |fill| fill.attempts);
        let (messages, more) = match read_page(answer) {
            Ok(page) => page,
            Err(error) if is_for_good(error.code) => {
                let gap = self.link.positions.refused(&conversation, error);
                self.link.outbox_extend(gap.map(ClientEvent::Gap));
                return;
            }
            Err(error) => {
                tracing::debug!(%error, %conversation, "link.sync");
                self.fills.insert(
                    conversation,
                    Fill {
                        ack: id,
                        attempts,
                        deadline: Instant::now() + FILL_PAUSE,
                    },
                );
                return;
            }
        };
        let (news, then) = self.link.positions.fetched(&conversation, messages, more);
        let news = news
            .into_iter()
            .map(|message| ClientEvent::Server(ServerEvent::NewMessage(message)));
        self.link.outbox_extend(news);
        match then {
            Filled::More(after) => self.fetch(conversation, after, 1),
            Filled::Done(gap) | Filled::Lost(gap) => self.link.outbox.push(ClientEvent::Gap(gap)),
            Filled::Forgotten => {}
        }
    }
}

impl crate::link::Link {
    fn outbox_extend(&mut self, events: impl IntoIterator<Item = ClientEvent>) {
        for event in events {
            self.outbox.push(event);
        }
    }
}

/// Asking again cannot help.
fn is_for_good(code: ErrorCode) -> bool {
    !matches!(
        code,
        ErrorCode::RateLimited | ErrorCode::StorageUnavailable | ErrorCode::ShuttingDown | ErrorCode::Internal
    )
}

fn read_page(answer: Value) -> Result<(Vec<Message>, bool), WireError> {
    let wrong_shape = |error: serde_json::Error| WireError::new(ErrorCode::Internal, format!("sync: {error}"));
    if answer["ok"] == json!(true) {
        let page: reply::Synced = serde_json::from_value(answer).map_err(wrong_shape)?;
        return Ok((page.messages, page.more));
    }
    let refused: reply::Refused = serde_json::from_value(answer).map_err(wrong_shape)?;
    Err(refused.error)
}
