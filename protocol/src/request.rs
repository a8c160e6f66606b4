//! What clients ask: one type per event, and the table that binds it to its name.

mod standing;

use chat_core::ids::ClientMessageId;
use chat_core::limits::{CONVERSATIONS_PER_USER_MAX, PARTICIPANTS_MAX};
use chat_core::{ConversationId, ConversationKind, Epoch, MessageId, Seq, UserId};
use serde_json::Value;

use crate::error::{ErrorCode, WireError};
use crate::fields::{Fields, ShapeError, describe};

pub use self::standing::{BanParticipant, MuteConversation, UnbanParticipant, WatchReceipts};

/// Every event that a client may send, with its payload read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `join_conversation`
    JoinConversation(JoinConversation),
    /// `leave_conversation`
    LeaveConversation(ConversationId),
    /// `send_message`
    SendMessage(SendMessage),
    /// `receipt`
    Receipt(Receipt),
    /// `typing`
    Typing(Typing),
    /// `sync`
    Sync(Sync),
    /// `edit_message`
    EditMessage(EditMessage),
    /// `delete_message`
    DeleteMessage(MessageId),
    /// `list_conversations`
    ListConversations,
    /// `create_conversation`
    CreateConversation(CreateConversation),
    /// `add_participants`
    AddParticipants(AddParticipants),
    /// `remove_participant`
    RemoveParticipant(RemoveParticipant),
    /// `mute_conversation`
    MuteConversation(MuteConversation),
    /// `ban_participant`
    BanParticipant(BanParticipant),
    /// `unban_participant`
    UnbanParticipant(UnbanParticipant),
    /// `list_bans`
    ListBans(ConversationId),
    /// `watch_receipts`
    WatchReceipts(WatchReceipts),
    /// `whoami`
    Whoami,
    /// `refresh_token`
    RefreshToken(String),
}

/// Enter a conversation's room, and get what was missed after `after_seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinConversation {
    /// Which.
    pub conversation_id: ConversationId,
    /// The last seq that the client holds; `None`: no missed messages wanted.
    pub after_seq: Option<Seq>,
}

/// Say something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendMessage {
    /// Where.
    pub conversation_id: ConversationId,
    /// What.
    pub content: String,
    /// The sender's own id of it.
    pub client_message_id: Option<ClientMessageId>,
    /// The message that it answers.
    pub reply_to: Option<MessageId>,
    /// For whom; only a service may say.
    pub sender_id: Option<UserId>,
}

/// "I have received, or read, everything up to here."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Where.
    pub conversation_id: ConversationId,
    /// Received up to here.
    pub received: Option<Seq>,
    /// Read up to here; implies received.
    pub read: Option<Seq>,
}

/// Typing began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typing {
    /// Where.
    pub conversation_id: ConversationId,
    /// Began or ended.
    pub typing: bool,
}

/// A page of messages after a seq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sync {
    /// Where.
    pub conversation_id: ConversationId,
    /// After this one.
    pub after_seq: Seq,
    /// At most so many.
    pub limit: Option<u32>,
}

/// A new content for one's own message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditMessage {
    /// Which.
    pub message_id: MessageId,
    /// What it says from now on.
    pub content: String,
}

/// Begin a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateConversation {
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's title.
    pub title: Option<String>,
    /// Who else.
    pub participant_ids: Vec<UserId>,
    /// Its id; only a service may say.
    pub id: Option<ConversationId>,
}

/// More people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddParticipants {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_ids: Vec<UserId>,
}

/// One person less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveParticipant {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
}

/// A request that was read, and how many numbers were taken for ids on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<T> {
    /// What was asked.
    pub value: T,
    /// For `rollcall_coerced_ids_total`.
    pub coerced_ids: u32,
}

impl Request {
    /// The names of all events that a client may send.
    pub const NAMES: [&'static str; 19] = [
        "join_conversation",
        "leave_conversation",
        "send_message",
        "receipt",
        "typing",
        "sync",
        "edit_message",
        "delete_message",
        "list_conversations",
        "create_conversation",
        "add_participants",
        "remove_participant",
        "mute_conversation",
        "ban_participant",
        "unban_participant",
        "list_bans",
        "watch_receipts",
        "whoami",
        "refresh_token",
    ];

