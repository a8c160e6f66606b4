//! Conversations in memory.

use super::*;
use crate::store::{TOO_MANY_CONVERSATIONS, TOO_MANY_PARTICIPANTS, direct_key};
use chat_core::limits::{CONVERSATIONS_PER_USER_MAX, PARTICIPANTS_MAX};
use chat_core::mention::named_in;
use chat_core::ports::{Arrival, ConversationError, Conversations, Created, NewConversation};

impl Held {
    pub(super) fn last_seq(&self) -> Seq {
        Seq(self.messages.len() as u64)
    }

    pub(super) fn remove(&mut self, user: &UserId, at: Timestamp) {
        let last_seq = self.last_seq();
        if let Some(membership) = self.participants.remove(user) {
            let span = membership.span(Some((at, last_seq)));
            self.past.push((user.clone(), span));
        }
    }
}

impl State {
    pub(super) fn whole(&self, id: &ConversationId) -> Option<Conversation> {
        let held = self.conversations.get(id)?;
        let participants = held.participants.iter().filter_map(|(user_id, membership)| {
            let user = &self.users.get(user_id)?.user;
            Some(Participant {
                user_id: user_id.clone(),
                username: user.username.clone(),
                display_name: user.display_name.clone(),
                role: membership.role,
                joined_at: membership.joined_at,
                joined_seq: membership.joined_seq,
                muted: membership.muted_at.is_some(),
            })
        });
        Some(Conversation {
            id: id.clone(),
            kind: held.kind,
            title: held.title.clone(),
            created_at: held.created_at,
            created_by: held.created_by.clone(),
            last_seq: held.last_seq(),
            participants: participants.collect(),
        })
    }

    fn seen_by(&self, id: &ConversationId, user: &UserId) -> Option<ConversationOfUser> {
        let held = self.conversations.get(id)?;
        let own = held.participants.get(user)?;
        let after = own.read_seq.max(own.joined_seq);
        let unread = held
            .messages
            .iter()
            .filter(|m| m.seq > after)
            .take(usize::try_from(UNREAD_SCAN_MAX).unwrap())
            .filter(|m| m.sender_id != *user)
            .take(usize::try_from(UNREAD_MAX).unwrap());
        let username = &self.users.get(user)?.user.username;
        let naming = held.messages.iter().filter(|m| {
            m.seq > after && m.sender_id != *user && m.deleted_at.is_none() && named_in(&m.content).contains(username)
        });
        Some(ConversationOfUser {
            conversation: self.whole(id)?,
            received_seq: own.received_seq,
            read_seq: own.read_seq,
            unread: unread.count() as u64,
            mentions: naming.take(usize::try_from(UNREAD_MAX).unwrap()).count() as u64,
            muted: own.muted_at.is_some(),
            last_message: held.messages.last().map(|m| self.shown(m)),
        })
    }

    fn refuse_unknown(&self, ids: &[UserId]) -> Result<(), ConversationError> {
        let unknown: Vec<_> = ids.iter().filter(|id| !self.users.contains_key(*id)).cloned().collect();
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(ConversationError::UnknownUsers(unknown))
        }
    }

    fn refuse_too_many(&self, present: usize, new: &[UserId]) -> Result<(), ConversationError> {
        if present + new.len() > PARTICIPANTS_MAX {
            return Err(ConversationError::TooMany(TOO_MANY_PARTICIPANTS));
        }
        let count = |user: &UserId| {
            self.conversations
                .values()
                .filter(|c| c.participants.contains_key(user))
                .count()
        };
        if new.iter().any(|user| count(user) >= CONVERSATIONS_PER_USER_MAX) {
            return Err(ConversationError::TooMany(TOO_MANY_CONVERSATIONS));
        }
        Ok(())
    }
}

fn member(role: ParticipantRole, at: Timestamp, joined_seq: Seq) -> Membership {
    Membership {
        role,
        joined_at: at,
        joined_seq,
        received_seq: Seq::ZERO,
        read_seq: Seq::ZERO,
        muted_at: None,
    }
}

