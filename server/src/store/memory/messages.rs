//! The log of messages in memory.

use super::*;
use chat_core::ids::ClientMessageId;
use chat_core::ports::{AppendError, Appended, Appending, MessageLog, PageFrom, Reach, SearchQuery};
use chat_core::{Draft, MessageId};

impl State {
    fn message_mut(&mut self, id: &MessageId) -> Option<&mut Message> {
        let mut all = self.conversations.values_mut().flat_map(|c| &mut c.messages);
        all.find(|m| m.id == *id)
    }
}

impl MemoryStore {
    fn append_now(&self, draft: Draft) -> Result<Appended, AppendError> {
        let mut state = self.state.lock();
        state.ready()?;
        let conversation = state
            .conversations
            .get(&draft.conversation_id)
            .ok_or(AppendError::NotFound)?;
        let Some(sender) = state.users.get(&draft.sender_id) else {
            return Err(constraint("the sender is no account").into());
        };
        let earlier = conversation.messages.iter().find(|m| {
            m.sender_id == draft.sender_id
                && m.client_message_id.is_some()
                && m.client_message_id == draft.client_message_id
        });
        if let Some(earlier) = earlier {
            return Ok(Appended::Repeat(state.shown(earlier)));
        }
        let answers = |id: &MessageId| conversation.messages.iter().any(|m| m.id == *id);
        if draft.reply_to.as_ref().is_some_and(|id| !answers(id)) {
            return Err(AppendError::BadReply);
        }
        if state
            .conversations
            .values()
            .any(|c| c.messages.iter().any(|m| m.id == draft.id))
        {
            return Err(constraint("the message's id exists").into());
        }
        let message = Message {
            id: draft.id,
            conversation_id: draft.conversation_id.clone(),
            seq: conversation.last_seq().next(),
            sender_id: draft.sender_id,
            sender_name: sender.user.display_name.as_str().into(),
            content: draft.content,
            created_at: draft.at,
            client_message_id: draft.client_message_id,
            reply_to: draft.reply_to,
            edited_at: None,
            deleted_at: None,
        };
        if let Some(conversation) = state.conversations.get_mut(&draft.conversation_id) {
            conversation.messages.push(message.clone());
        }
        Ok(Appended::New(message))
    }
}

#[async_trait]
impl MessageLog for MemoryStore {
    async fn queue(&self, draft: Draft) -> Appending {
        let appended = self.append_now(draft);
        Box::pin(std::future::ready(appended))
    }

    async fn page(&self, id: &ConversationId, from: PageFrom, limit: u32) -> Result<Page<Message>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let all = state.conversations.get(id).map_or(&[][..], |c| &c.messages[..]).iter();
        let shown = |m: &Message| state.shown(m);
        Ok(match from {
            PageFrom::After(seq) => page(all.filter(|m| m.seq > seq).map(shown).collect(), limit),
            PageFrom::Before(_) | PageFrom::Newest => {
                let below = |m: &&Message| !matches!(from, PageFrom::Before(seq) if m.seq >= seq);
                let mut newest_first = page(all.rev().filter(below).map(shown).collect(), limit);
                newest_first.items.reverse();
                newest_first
            }
        })
    }

    async fn edit(&self, id: &MessageId, content: &str, at: Timestamp) -> Result<Option<Message>, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        let message = state.message_mut(id).filter(|m| m.deleted_at.is_none());
        let edited = message.map(|message| {
            message.content = content.into();
            message.edited_at = Some(at);
            message.clone()
        });
        Ok(edited.map(|message| state.shown(&message)))
    }

    async fn delete(&self, id: &MessageId, at: Timestamp) -> Result<Option<Message>, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        let deleted = state.message_mut(id).map(|message| {
            message.content = "".into();
            message.deleted_at.get_or_insert(at);
            message.clone()
        });
        Ok(deleted.map(|message| state.shown(&message)))
    }

    async fn forget_messages(&self, before: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        for held in state.conversations.values_mut() {
            for message in held
                .messages
                .iter_mut()
                .take_while(|message| message.created_at < before)
            {
                message.content = "".into();
                message.deleted_at.get_or_insert(at);
            }
        }
        Ok(false)
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let may = |id: &ConversationId, held: &Held| match &query.reach {
            Reach::OfUser(user) => held.participants.contains_key(user),
            Reach::OfUserIn(user, within) => within == id && held.participants.contains_key(user),
            Reach::In(within) => within == id,
        };
        let mut found: Vec<Message> = state
            .conversations
            .iter()
            .filter(|(id, held)| may(id, held))
            .flat_map(|(_, held)| &held.messages)
            .filter(|m| query.before.is_none_or(|before| m.seq < before) && query.words.all_in(&m.content))
            .map(|m| state.shown(m))
            .collect();
        found.sort_by(|a, b| (b.created_at, &b.conversation_id, b.seq).cmp(&(a.created_at, &a.conversation_id, a.seq)));
        Ok(page(found, query.limit))
    }

    async fn index_messages(&self, _: u32) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let mut all = state.conversations.values().flat_map(|c| &c.messages);
        Ok(all.find(|m| m.id == *id).map(|m| state.shown(m)))
    }

    async fn message_by_client_id(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let mut all = state
            .conversations
            .get(conversation)
            .into_iter()
            .flat_map(|c| &c.messages);
        let found = all.find(|m| m.sender_id == *sender && m.client_message_id.as_ref() == Some(client_message_id));
        Ok(found.map(|m| state.shown(m)))
    }
}
