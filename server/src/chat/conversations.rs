//! Conversations and who is in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use chat_core::conversation::parse_title;
use chat_core::ids::conversation_room;
use chat_core::limits::PARTICIPANTS_MAX;
use chat_core::ports::{Created, NewConversation};
use chat_core::{Conversation, ConversationId, ConversationKind, Role, Seq, UserId};
use rollcall_protocol::event::{ConversationRemoved, ConversationView, RemovedReason, name};
use rollcall_protocol::request::CreateConversation;
use rollcall_protocol::{ErrorCode, WireError};

use super::directory::Entry;
use super::refusal::{change_refused, from_conversation, from_store, no_users};
use super::{Actor, Chat, to_its_end};

impl Chat {
    /// Every conversation of the actor.
    pub async fn list_conversations(&self, actor: &Actor) -> Result<Vec<ConversationView>, WireError> {
        self.save_cursors_of(actor.id()).await;
        let seen = self
            .ports
            .conversations
            .conversations_of(actor.id())
            .await
            .map_err(|error| from_store(&error))?;
        Ok(seen
            .iter()
            .map(|seen| ConversationView::of_user(seen, |id| self.hub.is_online(id)))
            .collect())
    }

    /// One conversation, for somebody who may take part in it.
    pub async fn conversation(&self, actor: &Actor, id: &ConversationId) -> Result<ConversationView, WireError> {
        let entry = self.entry_for(actor, id).await?;
        self.view(&entry, actor.id()).await
    }

    /// Makes a conversation, to its end even if the caller goes away; true when it is new, false when the direct one of these two was there.
    pub async fn create_conversation(
        self: &Arc<Self>,
        actor: &Actor,
        request: CreateConversation,
    ) -> Result<(ConversationView, bool), WireError> {
        self.refuse_when_closing()?;
        let new = self.new_conversation(actor, request)?;
        let (chat, actor) = (Arc::clone(self), actor.clone());
        to_its_end(async move { chat.make(&actor, new).await }).await
    }

    async fn make(&self, actor: &Actor, new: NewConversation) -> Result<(ConversationView, bool), WireError> {
        let (id, wanted) = (new.id.clone(), new.kind);
        let created = self.ports.conversations.create_conversation(new).await;
        match created.map_err(|error| from_conversation(&error, &id, "participant_ids"))? {
            Created::New(conversation) => {
                let entry = self.directory.insert(conversation);
                let change = self.directory.change(&entry).await;
                let made = Conversation::clone(&entry.conversation());
                change.take_over(made, |made, head| {
                    let everybody: Vec<UserId> = made.participants.iter().map(|p| p.user_id.clone()).collect();
                    self.bring_in(made, &everybody, head);
                });
                self.announce_change(&entry).await;
                drop(change);
                Ok((self.view(&entry, actor.id()).await?, true))
            }
            Created::Existing(conversation) if conversation.kind == wanted && wanted == ConversationKind::Direct => {
                let entry = self.directory.insert(conversation);
                Ok((self.view(&entry, actor.id()).await?, false))
            }
            Created::Existing(_) => Err(WireError::new(
                ErrorCode::Conflict,
                format!("id: there is a conversation {id} already"),
            )),
        }
    }

    fn new_conversation(&self, actor: &Actor, request: CreateConversation) -> Result<NewConversation, WireError> {
        let bad = |message: String| Err(WireError::new(ErrorCode::BadRequest, message));
        let service = actor.role == Role::Service;
        if request.id.is_some() && !service {
            return Err(WireError::new(
                ErrorCode::Forbidden,
                "id: only a service chooses a conversation's id",
            ));
        }
        let title = match request.title {
            Some(title) => match parse_title(&title) {
                Ok(title) => Some(title),
                Err(error) => return bad(format!("title: {error}")),
            },
            None => None,
        };
        let mut everybody: BTreeSet<UserId> = request.participant_ids.into_iter().collect();
        if !service {
            everybody.insert(actor.id().clone());
        }
        match request.kind {
            ConversationKind::Direct if title.is_some() => {
                return bad("title: expected none for a direct conversation, its title is the other person".into());
            }
            ConversationKind::Direct if everybody.len() != 2 => {
                let (got, whose) = (everybody.len(), if service { "" } else { ", you included" });
                return bad(format!(
                    "participant_ids: expected exactly two different people{whose}, got {got}"
                ));
            }
            ConversationKind::Group if everybody.is_empty() => {
                return bad("participant_ids: expected at least one person, got none".into());
            }
            ConversationKind::Group if everybody.len() > PARTICIPANTS_MAX => {
                return bad(format!("participant_ids: expected at most {PARTICIPANTS_MAX} people"));
            }
            _ => {}
        }
        Ok(NewConversation {
            id: request.id.unwrap_or_else(|| self.ports.ids.conversation_id()),
            kind: request.kind,
            title,
            owner: (!service).then(|| actor.id().clone()),
            created_by: Some(actor.id().clone()),
            participant_ids: everybody.into_iter().collect(),
            at: self.ports.clock.now(),
        })
    }

