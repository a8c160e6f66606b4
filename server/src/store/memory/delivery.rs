//! What is written down about deliveries, in memory.

use super::*;
use chat_core::delivery::{Cursor, LeftBehind};
use chat_core::ports::DeliveryLog;

/// What is forgotten of each kind at a time.
const BITE: usize = 1_000;

impl Membership {
    pub(super) fn span(&self, left: Option<(Timestamp, Seq)>) -> MembershipSpan {
        MembershipSpan {
            joined_at: self.joined_at,
            joined_seq: self.joined_seq,
            left,
            cursors: Some((self.received_seq, self.read_seq)),
        }
    }
}

impl Held {
    /// Whose memberships, and when: the past ones and then the present ones.
    fn spans(&self) -> impl Iterator<Item = (&UserId, MembershipSpan)> {
        let present = self
            .participants
            .iter()
            .map(|(id, membership)| (id, membership.span(None)));
        self.past.iter().map(|(id, span)| (id, *span)).chain(present)
    }
}

impl State {
    fn announce(&mut self, announced: &[(ConversationId, Seq)]) {
        for (id, seq) in announced {
            if let Some(held) = self.conversations.get_mut(id) {
                held.announced = held.announced.max((*seq).min(held.last_seq()));
            }
        }
    }
}

/// Forgets older ones; true when there are more.
fn prune<T>(all: &mut Vec<T>, before: Timestamp, at: impl Fn(&T) -> Timestamp) -> bool {
    let mut left = BITE;
    all.retain(|one| {
        let goes = left > 0 && at(one) < before;
        left -= usize::from(goes);
        !goes
    });
    all.iter().any(|one| at(one) < before)
}

