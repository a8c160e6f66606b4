//! What operators ask, in memory.

use super::*;
use chat_core::Sid;
use chat_core::ports::operators::{
    AuditEntry, AuditLog, ConversationFilter, ConversationOrder, ConversationSummary, FoundMessages, Listed,
    MESSAGES_LOOKED_AT_MAX, MessageFilter, OperatorReads, Slice, Sought, UserFilter, UserOrder,
};
use chat_core::search::SearchWords;
use std::cmp::Ordering;

pub(super) fn has(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

pub(super) fn sliced<T>(items: Vec<T>, slice: Slice) -> Listed<T> {
    let total = items.len() as u64;
    let skip = usize::try_from(slice.skip).unwrap_or(usize::MAX);
    Listed {
        items: items.into_iter().skip(skip).take(slice.limit as usize).collect(),
        total,
    }
}

fn turned(ordering: Ordering, falling: bool) -> Ordering {
    if falling { ordering.reverse() } else { ordering }
}

impl State {
    fn summary(&self, id: &ConversationId, held: &Held) -> ConversationSummary {
        let name = |id: &UserId| self.users.get(id).map(|account| account.user.username.clone());
        ConversationSummary {
            id: id.clone(),
            kind: held.kind,
            title: held.title.clone(),
            created_at: held.created_at,
            last_seq: held.last_seq(),
            last_message_at: held.messages.last().map(|message| message.created_at),
            participants: held.participants.len() as u64,
            names: held.participants.keys().filter_map(name).take(3).collect(),
        }
    }

    fn has_participant_named(&self, held: &Held, name: &str) -> bool {
        let mut users = held.participants.keys().filter_map(|id| self.users.get(id));
        users.any(|account| account.user.username == name)
    }
}

#[async_trait]
impl OperatorReads for MemoryStore {
    async fn list_users(&self, filter: &UserFilter, slice: Slice) -> Result<Listed<User>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let wanted = |user: &&User| {
            let text = filter.text.as_ref();
            let named = |text| [&user.username, &user.display_name].iter().any(|name| has(name, text));
            text.is_none_or(|text| named(text) || has(user.id.as_str(), text))
                && filter.role.is_none_or(|role| role == user.role)
        };
        let users = state.users.values().map(|account| &account.user);
        let mut users: Vec<User> = users.filter(wanted).cloned().collect();
        users.sort_by(|a, b| {
            let by = match filter.order {
                UserOrder::Username => a.username.cmp(&b.username),
                UserOrder::DisplayName => a.display_name.to_lowercase().cmp(&b.display_name.to_lowercase()),
                UserOrder::Role => a.role.as_str().cmp(b.role.as_str()),
                UserOrder::CreatedAt => a.created_at.cmp(&b.created_at),
                UserOrder::LastSeen => a.last_seen.cmp(&b.last_seen),
            };
            turned(by, filter.falling).then_with(|| a.username.cmp(&b.username))
        });
        Ok(sliced(users, slice))
    }

    async fn list_conversations(
        &self,
        filter: &ConversationFilter,
        slice: Slice,
    ) -> Result<Listed<ConversationSummary>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let text = filter.text.as_ref();
        let named = |id: &ConversationId, held: &Held, text: &String| {
            has(id.as_str(), text)
                || held.title.as_ref().is_some_and(|title| has(title, text))
                || state.has_participant_named(held, &text.to_ascii_lowercase())
        };
        let mut found: Vec<ConversationSummary> = state
            .conversations
            .iter()
            .filter(|(id, held)| text.is_none_or(|text| named(id, held, text)))
            .filter(|(_, held)| filter.kind.is_none_or(|kind| kind == held.kind))
            .map(|(id, held)| state.summary(id, held))
            .collect();
        found.sort_by(|a, b| {
            let active = |c: &ConversationSummary| c.last_message_at.unwrap_or(c.created_at);
            let by = match filter.order {
                ConversationOrder::Active => active(a).cmp(&active(b)),
                ConversationOrder::CreatedAt => a.created_at.cmp(&b.created_at),
                ConversationOrder::Title => a.title.cmp(&b.title),
                ConversationOrder::Participants => a.participants.cmp(&b.participants),
                ConversationOrder::Messages => a.last_seq.cmp(&b.last_seq),
            };
            turned(by.then_with(|| a.id.cmp(&b.id)), filter.falling)
        });
        Ok(sliced(found, slice))
    }

    async fn find_messages(&self, filter: &MessageFilter, slice: Slice) -> Result<FoundMessages, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let messages = || state.conversations.values().flat_map(|held| &held.messages);
        let of = |message: &Message| {
            let in_it = |id: &ConversationId| message.conversation_id == *id;
            filter.conversation_id.as_ref().is_none_or(in_it)
        };
        let words = filter.text.as_deref().map(SearchWords::parse);
        let sought = match &words {
            None => Sought::Words,
            Some(Ok(words)) if messages().any(|m| of(m) && words.all_begin_in(&m.content)) => Sought::Words,
            Some(Ok(_)) => Sought::WithinWords,
            Some(Err(_)) => Sought::NoWords,
        };
        let holds = |content: &str| match (&filter.text, &words, sought) {
            (Some(_), Some(Ok(words)), Sought::Words) => words.all_begin_in(content),
            (Some(text), ..) => has(content, text),
            (None, ..) => true,
        };
        let wanted = |message: &&Message| {
            of(message)
                && filter.sender_id.as_ref().is_none_or(|id| message.sender_id == *id)
                && holds(&message.content)
                && filter.from.is_none_or(|from| message.created_at >= from)
                && filter.to.is_none_or(|to| message.created_at < to)
        };
        let mut found: Vec<Message> = messages().filter(wanted).map(|message| state.shown(message)).collect();
        found.sort_by(|a, b| (b.created_at, &b.conversation_id, b.seq).cmp(&(a.created_at, &a.conversation_id, a.seq)));
        let Listed { items, total } = sliced(found, slice);
        let cut = filter.looks_inside() && total > u64::from(MESSAGES_LOOKED_AT_MAX);
        Ok(FoundMessages {
            items,
            total,
            cut,
            sought,
        })
    }

    async fn exceptions_of(&self, user: &UserId, limit: u32) -> Result<Vec<DeliveryException>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let own = state
            .exceptions
            .iter()
            .rev()
            .filter(|exception| exception.user_id == *user);
        let mut own: Vec<DeliveryException> = own.cloned().collect();
        own.sort_by_key(|exception| std::cmp::Reverse(exception.at));
        own.truncate(limit as usize);
        Ok(own)
    }

    async fn connections_of_socket(&self, sid: &Sid, limit: u32) -> Result<Vec<ConnectionEvent>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let of_socket = |event: &&ConnectionEvent| event.sid.as_ref() == Some(sid);
        let newest = state.connections.iter().rev().filter(of_socket);
        Ok(newest.take(limit as usize).cloned().collect())
    }
}

#[async_trait]
impl AuditLog for MemoryStore {
    async fn note(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        state.audit.push(entry);
        Ok(())
    }

    async fn audit(&self, text: Option<&str>, slice: Slice) -> Result<Listed<AuditEntry>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let wanted = |entry: &&AuditEntry| {
            let whole = format!("{} {} {} {}", entry.actor, entry.action, entry.target, entry.detail);
            text.is_none_or(|text| has(&whole, text))
        };
        Ok(sliced(
            state.audit.iter().rev().filter(wanted).cloned().collect(),
            slice,
        ))
    }
}
