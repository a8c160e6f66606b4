//! Joining and leaving a conversation's room, catching up, and saying what the server believes of a socket.

use std::sync::Arc;

use chat_core::ids::conversation_room;
use chat_core::limits::{PAGE_MAX, page_size};
use chat_core::ports::PageFrom;
use chat_core::{ConversationId, Message, Role, Seq};
use rollcall_protocol::WireError;
use rollcall_protocol::reply::{Joined, Left, Synced, Whoami, WhoamiConversation};
use rollcall_protocol::request::{JoinConversation, Sync};

use super::directory::{Entry, Unchanging};
use super::refusal::{from_store, not_participant};
use super::{Actor, Chat};
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::socket::HeldLane;
use crate::hub::{Hub, LiveSocket};

/// Holds back a conversation's live messages at one socket until it is dropped: until the acknowledgement is out.
#[derive(Debug)]
pub struct Hold {
    chat: Arc<Chat>,
    socket: Arc<LiveSocket>,
    conversation: ConversationId,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.socket.release_lane(&self.conversation) {
            self.chat.fanout.wake_feeder(&self.socket);
        }
    }
}

impl Chat {
    /// Puts the socket into the conversation's room, reads the room back, and tells what was missed. Live messages go on when the
    /// returned hold is dropped, exactly after the last one of `missed` (or of `last_seq`, when there are `more`).
    pub async fn join_conversation(
        self: &Arc<Self>,
        actor: &Actor,
        socket: &Arc<LiveSocket>,
        request: JoinConversation,
    ) -> Result<(Joined, Hold, Unchanging), WireError> {
        let id = request.conversation_id;
        let entry = self
            .entry_for(actor, &id)
            .await
            .inspect_err(|_| self.hub.join_refused())?;
        let unchanging = entry.unchanging().await;
        if !entry.conversation().has(actor.id()) {
            self.hub.join_refused();
            return Err(match actor.role {
                Role::Service => not_participant(&id)
                    .with_hint("a service acts in every conversation, and hears those in which it is a participant"),
                // Removed since.
                _ => self.outsider(actor.id(), &id).await,
            });
        }
        // As everybody holds it, not as it came with the request.
        let id = entry.conversation().id.clone();
        let held = socket.hold_lane(&id);
        let hold = Hold {
            chat: Arc::clone(self),
            socket: Arc::clone(socket),
            conversation: id.clone(),
        };
        let room = conversation_room(&id);
        let verified = self.hub.join_conversation_room(socket, &room);
        let last_seq = match held {
            HeldLane::Continues(handed) => handed,
            HeldLane::Begins => {
                // Read after the lane exists: whatever is committed later is offered to the lane.
                let head = self.newest_seq(&entry).await.inspect_err(|_| {
                    socket.abandon_lane(&id, held);
                    self.hub.leave(socket, &room);
                })?;
                if !socket.begin_lane(&id, head) {
                    self.hub.leave(socket, &room);
                    return Err(self.outsider(actor.id(), &id).await);
                }
                head
            }
        };
        let (missed, more) = match request.after_seq {
            Some(after) => self.missed_between(&id, after, last_seq).await?,
            None => (Vec::new(), false),
        };
        let joined = Joined {
            namespace: CHAT_NAMESPACE.into(),
            sid: socket.sid.clone(),
            verified,
            sockets_in_room: self.hub.room(&room).len(),
            room,
            last_seq,
            missed,
            more,
        };
        Ok((joined, hold, unchanging))
    }

    async fn newest_seq(&self, entry: &Entry) -> Result<Seq, WireError> {
        let newest = self.ports.log.page(&entry.conversation().id, PageFrom::Newest, 1).await;
        let newest = newest.map_err(|error| from_store(&error))?;
        Ok(newest.items.last().map_or(Seq::ZERO, |message| message.seq))
    }

    async fn missed_between(
        &self,
        id: &ConversationId,
        after: Seq,
        last: Seq,
    ) -> Result<(Vec<Message>, bool), WireError> {
        if after >= last {
            return Ok((Vec::new(), false));
        }
        let page = self
            .ports
            .log
            .page(id, PageFrom::After(after), PAGE_MAX)
            .await
            .map_err(|error| from_store(&error))?;
        let mut missed = page.items;
        missed.retain(|message| message.seq <= last);
        let more = missed.last().is_none_or(|message| message.seq < last);
        Ok((missed, more))
    }

    /// Takes the socket out of the room at its own wish: it stays a participant's socket and hears nothing live. Keep what comes with the answer
    /// until that is out.
    pub async fn leave_conversation(
        &self,
        actor: &Actor,
        socket: &Arc<LiveSocket>,
        id: &ConversationId,
    ) -> Result<(Left, Unchanging), WireError> {
        let entry = self.entry_for(actor, id).await?;
        let unchanging = entry.unchanging().await;
        if !entry.conversation().has(actor.id()) {
            return Err(self.outsider(actor.id(), id).await);
        }
        socket.leave_lane(&entry.conversation().id, self.ports.clock.now());
        let room = conversation_room(id);
        let verified = self.hub.leave(socket, &room);
        Ok((Left { room, verified }, unchanging))
    }

    /// A page of messages after a seq.
    pub async fn sync(&self, actor: &Actor, request: Sync) -> Result<Synced, WireError> {
        self.history(
            actor,
            &request.conversation_id,
            PageFrom::After(request.after_seq),
            request.limit,
        )
        .await
    }

    /// A page of messages, in rising seq.
    pub async fn history(
        &self,
        actor: &Actor,
        id: &ConversationId,
        from: PageFrom,
        limit: Option<u32>,
    ) -> Result<Synced, WireError> {
        self.entry_for(actor, id).await?;
        let page = self
            .ports
            .log
            .page(id, from, page_size(limit))
            .await
            .map_err(|error| from_store(&error))?;
        Ok(Synced {
            messages: page.items,
            more: page.more,
        })
    }

    /// What the server believes of this socket.
    pub async fn whoami(&self, actor: &Actor, socket: &LiveSocket) -> Result<Whoami, WireError> {
        self.save_cursors_of(actor.id()).await;
        let seen = self
            .ports
            .conversations
            .conversations_of(actor.id())
            .await
            .map_err(|error| from_store(&error))?;
        let rooms = socket.rooms();
        let conversations = seen
            .iter()
            .map(|seen| WhoamiConversation {
                id: seen.conversation.id.clone(),
                in_room: rooms.contains(&conversation_room(&seen.conversation.id)),
                last_seq: seen.conversation.last_seq,
                received_seq: seen.received_seq,
            })
            .collect();
        Ok(Whoami {
            sid: socket.sid.clone(),
            namespace: CHAT_NAMESPACE.into(),
            node_id: Hub::node_id(&self.hub).clone(),
            transport: socket.transport().into(),
            rooms,
            user: actor.user.clone(),
            conversations,
        })
    }
}
