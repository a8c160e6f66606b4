//! Sending a message: rules first, then the log, then the sockets.

use std::sync::Arc;

use chat_core::explain::{Person, Refusal};
use chat_core::ids::ClientMessageId;
use chat_core::message::{ContentRefused, check_content};
use chat_core::ports::{AppendError, Appended, Appending};
use chat_core::{ConversationId, Draft, Role, UserId};
use rollcall_protocol::reply::Sent;
use rollcall_protocol::request::SendMessage;
use rollcall_protocol::{ErrorCode, WireError};
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::directory::{Entry, UnderWay};
use super::{Actor, Chat, refusal, to_its_end};
use crate::telemetry::labels::{Limit, MessageResult, Via};
use crate::telemetry::traces::{self, Step, Way};

/// A message that passed the rules and only needs to be committed.
#[derive(Debug)]
pub struct Prepared {
    entry: Arc<Entry>,
    draft: Draft,
    via: Via,
    way: Way,
}

/// A message that has its place in the store's queue.
pub struct Queued {
    entry: Arc<Entry>,
    conversation_id: ConversationId,
    sender: (UserId, Option<ClientMessageId>),
    via: Via,
    began: Instant,
    way: Way,
    appending: Appending,
    under_way: UnderWay,
    _in_flight: TaskTrackerToken,
}

impl Chat {
    /// Checks `send` and commits it. Commit and announcement run to their end even if the caller goes away: an HTTP client
    /// that hangs up in between must not leave a message that is saved and never sent.
    pub async fn send(self: &Arc<Self>, actor: &Actor, send: SendMessage, way: Way) -> Result<Sent, WireError> {
        let prepared = self.prepare(actor, send, way).await?;
        let chat = Arc::clone(self);
        to_its_end(async move {
            let queued = chat.queue(prepared).await;
            chat.settle(queued).await
        })
        .await
    }

    /// The rules: who may say what where, and how often.
    pub async fn prepare(&self, actor: &Actor, send: SendMessage, mut way: Way) -> Result<Prepared, WireError> {
        let asked = (send.conversation_id.clone(), send.client_message_id.clone());
        way.conversation(&send.conversation_id);
        let authorised = self.authorise(actor, send).await;
        way.through(Step::Validate);
        if let Err(error) = &authorised {
            self.note_refusal(actor.id(), &actor.user.username, asked, error, &mut way);
            let failed = matches!(error.code, ErrorCode::StorageUnavailable | ErrorCode::Internal);
            let result = if failed {
                MessageResult::Failed
            } else {
                MessageResult::Rejected
            };
            self.metrics.messages.increment((actor.via, result));
        }
        authorised.map(|(entry, draft)| Prepared {
            entry,
            draft,
            via: actor.via,
            way,
        })
    }

    /// Remembers why a message was not saved, if its sender gave it an id to ask for.
    fn note_refusal(
        &self,
        sender: &UserId,
        username: &str,
        (conversation_id, client_message_id): (ConversationId, Option<ClientMessageId>),
        error: &WireError,
        way: &mut Way,
    ) {
        way.refused(error.code);
        if client_message_id.is_none() {
            return;
        }
        self.roll_call.refusals.note(Refusal {
            conversation_id,
            sender: Person {
                id: sender.clone(),
                username: username.to_owned(),
            },
            client_message_id,
            at: self.ports.clock.now(),
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
            hint: error.hint.clone(),
            trace_id: way.trace().and_then(traces::shown),
        });
    }

    async fn authorise(&self, actor: &Actor, send: SendMessage) -> Result<(Arc<Entry>, Draft), WireError> {
        self.refuse_when_closing()?;
        check_content(&send.content, self.message_bytes_max).map_err(|refused| content_refused(&refused))?;
        let sender_id = sender(actor, send.sender_id)?;
        if actor.role != Role::Service {
            self.take_rate(&sender_id)?;
        }
        let entry = self.entry_for(actor, &send.conversation_id).await?;
        if actor.role == Role::Service && !entry.conversation().has(&sender_id) {
            return Err(WireError::new(
                ErrorCode::NotParticipant,
                format!(
                    "sender_id: {sender_id} is not a participant of {}",
                    send.conversation_id
                ),
            ));
        }
        let draft = Draft {
            id: self.ports.ids.message_id(),
            conversation_id: send.conversation_id,
            sender_id,
            content: Arc::from(send.content),
            client_message_id: send.client_message_id,
            reply_to: send.reply_to,
            at: self.ports.clock.now(),
        };
        Ok((entry, draft))
    }

