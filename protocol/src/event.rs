//! What the server says by itself: events from server to client, and the views that they carry.

use std::collections::BTreeMap;

use chat_core::ports::moderation::Ban;
use chat_core::{
    Conversation, ConversationId, ConversationKind, Epoch, Message, NodeId, ParticipantRole, Role, Seq, Sid, Timestamp,
    User, UserId, ids,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An account as its owner and others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// Lasting id.
    pub id: UserId,
    /// Unique name.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// What the account may do.
    pub role: Role,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.clone(),
            username: user.username.clone(),
            display_name: user.display_name.clone(),
            role: user.role,
        }
    }
}

/// A participant as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantView {
    /// Who.
    pub id: UserId,
    /// Unique name.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// Has a live socket now.
    pub online: bool,
    /// `owner` or `member`.
    #[serde(default = "member")]
    pub role: ParticipantRole,
}

fn member() -> ParticipantRole {
    ParticipantRole::Member
}

/// `Conversation` of the contract: as one participant sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationView {
    /// Lasting id.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// A group's title.
    pub title: Option<String>,
    /// The Socket.IO room of its live messages, in namespace `/`.
    pub room: String,
    /// Everybody in it.
    pub participants: Vec<ParticipantView>,
    /// The newest message's number.
    pub last_seq: Seq,
    /// Received up to here, by this user's own word.
    pub received_seq: Seq,
    /// Read up to here, by this user's own word.
    pub read_seq: Seq,
    /// Others' messages after `read_seq`.
    pub unread: u64,
    /// Those of them that name this user (`@username`).
    #[serde(default)]
    pub mentions: u64,
    /// This user wants no notifications of it, except where they are named.
    #[serde(default)]
    pub muted: bool,
    /// The newest message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<Message>,
}

impl ConversationView {
    /// The view of `conversation` for a user with these cursors; `online` tells who has a live socket.
    pub fn new(conversation: &Conversation, online: impl Fn(&UserId) -> bool) -> Self {
        let participants = conversation.participants.iter().map(|p| ParticipantView {
            id: p.user_id.clone(),
            username: p.username.clone(),
            display_name: p.display_name.clone(),
            online: online(&p.user_id),
            role: p.role,
        });
        Self {
            id: conversation.id.clone(),
            kind: conversation.kind,
            title: conversation.title.clone(),
            room: ids::conversation_room(&conversation.id),
            participants: participants.collect(),
            last_seq: conversation.last_seq,
            received_seq: Seq::ZERO,
            read_seq: Seq::ZERO,
            unread: 0,
            mentions: 0,
            muted: false,
            last_message: None,
        }
    }

    /// The same with what the store knows of this user in it.
    pub fn of_user(seen: &chat_core::conversation::ConversationOfUser, online: impl Fn(&UserId) -> bool) -> Self {
        Self {
            received_seq: seen.received_seq,
            read_seq: seen.read_seq,
            unread: seen.unread,
            mentions: seen.mentions,
            muted: seen.muted,
            last_message: seen.last_message.clone(),
            ..Self::new(&seen.conversation, online)
        }
    }
}

/// Why a conversation was not resumed message by message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotResumed {
    /// More than 1,000 messages were missed: reload by REST.
    TooFarBehind,
    /// The database is another one than the client's seqs came from: reload by REST.
    EpochChanged,
    /// The user is not in this conversation.
    NotParticipant,
    /// The client claims to hold a seq that does not exist yet.
    Ahead,
}

/// What became of one conversation of `resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// The missed messages follow, then live ones.
    pub recovered: bool,
    /// How many follow.
    pub messages: u64,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<NotResumed>,
}

/// `session`: the first event on every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// This socket.
    pub sid: Sid,
    /// Always `/` here.
    pub namespace: String,
    /// The process that holds this socket.
    pub node_id: NodeId,
    /// The database's own id.
    pub epoch: Epoch,
    /// Who one is.
    pub user: UserView,
    /// The server's clock.
    pub server_time: Timestamp,
    /// Every conversation that the socket was joined to.
    pub conversations: Vec<ConversationView>,
    /// What became of each conversation of `resume`.
    pub resume: BTreeMap<ConversationId, Resumed>,
}

