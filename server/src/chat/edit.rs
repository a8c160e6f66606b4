//! Editing and deleting messages. A message keeps its number and its place; whoever holds it is told what it says now.

use std::sync::Arc;

use chat_core::message::check_content;
use chat_core::{Message, MessageId, ParticipantRole, Role};
use rollcall_protocol::event::name;
use rollcall_protocol::request::EditMessage;
use rollcall_protocol::{ErrorCode, WireError};

use super::directory::Entry;
use super::refusal::from_store;
use super::send::content_refused;
use super::{Actor, Chat, to_its_end};
use crate::delivery::notices::{Notice, NoticeKind};

impl Chat {
    /// Replaces the content of one's own message; to its end even if the caller goes away.
    pub async fn edit_message(self: &Arc<Self>, actor: &Actor, edit: EditMessage) -> Result<Message, WireError> {
        self.refuse_when_closing()?;
        check_content(&edit.content, self.message_bytes_max).map_err(|refused| content_refused(&refused))?;
        let (chat, actor) = (Arc::clone(self), actor.clone());
        to_its_end(async move { chat.edit(&actor, &edit).await }).await
    }

    async fn edit(&self, actor: &Actor, edit: &EditMessage) -> Result<Message, WireError> {
        let (entry, message) = self.message_for(actor, &edit.message_id).await?;
        if message.sender_id != *actor.id() && actor.role != Role::Service {
            return Err(WireError::new(
                ErrorCode::Forbidden,
                "message_id: only its sender edits a message",
            ));
        }
        if message.deleted_at.is_some() {
            return Err(WireError::new(
                ErrorCode::Conflict,
                "message_id: a deleted message cannot be edited",
            ));
        }
        let edited = self
            .ports
            .log
            .edit(&edit.message_id, &edit.content, self.ports.clock.now())
            .await;
        self.tell_updated(&entry, edited.map_err(|error| from_store(&error))?, &edit.message_id)
    }

    /// Empties a message: one's own, or as an owner, admin or service any; to its end even if the caller goes away.
    pub async fn delete_message(self: &Arc<Self>, actor: &Actor, id: &MessageId) -> Result<Message, WireError> {
        self.refuse_when_closing()?;
        let (chat, actor, id) = (Arc::clone(self), actor.clone(), id.clone());
        to_its_end(async move { chat.delete(&actor, &id).await }).await
    }

    async fn delete(&self, actor: &Actor, id: &MessageId) -> Result<Message, WireError> {
        let (entry, message) = self.message_for(actor, id).await?;
        let conversation = entry.conversation();
        let owner = conversation
            .participant(actor.id())
            .is_some_and(|p| p.role == ParticipantRole::Owner);
        let may = message.sender_id == *actor.id() || owner || matches!(actor.role, Role::Admin | Role::Service);
        if !may {
            return Err(WireError::new(
                ErrorCode::Forbidden,
                "message_id: only its sender or an owner deletes a message",
            ));
        }
        if message.deleted_at.is_some() {
            return Ok(message);
        }
        let deleted = self.ports.log.delete(id, self.ports.clock.now()).await;
        self.tell_updated(&entry, deleted.map_err(|error| from_store(&error))?, id)
    }

    /// The message and its conversation, for somebody who may read it. An admin may look anywhere.
    async fn message_for(&self, actor: &Actor, id: &MessageId) -> Result<(Arc<Entry>, Message), WireError> {
        let missing = || WireError::new(ErrorCode::NotFound, format!("message_id: there is no message {id}"));
        let message = self
            .ports
            .log
            .message(id)
            .await
            .map_err(|error| from_store(&error))?
            .ok_or_else(missing)?;
        let entry = self
            .directory
            .get(&message.conversation_id)
            .await
            .map_err(|error| from_store(&error))?;
        let entry = entry.ok_or_else(missing)?;
        if actor.role != Role::Admin && !entry.conversation().may_take_part(actor.id(), actor.role) {
            return Err(self.outsider(actor.id(), &message.conversation_id).await);
        }
        Ok((entry, message))
    }

    fn tell_updated(&self, entry: &Entry, updated: Option<Message>, id: &MessageId) -> Result<Message, WireError> {
        let message = updated
            .ok_or_else(|| WireError::new(ErrorCode::Conflict, format!("message_id: {id} was deleted meanwhile")))?;
        let conversation = entry.conversation();
        let everybody = self
            .hub
            .sockets_of_all(conversation.participants.iter().map(|p| &p.user_id));
        let hearers = everybody
            .iter()
            .flatten()
            .filter(|socket| !socket.has_left(&conversation.id));
        self.fanout.say_to_all(hearers, name::MESSAGE_UPDATED, &message);
        self.notice(NoticeKind::MessageUpdated, || Notice::MessageUpdated {
            message: message.clone(),
        });
        Ok(message)
    }
}
