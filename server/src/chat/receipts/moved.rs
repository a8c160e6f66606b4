//! Cursors between a receipt and the store, and between a receipt and those who are told of it.

use std::collections::{HashMap, HashSet};

use chat_core::delivery::Cursor;
use chat_core::ports::DeliveryLog;
use chat_core::{ConversationId, Seq, UserId};
use parking_lot::Mutex;

use crate::hub::{LiveSocket, Place};

// Looked into at each receipt, hence the quicker hash, as for lanes.
type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// Whose cursors moved in a conversation, and by which of their sockets.
pub(super) type Movers = Map<UserId, Mover>;

/// Cursors that moved and are not in the store yet.
#[derive(Default)]
struct Unsaved {
    moved: Map<(ConversationId, UserId), (Seq, Seq)>,
    /// Whose cursors are on their way to the store: whoever reads theirs there waits for it.
    on_their_way: HashSet<UserId>,
}

impl Unsaved {
    /// Moves a cursor that is to be stored forward. Receipts of one user that come together are noted in any order.
    fn keep_furthest(&mut self, place: (ConversationId, UserId), (received, read): (Seq, Seq)) {
        let furthest = self.moved.entry(place).or_default();
        *furthest = (furthest.0.max(received), furthest.1.max(read));
    }

    fn concerns(&self, only: Option<&UserId>) -> bool {
        match only {
            None => !self.moved.is_empty(),
            Some(user) => self.on_their_way.contains(user) || self.moved.keys().any(|(_, moved)| moved == user),
        }
    }
}

/// Cursors that moved and are not stored, or not told, yet. Bounded by participants: each is in it once.
#[derive(Default)]
pub struct MovedCursors {
    unsaved: Mutex<Unsaved>,
    untold: Mutex<Map<ConversationId, Movers>>,
    /// Whose cursors moved while the session of one of their sockets was being made.
    late: Mutex<Map<ConversationId, HashSet<UserId>>>,
    // One writer at a time: a batch that failed is put back before the next one is taken.
    saving: tokio::sync::Mutex<()>,
}

/// Cursors on their way to the store. Those that did not come there, be it that whoever wanted them stored is gone, wait again.
struct OnTheirWay<'a> {
    cursors: Vec<Cursor>,
    unsaved: &'a Mutex<Unsaved>,
}

impl Drop for OnTheirWay<'_> {
    fn drop(&mut self) {
        let mut unsaved = self.unsaved.lock();
        for cursor in self.cursors.drain(..) {
            let place = (cursor.conversation_id, cursor.user_id);
            unsaved.keep_furthest(place, (cursor.received, cursor.read));
        }
        unsaved.on_their_way.clear();
    }
}

/// Which of a user's sockets moved a cursor since it was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mover {
    /// This one alone: it knows. Should another of that user's sockets be in its place since, its `session` said where the cursor is.
    One(Place),
    /// More than one: none of them knows all of it.
    Several,
}

impl MovedCursors {
    pub(super) fn note(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        by: Option<&LiveSocket>,
        received: Seq,
        read: Seq,
    ) {
        let place = (conversation.clone(), user.clone());
        self.unsaved.lock().keep_furthest(place, (received, read));
        let mut untold = self.untold.lock();
        let movers = untold.entry(conversation.clone()).or_default();
        match movers.get_mut(user) {
            Some(Mover::One(place)) if by.is_some_and(|socket| *place == Place::of(socket)) => {}
            Some(mover) => *mover = Mover::Several,
            None => {
                // Without a socket none of them knows.
                let mover = by.map_or(Mover::Several, |socket| Mover::One(Place::of(socket)));
                movers.insert(user.clone(), mover);
            }
        }
    }

    /// Stores what is not stored yet, everybody's or one user's, and returns when it is there, also what another call was storing already.
    /// What could not be stored stays.
    pub async fn save(&self, log: &dyn DeliveryLog, only: Option<&UserId>) {
        if !self.unsaved.lock().concerns(only) {
            return;
        }
        let _one_at_a_time = self.saving.lock().await;
        let mut batch = self.take(only);
        if batch.cursors.is_empty() {
            return;
        }
        match log.advance_cursors(&batch.cursors).await {
            Ok(()) => batch.cursors.clear(),
            Err(error) => tracing::warn!(%error, cursors = batch.cursors.len(), "cursors could not be stored yet"),
        }
    }

    /// A cursor that is nobody's any more is not stored.
    pub(super) fn forget(&self, place: &(ConversationId, UserId)) {
        self.unsaved.lock().moved.remove(place);
    }

    /// Those that moved and were not told, by which sockets; they count as told from now on.
    pub(super) fn take_untold(&self) -> Map<ConversationId, Movers> {
        std::mem::take(&mut *self.untold.lock())
    }

    /// One of their sockets is to be told when its session is through.
    pub(super) fn note_late(&self, conversation: &ConversationId, user: &UserId) {
        let mut late = self.late.lock();
        late.entry(conversation.clone()).or_default().insert(user.clone());
    }

    pub(super) fn take_late(&self) -> Map<ConversationId, HashSet<UserId>> {
        std::mem::take(&mut *self.late.lock())
    }

