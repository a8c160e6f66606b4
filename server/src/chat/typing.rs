//! Typing marks: who types where, until they stop, send, go away, or six seconds have passed.

use std::collections::HashMap;
use std::sync::Arc;

use chat_core::{ConversationId, Sid, UserId};
use parking_lot::Mutex;
use rollcall_protocol::WireError;
use rollcall_protocol::event::{TypingNotice, name};
use rollcall_protocol::request::Typing;
use tokio::time::Instant;

use super::directory::Entry;
use super::{Actor, Chat};
use crate::hub::LiveSocket;
use crate::limits::{TYPING_LASTS, TYPING_MARKS_MAX};

#[derive(Debug)]
struct Mark {
    socket: Sid,
    until: Instant,
}

/// Who types where, since when and at which socket. A user has one mark per conversation: the newest.
#[derive(Debug, Default)]
pub struct TypingMarks {
    marks: Mutex<HashMap<(ConversationId, UserId), Mark>>,
}

impl TypingMarks {
    /// True when it is new (not just renewed).
    fn begin(&self, conversation: &ConversationId, user: &UserId, socket: &Sid) -> bool {
        let mut marks = self.marks.lock();
        let key = (conversation.clone(), user.clone());
        if marks.len() >= TYPING_MARKS_MAX && !marks.contains_key(&key) {
            return false;
        }
        let mark = Mark {
            socket: socket.clone(),
            until: Instant::now() + TYPING_LASTS,
        };
        marks.insert(key, mark).is_none()
    }

    /// The socket at which it was set, when there was one.
    fn end(&self, conversation: &ConversationId, user: &UserId) -> Option<Sid> {
        let key = (conversation.clone(), user.clone());
        self.marks.lock().remove(&key).map(|mark| mark.socket)
    }

    /// Takes the marks that `over` says are over.
    fn take(&self, over: impl Fn(&Mark) -> bool) -> Vec<(ConversationId, UserId, Sid)> {
        let mut taken = Vec::new();
        self.marks.lock().retain(|(conversation, user), mark| {
            let ended = over(mark);
            if ended {
                taken.push((conversation.clone(), user.clone(), mark.socket.clone()));
            }
            !ended
        });
        taken
    }
}

impl Chat {
    /// Somebody began or stopped typing.
    pub async fn typing(&self, actor: &Actor, socket: &LiveSocket, typing: Typing) -> Result<(), WireError> {
        let entry = self.entry_for(actor, &typing.conversation_id).await?;
        let changed = if typing.typing {
            self.typing.begin(&typing.conversation_id, actor.id(), &socket.sid)
        } else {
            self.typing.end(&typing.conversation_id, actor.id()).is_some()
        };
        if changed {
            self.tell_typing(&entry, actor.id(), typing.typing, Some(&socket.sid));
        }
        Ok(())
    }

    /// A message of theirs came: they no longer type it.
    pub(super) fn typing_ended(&self, entry: &Entry, user: &UserId) {
        if let Some(socket) = self.typing.end(&entry.conversation().id, user) {
            self.tell_typing(entry, user, false, Some(&socket));
        }
    }

    /// Ends the marks of a socket that is gone.
    pub fn typing_gone(&self, socket: &Sid) {
        self.end_marks(|mark| mark.socket == *socket);
    }

    /// Ends the marks whose time is over.
    pub fn typing_expired(&self) {
        let now = Instant::now();
        self.end_marks(|mark| mark.until <= now);
    }

    fn end_marks(&self, over: impl Fn(&Mark) -> bool) {
        for (conversation, user, socket) in self.typing.take(over) {
            // A mark is only set in a conversation in use; one that was dropped since has nobody who looks at it.
            if let Some(entry) = self.directory.cached(&conversation) {
                self.tell_typing(&entry, &user, false, Some(&socket));
            }
        }
    }

    fn tell_typing(&self, entry: &Entry, user: &UserId, typing: bool, except: Option<&Sid>) {
        let conversation = entry.conversation();
        let of_users = self
            .hub
            .sockets_of_all(conversation.participants.iter().map(|p| &p.user_id));
        let hearers: Vec<Arc<LiveSocket>> = of_users
            .into_iter()
            .flatten()
            .filter(|socket| Some(&socket.sid) != except && !socket.is_opening() && !socket.has_left(&conversation.id))
            .collect();
        let notice = TypingNotice {
            conversation_id: conversation.id.clone(),
            user_id: user.clone(),
            typing,
        };
        self.fanout.say_if_room(&hearers, name::TYPING, &notice);
    }
}