#[async_trait]
impl Conversations for MemoryStore {
    async fn create_conversation(&self, new: NewConversation) -> Result<Created, ConversationError> {
        let mut state = self.state.lock();
        state.ready()?;
        let direct_key = (new.kind == ConversationKind::Direct).then(|| direct_key(&new.participant_ids));
        let direct = state
            .conversations
            .iter()
            .find(|(_, held)| direct_key.is_some() && held.direct_key == direct_key)
            .map(|(id, _)| id.clone());
        if let Some(existing) = state.whole(direct.as_ref().unwrap_or(&new.id)) {
            return Ok(Created::Existing(existing));
        }
        state.refuse_unknown(&new.participant_ids)?;
        state.refuse_too_many(0, &new.participant_ids)?;
        let role = |id: &UserId| match &new.owner {
            Some(owner) if owner == id => ParticipantRole::Owner,
            _ => ParticipantRole::Member,
        };
        let participants = new.participant_ids.iter();
        let held = Held {
            kind: new.kind,
            direct_key,
            title: new.title.clone(),
            created_at: new.at,
            created_by: new.created_by.clone().filter(|id| state.users.contains_key(id)),
            bans: BTreeMap::new(),
            participants: participants
                .map(|id| (id.clone(), member(role(id), new.at, Seq::ZERO)))
                .collect(),
            past: Vec::new(),
            announced: Seq::ZERO,
            messages: Vec::new(),
        };
        state.conversations.insert(new.id.clone(), held);
        Ok(Created::New(state.whole(&new.id).expect("just made")))
    }

    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        Ok(state.whole(id))
    }

    async fn conversation_of(
        &self,
        id: &ConversationId,
        user: &UserId,
    ) -> Result<Option<ConversationOfUser>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        Ok(state.seen_by(id, user))
    }

    async fn conversations_of(&self, user: &UserId) -> Result<Vec<ConversationOfUser>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let mut all: Vec<_> = state
            .conversations
            .keys()
            .filter_map(|id| state.seen_by(id, user))
            .collect();
        let moved = |c: &ConversationOfUser| {
            let newest = c.last_message.as_ref().map(|m| m.created_at);
            (newest.unwrap_or(c.conversation.created_at), c.conversation.id.clone())
        };
        all.sort_by_key(|c| std::cmp::Reverse(moved(c)));
        Ok(all)
    }

    async fn add_participants(
        &self,
        id: &ConversationId,
        user_ids: &[UserId],
        at: Timestamp,
    ) -> Result<Conversation, ConversationError> {
        let mut state = self.state.lock();
        state.ready()?;
        let before = state.whole(id).ok_or(ConversationError::NotFound)?;
        state.refuse_unknown(user_ids)?;
        let mut new: Vec<UserId> = user_ids.iter().filter(|user| !before.has(user)).cloned().collect();
        new.sort();
        new.dedup();
        state.refuse_banned(id, &new)?;
        state.refuse_too_many(before.participants.len(), &new)?;
        if let Some(held) = state.conversations.get_mut(id) {
            for user in new {
                held.participants
                    .insert(user, member(ParticipantRole::Member, at, before.last_seq));
            }
        }
        Ok(state.whole(id).expect("found before"))
    }

    async fn remove_participant(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Timestamp,
    ) -> Result<Conversation, ConversationError> {
        let mut state = self.state.lock();
        state.ready()?;
        let held = state.conversations.get_mut(id).ok_or(ConversationError::NotFound)?;
        held.remove(user, at);
        Ok(state.whole(id).expect("found before"))
    }

    async fn arrivals(&self) -> Result<Vec<Arrival>, StoreError> {
        // There is no other process.
        self.state.lock().ready().map(|()| Vec::new())
    }

    async fn welcomed(&self, _arrival: &Arrival) -> Result<(), StoreError> {
        self.state.lock().ready()
    }

    async fn conversation_ids_of(&self, users: &[UserId]) -> Result<Vec<(UserId, ConversationId)>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let of = |user: &UserId| -> Vec<(UserId, ConversationId)> {
            let theirs = state
                .conversations
                .iter()
                .filter(|(_, c)| c.participants.contains_key(user));
            theirs.map(|(id, _)| (user.clone(), id.clone())).collect()
        };
        Ok(users.iter().flat_map(of).collect())
    }
}