    /// `name` as the closed set of metric labels knows it.
    pub fn known_name(name: &str) -> Option<&'static str> {
        Self::NAMES.into_iter().find(|known| *known == name)
    }

    /// Reads the payload of event `name`. `data` is the event's one argument; for the events that take nothing it may be
    /// missing (`null`).
    pub fn decode(name: &str, data: Value) -> Result<Decoded<Self>, WireError> {
        let Some(name) = Self::known_name(name) else {
            return Err(
                WireError::new(ErrorCode::BadRequest, format!("event: {name:.80?} is not known here"))
                    .with_hint(format!("known events: {}", Self::NAMES.join(", "))),
            );
        };
        let takes_nothing = matches!(name, "list_conversations" | "whoami");
        if takes_nothing && data.is_null() {
            let value = if name == "whoami" {
                Request::Whoami
            } else {
                Request::ListConversations
            };
            return Ok(Decoded { value, coerced_ids: 0 });
        }
        let mut fields = Fields::of(data)?;
        let value = Self::read(name, &mut fields)?;
        Ok(Decoded {
            value,
            coerced_ids: fields.coerced(),
        })
    }

    fn read(name: &'static str, fields: &mut Fields) -> Result<Self, ShapeError> {
        Ok(match name {
            "join_conversation" => Request::JoinConversation(JoinConversation {
                conversation_id: fields.id("conversation_id")?,
                after_seq: fields.optional_seq("after_seq")?,
            }),
            "leave_conversation" => Request::LeaveConversation(fields.id("conversation_id")?),
            "send_message" => Request::SendMessage(SendMessage::read(fields)?),
            "receipt" => Request::Receipt(Receipt::read(fields)?),
            "typing" => Request::Typing(Typing {
                conversation_id: fields.id("conversation_id")?,
                typing: fields.boolean("typing")?,
            }),
            "sync" => Request::Sync(Sync::read(fields)?),
            "edit_message" => Request::EditMessage(EditMessage {
                message_id: fields.id("message_id")?,
                content: content(fields)?,
            }),
            "delete_message" => Request::DeleteMessage(fields.id("message_id")?),
            "list_conversations" => Request::ListConversations,
            "create_conversation" => Request::CreateConversation(CreateConversation::read(fields)?),
            "add_participants" => Request::AddParticipants(AddParticipants {
                conversation_id: fields.id("conversation_id")?,
                user_ids: fields.ids("user_ids", PARTICIPANTS_MAX)?,
            }),
            "remove_participant" => Request::RemoveParticipant(RemoveParticipant {
                conversation_id: fields.id("conversation_id")?,
                user_id: fields.id("user_id")?,
            }),
            "mute_conversation" => Request::MuteConversation(MuteConversation::read(fields)?),
            "ban_participant" => Request::BanParticipant(BanParticipant::read(fields)?),
            "unban_participant" => Request::UnbanParticipant(UnbanParticipant::read(fields)?),
            "list_bans" => Request::ListBans(fields.id("conversation_id")?),
            "watch_receipts" => Request::WatchReceipts(WatchReceipts::read(fields)?),
            "whoami" => Request::Whoami,
            _ => Request::RefreshToken(fields.text("token")?),
        })
    }
}

/// What clients of other servers call the files that they send along. They must not vanish as unknown fields do.
const ATTACHMENTS: [&str; 4] = ["attachments", "attachment", "files", "file"];

/// What to do with a file.
pub const LINK_INSTEAD: &str = "upload the file elsewhere and send a link to it as content";

/// Where the text of a message belongs.
const TEXT_IN_CONTENT: &str = "the text of a message is its field content";

/// Reads a message's text; what is wrong with it depends on what came in its place.
pub fn content(fields: &mut Fields) -> Result<String, ShapeError> {
    let is_file = fields.holds_structure("content");
    let hint = if is_file { LINK_INSTEAD } else { TEXT_IN_CONTENT };
    fields.text("content").map_err(|error| error.with_hint(hint))
}

