//! Services that asked for the receipts of conversations: of some by their ids, of all that they made.
//!
//! Bounded by sockets and by conversations of each; a socket that closes is forgotten.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chat_core::{Conversation, ConversationId, Role, Sid};
use parking_lot::Mutex;
use rollcall_protocol::event::{Cursor, Receipts, name};
use rollcall_protocol::reply::Watching;
use rollcall_protocol::request::WatchReceipts;
use rollcall_protocol::{ErrorCode, WireError};

use super::{Actor, Chat};
use crate::hub::LiveSocket;
use crate::limits::{RECEIPTS_PARTICIPANTS_MAX, RECEIPTS_PER_EVENT, WATCHED_CONVERSATIONS_MAX, WATCHING_SOCKETS_MAX};

/// What one socket asked for.
#[derive(Debug)]
struct Watch {
    socket: Arc<LiveSocket>,
    conversations: HashSet<ConversationId>,
    created: bool,
}

/// Who asked for receipts.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<HashMap<Sid, Watch>>);

impl Watchers {
    /// Takes a wish over; what is asked for has been checked.
    fn change(&self, socket: &Arc<LiveSocket>, wish: &WatchReceipts) -> Result<Watching, WireError> {
        let mut watches = self.0.lock();
        if watches.len() >= WATCHING_SOCKETS_MAX && !watches.contains_key(&socket.sid) {
            return Err(full(format!("at most {WATCHING_SOCKETS_MAX} sockets watch receipts")));
        }
        let watch = watches.entry(socket.sid.clone()).or_insert_with(|| Watch {
            socket: Arc::clone(socket),
            conversations: HashSet::new(),
            created: false,
        });
        if wish.watch {
            let new = wish.conversation_ids.iter().collect::<HashSet<_>>();
            let new = new.into_iter().filter(|id| !watch.conversations.contains(*id)).count();
            if watch.conversations.len() + new > WATCHED_CONVERSATIONS_MAX {
                return Err(full(format!(
                    "a socket watches at most {WATCHED_CONVERSATIONS_MAX} conversations"
                )));
            }
            watch.conversations.extend(wish.conversation_ids.iter().cloned());
        } else {
            for id in &wish.conversation_ids {
                watch.conversations.remove(id);
            }
        }
        watch.created = wish.created.map_or(watch.created, |created| created && wish.watch);
        let watching = Watching {
            watching: watch.conversations.len(),
            created: watch.created,
        };
        if watch.conversations.is_empty() && !watch.created {
            watches.remove(&socket.sid);
        }
        Ok(watching)
    }

    fn forget(&self, sid: &Sid) {
        self.0.lock().remove(sid);
    }

    /// Whoever asked for this conversation's receipts and does not hear them as a participant.
    fn of(&self, conversation: &Conversation) -> Vec<Arc<LiveSocket>> {
        let small = conversation.participants.len() <= RECEIPTS_PARTICIPANTS_MAX;
        let wanted = |watch: &&Watch| {
            let own = watch.created && conversation.created_by.as_ref() == Some(watch.socket.user_id());
            (own || watch.conversations.contains(&conversation.id))
                && !(small && conversation.has(watch.socket.user_id()))
        };
        let watches = self.0.lock();
        watches
            .values()
            .filter(wanted)
            .map(|watch| Arc::clone(&watch.socket))
            .collect()
    }
}

fn full(what: String) -> WireError {
    WireError::new(ErrorCode::Conflict, what)
        .with_hint("read the receipts of a conversation by REST when you need them")
}

impl Chat {
    /// A service asks for receipts, or for no more of them.
    pub async fn watch_receipts(
        &self,
        actor: &Actor,
        socket: &Arc<LiveSocket>,
        wish: WatchReceipts,
    ) -> Result<Watching, WireError> {
        if actor.role != Role::Service {
            return Err(WireError::new(
                ErrorCode::Forbidden,
                "only a service watches receipts; participants hear them without asking",
            ));
        }
        if wish.watch {
            for id in &wish.conversation_ids {
                self.entry_for(actor, id).await?;
            }
        }
        let watching = self.watchers.change(socket, &wish)?;
        if !socket.is_connected() {
            // Closed meanwhile: whoever forgets it may have come before.
            self.watchers.forget(&socket.sid);
        }
        Ok(watching)
    }

    /// A socket is gone, or is no service's any more.
    pub(super) fn watches_no_more(&self, sid: &Sid) {
        self.watchers.forget(sid);
    }

    /// Tells services that asked. What a socket has no room for is left out, as for everybody.
    pub(super) fn tell_watchers(&self, conversation: &Conversation, users: impl FnOnce() -> Vec<Cursor>) {
        let watching = self.watchers.of(conversation);
        if watching.is_empty() {
            return;
        }
        for some in users().chunks(RECEIPTS_PER_EVENT) {
            let notice = Receipts {
                conversation_id: conversation.id.clone(),
                users: some.to_vec(),
            };
            self.fanout.say_if_room(&watching, name::RECEIPTS, &notice);
        }
    }
}
