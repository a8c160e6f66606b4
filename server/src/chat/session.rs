//! From an admitted connection to one that gets live messages: rooms, `session`, what was missed, then live.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chat_core::conversation::ConversationOfUser;
use chat_core::ids::{conversation_room, user_room};
use chat_core::limits::RESUME_MESSAGES_MAX;
use chat_core::{ConversationId, Epoch, Seq};
use rollcall_protocol::event::{ConversationView, NotResumed, Resumed, ServerShutdown, Session, name};
use rollcall_protocol::reply::Refused;
use rollcall_protocol::request::{Hello, Receipt};
use rollcall_protocol::{ErrorCode, UserView, WireError};
use tokio::time::Instant;

use super::Chat;
use super::refusal::from_store;
use crate::hub::LiveSocket;
use crate::hub::inspect::{CHAT_NAMESPACE, kind_of};
use crate::hub::socket::Beginning;
use crate::hub::view::RoomKind;

impl Chat {
    /// Sets a registered socket up. The order is what makes it complete: it is among its user's sockets already, so that every message
    /// committed from now on is noted at it; then the conversations are read, again if one of them changed meanwhile; then
    /// `session` says what was read, and the lanes stay held until the missed messages are out.
    pub async fn open_session(&self, socket: &Arc<LiveSocket>, hello: &Hello) -> Result<(), WireError> {
        self.hub.join(socket, socket.sid.as_str());
        self.hub.join(socket, &user_room(socket.user_id()));
        for _ in 0..READINGS_MAX {
            self.save_cursors_of(socket.user_id()).await;
            socket.begin_reading();
            let seen = self.ports.conversations.conversations_of(socket.user_id()).await;
            let mut seen = seen.map_err(|error| from_store(&error))?;
            let plan = plan_resume(hello, &seen, self.ports.vitals.epoch());
            if socket.caller().receipts {
                self.confirm_resumed(socket, &mut seen, &plan).await;
            }
            self.enter_rooms(socket, &seen);
            let beginning = |seen| {
                let (id, handed, head) = beginning(seen, &plan);
                (self.directory.one_copy(&id), handed, head)
            };
            let beginnings: Vec<Beginning> = seen.iter().map(beginning).collect();
            let session = self.session(socket, &seen, &plan);
            if self.fanout.say_session(socket, &beginnings, &session) {
                self.feed_resumed(socket, &plan).await;
                if socket.release_all() {
                    self.fanout.wake_feeder(socket);
                }
                return Ok(());
            }
        }
        Err(WireError::new(
            ErrorCode::Internal,
            "the conversations changed again and again while the session was made",
        ))
    }

    /// Takes what a client that promised receipts says that it holds for a receipt. It confirmed that before, most often: this matters when the
    /// receipt was lost, with its connection or with a process that died before it was stored, since a client confirms nothing
    /// twice and is handed nothing again that it holds.
    async fn confirm_resumed(
        &self,
        socket: &Arc<LiveSocket>,
        seen: &mut [ConversationOfUser],
        plan: &BTreeMap<ConversationId, Plan>,
    ) {
        for seen in seen {
            let id = &seen.conversation.id;
            let Some(Plan::After(held)) = plan.get(id).filter(|plan| plan.holds_beyond(seen.received_seq)) else {
                continue;
            };
            let receipt = Receipt {
                conversation_id: id.clone(),
                received: Some(*held),
                read: None,
            };
            match self.receipt(socket, receipt).await {
                Ok(()) => seen.received_seq = *held,
                // The session is worth more; and the next receipt says it, too.
                Err(error) => tracing::warn!(sid = %socket.sid, conversation.id = %id, error = %error.message,
                    "what a client holds was not taken for its receipt"),
            }
        }
    }

