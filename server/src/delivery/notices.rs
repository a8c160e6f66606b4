//! What happens to conversations, for one listener outside: the webhook.
//!
//! Noted where it happens and never waited for: without a listener it costs a look at a pointer, and a listener that cannot keep up
//! loses notices, counted, instead of holding up messages.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::{ConversationId, Message, Seq, Sid, Timestamp, UserId};
use rollcall_protocol::event::{Presence, Receipts};
use rollcall_protocol::reply::Delivery;
use serde::Serialize;
use tokio::sync::mpsc;

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
        notify: Vec<Notify>,
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

/// A notice with its time.
pub type Noted = (Timestamp, Notice);

/// Where notices are put.
#[derive(Debug, Default)]
pub struct Notices {
    listener: OnceLock<(mpsc::Sender<Noted>, Vec<NoticeKind>)>,
    lost: AtomicU64,
}

impl Notices {
    /// From now on `kinds` are heard by whoever reads the queue, of so many places; the first listener is the only one.
    pub fn listen(&self, kinds: Vec<NoticeKind>, places: usize) -> Option<mpsc::Receiver<Noted>> {
        let (sender, receiver) = mpsc::channel(places);
        self.listener.set((sender, kinds)).ok().map(|()| receiver)
    }

    /// Something happened at `at`; `notice` is made only if somebody wants this kind.
    pub fn note(&self, kind: NoticeKind, at: Timestamp, notice: impl FnOnce() -> Notice) {
        let Some((sender, kinds)) = self.listener.get() else {
            return;
        };
        if kinds.contains(&kind) && sender.try_send((at, notice())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notices that wait in the queue.
    pub fn waiting(&self) -> usize {
        let listener = self.listener.get();
        listener.map_or(0, |(sender, _)| sender.max_capacity() - sender.capacity())
    }

    /// Notices that found no place.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(user: &str) -> Notice {
        Notice::Presence(Presence {
            user_id: UserId::parse(user).unwrap(),
            online: true,
            last_seen: None,
        })
    }

    #[tokio::test]
    async fn only_what_is_wanted_is_made_and_what_finds_no_place_is_counted() {
        let notices = Notices::default();
        let at = Timestamp::from_millis(1);
        notices.note(NoticeKind::Presence, at, || panic!("nobody listens"));
        let mut heard = notices.listen(vec![NoticeKind::Presence], 1).unwrap();
        assert!(notices.listen(Vec::new(), 1).is_none());
        notices.note(NoticeKind::Message, at, || panic!("nobody wants it"));
        notices.note(NoticeKind::Presence, at, || came("a"));
        notices.note(NoticeKind::Presence, at, || came("b"));
        assert_eq!((notices.lost(), notices.waiting()), (1, 1));
        let (_, notice) = heard.recv().await.unwrap();
        let json = serde_json::to_value(notice).unwrap();
        assert_eq!(
            (&json["type"], &json["data"]["user_id"]),
            (&"presence".into(), &"a".into())
        );
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
