//! Receipts: a client's word that it has received, or read, everything up to a seq.
//!
//! A receipt moves the user's cursor in the conversation (in memory at once, in the store in batches), closes what its own socket was
//! waiting for, and is told to the others, many at a time.

use std::collections::HashMap;
use std::sync::Arc;

use chat_core::delivery::Cursor;
use chat_core::ports::DeliveryLog;
use chat_core::{ConversationId, Seq, Sid, UserId};
use parking_lot::Mutex;
use rollcall_protocol::WireError;
use rollcall_protocol::event::{Cursor as CursorView, Receipts, name};
use rollcall_protocol::request::Receipt;

use super::directory::Entry;
use super::refusal::{from_store, no_conversation, not_participant};
use super::{Actor, Chat};
use crate::delivery::notices::{Notice, NoticeKind};
use crate::hub::LiveSocket;
use crate::limits::{RECEIPTS_COALESCED, RECEIPTS_PARTICIPANTS_MAX, RECEIPTS_STORED_EVERY};

/// What is not stored yet: received and read up to here.
type Unsaved = HashMap<(ConversationId, UserId), (Seq, Seq)>;

/// Cursors that moved and are not stored, or not told, yet. Bounded by participants: each is in it once.
#[derive(Default)]
pub struct MovedCursors {
    unsaved: Mutex<Unsaved>,
    untold: Mutex<HashMap<ConversationId, HashMap<UserId, Mover>>>,
    // One writer at a time: a batch that failed is put back before the next one is taken.
    saving: tokio::sync::Mutex<()>,
}

/// Moves a cursor that is to be stored forward. Receipts of one user that come together are noted in any order.
fn keep_furthest(unsaved: &mut Unsaved, place: (ConversationId, UserId), (received, read): (Seq, Seq)) {
    let furthest = unsaved.entry(place).or_default();
    *furthest = (furthest.0.max(received), furthest.1.max(read));
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
            keep_furthest(&mut unsaved, place, (cursor.received, cursor.read));
        }
    }
}

/// Which of a user's sockets moved a cursor since it was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mover {
    /// This one alone: it knows.
    One(Sid),
    /// More than one: none of them knows all of it.
    Several,
}

impl MovedCursors {
    fn note(&self, conversation: &ConversationId, user: &UserId, by: Option<&LiveSocket>, received: Seq, read: Seq) {
        let place = (conversation.clone(), user.clone());
        keep_furthest(&mut self.unsaved.lock(), place, (received, read));
        let mut untold = self.untold.lock();
        let movers = untold.entry(conversation.clone()).or_default();
        match movers.get_mut(user) {
            Some(Mover::One(sid)) if by.is_some_and(|socket| *sid == socket.sid) => {}
            Some(mover) => *mover = Mover::Several,
            None => {
                // Without a socket none of them knows.
                let mover = by.map_or(Mover::Several, |socket| Mover::One(socket.sid.clone()));
                movers.insert(user.clone(), mover);
            }
        }
    }

    /// Stores what is not stored yet: everybody's, or one user's. What could not be stored stays.
    pub async fn save(&self, log: &dyn DeliveryLog, only: Option<&UserId>) {
        if self.unsaved.lock().is_empty() {
            return;
        }
        let _one_at_a_time = self.saving.lock().await;
        let wanted = |(_, user): &(ConversationId, UserId)| only.is_none_or(|only| only == user);
        let batch = self
            .unsaved
            .lock()
            .extract_if(|key, _| wanted(key))
            .map(|((conversation_id, user_id), (received, read))| Cursor {
                conversation_id,
                user_id,
                received,
                read,
            })
            .collect();
        let mut batch = OnTheirWay {
            cursors: batch,
            unsaved: &self.unsaved,
        };
        if batch.cursors.is_empty() {
            return;
        }
        match log.advance_cursors(&batch.cursors).await {
            Ok(()) => batch.cursors.clear(),
            Err(error) => tracing::warn!(%error, cursors = batch.cursors.len(), "cursors could not be stored yet"),
        }
    }
}