/// `receipts`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipts {
    /// Where.
    pub conversation_id: ConversationId,
    /// Whose cursors moved.
    pub users: Vec<Cursor>,
}

/// How far one user is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Who.
    pub user_id: UserId,
    /// Received up to here.
    pub received: Seq,
    /// Read up to here.
    pub read: Seq,
}

/// `typing`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypingNotice {
    /// Where.
    pub conversation_id: ConversationId,
    /// Who.
    pub user_id: UserId,
    /// Began or ended.
    pub typing: bool,
}

/// `presence`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who.
    pub user_id: UserId,
    /// Has a live socket.
    pub online: bool,
    /// When the last one closed; absent while online or when there never was one.
    pub last_seen: Option<Timestamp>,
}

/// `conversation_removed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRemoved {
    /// Which.
    pub conversation_id: ConversationId,
    /// Why.
    #[serde(default)]
    pub reason: RemovedReason,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// Why somebody was banned, in the words of whoever did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why a conversation is not somebody's any more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RemovedReason {
    /// They left, here or on another of their devices.
    Left,
    /// Somebody removed them; they can be added again.
    #[default]
    Removed,
    /// Somebody banned them.
    Banned,
}

/// Somebody who may not be in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanView {
    /// Who.
    pub user_id: UserId,
    /// Unique name.
    pub username: String,
    /// What others see.
    pub display_name: String,
    /// By whom.
    pub by: UserId,
    /// Why, in their words.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

impl From<&Ban> for BanView {
    fn from(ban: &Ban) -> Self {
        Self {
            user_id: ban.user.id.clone(),
            username: ban.user.username.clone(),
            display_name: ban.user.display_name.clone(),
            by: ban.by.clone(),
            reason: ban.reason.clone(),
            at: ban.at,
        }
    }
}

/// `probe`: answer its acknowledgement with `{sid}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The probe's own id.
    pub probe_id: String,
    /// The room that it was sent to.
    pub room: String,
}

/// `token_expiring`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenExpiring {
    /// When the socket will be closed unless `refresh_token` comes first.
    pub expires_at: Timestamp,
}

/// `server_shutdown`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerShutdown {
    /// Milliseconds after which it is worth connecting again.
    pub retry_after_ms: u64,
}

/// The names of the events that the server sends.
pub mod name {
    /// [`super::Session`]
    pub const SESSION: &str = "session";
    /// [`chat_core::Message`]
    pub const NEW_MESSAGE: &str = "new_message";
    /// [`chat_core::Message`]
    pub const MESSAGE_UPDATED: &str = "message_updated";
    /// [`super::Receipts`]
    pub const RECEIPTS: &str = "receipts";
    /// Conversation id → last seq
    pub const HEADS: &str = "heads";
    /// [`super::TypingNotice`]
    pub const TYPING: &str = "typing";
    /// [`super::Presence`]
    pub const PRESENCE: &str = "presence";
    /// [`super::ConversationView`]
    pub const CONVERSATION_UPDATED: &str = "conversation_updated";
    /// [`super::ConversationRemoved`]
    pub const CONVERSATION_REMOVED: &str = "conversation_removed";
    /// [`super::Probe`]
    pub const PROBE: &str = "probe";
    /// [`super::TokenExpiring`]
    pub const TOKEN_EXPIRING: &str = "token_expiring";
    /// `{ok: false, error, event}`
    pub const ERROR: &str = "error";
    /// [`super::ServerShutdown`]
    pub const SERVER_SHUTDOWN: &str = "server_shutdown";

