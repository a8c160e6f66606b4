//! What operators ask about a person or a conversation: where they are, what they missed and why.

use chat_core::conversation::{ConversationOfUser, ParticipantRole};
use chat_core::explain::{Cause, Status};
use chat_core::ids::CONVERSATION_ROOM_PREFIX;
use chat_core::ports::PageFrom;
use chat_core::{Conversation, ConversationId, Message, MessageId, Seq, Timestamp, User, UserId};
use rollcall_protocol::WireError;
use rollcall_protocol::event::{BanView, ConversationView};
use serde::Serialize;

use super::Chat;
use super::refusal::from_store;

/// Conversations in which the cause is looked for, of one user: each costs a few reads, and somebody waits.
const MISSED_IN_MAX: usize = 20;

/// Messages of one conversation that a user has not confirmed, and why the first of them did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// Where.
    pub conversation_id: ConversationId,
    /// Its title.
    pub title: Option<String>,
    /// The first of them.
    pub message_id: MessageId,
    /// Its number.
    pub first_seq: Seq,
    /// The newest one's number.
    pub last_seq: Seq,
    /// How many they are.
    pub messages: u64,
    /// When the first of them was committed.
    pub since: Timestamp,
    /// What became of the first of them.
    pub status: Status,
    /// Why.
    pub cause: Option<Cause>,
    /// The same in words.
    pub summary: String,
}

/// A participant as operators see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParticipantState {
    /// Who.
    pub user_id: UserId,
    /// Their unique name.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// Has a live socket.
    pub online: bool,
    /// Received everything up to here, by their clients' word.
    pub received_seq: Seq,
    /// Read everything up to here.
    pub read_seq: Seq,
    /// Since when they are in it.
    pub joined_at: Timestamp,
    /// What they may change in it.
    pub role: ParticipantRole,
    /// They want no notifications of it, except where they are named.
    pub muted: bool,
}

impl Chat {
    /// Every conversation of a user, with how far they are.
    pub async fn conversations_seen_by(&self, user: &UserId) -> Result<Vec<ConversationOfUser>, WireError> {
        self.save_cursors_of(user).await;
        let seen = self.ports.conversations.conversations_of(user).await;
        seen.map_err(|error| from_store(&error))
    }

    /// What a user has not confirmed, conversation by conversation, the one with the newest message first; without what only
    /// waits for its receipt.
    pub async fn missed_by(&self, user: &User, seen: &[ConversationOfUser]) -> Result<Vec<Missed>, WireError> {
        let behind = seen.iter().filter_map(|seen| Some((seen, first_missed(user, seen)?)));
        let mut missed = Vec::new();
        for (seen, after) in behind.take(MISSED_IN_MAX) {
            let id = &seen.conversation.id;
            let page = self.ports.log.page(id, PageFrom::After(after), 1).await;
            let Some(first) = page.map_err(|error| from_store(&error))?.items.into_iter().next() else {
                continue;
            };
            let explained = self.explain_message(&first.id, &user.id).await?;
            if matches!(explained.verdict, Status::Delivered | Status::Read | Status::Sent) {
                continue;
            }
            missed.push(Missed {
                conversation_id: id.clone(),
                title: seen.conversation.title.clone(),
                message_id: first.id,
                first_seq: first.seq,
                last_seq: seen.conversation.last_seq,
                messages: seen.conversation.last_seq.0.saturating_sub(after.0),
                since: first.created_at,
                status: explained.verdict,
                cause: explained.cause,
                summary: explained.summary,
            });
        }
        Ok(missed)
    }

    /// What a conversation's room is called: the title, or who is in it. Only of conversations in use, so that nothing is read.
    pub fn room_name(&self, room: &str) -> Option<String> {
        let id = ConversationId::parse(room.strip_prefix(CONVERSATION_ROOM_PREFIX)?).ok()?;
        let conversation = self.directory.cached(&id)?.conversation();
        Some(conversation.title.clone().unwrap_or_else(|| {
            let names = conversation.participants.iter().take(3);
            names.map(|one| one.username.as_str()).collect::<Vec<_>>().join(", ")
        }))
    }

    /// A message for somebody who may see every one.
    pub async fn message_for_operators(&self, id: &MessageId) -> Result<Option<Message>, WireError> {
        self.ports.log.message(id).await.map_err(|error| from_store(&error))
    }

    /// A conversation for somebody who may see every one.
    pub async fn conversation_for_operators(
        &self,
        id: &ConversationId,
    ) -> Result<Option<(ConversationView, Vec<ParticipantState>)>, WireError> {
        let entry = self.directory.get(id).await.map_err(|error| from_store(&error))?;
        let Some(entry) = entry else { return Ok(None) };
        let conversation: std::sync::Arc<Conversation> = entry.conversation();
        let cursors = entry.cursors(&*self.ports.deliveries).await;
        let cursors = cursors.map_err(|error| from_store(&error))?;
        let state = |participant: &chat_core::Participant| {
            let (received_seq, read_seq) = cursors.of(&participant.user_id);
            ParticipantState {
                user_id: participant.user_id.clone(),
                username: participant.username.clone(),
                display_name: participant.display_name.clone(),
                online: self.hub.is_online(&participant.user_id),
                received_seq,
                read_seq,
                joined_at: participant.joined_at,
                role: participant.role,
                muted: participant.muted,
            }
        };
        let participants = conversation.participants.iter().map(state).collect();
        let view = ConversationView {
            last_seq: entry.head(),
            ..ConversationView::new(&conversation, |id| self.hub.is_online(id))
        };
        Ok(Some((view, participants)))
    }
}

impl Chat {
    /// Who is banned from a conversation, the newest first, for somebody who may see every one.
    pub async fn bans_for_operators(&self, id: &ConversationId) -> Result<Vec<BanView>, WireError> {
        let bans = self.ports.moderation.bans(id).await;
        let bans = bans.map_err(|error| from_store(&error))?;
        Ok(bans.iter().map(BanView::from).collect())
    }
}

/// The seq after which messages were meant for the user that they have not confirmed.
fn first_missed(user: &User, seen: &ConversationOfUser) -> Option<Seq> {
    let own = seen.conversation.participants.iter().find(|p| p.user_id == user.id);
    let joined = own.map_or(Seq::ZERO, |own| own.joined_seq);
    let after = seen.received_seq.max(joined);
    (after < seen.conversation.last_seq).then_some(after)
}