impl Chat {
    /// Takes a receipt. A cursor beyond the newest message stops at it.
    pub async fn receipt(&self, actor: &Actor, socket: &Arc<LiveSocket>, receipt: Receipt) -> Result<(), WireError> {
        let id = receipt.conversation_id.clone();
        // Of a participant only: a service that may look on has no cursor here.
        let entry = self.directory.get(&id).await.map_err(|error| from_store(&error))?;
        let entry = entry.ok_or_else(|| no_conversation(&id))?;
        if !entry.conversation().has(actor.id()) {
            return Err(not_participant(&id));
        }
        let received = self.advance(&entry, actor.id(), Some(socket), &receipt).await?;
        self.roll_call.confirmed(socket, &id, received, self.ports.clock.now());
        Ok(())
    }

    /// Moves a participant's cursors, by the word of one of their sockets or without any, and returns where `received` is in this
    /// receipt.
    pub(super) async fn advance(
        &self,
        entry: &Entry,
        user: &UserId,
        by: Option<&LiveSocket>,
        receipt: &Receipt,
    ) -> Result<Seq, WireError> {
        let head = entry.head();
        let read = receipt.read.unwrap_or_default().min(head);
        let received = receipt.received.unwrap_or_default().min(head).max(read);
        let cursors = entry
            .cursors(&*self.ports.deliveries)
            .await
            .map_err(|error| from_store(&error))?;
        if let Some((received, read)) = cursors.advance(user, received, read) {
            self.moved_cursors
                .note(&receipt.conversation_id, user, by, received, read);
            entry.cursors_moved();
        }
        Ok(received)
    }

    /// Tells receipts at every interval, and stores them at some, until the task is dropped.
    pub async fn run_receipts(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(RECEIPTS_COALESCED);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in (1..=RECEIPTS_STORED_EVERY).cycle() {
            ticks.tick().await;
            self.tell_receipts();
            if tick < RECEIPTS_STORED_EVERY {
                continue;
            }
            self.moved_cursors.save(&*self.ports.deliveries, None).await;
            self.roll_call
                .announcements
                .save(&*self.ports.deliveries, self.ports.clock.now())
                .await;
        }
    }

    /// Stores the cursors of this user now, so that what is read from the store next holds them.
    pub(super) async fn save_cursors_of(&self, user: &UserId) {
        self.moved_cursors.save(&*self.ports.deliveries, Some(user)).await;
    }

    /// Stores every cursor: the server is about to stop.
    pub async fn save_all_cursors(&self) {
        self.moved_cursors.save(&*self.ports.deliveries, None).await;
    }

    fn tell_receipts(&self) {
        let untold = std::mem::take(&mut *self.moved_cursors.untold.lock());
        for (id, movers) in untold {
            if let Some(entry) = self.directory.cached(&id) {
                self.tell_receipts_of(&entry, &movers);
            }
        }
    }

    fn tell_receipts_of(&self, entry: &Entry, movers: &HashMap<UserId, Mover>) {
        let conversation = entry.conversation();
        let users: Vec<CursorView> = movers
            .keys()
            .filter_map(|user| {
                let (received, read) = entry.cursor_of(user)?;
                Some(CursorView {
                    user_id: user.clone(),
                    received,
                    read,
                })
            })
            .collect();
        self.notice(NoticeKind::Receipts, || {
            Notice::Receipts(Receipts {
                conversation_id: conversation.id.clone(),
                users: users.clone(),
            })
        });
        self.tell_watchers(&conversation, &users);
        let told = |notice: &Receipts, hearers: Vec<Vec<Arc<LiveSocket>>>| {
            let hearers: Vec<_> = hearers
                .into_iter()
                .flatten()
                .filter(|socket| !socket.is_opening())
                .collect();
            self.fanout.say_if_room(&hearers, name::RECEIPTS, notice);
        };
        if conversation.participants.len() <= RECEIPTS_PARTICIPANTS_MAX {
            let everybody = self
                .hub
                .sockets_of_all(conversation.participants.iter().map(|p| &p.user_id));
            told(
                &Receipts {
                    conversation_id: conversation.id.clone(),
                    users,
                },
                everybody,
            );
        } else {
            // In a crowd each user's own sockets still agree on what is unread; the one that said it knows.
            for user in users {
                let mut own = self.hub.sockets_of(&user.user_id);
                if let Some(Mover::One(sid)) = movers.get(&user.user_id) {
                    own.retain(|socket| socket.sid != *sid);
                }
                if own.is_empty() {
                    continue;
                }
                let own = vec![own];
                told(
                    &Receipts {
                        conversation_id: conversation.id.clone(),
                        users: vec![user],
                    },
                    own,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ports::StoreTrouble;

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
            unsaved.get(&place).map(|(received, read)| (received.0, read.0))
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
}
