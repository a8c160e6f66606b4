//! Notices on their way to the listener.
//!
//! In two steps. A message is noted before its sender is answered, so that costs no more than a look for a place: whom to notify of it
//! is found by the listener's task, at once. What then waits for the other server holds no conversation any more, and its bytes count.

use std::mem::size_of;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use chat_core::{Conversation, Message, Timestamp};
use rollcall_protocol::event::Cursor;
use rollcall_protocol::reply::Delivery;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::{Notice, NoticeKind, Notify};
use crate::limits::{NOTICES_ARRIVING_MAX, WEBHOOK_QUEUE_BYTES_MAX, WEBHOOK_QUEUE_MAX};

/// A notice with its time.
#[derive(Debug)]
pub struct Noted {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub notice: Notice,
    /// Among whom those are whom to notify of a message, until they are found.
    among: Option<Arc<Conversation>>,
    /// Its share of the bytes that may wait.
    share: OwnedSemaphorePermit,
}

/// Names and ids beside what is counted one by one.
const WORDS_BYTES: usize = 256;

impl Notice {
    /// What it holds in memory, or a little more.
    fn bytes(&self) -> usize {
        let more = match self {
            Notice::Message { message, notify, .. } => message.content.len() + size_of_val(&**notify),
            Notice::MessageUpdated { message } => message.content.len(),
            Notice::Receipts(receipts) => receipts.users.capacity() * size_of::<Cursor>(),
            Notice::Presence(_) | Notice::Undelivered { .. } => 0,
        };
        size_of::<Noted>() + WORDS_BYTES + more
    }
}

/// The listener's end.
#[derive(Debug)]
pub struct Heard {
    /// What happened just now, for [`Notices::keep`].
    pub arriving: mpsc::Receiver<Noted>,
    /// What is to be told, in order.
    pub kept: mpsc::Receiver<Noted>,
}

#[derive(Debug)]
struct Listener {
    kinds: Vec<NoticeKind>,
    arriving: mpsc::Sender<Noted>,
    kept: mpsc::Sender<Noted>,
    /// Bytes that are free.
    room: Arc<Semaphore>,
}

impl Listener {
    fn share(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(bytes).ok()
    }
}

/// Where notices are put.
#[derive(Debug, Default)]
pub struct Notices {
    listener: OnceLock<Listener>,
    lost: AtomicU64,
}

impl Notices {
    /// From now on `kinds` are heard by whoever reads what is returned; the first listener is the only one.
    pub fn listen(&self, kinds: Vec<NoticeKind>) -> Option<Heard> {
        self.listen_within(kinds, WEBHOOK_QUEUE_MAX, WEBHOOK_QUEUE_BYTES_MAX)
    }

    fn listen_within(&self, kinds: Vec<NoticeKind>, places: usize, bytes: usize) -> Option<Heard> {
        let (arriving, heard) = mpsc::channel(NOTICES_ARRIVING_MAX.min(places));
        let (kept, queue) = mpsc::channel(places);
        let listener = Listener {
            kinds,
            arriving,
            kept,
            room: Arc::new(Semaphore::new(bytes)),
        };
        let heard = Heard {
            arriving: heard,
            kept: queue,
        };
        self.listener.set(listener).ok().map(|()| heard)
    }

    /// Something happened at `at`; `notice` is made only if somebody wants this kind and there is a place for it.
    pub fn note(&self, kind: NoticeKind, at: Timestamp, notice: impl FnOnce() -> Notice) {
        self.put(kind, at, || (notice(), None));
    }

    /// A message was announced to a conversation as it was then; whom to notify of it is found by the listener.
    pub fn note_message(&self, at: Timestamp, said: impl FnOnce() -> (Message, Delivery, Arc<Conversation>)) {
        self.put(NoticeKind::Message, at, || {
            let (message, delivery, among) = said();
            let notice = Notice::Message {
                message,
                delivery,
                notify: Box::default(),
            };
            (notice, Some(among))
        });
    }

    fn put(&self, kind: NoticeKind, at: Timestamp, made: impl FnOnce() -> (Notice, Option<Arc<Conversation>>)) {
        let Some(listener) = self.listener.get().filter(|listener| listener.kinds.contains(&kind)) else {
            return;
        };
        let Ok(place) = listener.arriving.try_reserve() else {
            return self.lose();
        };
        let (notice, among) = made();
        let Some(share) = listener.share(notice.bytes()) else {
            return self.lose();
        };
        place.send(Noted {
            at,
            notice,
            among,
            share,
        });
    }

    /// Finds whom to notify, and gives the notice its place among those that wait to be told.
    pub fn keep(&self, mut noted: Noted, whom: impl FnOnce(&Conversation, &Message) -> Box<[Notify]>) {
        let Some(listener) = self.listener.get() else { return };
        if let Some(among) = noted.among.take()
            && let Notice::Message { message, notify, .. } = &mut noted.notice
        {
            *notify = whom(&among, message);
            let Some(more) = listener.share(size_of_val(&**notify)) else {
                return self.lose();
            };
            noted.share.merge(more);
        }
        if listener.kept.try_send(noted).is_err() {
            self.lose();
        }
    }

    fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Notices that wait in the queue.
    pub fn waiting(&self) -> usize {
        let taken = |sender: &mpsc::Sender<Noted>| sender.max_capacity() - sender.capacity();
        let listener = self.listener.get();
        listener.map_or(0, |listener| taken(&listener.arriving) + taken(&listener.kept))
    }

    /// Notices that found no place.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use chat_core::{ConversationId, ConversationKind, MessageId, Participant, ParticipantRole, Seq, UserId};

    use super::super::tests::came;
    use super::*;

    fn crowd(people: usize) -> Arc<Conversation> {
        let participant = |n| Participant {
            user_id: UserId::parse(format!("user-{n}")).unwrap(),
            username: format!("user-{n}"),
            display_name: format!("user-{n}"),
            role: ParticipantRole::Member,
            joined_at: Timestamp::from_millis(0),
            joined_seq: Seq::ZERO,
            muted: false,
        };
        Arc::new(Conversation {
            id: ConversationId::parse("c").unwrap(),
            kind: ConversationKind::Group,
            title: None,
            created_at: Timestamp::from_millis(0),
            created_by: None,
            last_seq: Seq::ZERO,
            participants: (0..people).map(participant).collect(),
        })
    }

    fn message(bytes: usize) -> Message {
        Message {
            id: MessageId::parse("m").unwrap(),
            conversation_id: ConversationId::parse("c").unwrap(),
            seq: Seq(1),
            sender_id: UserId::parse("user-0").unwrap(),
            sender_name: Arc::from("user-0"),
            content: "x".repeat(bytes).into(),
            created_at: Timestamp::from_millis(0),
            client_message_id: None,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
        }
    }

    fn everybody(among: &Conversation, _: &Message) -> Box<[Notify]> {
        let people = among.participants.iter();
        people
            .map(|p| Notify {
                user_id: p.user_id.clone(),
                mentioned: false,
            })
            .collect()
    }

    #[tokio::test]
    async fn only_what_is_wanted_is_made_and_what_finds_no_place_is_counted_and_not_made() {
        let notices = Notices::default();
        let at = Timestamp::from_millis(1);
        notices.note(NoticeKind::Presence, at, || panic!("nobody listens"));
        let mut heard = notices.listen_within(vec![NoticeKind::Presence], 1, 1 << 20).unwrap();
        assert!(notices.listen(Vec::new()).is_none());
        notices.note(NoticeKind::Message, at, || panic!("nobody wants it"));
        notices.note_message(at, || panic!("nobody wants it"));
        notices.note(NoticeKind::Presence, at, || came("a"));
        notices.note(NoticeKind::Presence, at, || panic!("there is no place for it"));
        assert_eq!((notices.lost(), notices.waiting()), (1, 1));
        notices.keep(heard.arriving.recv().await.unwrap(), everybody);
        notices.note(NoticeKind::Presence, at, || came("b"));
        notices.keep(heard.arriving.recv().await.unwrap(), everybody);
        assert_eq!((notices.lost(), notices.waiting()), (2, 1));
        let told = heard.kept.recv().await.unwrap();
        let json = serde_json::to_value(told.notice).unwrap();
        assert_eq!(
            (&json["type"], &json["data"]["user_id"]),
            (&"presence".into(), &"a".into())
        );
    }

    #[tokio::test]
    async fn whatever_waits_for_a_server_that_is_down_is_bounded_in_bytes() {
        // The worst of each kind: most of a crowd offline, long messages, a crowd's receipts, and many small ones.
        let (crowd, few) = (crowd(5_000), crowd(3));
        let at = Timestamp::from_millis(1);
        for (among, bytes, count) in [(&crowd, 100, 1_000), (&few, 1 << 20, 200), (&few, 100, 11_000)] {
            let notices = Notices::default();
            let mut heard = notices.listen(vec![NoticeKind::Message, NoticeKind::Receipts]).unwrap();
            for _ in 0..count {
                notices.note_message(at, || (message(bytes), Delivery::default(), Arc::clone(among)));
                if let Ok(noted) = heard.arriving.try_recv() {
                    notices.keep(noted, everybody);
                }
            }
            assert_eq!(Arc::strong_count(among), 1, "what waits keeps no conversation alive");
            let (mut held, mut waited) = (0, 0);
            while let Ok(noted) = heard.kept.try_recv() {
                let Notice::Message { message, notify, .. } = &noted.notice else {
                    panic!()
                };
                held += size_of::<Noted>() + message.content.len() + notify.len() * size_of::<Notify>();
                waited += 1;
            }
            assert_eq!(notices.lost(), count - waited, "and what found no place is counted");
            assert!(held <= WEBHOOK_QUEUE_BYTES_MAX, "{held} bytes of {waited} notices");
            assert!(waited <= WEBHOOK_QUEUE_MAX as u64);
            assert!(waited > 30, "{waited}: enough of them for a moment's trouble");
            let room = &notices.listener.get().unwrap().room;
            assert_eq!(
                room.available_permits(),
                WEBHOOK_QUEUE_BYTES_MAX,
                "what was told is not counted any more"
            );
        }
    }
}