    /// Every name, for the closed set of metric labels.
    pub const ALL: [&str; 13] = [
        SESSION,
        NEW_MESSAGE,
        MESSAGE_UPDATED,
        RECEIPTS,
        HEADS,
        TYPING,
        PRESENCE,
        CONVERSATION_UPDATED,
        CONVERSATION_REMOVED,
        PROBE,
        TOKEN_EXPIRING,
        ERROR,
        SERVER_SHUTDOWN,
    ];
}

/// An event as a client reads it. What this client does not know stays readable as [`ServerEvent::Other`].
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the event of its name")]
pub enum ServerEvent {
    Session(Box<Session>),
    NewMessage(Message),
    MessageUpdated(Message),
    Receipts(Receipts),
    Heads(BTreeMap<ConversationId, Seq>),
    Typing(TypingNotice),
    Presence(Presence),
    ConversationUpdated(Box<ConversationView>),
    ConversationRemoved(ConversationRemoved),
    Probe(Probe),
    TokenExpiring(TokenExpiring),
    Error(crate::reply::Refused),
    ServerShutdown(ServerShutdown),
    Other { event: String, data: Value },
}

impl ServerEvent {
    /// Reads an event by its name. A known event whose payload does not fit is an error that names it; an unknown one is
    /// [`ServerEvent::Other`].
    pub fn decode(event: &str, data: Value) -> Result<Self, serde_json::Error> {
        use serde_json::from_value as read;
        Ok(match event {
            name::SESSION => Self::Session(Box::new(read(data)?)),
            name::NEW_MESSAGE => Self::NewMessage(read(data)?),
            name::MESSAGE_UPDATED => Self::MessageUpdated(read(data)?),
            name::RECEIPTS => Self::Receipts(read(data)?),
            name::HEADS => Self::Heads(read(data)?),
            name::TYPING => Self::Typing(read(data)?),
            name::PRESENCE => Self::Presence(read(data)?),
            name::CONVERSATION_UPDATED => Self::ConversationUpdated(Box::new(read(data)?)),
            name::CONVERSATION_REMOVED => Self::ConversationRemoved(read(data)?),
            name::PROBE => Self::Probe(read(data)?),
            name::TOKEN_EXPIRING => Self::TokenExpiring(read(data)?),
            name::ERROR => Self::Error(read(data)?),
            name::SERVER_SHUTDOWN => Self::ServerShutdown(read(data)?),
            _ => Self::Other {
                event: event.to_owned(),
                data,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_core::MessageId;
    use serde_json::json;

    use super::*;

    fn message() -> Message {
        Message {
            id: MessageId::parse("m1").unwrap(),
            conversation_id: ConversationId::parse("c1").unwrap(),
            seq: Seq(7),
            sender_id: UserId::parse("u1").unwrap(),
            sender_name: Arc::from("Alice"),
            content: Arc::from("hi \u{0} 👋"),
            created_at: Timestamp::from_millis(1_790_000_000_007),
            client_message_id: None,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
        }
    }

    #[test]
    fn a_message_on_the_wire() {
        assert_eq!(
            serde_json::to_value(message()).unwrap(),
            json!({
                "id": "m1", "conversation_id": "c1", "seq": 7, "sender_id": "u1", "sender_name": "Alice",
                "content": "hi \u{0} 👋", "created_at": "2026-09-21T14:13:20.007Z", "client_message_id": null,
                "reply_to": null, "edited_at": null, "deleted_at": null
            })
        );
    }

    #[test]
    fn events_read_back_and_unknown_ones_stay_readable() {
        let data = serde_json::to_value(message()).unwrap();
        assert_eq!(
            ServerEvent::decode("new_message", data).unwrap(),
            ServerEvent::NewMessage(message())
        );
        let other = ServerEvent::decode("confetti", json!(1)).unwrap();
        assert_eq!(
            other,
            ServerEvent::Other {
                event: "confetti".into(),
                data: json!(1)
            }
        );
        assert!(ServerEvent::decode("new_message", json!(null)).is_err());
    }
}
