//! Receipts: a client's word that it has received, or read, everything up to a seq.
//!
//! A receipt moves the user's cursor in the conversation (in memory at once, in the store in batches), closes what its own socket was
//! waiting for, and is told to the others, many at a time.

mod moved;

use std::sync::Arc;

use chat_core::{Seq, UserId};
use rollcall_protocol::WireError;
use rollcall_protocol::event::{Cursor as CursorView, Receipts, name};
use rollcall_protocol::request::Receipt;

pub use self::moved::MovedCursors;
use self::moved::{Mover, Movers};
use super::Chat;
use super::directory::{Entry, EntryCursors};
use super::refusal::{from_store, no_conversation};
use crate::delivery::notices::{Notice, NoticeKind};
use crate::hub::LiveSocket;
use crate::limits::{MARKS_STORED_EVERY, RECEIPTS_COALESCED, RECEIPTS_PARTICIPANTS_MAX, RECEIPTS_STORED_EVERY};

impl Chat {
    /// Takes a receipt. A cursor beyond the newest message stops at it.
    pub async fn receipt(&self, socket: &LiveSocket, receipt: Receipt) -> Result<(), WireError> {
        let (user, id) = (socket.user_id(), receipt.conversation_id.clone());
        // Of a participant only: a service that may look on has no cursor here.
        let entry = self.directory.get(&id).await.map_err(|error| from_store(&error))?;
        let entry = entry.ok_or_else(|| no_conversation(&id))?;
        if !entry.conversation().has(user) {
            return Err(self.outsider(user, &id).await);
        }
        let received = self.advance(&entry, user, Some(socket), &receipt).await?;
        self.roll_call.confirmed(socket, &id, received, self.ports.clock.now());
        Ok(())
    }

    /// The same where nothing must be waited for: the conversation and everybody's cursors in it are in memory. False: nothing was done,
    /// be it that one of them is not or that the receipt is to be refused.
    pub fn receipt_at_once(&self, socket: &LiveSocket, id: &str, received: Option<Seq>, read: Option<Seq>) -> bool {
        let Some(entry) = self.directory.cached(id) else {
            return false;
        };
        let (user, conversation) = (socket.user_id(), entry.conversation());
        let Some(cursors) = entry.cursors_in_memory().filter(|_| conversation.has(user)) else {
            return false;
        };
        let receipt = Receipt {
            conversation_id: conversation.id.clone(),
            received,
            read,
        };
        let received = self.advance_among(cursors, &entry, user, Some(socket), &receipt);
        self.roll_call
            .confirmed(socket, &conversation.id, received, self.ports.clock.now());
        true
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
        let cursors = entry
            .cursors(&*self.ports.deliveries)
            .await
            .map_err(|error| from_store(&error))?;
        Ok(self.advance_among(cursors, entry, user, by, receipt))
    }

    fn advance_among(
        &self,
        cursors: &EntryCursors,
        entry: &Entry,
        user: &UserId,
        by: Option<&LiveSocket>,
        receipt: &Receipt,
    ) -> Seq {
        let head = entry.head();
        let read = receipt.read.unwrap_or_default().min(head);
        let received = receipt.received.unwrap_or_default().min(head).max(read);
        if let Some((received, read)) = cursors.advance(user, received, read) {
            self.moved_cursors
                .note(&receipt.conversation_id, user, by, received, read);
            entry.cursors_moved();
        }
        received
    }

    /// What somebody said in a membership that is over says nothing in the next one.
    pub(super) fn forget_cursor(&self, entry: &Entry, user: &UserId) {
        entry.forget_cursor(user);
        let place = (entry.conversation().id.clone(), user.clone());
        self.moved_cursors.forget(&place);
    }

    /// Tells receipts at every interval, and stores them at some, until the task is dropped.
    pub async fn run_receipts(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(RECEIPTS_COALESCED);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in (1..=RECEIPTS_STORED_EVERY * MARKS_STORED_EVERY).cycle() {
            ticks.tick().await;
            self.tell_receipts();
            let deliveries = &*self.ports.deliveries;
            if tick.is_multiple_of(RECEIPTS_STORED_EVERY) {
                self.moved_cursors.save(deliveries, None).await;
            }
            if tick.is_multiple_of(MARKS_STORED_EVERY) {
                let now = self.ports.clock.now();
                self.roll_call.announcements.save(deliveries, now).await;
            }
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

    pub(crate) fn tell_receipts(&self) {
        for (id, users) in self.moved_cursors.take_late() {
            if let Some(entry) = self.directory.cached(&id) {
                for user in &users {
                    self.tell_own(&entry, user, self.hub.sockets_of(user));
                }
            }
        }
        let untold = self.moved_cursors.take_untold();
        for (id, movers) in untold {
            if let Some(entry) = self.directory.cached(&id) {
                self.tell_receipts_of(&entry, &movers);
            }
        }
    }

    fn tell_receipts_of(&self, entry: &Entry, movers: &Movers) {
        let conversation = entry.conversation();
        // Made only for those who hear of everybody: in a crowd there mostly is none, and there are many receipts.
        let everybody = || -> Receipts {
            let users = movers.keys().filter_map(|user| cursor_view(entry, user)).collect();
            Receipts {
                conversation_id: conversation.id.clone(),
                users,
            }
        };
        self.notice(NoticeKind::Receipts, || Notice::Receipts(everybody()));
        self.tell_watchers(&conversation, || everybody().users);
        if conversation.participants.len() <= RECEIPTS_PARTICIPANTS_MAX {
            let sockets = self
                .hub
                .sockets_of_all(conversation.participants.iter().map(|p| &p.user_id));
            for socket in sockets.iter().flatten().filter(|socket| socket.is_opening()) {
                if movers.contains_key(socket.user_id()) {
                    self.moved_cursors.note_late(&conversation.id, socket.user_id());
                }
            }
            self.tell_those_open(sockets.into_iter().flatten(), &everybody());
            return;
        }
        // In a crowd each user's own sockets still agree on what is unread; the one that said it knows.
        for (user, mover) in movers {
            let own = match mover {
                Mover::One(place) => self.hub.sockets_of_but(user, *place),
                Mover::Several => self.hub.sockets_of(user),
            };
            if !own.is_empty() {
                self.tell_own(entry, user, own);
            }
        }
    }

    /// Tells a user's own sockets where their cursor is. Those whose session is still being made, which may have been read before the cursor
    /// moved, are told when it is through.
    fn tell_own(&self, entry: &Entry, user: &UserId, own: Vec<Arc<LiveSocket>>) {
        let id = &entry.conversation().id;
        if own.iter().any(|socket| socket.is_opening()) {
            self.moved_cursors.note_late(id, user);
        }
        if let Some(view) = cursor_view(entry, user) {
            let notice = Receipts {
                conversation_id: id.clone(),
                users: vec![view],
            };
            self.tell_those_open(own.into_iter(), &notice);
        }
    }

    fn tell_those_open(&self, hearers: impl Iterator<Item = Arc<LiveSocket>>, notice: &Receipts) {
        let hearers: Vec<_> = hearers.filter(|socket| !socket.is_opening()).collect();
        self.fanout.say_if_room(&hearers, name::RECEIPTS, notice);
    }
}

fn cursor_view(entry: &Entry, user: &UserId) -> Option<CursorView> {
    let (received, read) = entry.cursor_of(user)?;
    Some(CursorView {
        user_id: user.clone(),
        received,
        read,
    })
}