    /// Puts the socket into the rooms of exactly these conversations: an earlier reading may have known of others.
    fn enter_rooms(&self, socket: &Arc<LiveSocket>, seen: &[ConversationOfUser]) {
        let rooms: BTreeSet<String> = seen
            .iter()
            .map(|seen| conversation_room(&seen.conversation.id))
            .collect();
        for former in socket.rooms() {
            if kind_of(&former) == RoomKind::Conversation && !rooms.contains(&former) {
                self.hub.leave(socket, &former);
            }
        }
        let rooms: Vec<String> = rooms.into_iter().collect();
        for room in self.hub.join_conversation_rooms(socket, &rooms) {
            if self.hub.socket(socket.sid.as_str()).is_none() {
                // The client went meanwhile; it is in no room any more.
                return;
            }
            tracing::error!(sid = %socket.sid, room, "joined a room that does not show the socket");
        }
    }

    fn session(
        &self,
        socket: &LiveSocket,
        seen: &[ConversationOfUser],
        plan: &BTreeMap<ConversationId, Plan>,
    ) -> Session {
        // Before anybody's presence is looked at below.
        socket.sees_presence(self.hub.presence_changes().so_far());
        let resumed = |(id, plan): (&ConversationId, &Plan)| {
            let last_seq = seen
                .iter()
                .find(|seen| seen.conversation.id == *id)
                .map(|seen| seen.conversation.last_seq);
            let resumed = match plan {
                Plan::After(seq) => {
                    let messages = last_seq.unwrap_or_default().0.saturating_sub(seq.0);
                    Resumed {
                        recovered: true,
                        messages,
                        reason: None,
                    }
                }
                Plan::Not(reason) => Resumed {
                    recovered: false,
                    messages: 0,
                    reason: Some(*reason),
                },
            };
            (id.clone(), resumed)
        };
        Session {
            sid: socket.sid.clone(),
            namespace: CHAT_NAMESPACE.into(),
            node_id: self.hub.node_id().clone(),
            epoch: self.ports.vitals.epoch().clone(),
            user: UserView {
                role: socket.role(),
                ..UserView::from(&**socket.user())
            },
            server_time: self.ports.clock.now(),
            conversations: seen
                .iter()
                .map(|seen| ConversationView::of_user(seen, |id| self.hub.is_online(id)))
                .collect(),
            resume: plan.iter().map(resumed).collect(),
        }
    }

    /// Hands over everything that was missed before anything live is released, on any lane.
    async fn feed_resumed(&self, socket: &Arc<LiveSocket>, plan: &BTreeMap<ConversationId, Plan>) {
        let mut work = false;
        for (id, plan) in plan {
            if matches!(plan, Plan::After(_)) {
                work |= socket.release_lane(id);
            }
        }
        if work {
            self.fanout.feed_missed(socket).await;
        }
    }

    /// Says event `error`: what became of an event that has no acknowledgement to answer. Waits for room in the buffer of a
    /// client that sends mistakes faster than it reads: that slows down itself, and nobody else.
    pub async fn say_error(&self, socket: &Arc<LiveSocket>, event: &str, error: WireError) {
        let refused = refused(event, error);
        let deadline = Instant::now() + ERROR_PATIENCE;
        while !self.fanout.try_say(socket, name::ERROR, &refused) && Instant::now() < deadline && socket.is_connected()
        {
            tokio::time::sleep(ERROR_RETRY).await;
        }
    }

    /// The same where nobody may wait: dropped if there is no room.
    pub fn say_error_if_room(&self, socket: &Arc<LiveSocket>, event: &str, error: WireError) {
        self.fanout.try_say(socket, name::ERROR, &refused(event, error));
    }

    /// Says `server_shutdown`.
    pub fn say_shutdown(&self, socket: &Arc<LiveSocket>, notice: &ServerShutdown) {
        self.fanout.say(socket, name::SERVER_SHUTDOWN, notice);
    }
}

fn refused(event: &str, error: WireError) -> Refused {
    let event = event.chars().take(EVENT_CHARS_MAX).collect();
    Refused {
        event: Some(event),
        ..Refused::new(error)
    }
}