    /// Adds people to a group, to its end even if the caller goes away; those who are in it already stay.
    pub async fn add_participants(
        self: &Arc<Self>,
        actor: &Actor,
        id: &ConversationId,
        user_ids: &[UserId],
    ) -> Result<ConversationView, WireError> {
        self.refuse_when_closing()?;
        if user_ids.is_empty() {
            return Err(WireError::new(
                ErrorCode::BadRequest,
                "user_ids: expected at least one id, got none",
            ));
        }
        let (chat, actor, id, user_ids) = (Arc::clone(self), actor.clone(), id.clone(), user_ids.to_vec());
        to_its_end(async move { chat.add(&actor, &id, &user_ids).await }).await
    }

    async fn add(&self, actor: &Actor, id: &ConversationId, users: &[UserId]) -> Result<ConversationView, WireError> {
        let entry = self.entry_for(actor, id).await?;
        let change = self.directory.change(&entry).await;
        let before = entry.conversation();
        before
            .may_add(actor.id(), actor.role)
            .map_err(|refused| change_refused(refused, id))?;
        let after = self
            .ports
            .conversations
            .add_participants(id, users, self.ports.clock.now())
            .await;
        let after = after.map_err(|error| from_conversation(&error, id, "user_ids"))?;
        let added: Vec<UserId> = users.iter().filter(|user| !before.has(user)).cloned().collect();
        change.take_over(after, |after, head| {
            for user in &added {
                self.forget_cursor(&entry, user);
            }
            self.bring_in(after, &added, head);
        });
        self.announce_change(&entry).await;
        drop(change);
        self.view(&entry, actor.id()).await
    }

    /// Removes somebody from a group, or oneself; to its end even if the caller goes away.
    pub async fn remove_participant(
        self: &Arc<Self>,
        actor: &Actor,
        id: &ConversationId,
        user: &UserId,
    ) -> Result<ConversationView, WireError> {
        self.refuse_when_closing()?;
        let (chat, actor, id, user) = (Arc::clone(self), actor.clone(), id.clone(), user.clone());
        to_its_end(async move { chat.remove(&actor, &id, &user).await }).await
    }

    async fn remove(&self, actor: &Actor, id: &ConversationId, user: &UserId) -> Result<ConversationView, WireError> {
        let entry = self.entry_for(actor, id).await?;
        let change = self.directory.change(&entry).await;
        let before = entry.conversation();
        before
            .may_remove(actor.id(), actor.role, user)
            .map_err(|refused| change_refused(refused, id))?;
        if !before.has(user) {
            return Err(no_users("user_id", std::slice::from_ref(user)).with_hint("they are not in this conversation"));
        }
        // What they have said until now is kept with the membership that ends.
        self.save_cursors_of(user).await;
        let after = self
            .ports
            .conversations
            .remove_participant(id, user, self.ports.clock.now())
            .await;
        let after = after.map_err(|error| from_conversation(&error, id, "user_id"))?;
        change.take_over(after, |after, _| {
            if !after.has(user) {
                self.forget_cursor(&entry, user);
                let left = user == actor.id();
                let told = ConversationRemoved {
                    conversation_id: id.clone(),
                    reason: if left {
                        RemovedReason::Left
                    } else {
                        RemovedReason::Removed
                    },
                    by: (!left).then(|| actor.id().clone()),
                    note: None,
                };
                self.see_out(user, &told);
            }
        });
        self.announce_change(&entry).await;
        drop(change);
        self.view(&entry, actor.id()).await
    }

    /// Puts the live sockets of new participants into the room. What was announced between their joining and now (`head`) was
    /// announced without them: they are fed it from the store.
    pub(super) fn bring_in(&self, conversation: &Conversation, users: &[UserId], head: Seq) {
        let room = conversation_room(&conversation.id);
        for socket in self.hub.sockets_of_all(users.iter()).iter().flatten() {
            socket.changes();
            let work = socket.open_lane(&conversation.id, conversation.last_seq, head);
            self.hub.join_conversation_room(socket, &room);
            if work {
                self.fanout.wake_feeder(socket);
            }
        }
    }

    /// Takes the live sockets of somebody who is no longer a participant out of the room, and tells them why.
    pub(super) fn see_out(&self, user: &UserId, told: &ConversationRemoved) {
        let id = &told.conversation_id;
        let room = conversation_room(id);
        for socket in self.hub.sockets_of(user) {
            socket.changes();
            self.hub.leave(&socket, &room);
            socket.drop_lane(id);
            self.fanout.say(&socket, name::CONVERSATION_REMOVED, told);
        }
    }

    /// Tells every online participant how the conversation looks to them now.
    pub(super) async fn announce_change(&self, entry: &Arc<Entry>) {
        for participant in entry.conversation().participants.iter() {
            let sockets = self.hub.sockets_of(&participant.user_id);
            if sockets.is_empty() {
                continue;
            }
            match self.view(entry, &participant.user_id).await {
                Ok(view) => self.fanout.say_to_all(&sockets, name::CONVERSATION_UPDATED, &view),
                // The change itself is stored; a client that does not hear of it sees it on its next list.
                Err(error) => tracing::warn!(conversation.id = %view_id(entry), %error, "a change was not announced"),
            }
        }
    }
}

fn view_id(entry: &Entry) -> ConversationId {
    entry.conversation().id.clone()
}
