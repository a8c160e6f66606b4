//! What became of a message, and why: the delivery of a message participant by participant, and the explanation for one of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chat_core::explain::{
    Broadcast, BroadcastRecord, Cause, Evidence, Explanation, Person, SocketDelivery, Status, Subject, explain,
    status_of,
};
use chat_core::ids::ClientMessageId;
use chat_core::{ConversationId, Message, MessageId, Role, User, UserId};
use rollcall_protocol::{ErrorCode, WireError};
use serde::Serialize;

use super::directory::Entry;
use super::refusal::{from_store, no_conversation, no_users};
use super::{Actor, Chat};
use crate::delivery::evidence::Asked;

/// `GET messages/{id}/delivery`
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryReport {
    /// The message.
    pub message: Message,
    /// How it was announced; `null` when that is no longer on record.
    pub broadcast: Option<BroadcastRecord>,
    /// How many participants have each status.
    pub totals: BTreeMap<&'static str, usize>,
    /// Everybody who was in the conversation when it came.
    pub participants: Vec<ParticipantReport>,
}

/// What became of a message for one participant.
#[derive(Debug, Clone, Serialize)]
pub struct ParticipantReport {
    /// Who.
    pub user_id: UserId,
    /// Their unique name.
    pub username: String,
    /// What became of it.
    pub status: Status,
    /// Why it did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Socket by socket.
    pub sockets: Vec<SocketDelivery>,
}

/// Who has confirmed a message by now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confirmations {
    /// Participants whose receipt covers it.
    pub confirmed: usize,
    /// Participants who are online with sockets that promised receipts, and whose receipt does not cover it.
    pub missing: Vec<UserId>,
}

impl Chat {
    /// What became of a message, for its sender, an admin or an observer.
    pub async fn delivery_for(&self, actor: &Actor, id: &MessageId) -> Result<DeliveryReport, WireError> {
        let message = self.stored(id).await?;
        let may = actor.role.sees_admin() || actor.role == Role::Service || message.sender_id == *actor.id();
        if !may {
            // Those who may read the message learn that it is not theirs to ask about; others not even that it exists.
            self.entry_for(actor, &message.conversation_id)
                .await
                .map_err(|_| no_message(id))?;
            return Err(WireError::new(
                ErrorCode::Forbidden,
                "only the sender of a message sees its delivery",
            ));
        }
        self.delivery(message).await
    }

    /// What became of a message, for somebody who may see every one.
    pub async fn delivery_of(&self, id: &MessageId) -> Result<DeliveryReport, WireError> {
        let message = self.stored(id).await?;
        self.delivery(message).await
    }

    async fn delivery(&self, message: Message) -> Result<DeliveryReport, WireError> {
        let log = &self.ports.deliveries;
        let there = log.participants_at(&message.conversation_id, message.seq).await;
        let there = there.map_err(|error| from_store(&error))?;
        let entry = self.entry(&message.conversation_id).await?;
        let people = there.iter().map(person);
        let evidence = self.evidence_of(&message, &entry, people.collect()).await?;
        let mut totals: BTreeMap<&'static str, usize> = Status::ALL.map(|status| (status.as_str(), 0)).into();
        let (mut participants, mut broadcast) = (Vec::with_capacity(there.len()), None);
        for (user, evidence) in there.into_iter().zip(evidence) {
            let judged = status_of(&evidence);
            if let Broadcast::Made(record) = evidence.broadcast {
                broadcast = Some(record);
            }
            *totals.entry(judged.status.as_str()).or_default() += 1;
            participants.push(ParticipantReport {
                user_id: user.id,
                username: user.username,
                status: judged.status,
                cause: judged.cause,
                sockets: judged.sockets,
            });
        }
        Ok(DeliveryReport {
            message,
            broadcast,
            totals,
            participants,
        })
    }

    /// Why this user has, or has not, this message.
    pub async fn explain_message(&self, id: &MessageId, user: &UserId) -> Result<Explanation, WireError> {
        let message = self.stored(id).await?;
        let user = self.known(user).await?;
        let entry = self.entry(&message.conversation_id).await?;
        let evidence = self.evidence_of(&message, &entry, vec![person(&user)]).await?;
        let explained = evidence.first().map(explain);
        explained.ok_or_else(|| WireError::new(ErrorCode::Internal, "no evidence was collected"))
    }

    /// Would a message of this conversation reach this user now?
    pub async fn explain_now(&self, id: &ConversationId, user: &UserId) -> Result<Explanation, WireError> {
        let user = self.known(user).await?;
        let entry = self.entry(id).await?;
        let subject = Subject::Now {
            conversation_id: id.clone(),
        };
        self.explain_subject(subject, &entry, &user).await
    }

