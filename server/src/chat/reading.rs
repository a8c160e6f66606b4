//! How far everybody is, for those who ask without a socket.

use chat_core::{ConversationId, Role, UserId};
use rollcall_protocol::event::{ConversationView, Cursor, Receipts};
use rollcall_protocol::request::Receipt;
use rollcall_protocol::{ErrorCode, WireError};

use super::refusal::from_store;
use super::{Actor, Chat};

impl Chat {
    /// How far every participant is, by user id.
    pub async fn receipts(&self, actor: &Actor, id: &ConversationId) -> Result<Receipts, WireError> {
        let entry = self.entry_for(actor, id).await?;
        let cursors = entry.cursors(&*self.ports.deliveries).await;
        let cursors = cursors.map_err(|error| from_store(&error))?;
        let conversation = entry.conversation();
        let users = conversation.participants.iter().map(|p| {
            let (received, read) = cursors.of(&p.user_id);
            Cursor {
                user_id: p.user_id.clone(),
                received,
                read,
            }
        });
        Ok(Receipts {
            conversation_id: id.clone(),
            users: users.collect(),
        })
    }

    /// Takes a receipt that comes without a socket: it moves the user's cursors, and confirms nothing at any of their sockets. A
    /// service says for whom.
    pub async fn mark_read(
        &self,
        actor: &Actor,
        named: Option<UserId>,
        receipt: &Receipt,
    ) -> Result<ConversationView, WireError> {
        self.refuse_when_closing()?;
        let id = &receipt.conversation_id;
        let entry = self.entry_for(actor, id).await?;
        let user = reader(actor, named)?;
        if !entry.conversation().has(&user) {
            return Err(match actor.role {
                Role::Service => WireError::new(
                    ErrorCode::NotParticipant,
                    format!("user_id: {user} is not a participant of {id}"),
                ),
                _ => self.outsider(actor.id(), id).await,
            });
        }
        self.advance(&entry, &user, None, receipt).await?;
        self.view(&entry, &user).await
    }
}

/// Whose cursor: a service must say, nobody else may name another.
fn reader(actor: &Actor, named: Option<UserId>) -> Result<UserId, WireError> {
    match (actor.role, named) {
        (Role::Service, Some(named)) => Ok(named),
        (Role::Service, None) => Err(WireError::new(
            ErrorCode::BadRequest,
            "user_id: expected the id of the user who has read, got nothing",
        )),
        (_, Some(named)) if named != *actor.id() => Err(WireError::new(
            ErrorCode::Forbidden,
            "user_id: only a service says what others have read",
        )
        .with_hint("leave user_id out")),
        _ => Ok(actor.id().clone()),
    }
}