#[async_trait]
impl DeliveryLog for MemoryStore {
    async fn advance_cursors(&self, cursors: &[Cursor]) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        for cursor in cursors {
            let Some(held) = state.conversations.get_mut(&cursor.conversation_id) else {
                continue;
            };
            let last_seq = held.last_seq();
            if let Some(own) = held.participants.get_mut(&cursor.user_id) {
                let received = cursor.received.max(cursor.read).min(last_seq);
                own.received_seq = own.received_seq.max(received);
                own.read_seq = own.read_seq.max(cursor.read.min(last_seq));
            }
        }
        Ok(())
    }

    async fn cursors(&self, conversation: &ConversationId) -> Result<Vec<Cursor>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let held = state.conversations.get(conversation).into_iter();
        let cursors = held.flat_map(|held| &held.participants).map(|(id, own)| Cursor {
            conversation_id: conversation.clone(),
            user_id: id.clone(),
            received: own.received_seq,
            read: own.read_seq,
        });
        Ok(cursors.collect())
    }

    async fn note_exceptions(&self, exceptions: &[DeliveryException]) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        for exception in exceptions {
            if state.conversations.contains_key(&exception.conversation_id)
                && state.users.contains_key(&exception.user_id)
            {
                state.exceptions.push(exception.clone());
            }
        }
        Ok(())
    }

    async fn exceptions(
        &self,
        conversation: &ConversationId,
        seq: Seq,
        user: Option<&UserId>,
    ) -> Result<Vec<DeliveryException>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let about = |e: &&DeliveryException| {
            e.conversation_id == *conversation
                && (e.first_seq..=e.last_seq).contains(&seq)
                && user.is_none_or(|user| e.user_id == *user)
        };
        let mut found: Vec<_> = state.exceptions.iter().filter(about).cloned().collect();
        found.sort_by_key(|e| e.at);
        Ok(found)
    }

    async fn note_connections(&self, events: &[ConnectionEvent]) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        for event in events {
            if state.users.contains_key(&event.user_id) {
                state.connections.push(event.clone());
            }
        }
        Ok(())
    }

    async fn connections_of(
        &self,
        users: &[UserId],
        from: Timestamp,
        to: Timestamp,
        limit: u32,
    ) -> Result<Vec<ConnectionEvent>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let mut all = Vec::new();
        for user in users {
            let within = |e: &&ConnectionEvent| e.user_id == *user && e.at >= from && e.at <= to;
            let mut found: Vec<_> = state.connections.iter().rev().filter(within).cloned().collect();
            found.sort_by_key(|e| std::cmp::Reverse(e.at));
            all.extend(page(found, limit).items);
        }
        all.sort_by_key(|e| std::cmp::Reverse(e.at));
        Ok(all)
    }

    async fn memberships_of(
        &self,
        conversation: &ConversationId,
        users: &[UserId],
    ) -> Result<Vec<(UserId, MembershipSpan)>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let spans = state.conversations.get(conversation).into_iter().flat_map(Held::spans);
        let asked = spans.filter(|(id, _)| users.contains(id));
        Ok(asked.map(|(id, span)| (id.clone(), span)).collect())
    }

    async fn participants_at(&self, conversation: &ConversationId, seq: Seq) -> Result<Vec<User>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let spans = state.conversations.get(conversation).into_iter().flat_map(Held::spans);
        let mut ids: Vec<&UserId> = spans.filter(|(_, span)| span.covers(seq)).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        let users = ids.into_iter().filter_map(|id| state.users.get(id));
        Ok(users.map(|account| account.user.clone()).collect())
    }

    async fn note_announced(&self, announced: &[(ConversationId, Seq)]) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        state.announce(announced);
        Ok(())
    }

    async fn make_up(&self, left: &LeftBehind) -> Result<u64, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        state.announce(&left.announced);
        let heard = left.ended.as_ref().map(|loss| loss.at);
        let gaps = state
            .conversations
            .iter()
            .filter(|(_, held)| held.announced < held.last_seq());
        let (mut messages, mut missed, mut newest) = (0, Vec::new(), None);
        for (id, held) in gaps {
            messages += held.last_seq().0 - held.announced.0;
            newest = newest.max(held.messages.last().map(|message| message.created_at));
            missed.push((id.clone(), held.announced.next(), held.last_seq()));
        }
        // It was still there when the newest of them was committed, which was after it was written.
        let committed = newest.map(|written: Timestamp| written.plus_millis(1));
        let Some(at) = heard.max(committed) else {
            return Ok(messages);
        };
        for (conversation_id, first, last) in missed {
            if let Some(held) = state.conversations.get_mut(&conversation_id) {
                held.announced = last;
            }
            if left.complete {
                state.missed.push(MissedBroadcast {
                    conversation_id,
                    first,
                    last,
                    at,
                });
            }
        }
        if let Some(loss) = &left.ended
            && state.losses.iter().all(|known| known.node_id != loss.node_id)
        {
            let node_id = loss.node_id.clone();
            state.losses.push(NodeLoss { node_id, at });
        }
        Ok(messages)
    }

    async fn missed_broadcast(&self, conversation: &ConversationId, seq: Seq) -> Result<Option<Timestamp>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let holds = |missed: &&MissedBroadcast| {
            missed.conversation_id == *conversation && (missed.first..=missed.last).contains(&seq)
        };
        Ok(state.missed.iter().find(holds).map(|missed| missed.at))
    }

    async fn node_losses(&self, from: Timestamp) -> Result<Vec<NodeLoss>, StoreError> {
        let state = self.state.lock();
        state.ready()?;
        let mut losses: Vec<_> = state.losses.iter().filter(|loss| loss.at >= from).cloned().collect();
        losses.sort_by_key(|loss| loss.at);
        Ok(losses)
    }

    async fn prune_evidence(&self, before: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state.lock();
        state.ready()?;
        let exceptions = prune(&mut state.exceptions, before, |e| e.at);
        let connections = prune(&mut state.connections, before, |e| e.at);
        let missed = prune(&mut state.missed, before, |missed| missed.at);
        let losses = prune(&mut state.losses, before, |loss| loss.at);
        Ok(exceptions || connections || missed || losses)
    }
}