    fn take_rate(&self, sender: &UserId) -> Result<(), WireError> {
        self.rates.check_message(sender).map_err(|retry_after| {
            self.events.rate_limited.increment(Limit::Messages);
            let millis = u64::try_from(retry_after.0.as_millis()).unwrap_or(u64::MAX).max(1);
            WireError::new(
                ErrorCode::RateLimited,
                "you send messages faster than this server takes them",
            )
            .with_hint("wait retry_after_ms, then repeat with the same client_message_id")
            .with_retry_after_ms(millis)
        })
    }

    /// Gives the message its place in the store's queue: messages that are queued one after the other are committed in
    /// that order.
    pub async fn queue(&self, prepared: Prepared) -> Queued {
        let Prepared { entry, draft, via, way } = prepared;
        Queued {
            under_way: UnderWay::of(&entry),
            entry,
            conversation_id: draft.conversation_id.clone(),
            sender: (draft.sender_id.clone(), draft.client_message_id.clone()),
            via,
            began: Instant::now(),
            way,
            _in_flight: self.in_flight.token(),
            appending: self.ports.log.queue(draft).await,
        }
    }

    /// Waits for the commit, then announces.
    pub async fn settle(&self, queued: Queued) -> Result<Sent, WireError> {
        let Queued {
            entry,
            conversation_id,
            sender,
            via,
            began,
            mut way,
            appending,
            under_way,
            _in_flight,
        } = queued;
        let appended = appending.await;
        way.through(Step::Commit);
        self.metrics.message_persist_seconds.record(began.elapsed());
        match appended {
            Ok(Appended::New(message)) => {
                self.hub.faults().after_commit();
                self.metrics.messages.increment((via, MessageResult::Saved));
                self.typing_ended(&entry, &message.sender_id);
                let delivery = self.fanout.publish(&entry, message.clone()).await;
                drop(under_way);
                if let Some(trace) = way.trace() {
                    way.announced(&message, delivery);
                    self.roll_call.ledger.traced(&conversation_id, message.seq, trace);
                }
                self.message_notice(&entry, &message, delivery);
                Ok(Sent {
                    message,
                    duplicate: false,
                    delivery,
                })
            }
            Ok(Appended::Repeat(message)) => {
                self.metrics.messages.increment((via, MessageResult::Duplicate));
                way.repeated(&message);
                let delivery = self.fanout.census(&entry.conversation(), None);
                Ok(Sent {
                    message,
                    duplicate: true,
                    delivery,
                })
            }
            Err(error) => {
                let failed = matches!(error, AppendError::Store(_));
                let result = if failed {
                    MessageResult::Failed
                } else {
                    MessageResult::Rejected
                };
                self.metrics.messages.increment((via, result));
                let refused = refusal::from_append(&error, &conversation_id);
                let (sender, client_message_id) = sender;
                let username = entry.conversation().participant(&sender).map(|p| p.username.clone());
                let asked = (conversation_id, client_message_id);
                self.note_refusal(&sender, &username.unwrap_or_default(), asked, &refused, &mut way);
                Err(refused)
            }
        }
    }
}

/// On whose behalf: a service must say, nobody else may.
fn sender(actor: &Actor, named: Option<UserId>) -> Result<UserId, WireError> {
    match (actor.role, named) {
        (Role::Service, Some(named)) => Ok(named),
        (Role::Service, None) => Err(WireError::new(
            ErrorCode::BadRequest,
            "sender_id: expected the id of the user on whose behalf the service sends, got nothing",
        )),
        (_, None) => Ok(actor.id().clone()),
        (_, Some(_)) => Err(WireError::new(
            ErrorCode::Forbidden,
            "sender_id: only a service sends on behalf of others",
        )
        .with_hint("leave sender_id out")),
    }
}

pub(super) fn content_refused(refused: &ContentRefused) -> WireError {
    match refused {
        ContentRefused::Blank => WireError::new(ErrorCode::BadRequest, refused.to_string()),
        ContentRefused::TooLarge { .. } => WireError::new(ErrorCode::TooLarge, refused.to_string())
            .with_hint("split it, or send a link to the document"),
    }
}