    /// What became of a message of which only the sender's own id is known: saved, or refused and why.
    pub async fn explain_client_message(
        &self,
        id: &ConversationId,
        client_message_id: &ClientMessageId,
        user: Option<&UserId>,
    ) -> Result<Explanation, WireError> {
        let entry = self.entry(id).await?;
        for participant in entry.conversation().participants.iter() {
            let log = &self.ports.log;
            let found = log
                .message_by_client_id(id, &participant.user_id, client_message_id)
                .await;
            if let Some(message) = found.map_err(|error| from_store(&error))? {
                let about = user.unwrap_or(&message.sender_id);
                return self.explain_message(&message.id, about).await;
            }
        }
        let refusal = self.roll_call.refusals.find(id, client_message_id).ok_or_else(|| {
            WireError::new(
                ErrorCode::NotFound,
                format!("client_message_id: no message with {client_message_id} was saved in {id}, or refused lately"),
            )
            .with_hint("it never came here: look at the sender's connection, and at the rejected ones")
        })?;
        let user = self.known(user.unwrap_or(&refusal.sender.id)).await?;
        self.explain_subject(Subject::Refused(refusal), &entry, &user).await
    }

    /// Waits until everybody who is online and promised receipts has confirmed `message`, or `patience` is over.
    pub async fn confirmations(&self, message: &Message, patience: Duration) -> Result<Confirmations, WireError> {
        let entry = self.entry(&message.conversation_id).await?;
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let next = entry.next_receipt();
            let now = self.confirmations_now(&entry, message).await?;
            if now.missing.is_empty() || tokio::time::timeout_at(deadline, next).await.is_err() {
                return Ok(now);
            }
        }
    }

    async fn confirmations_now(&self, entry: &Arc<Entry>, message: &Message) -> Result<Confirmations, WireError> {
        let mut found = Confirmations::default();
        let log = &*self.ports.deliveries;
        let cursors = entry.cursors(log).await.map_err(|error| from_store(&error))?;
        for participant in entry.conversation().participants.iter() {
            let (received, _) = cursors.of(&participant.user_id);
            if received >= message.seq {
                found.confirmed += 1;
            } else if self
                .hub
                .sockets_of(&participant.user_id)
                .iter()
                .any(|socket| socket.caller().receipts)
            {
                found.missing.push(participant.user_id.clone());
            }
        }
        Ok(found)
    }

    async fn stored(&self, id: &MessageId) -> Result<Message, WireError> {
        let message = self.ports.log.message(id).await.map_err(|error| from_store(&error))?;
        message.ok_or_else(|| no_message(id))
    }

    async fn known(&self, id: &UserId) -> Result<User, WireError> {
        let user = self.ports.accounts.user(id).await.map_err(|error| from_store(&error))?;
        user.ok_or_else(|| no_users("user_id", std::slice::from_ref(id)))
    }

    async fn entry(&self, id: &ConversationId) -> Result<Arc<Entry>, WireError> {
        let entry = self.directory.get(id).await.map_err(|error| from_store(&error))?;
        entry.ok_or_else(|| no_conversation(id))
    }

    async fn explain_subject(&self, subject: Subject, entry: &Entry, user: &User) -> Result<Explanation, WireError> {
        let asked = self.asked(entry, vec![person(user)]).await?.into_iter().next();
        let asked = asked.ok_or_else(|| WireError::new(ErrorCode::Internal, "nobody was asked about"))?;
        let evidence = self.collector.of_subject(subject, asked).await;
        Ok(explain(&evidence.map_err(|error| from_store(&error))?))
    }

    async fn evidence_of(
        &self,
        message: &Message,
        entry: &Entry,
        people: Vec<Person>,
    ) -> Result<Vec<Evidence>, WireError> {
        let asked = self.asked(entry, people).await?;
        let evidence = self.collector.of_message(message, entry.head(), asked).await;
        evidence.map_err(|error| from_store(&error))
    }

    async fn asked(&self, entry: &Entry, people: Vec<Person>) -> Result<Vec<Asked>, WireError> {
        let cursors = entry.cursors(&*self.ports.deliveries).await;
        let cursors = cursors.map_err(|error| from_store(&error))?;
        let asked = |user: Person| Asked {
            cursors: cursors.of(&user.id),
            user,
        };
        Ok(people.into_iter().map(asked).collect())
    }
}

fn person(user: &User) -> Person {
    Person {
        id: user.id.clone(),
        username: user.username.clone(),
    }
}

fn no_message(id: &MessageId) -> WireError {
    WireError::new(ErrorCode::NotFound, format!("message_id: there is no message {id}"))
}