/// How long an `error` waits for room in the buffer of a client that does not read.
const ERROR_PATIENCE: Duration = Duration::from_secs(10);
/// How often it looks for room.
const ERROR_RETRY: Duration = Duration::from_millis(10);
/// The longest event name that is repeated to its sender.
const EVENT_CHARS_MAX: usize = 80;

/// How often a session is read again because a conversation changed during the reading. A change that meets a reading of a
/// millisecond is rare; so many in a row are somebody's doing, and cost only their own connection.
const READINGS_MAX: usize = 50;

fn beginning(seen: &ConversationOfUser, plan: &BTreeMap<ConversationId, Plan>) -> Beginning {
    let conversation = &seen.conversation;
    let begins = match plan.get(&conversation.id) {
        Some(Plan::After(seq)) => *seq,
        _ => conversation.last_seq,
    };
    (conversation.id.clone(), begins, conversation.last_seq)
}

/// What is done with one conversation of `resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Everything after this seq is handed over.
    After(Seq),
    /// The client reloads by REST, for this reason.
    Not(NotResumed),
}

impl Plan {
    /// The client holds messages behind this one.
    fn holds_beyond(self, received: Seq) -> bool {
        matches!(self, Plan::After(held) if held > received)
    }
}

fn plan_resume(hello: &Hello, seen: &[ConversationOfUser], epoch: &Epoch) -> BTreeMap<ConversationId, Plan> {
    let foreign = hello.epoch.as_ref().is_some_and(|held| held != epoch);
    let plan = |id: &ConversationId, held: Seq| {
        let Some(seen) = seen.iter().find(|seen| seen.conversation.id == *id) else {
            return Plan::Not(NotResumed::NotParticipant);
        };
        let last = seen.conversation.last_seq;
        if foreign {
            Plan::Not(NotResumed::EpochChanged)
        } else if held > last {
            Plan::Not(NotResumed::Ahead)
        } else if last.0 - held.0 > RESUME_MESSAGES_MAX {
            Plan::Not(NotResumed::TooFarBehind)
        } else {
            Plan::After(held)
        }
    };
    hello
        .resume
        .iter()
        .map(|(id, held)| (id.clone(), plan(id, *held)))
        .collect()
}

#[cfg(test)]
mod tests {
    use chat_core::{Conversation, ConversationKind, Timestamp};

    use super::*;

    fn seen(id: &str, last_seq: u64) -> ConversationOfUser {
        ConversationOfUser {
            conversation: Conversation {
                id: ConversationId::parse(id).unwrap(),
                kind: ConversationKind::Group,
                title: None,
                created_at: Timestamp::from_millis(0),
                created_by: None,
                last_seq: Seq(last_seq),
                participants: Arc::from([]),
            },
            received_seq: Seq::ZERO,
            read_seq: Seq::ZERO,
            unread: 0,
            mentions: 0,
            muted: false,
            last_message: None,
        }
    }

    #[test]
    fn the_table_of_resume() {
        let epoch = Epoch::parse("here").unwrap();
        let seen = [seen("c", 2_000)];
        let plan = |id: &str, held: u64, from: Option<&str>| {
            let id = ConversationId::parse(id).unwrap();
            let hello = Hello {
                resume: vec![(id.clone(), Seq(held))],
                epoch: from.map(|epoch| Epoch::parse(epoch).unwrap()),
                ..Hello::default()
            };
            plan_resume(&hello, &seen, &epoch)[&id]
        };
        assert_eq!(plan("c", 2_000, None), Plan::After(Seq(2_000)));
        assert_eq!(
            plan("c", 1_000, Some("here")),
            Plan::After(Seq(1_000)),
            "exactly 1,000 behind"
        );
        assert_eq!(
            plan("c", 999, None),
            Plan::Not(NotResumed::TooFarBehind),
            "1,001 behind"
        );
        assert_eq!(plan("c", 2_001, None), Plan::Not(NotResumed::Ahead));
        assert_eq!(plan("other", 1, None), Plan::Not(NotResumed::NotParticipant));
        assert_eq!(plan("c", 1_999, Some("elsewhere")), Plan::Not(NotResumed::EpochChanged));
    }
}
