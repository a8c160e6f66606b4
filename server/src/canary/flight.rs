//! One flight: two users made for it, a conversation of theirs that no directory knows, and a message from one to the other.

use std::sync::Arc;

use chat_core::conversation::{Participant, ParticipantRole};
use chat_core::ids::{InvalidId, conversation_room};
use chat_core::{Conversation, ConversationId, ConversationKind, Message, Role, Seq, Timestamp, User};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Cage, Canary, Failure, Station};
use crate::chat::directory::Entry;
use crate::hub::plain::PlainLink;
use crate::hub::{Caller, Grant, Hub, LiveSocket};

/// What the two say.
const WORDS: &str = "tweet";

/// A virtual user with a virtual socket.
struct Bird {
    user: Arc<User>,
    socket: Arc<LiveSocket>,
    buffer: mpsc::Receiver<Utf8Bytes>,
    hub: Arc<Hub>,
}

impl Drop for Bird {
    fn drop(&mut self) {
        self.hub.unregister_unseen(&self.user.id);
    }
}

/// The two of them, among those who are here until this is dropped.
pub(super) struct Pair {
    birds: [Bird; 2],
    entry: Arc<Entry>,
    cage: Cage,
}

/// A frame of the virtual socket's buffer, as far as it matters.
#[derive(Deserialize)]
struct Frame {
    event: String,
    data: Box<RawValue>,
}

fn defect(error: &InvalidId) -> Failure {
    Failure::Defect(error.to_string())
}

impl Pair {
    /// Makes both and puts them among those who are here.
    pub(super) fn enter(cage: &Cage) -> Result<Self, Failure> {
        let now = cage.clock.now();
        let id = ConversationId::parse(cage.ids.conversation_id().as_str()).map_err(|error| defect(&error))?;
        let birds = [bird(cage, &id, "canary 1", now)?, bird(cage, &id, "canary 2", now)?];
        let participant = |bird: &Bird| Participant {
            user_id: bird.user.id.clone(),
            username: bird.user.username.clone(),
            display_name: bird.user.display_name.clone(),
            role: ParticipantRole::Member,
            joined_at: now,
            joined_seq: Seq::ZERO,
            muted: false,
        };
        let conversation = Conversation {
            id,
            kind: ConversationKind::Direct,
            title: None,
            created_at: now,
            created_by: None,
            last_seq: Seq::ZERO,
            participants: birds.iter().map(participant).collect(),
        };
        Ok(Self {
            birds,
            entry: Arc::new(Entry::unseen(conversation)),
            cage: cage.clone(),
        })
    }

    /// A message from one to the other: a commit, the fan-out, the other one's socket, the receipt.
    pub(super) async fn message(&mut self, canary: &Canary, from: usize) -> Result<(), Failure> {
        let message = self.draft(from);
        canary.at(Station::Commit);
        let committed = self.cage.vitals.check().await;
        committed.map_err(|error| Failure::Store(error.trouble()))?;
        canary.at(Station::FanOut);
        let delivery = self.cage.fanout.publish(&self.entry, message.clone()).await;
        if delivery.handed_off != self.birds.len() {
            return Err(Failure::NotHandedOver(delivery.handed_off));
        }
        canary.at(Station::Socket);
        let now = self.cage.clock.now();
        self.birds[1 - from].hear_and_confirm(&message, now).await
    }

    fn draft(&self, from: usize) -> Message {
        let sender = &self.birds[from].user;
        Message {
            id: self.cage.ids.message_id(),
            conversation_id: self.entry.conversation().id.clone(),
            seq: self.entry.head().next(),
            sender_id: sender.id.clone(),
            sender_name: Arc::from(sender.display_name.as_str()),
            content: Arc::from(WORDS),
            created_at: self.cage.clock.now(),
            client_message_id: None,
            reply_to: None,
            edited_at: None,
            deleted_at: None,
        }
    }
}

impl Bird {
    /// Reads its buffer up to this message, and says that it has it.
    async fn hear_and_confirm(&mut self, message: &Message, now: Timestamp) -> Result<(), Failure> {
        loop {
            let frame = self.buffer.recv().await.ok_or(Failure::Closed)?;
            let frame: Frame = serde_json::from_str(&frame).map_err(|error| Failure::Defect(error.to_string()))?;
            if frame.event != rollcall_protocol::event::name::NEW_MESSAGE {
                continue;
            }
            let heard = serde_json::from_str::<Message>(frame.data.get());
            if heard.is_ok_and(|heard| heard == *message) {
                break;
            }
        }
        let mut waited = false;
        self.socket
            .confirm(&message.conversation_id, message.seq, now, |closed| {
                waited |= closed.iter().any(|waits| waits.seq == message.seq);
            });
        if waited { Ok(()) } else { Err(Failure::NotConfirmed) }
    }
}

fn bird(cage: &Cage, conversation: &ConversationId, name: &str, now: Timestamp) -> Result<Bird, Failure> {
    let user = Arc::new(User {
        id: cage.ids.user_id(),
        username: name.to_owned(),
        display_name: name.to_owned(),
        role: Role::User,
        created_at: now,
        disabled_at: None,
        last_seen: None,
    });
    let caller = Caller {
        user: Arc::clone(&user),
        grant: Grant {
            role: Role::User,
            expires_at: now.plus_millis(i64::from(u32::MAX)),
            kept_token: None,
        }
        .into(),
        receipts: true,
        client: None,
        address: String::new(),
        user_agent: None,
    };
    // Rooms of its own: nobody who lists rooms reads them.
    let (link, buffer) = PlainLink::new(Arc::default());
    let room = conversation_room(conversation);
    let socket = cage.hub.register_unseen(&link, caller, &room);
    let socket = socket.ok_or_else(|| Failure::Defect("its virtual socket is not in its room".to_owned()))?;
    let bird = Bird {
        user,
        socket,
        buffer,
        hub: Arc::clone(&cage.hub),
    };
    let session = RawValue::from_string("{}".to_owned()).map_err(|error| Failure::Defect(error.to_string()))?;
    bird.socket
        .begin_session(&[(conversation.clone(), Seq::ZERO, Seq::ZERO)], &session);
    bird.socket.release_all();
    Ok(bird)
}
