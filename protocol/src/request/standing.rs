//! Muting, banning and lifting bans; and services that want receipts.

use chat_core::conversation::parse_reason;
use chat_core::{ConversationId, UserId};

use crate::fields::{Fields, ShapeError};

/// "No notifications of this conversation", or yes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteConversation {
    /// Which.
    pub conversation_id: ConversationId,
    /// Mute or unmute.
    pub muted: bool,
}

/// Somebody may not be in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BanParticipant {
    /// Which.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// Why: shown to them and to whoever lists the bans.
    pub reason: Option<String>,
}

/// Somebody may be added again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnbanParticipant {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
}

/// A service wants the receipts of conversations that it is no participant of, or no more of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchReceipts {
    /// Of these.
    pub conversation_ids: Vec<ConversationId>,
    /// Of all that it made, now and later; `None`: as it was.
    pub created: Option<bool>,
    /// Begin or end.
    pub watch: bool,
}

/// Conversations that one event names: each is looked up.
const WATCHED_PER_EVENT_MAX: usize = 200;

impl WatchReceipts {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        let wish = Self {
            conversation_ids: if fields.has("conversation_ids") {
                fields.ids("conversation_ids", WATCHED_PER_EVENT_MAX)?
            } else {
                Vec::new()
            },
            created: fields.has("created").then(|| fields.boolean("created")).transpose()?,
            watch: !fields.has("watch") || fields.boolean("watch")?,
        };
        if wish.conversation_ids.is_empty() && wish.created.is_none() {
            let expected = "conversation_ids or created, or both";
            return Err(ShapeError::new("conversation_ids", expected, "neither"));
        }
        Ok(wish)
    }
}

impl MuteConversation {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        Ok(Self {
            conversation_id: fields.id("conversation_id")?,
            muted: fields.boolean("muted")?,
        })
    }
}

impl BanParticipant {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        let conversation_id = fields.id("conversation_id")?;
        Self::of(conversation_id, fields)
    }

    /// Reads the rest; the body of `POST conversations/{id}/bans`, whose path names the conversation.
    pub fn of(conversation_id: ConversationId, fields: &mut Fields) -> Result<Self, ShapeError> {
        let user_id = fields.id("user_id")?;
        let reason = fields.optional_text("reason")?;
        let reason = reason
            .map(|text| {
                parse_reason(&text).map_err(|error| {
                    let got = format!("{} characters", text.chars().count());
                    ShapeError::new("reason", error.to_string(), got)
                })
            })
            .transpose()?;
        Ok(Self {
            conversation_id,
            user_id,
            reason,
        })
    }
}

impl UnbanParticipant {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        Ok(Self {
            conversation_id: fields.id("conversation_id")?,
            user_id: fields.id("user_id")?,
        })
    }
}
