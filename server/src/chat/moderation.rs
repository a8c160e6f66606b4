//! Muting, banning and lifting bans.

use std::sync::Arc;

use chat_core::ports::moderation::NewBan;
use chat_core::{ConversationId, Role, UserId};
use rollcall_protocol::event::{BanView, ConversationRemoved, ConversationView, RemovedReason, name};
use rollcall_protocol::request::{BanParticipant, MuteConversation, UnbanParticipant};
use rollcall_protocol::{ErrorCode, WireError};

use super::directory::Entry;
use super::refusal::{change_refused, from_conversation, from_store, no_conversation, not_participant};
use super::{Actor, Chat, to_its_end};

impl Chat {
    /// Mutes or unmutes a conversation for the actor, on all their devices; to its end even if the caller goes away.
    pub async fn mute_conversation(
        self: &Arc<Self>,
        actor: &Actor,
        request: MuteConversation,
    ) -> Result<ConversationView, WireError> {
        self.refuse_when_closing()?;
        let (chat, actor) = (Arc::clone(self), actor.clone());
        to_its_end(async move { chat.mute(&actor, &request).await }).await
    }

    async fn mute(&self, actor: &Actor, request: &MuteConversation) -> Result<ConversationView, WireError> {
        let id = &request.conversation_id;
        let entry = self.entry_for(actor, id).await?;
        let change = self.directory.change(&entry).await;
        let at = request.muted.then(|| self.ports.clock.now());
        let set = self.ports.moderation.set_muted(id, actor.id(), at).await;
        let Some(after) = set.map_err(|error| from_store(&error))? else {
            return Err(self.outsider(actor.id(), id).await);
        };
        change.take_over(after, |_, _| {});
        let view = self.view(&entry, actor.id()).await?;
        let own = self.hub.sockets_of(actor.id());
        self.fanout.say_to_all(&own, name::CONVERSATION_UPDATED, &view);
        Ok(view)
    }

    /// Bans somebody from a group, and removes them if they are in it; to its end even if the caller goes away.
    pub async fn ban_participant(
        self: &Arc<Self>,
        actor: &Actor,
        request: BanParticipant,
    ) -> Result<ConversationView, WireError> {
        self.refuse_when_closing()?;
        let (chat, actor) = (Arc::clone(self), actor.clone());
        to_its_end(async move { chat.ban(&actor, request).await }).await
    }

    async fn ban(&self, actor: &Actor, request: BanParticipant) -> Result<ConversationView, WireError> {
        let (id, user) = (request.conversation_id, request.user_id);
        let entry = self.entry_to_moderate(actor, &id).await?;
        let change = self.directory.change(&entry).await;
        let before = entry.conversation();
        before
            .may_ban(actor.id(), actor.role, &user)
            .map_err(|refused| change_refused(refused, &id))?;
        // What they have said until now is kept with the membership that ends.
        self.save_cursors_of(&user).await;
        let ban = NewBan {
            conversation_id: id.clone(),
            user_id: user.clone(),
            by: actor.id().clone(),
            reason: request.reason.clone(),
            at: self.ports.clock.now(),
        };
        let after = self.ports.moderation.ban(ban).await;
        let after = after.map_err(|error| from_conversation(&error, &id, "user_id"))?;
        let was_in = before.has(&user);
        change.take_over(after, |_, _| {
            if was_in {
                self.forget_cursor(&entry, &user);
                let told = ConversationRemoved {
                    conversation_id: id.clone(),
                    reason: RemovedReason::Banned,
                    by: Some(actor.id().clone()),
                    note: request.reason,
                };
                self.see_out(&user, &told);
            }
        });
        if was_in {
            self.announce_change(&entry).await;
        }
        drop(change);
        self.view(&entry, actor.id()).await
    }

    /// Lifts a ban: they can be added again.
    pub async fn unban_participant(&self, actor: &Actor, request: &UnbanParticipant) -> Result<(), WireError> {
        self.refuse_when_closing()?;
        let (id, user) = (&request.conversation_id, &request.user_id);
        self.moderated(actor, id).await?;
        let lifted = self.ports.moderation.unban(id, user).await;
        if lifted.map_err(|error| from_store(&error))? {
            return Ok(());
        }
        Err(WireError::new(
            ErrorCode::NotFound,
            format!("user_id: {user} is not banned from {id}"),
        ))
    }

    /// Who is banned, the newest first.
    pub async fn bans(&self, actor: &Actor, id: &ConversationId) -> Result<Vec<BanView>, WireError> {
        self.moderated(actor, id).await?;
        let bans = self.ports.moderation.bans(id).await;
        Ok(bans
            .map_err(|error| from_store(&error))?
            .iter()
            .map(BanView::from)
            .collect())
    }

    async fn moderated(&self, actor: &Actor, id: &ConversationId) -> Result<(), WireError> {
        let entry = self.entry_to_moderate(actor, id).await?;
        let may = entry.conversation().may_moderate(actor.id(), actor.role);
        may.map_err(|refused| change_refused(refused, id))
    }

    /// The conversation, for somebody who may take part in it or is an admin.
    async fn entry_to_moderate(&self, actor: &Actor, id: &ConversationId) -> Result<Arc<Entry>, WireError> {
        if actor.role != Role::Admin {
            return self.entry_for(actor, id).await;
        }
        let entry = self.directory.get(id).await.map_err(|error| from_store(&error))?;
        entry.ok_or_else(|| no_conversation(id))
    }

    /// Why somebody who is not in a conversation may not do anything in it.
    pub(super) async fn outsider(&self, user: &UserId, id: &ConversationId) -> WireError {
        let refused = not_participant(id);
        // A store that fails now has nothing better to say.
        let Ok(Some(ban)) = self.ports.moderation.ban_of(id, user).await else {
            return refused;
        };
        let why = ban.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        WireError::new(
            ErrorCode::NotParticipant,
            format!("conversation_id: you are banned from {id}{why}"),
        )
        .with_hint("an owner of the conversation can lift the ban")
    }
}