    fn take(&self, only: Option<&UserId>) -> OnTheirWay<'_> {
        let wanted = |(_, user): &(ConversationId, UserId)| only.is_none_or(|only| only == user);
        let mut unsaved = self.unsaved.lock();
        let taken = unsaved.moved.extract_if(|key, _| wanted(key));
        let cursors: Vec<Cursor> = taken
            .map(|((conversation_id, user_id), (received, read))| Cursor {
                conversation_id,
                user_id,
                received,
                read,
            })
            .collect();
        unsaved.on_their_way = cursors.iter().map(|cursor| cursor.user_id.clone()).collect();
        OnTheirWay {
            cursors,
            unsaved: &self.unsaved,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chat_core::ports::{Accounts as _, Conversations as _, NewConversation, NewUser, StoreTrouble};
    use chat_core::{ConversationKind, Role, Timestamp};
    use futures_util::poll;

    use super::*;
    use crate::clock::{SystemClock, UuidSource};
    use crate::store::memory::MemoryStore;
    use crate::store::{SqliteStore, StoreMetrics};

    struct Noted {
        cursors: MovedCursors,
        conversation: ConversationId,
        user: UserId,
    }

    impl Noted {
        fn new() -> Self {
            Self {
                cursors: MovedCursors::default(),
                conversation: ConversationId::parse("c").unwrap(),
                user: UserId::parse("u").unwrap(),
            }
        }

        fn note(&self, received: u64, read: u64) {
            self.cursors
                .note(&self.conversation, &self.user, None, Seq(received), Seq(read));
        }

        fn unsaved(&self) -> Option<(u64, u64)> {
            let unsaved = self.cursors.unsaved.lock();
            let place = (self.conversation.clone(), self.user.clone());
            unsaved.moved.get(&place).map(|(received, read)| (received.0, read.0))
        }
    }

    #[test]
    fn a_receipt_that_is_noted_late_moves_nothing_back() {
        let noted = Noted::new();
        noted.note(6, 0);
        noted.note(5, 4);
        assert_eq!(noted.unsaved(), Some((6, 4)));
    }

    #[tokio::test]
    async fn what_could_not_be_stored_waits_until_it_can() {
        let (noted, store) = (Noted::new(), MemoryStore::new());
        noted.note(6, 2);
        store.fail_with(Some(StoreTrouble::Connection));
        noted.cursors.save(&store, None).await;
        assert_eq!(noted.unsaved(), Some((6, 2)));
        store.fail_with(None);
        noted.cursors.save(&store, None).await;
        assert_eq!(noted.unsaved(), None);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_stored_later() {
        let noted = Noted::new();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.db");
        let store = SqliteStore::open(&file, &SystemClock, &UuidSource, StoreMetrics::noop());
        let store = store.await.unwrap();
        noted.note(6, 2);
        let mut saving = Box::pin(noted.cursors.save(&store, None));
        assert!(futures_util::poll!(&mut saving).is_pending());
        assert_eq!(noted.unsaved(), None, "on its way");
        drop(saving);
        assert_eq!(noted.unsaved(), Some((6, 2)));
        noted.cursors.save(&store, None).await;
        assert_eq!(noted.unsaved(), None);
    }

    /// Group `c` of alice and bob, in a real file: what is written is on its way for a while.
    async fn stored(folder: &tempfile::TempDir) -> SqliteStore {
        let path = folder.path().join("rollcall.db");
        let store = SqliteStore::open(&path, &SystemClock, &UuidSource, StoreMetrics::noop())
            .await
            .unwrap();
        let (at, people) = (Timestamp::from_millis(0), ["alice", "bob"].map(user));
        for id in &people {
            let new = NewUser {
                id: id.clone(),
                username: id.to_string(),
                display_name: id.to_string(),
                role: Role::User,
                password_hash: None,
                at,
            };
            store.create_user(new).await.unwrap();
        }
        let new = NewConversation {
            id: conversation(),
            kind: ConversationKind::Group,
            title: None,
            owner: None,
            created_by: None,
            participant_ids: people.to_vec(),
            at,
        };
        store.create_conversation(new).await.unwrap();
        for n in 0..2 {
            let draft = chat_core::Draft {
                id: chat_core::MessageId::parse(format!("m{n}")).unwrap(),
                conversation_id: conversation(),
                sender_id: user("alice"),
                content: Arc::from("x"),
                client_message_id: None,
                reply_to: None,
                at,
            };
            chat_core::ports::MessageLog::append(&store, draft).await.unwrap();
        }
        store
    }

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }

    fn conversation() -> ConversationId {
        ConversationId::parse("c").unwrap()
    }

    #[tokio::test]
    async fn ones_own_cursor_is_stored_before_it_is_read_even_when_another_stores_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = stored(&folder).await;
        let moved = MovedCursors::default();
        moved.note(&conversation(), &user("bob"), None, Seq(2), Seq(2));
        let mut tick = Box::pin(moved.save(&store, None));
        assert!(poll!(&mut tick).is_pending(), "on its way");
        let (alice, bob) = (user("alice"), user("bob"));
        let mut bobs = Box::pin(moved.save(&store, Some(&bob)));
        assert!(
            poll!(&mut bobs).is_pending(),
            "what bob reads now would be the old state"
        );
        // Whom it does not concern waits for nobody's disk.
        assert!(poll!(Box::pin(moved.save(&store, Some(&alice)))).is_ready());
        tokio::join!(tick, bobs);
        let seen = store.conversation_of(&conversation(), &bob).await.unwrap().unwrap();
        assert_eq!((seen.received_seq, seen.read_seq), (Seq(2), Seq(2)));
        assert!(poll!(Box::pin(moved.save(&store, Some(&bob)))).is_ready());
    }
}
