//! What happens to conversations, for one listener outside: the webhook.
//!
//! Noted where it happens and never waited for: without a listener it costs a look at a pointer, and a listener that cannot keep up
//! loses notices, counted, instead of holding up messages. What waits is bounded in number and in bytes.

mod queue;

use chat_core::{ConversationId, Message, Seq, Sid, UserId};
use rollcall_protocol::event::{Presence, Receipts};
use rollcall_protocol::reply::Delivery;
use serde::Serialize;

pub use self::queue::{Heard, Noted, Notices};

/// Something that happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Notice {
    /// A message was committed and announced.
    Message {
        /// As it was committed.
        message: Message,
        /// Where it went.
        delivery: Delivery,
        /// Whom to tell elsewhere: they were not online, and want to hear of it.
        notify: Box<[Notify]>,
    },
    /// A message was edited or deleted.
    MessageUpdated {
        /// As it is now.
        message: Message,
    },
    /// Cursors moved.
    Receipts(Receipts),
    /// Somebody came or went.
    Presence(Presence),
    /// A message was handed over four times and never confirmed.
    Undelivered {
        /// Where.
        conversation_id: ConversationId,
        /// Which.
        seq: Seq,
        /// By whom.
        user_id: UserId,
        /// At which of their sockets.
        sid: Sid,
    },
}

/// Somebody who was not online when a message came, and wants to hear of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notify {
    /// Who.
    pub user_id: UserId,
    /// The message names them (`@username`).
    pub mentioned: bool,
}

impl Notice {
    /// Its name on the wire.
    pub fn kind(&self) -> NoticeKind {
        match self {
            Notice::Message { .. } => NoticeKind::Message,
            Notice::MessageUpdated { .. } => NoticeKind::MessageUpdated,
            Notice::Receipts(_) => NoticeKind::Receipts,
            Notice::Presence(_) => NoticeKind::Presence,
            Notice::Undelivered { .. } => NoticeKind::Undelivered,
        }
    }
}

/// Kinds of notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// A message was committed.
    Message,
    /// One was edited or deleted.
    MessageUpdated,
    /// Cursors moved.
    Receipts,
    /// Somebody came or went.
    Presence,
    /// One was never confirmed.
    Undelivered,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [NoticeKind; 5] = [
        NoticeKind::Message,
        NoticeKind::MessageUpdated,
        NoticeKind::Receipts,
        NoticeKind::Presence,
        NoticeKind::Undelivered,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Message => "message",
            NoticeKind::MessageUpdated => "message_updated",
            NoticeKind::Receipts => "receipts",
            NoticeKind::Presence => "presence",
            NoticeKind::Undelivered => "undelivered",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn came(user: &str) -> Notice {
        Notice::Presence(Presence {
            user_id: UserId::parse(user).unwrap(),
            online: true,
            last_seen: None,
        })
    }

    #[test]
    fn kinds_are_called_what_they_are_on_the_wire() {
        assert_eq!(came("a").kind().as_str(), "presence");
        let names: Vec<_> = NoticeKind::ALL.map(NoticeKind::as_str).into();
        assert_eq!(
            names,
            ["message", "message_updated", "receipts", "presence", "undelivered"]
        );
    }
}
