//! Muting and banning in memory.

use super::*;
use crate::store::TOO_MANY_BANS;
use chat_core::limits::BANS_MAX;
use chat_core::ports::ConversationError;
use chat_core::ports::moderation::{Ban, Moderation, NewBan};

pub(super) struct HeldBan {
    by: UserId,
    reason: Option<String>,
    at: Timestamp,
}

impl State {
    pub(super) fn refuse_banned(&self, id: &ConversationId, users: &[UserId]) -> Result<(), ConversationError> {
        let held = self.conversations.get(id).ok_or(ConversationError::NotFound)?;
        let banned: Vec<_> = users
            .iter()
            .filter(|user| held.bans.contains_key(*user))
            .cloned()
            .collect();
        if banned.is_empty() {
            Ok(())
        } else {
            Err(ConversationError::Banned(banned))
        }
    }
}

#[async_trait]
impl Moderation for MemoryStore {
    async fn set_muted(
        &self,
        id: &ConversationId,
        user: &UserId,
        at: Option<Timestamp>,
    ) -> Result<Option<Conversation>, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        let held = state.conversations.get_mut(id);
        let Some(own) = held.and_then(|held| held.participants.get_mut(user)) else {
            return Ok(None);
        };
        own.muted_at = at.map(|at| own.muted_at.unwrap_or(at));
        Ok(state.whole(id))
    }

    async fn ban(&self, ban: NewBan) -> Result<Conversation, ConversationError> {
        let mut state = self.state.lock();
        state.ready()?;
        let unknown = [&ban.user_id, &ban.by]
            .into_iter()
            .find(|id| !state.users.contains_key(*id));
        let unknown = unknown.cloned();
        let held = state
            .conversations
            .get_mut(&ban.conversation_id)
            .ok_or(ConversationError::NotFound)?;
        if let Some(unknown) = unknown {
            return Err(ConversationError::UnknownUsers(vec![unknown]));
        }
        if held.bans.len() >= BANS_MAX && !held.bans.contains_key(&ban.user_id) {
            return Err(ConversationError::TooMany(TOO_MANY_BANS));
        }
        held.remove(&ban.user_id, ban.at);
        let NewBan { by, reason, at, .. } = ban;
        held.bans.insert(ban.user_id, HeldBan { by, reason, at });
        Ok(state.whole(&ban.conversation_id).expect("found before"))
    }

    async fn unban(&self, id: &ConversationId, user: &UserId) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        let held = state.conversations.get_mut(id);
        Ok(held.is_some_and(|held| held.bans.remove(user).is_some()))
    }

    async fn bans(&self, id: &ConversationId) -> Result<Vec<Ban>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let held = state.conversations.get(id).into_iter().flat_map(|held| &held.bans);
        let mut bans: Vec<Ban> = held
            .filter_map(|(user, ban)| {
                Some(Ban {
                    user: state.users.get(user)?.user.clone(),
                    by: ban.by.clone(),
                    reason: ban.reason.clone(),
                    at: ban.at,
                })
            })
            .collect();
        bans.sort_by(|a, b| (b.at, &a.user.id).cmp(&(a.at, &b.user.id)));
        Ok(bans)
    }

    async fn ban_of(&self, id: &ConversationId, user: &UserId) -> Result<Option<Ban>, StoreError> {
        let bans = self.bans(id).await?;
        Ok(bans.into_iter().find(|ban| ban.user.id == *user))
    }
}