impl SendMessage {
    /// Reads the payload; also the body of `POST messages`.
    pub fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        for field in ATTACHMENTS {
            fields.refuse(field, "nothing: a message is text", LINK_INSTEAD)?;
        }
        Ok(Self {
            conversation_id: fields.id("conversation_id")?,
            content: content(fields)?,
            client_message_id: fields.optional_id("client_message_id")?,
            reply_to: fields.optional_id("reply_to")?,
            sender_id: fields.optional_id("sender_id")?,
        })
    }
}

impl Receipt {
    fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        let conversation_id = fields.id("conversation_id")?;
        Self::of(conversation_id, fields)
    }

    /// Reads the rest; the body of `POST conversations/{id}/receipts`, whose path names the conversation.
    pub fn of(conversation_id: ConversationId, fields: &mut Fields) -> Result<Self, ShapeError> {
        let receipt = Self {
            conversation_id,
            received: fields.optional_seq("received")?,
            read: fields.optional_seq("read")?,
        };
        if receipt.received.is_none() && receipt.read.is_none() {
            return Err(ShapeError::new("received", "received or read, or both", "neither"));
        }
        Ok(receipt)
    }
}

impl Sync {
    fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        let conversation_id = fields.id("conversation_id")?;
        let after_seq = fields.optional_seq("after_seq")?;
        let after_seq = after_seq
            .ok_or_else(|| ShapeError::new("after_seq", "a message number: a whole number from 0 on", "nothing"))?;
        Ok(Self {
            conversation_id,
            after_seq,
            limit: fields.optional_limit("limit")?,
        })
    }
}

impl CreateConversation {
    /// Reads the payload; also the body of `POST conversations`.
    pub fn read(fields: &mut Fields) -> Result<Self, ShapeError> {
        let kind = fields.text("kind")?;
        let kind = match kind.as_str() {
            "direct" => ConversationKind::Direct,
            "group" => ConversationKind::Group,
            _ => {
                return Err(ShapeError::new(
                    "kind",
                    "\"direct\" or \"group\"",
                    describe(&Value::String(kind)),
                ));
            }
        };
        Ok(Self {
            kind,
            title: fields.optional_text("title")?,
            participant_ids: fields.ids("participant_ids", PARTICIPANTS_MAX)?,
            id: fields.optional_id("id")?,
        })
    }
}

/// What a client gives in the `auth` of its CONNECT packet (or, without Socket.IO, in its `hello`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// The token, if it is not in a header or the query.
    pub token: Option<String>,
    /// The last seq held of each conversation.
    pub resume: Vec<(ConversationId, Seq)>,
    /// The epoch that those seqs belong to.
    pub epoch: Option<Epoch>,
    /// "I will send `receipt`."
    pub receipts: bool,
    /// `name/version`.
    pub client: Option<String>,
}

/// The longest `client` that is kept, in characters.
const CLIENT_CHARS_MAX: usize = 64;

impl Hello {
    /// Reads the `auth` object; missing or `null` is an empty one.
    pub fn decode(data: Value) -> Result<Decoded<Self>, WireError> {
        if data.is_null() {
            return Ok(Decoded {
                value: Self::default(),
                coerced_ids: 0,
            });
        }
        let mut fields = Fields::of(data).map_err(|error| ShapeError {
            field: "auth".into(),
            ..error
        })?;
        let value = Self {
            token: fields.optional_text("token")?,
            resume: fields.optional_seq_map("resume", CONVERSATIONS_PER_USER_MAX)?,
            epoch: fields.optional_id("epoch")?,
            receipts: fields.flag("receipts")?,
            client: fields
                .optional_text("client")?
                .map(|name| name.chars().take(CLIENT_CHARS_MAX).collect()),
        };
        Ok(Decoded {
            value,
            coerced_ids: fields.coerced(),
        })
    }
}

#[cfg(test)]
mod tests;
