//! Collects the evidence that `explain` judges: from the live sockets, from those that closed lately, from the ledger, and from
//! what was written down. Reads only; judges nothing.

mod gathered;
mod lanes;

use std::sync::Arc;

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, DeliveryException, ExceptionKind};
use chat_core::explain::{
    Broadcast, BroadcastRecord, End, Evidence, HandOver, HandOverError, NodeLoss, Path, Person, Rejected,
    RejectedReason, SavedMessage, SocketEvidence, Subject,
};
use chat_core::ids::conversation_room;
use chat_core::ports::{Clock, DeliveryLog, StoreError};
use chat_core::{ConversationId, Message, Seq, Sid, Timestamp, UserId};

use self::gathered::{Gathered, Own};
use self::lanes::{confirmed, in_room_then, lane_about, left_at, path_of, range};
use super::RollCall;
use super::closed::ClosedSocket;
use super::remembered::{self, end_reason};
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::lane::Lane;
use crate::hub::{Hub, LiveSocket};
use crate::telemetry::traces;

/// Collects evidence.
pub struct Collector {
    hub: Arc<Hub>,
    roll_call: Arc<RollCall>,
    log: Arc<dyn DeliveryLog>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Collector")
    }
}

/// Whom a question is about.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who.
    pub user: Person,
    /// Their cursors in the conversation now.
    pub cursors: (Seq, Seq),
}

impl Collector {
    /// From these sources.
    pub fn new(hub: Arc<Hub>, roll_call: Arc<RollCall>, log: Arc<dyn DeliveryLog>, clock: Arc<dyn Clock>) -> Self {
        Self {
            hub,
            roll_call,
            log,
            clock,
        }
    }

    /// Everything about a stored message and each of these users, in their order. `head`: the newest message that was announced.
    pub async fn of_message(
        &self,
        message: &Message,
        head: Seq,
        people: Vec<Asked>,
    ) -> Result<Vec<Evidence>, StoreError> {
        let saved = SavedMessage {
            id: message.id.clone(),
            conversation_id: message.conversation_id.clone(),
            seq: message.seq,
            sender: Person {
                id: message.sender_id.clone(),
                username: message.sender_name.to_string(),
            },
            created_at: message.created_at,
        };
        let broadcast = self.broadcast(message, head).await?;
        self.of(&Subject::Saved(saved), people, &broadcast).await
    }

    async fn broadcast(&self, message: &Message, head: Seq) -> Result<Broadcast, StoreError> {
        let id = &message.conversation_id;
        if let Some(broadcast) = self.roll_call.ledger.broadcast(id, message.seq) {
            return Ok(Broadcast::Made(BroadcastRecord {
                at: broadcast.at,
                room: conversation_room(id),
                namespace: CHAT_NAMESPACE.to_owned(),
                room_existed: broadcast.room_existed,
                rooms_in_namespace: broadcast.rooms_in_namespace as u64,
                similar_rooms: broadcast.similar_rooms.clone(),
                nodes: 1,
                trace_id: broadcast.trace.as_deref().copied().and_then(traces::shown),
            }));
        }
        if message.seq > head {
            return Ok(Broadcast::NotMade { stopped_at: None });
        }
        let missed = self.log.missed_broadcast(id, message.seq).await?;
        Ok(missed.map_or(Broadcast::Unknown, |at| Broadcast::NotMade { stopped_at: Some(at) }))
    }

    /// Everything about one user and what is no stored message: one that would be sent now, or one that was refused.
    pub async fn of_subject(&self, subject: Subject, asked: Asked) -> Result<Evidence, StoreError> {
        let mut one = self.of(&subject, vec![asked], &Broadcast::Unknown).await?;
        one.pop().ok_or_else(|| StoreError::Inconsistent {
            table: "delivery_exceptions",
            row: String::new(),
            detail: "no evidence was collected".to_owned(),
        })
    }

    async fn of(
        &self,
        subject: &Subject,
        people: Vec<Asked>,
        broadcast: &Broadcast,
    ) -> Result<Vec<Evidence>, StoreError> {
        self.roll_call.recorder.flush().await;
        let about = match subject {
            Subject::Saved(message) => Some((message.seq, message.created_at)),
            Subject::Refused(_) | Subject::Now { .. } => None,
        };
        let (id, now) = (subject.conversation_id(), self.clock.now());
        let users: Vec<UserId> = people.iter().map(|asked| asked.user.id.clone()).collect();
        let mut gathered = Gathered::read(&*self.log, id, &users, about, now).await?;
        let of_one = |asked: Asked| {
            let own = gathered.take(&asked.user.id);
            self.of_user(subject, asked, &own, &gathered.node_losses, broadcast.clone(), now)
        };
        Ok(people.into_iter().map(of_one).collect())
    }

    fn of_user(
        &self,
        subject: &Subject,
        asked: Asked,
        own: &Own,
        node_losses: &[NodeLoss],
        broadcast: Broadcast,
        now: Timestamp,
    ) -> Evidence {
        let id = subject.conversation_id();
        let about = match subject {
            Subject::Saved(message) => Some((message.seq, message.created_at)),
            Subject::Refused(_) | Subject::Now { .. } => None,
        };
        let exceptions = &own.exceptions;
        let live = self.hub.sockets_of(&asked.user.id);
        let live = live
            .iter()
            .map(|socket| self.of_live(socket, id, about, exceptions, now));
        let closed = self.roll_call.closed.of(&asked.user.id);
        let closed = closed
            .iter()
            .map(|socket| self.of_closed(socket, id, about, exceptions));
        let mut sockets: Vec<SocketEvidence> = live.chain(closed).collect();
        let here = (self.hub.node_id(), self.hub.started_at());
        let lives = remembered::lives(&own.history, here, node_losses);
        if let Some(about) = about {
            let announced = remembered::Announced::of(&broadcast, about.1);
            remembered::add(&mut sockets, &lives, exceptions, about, announced);
        }
        Evidence {
            now,
            membership: Some(own.memberships(asked.cursors)),
            user: asked.user,
            subject: subject.clone(),
            broadcast,
            sockets,
            connections: lives.into_iter().map(|life| life.connection).collect(),
            rejected: own.history.iter().filter_map(rejected).collect(),
            node_losses: node_losses.to_vec(),
            complete_since: Some(own.complete_since(now)),
        }
    }

    fn of_live(
        &self,
        socket: &LiveSocket,
        id: &ConversationId,
        about: Option<(Seq, Timestamp)>,
        exceptions: &[DeliveryException],
        now: Timestamp,
    ) -> SocketEvidence {
        let (former, current) = (socket.former_lanes(id), socket.lane(id));
        let lane = lane_about(&former, current.as_ref(), about);
        let room = conversation_room(id);
        let in_room_now = socket.is_in(&room);
        let own = of_socket(exceptions, &socket.sid);
        SocketEvidence {
            sid: socket.sid.clone(),
            node_id: self.hub.node_id().clone(),
            client: socket.caller().client.clone(),
            receipts: socket.caller().receipts,
            connected_at: socket.connected_at,
            disconnected: None,
            in_room: in_room_then(about, lane, &own).or_else(|| about.is_none().then_some(in_room_now)),
            left_by_itself_at: left_at(&former, current.as_ref(), about),
            joined_room_at: in_room_now.then(|| socket.joined_at(&room)),
            lane: lane.map(range),
            hand_over: self.hand_over(about, id, lane, &own),
            confirmed: lane.and_then(|lane| confirmed(lane, about)),
            lagging_since: socket.lagging_since(),
            last_alive_at: socket.reads().then_some(now),
        }
    }

    fn of_closed(
        &self,
        socket: &ClosedSocket,
        id: &ConversationId,
        about: Option<(Seq, Timestamp)>,
        exceptions: &[DeliveryException],
    ) -> SocketEvidence {
        let former = socket.former.get(id).map_or(&[][..], Vec::as_slice);
        let current = socket.lanes.get(id);
        let lane = lane_about(former, current, about);
        let own = of_socket(exceptions, &socket.sid);
        SocketEvidence {
            sid: socket.sid.clone(),
            node_id: self.hub.node_id().clone(),
            client: socket.client.clone(),
            receipts: socket.receipts,
            connected_at: socket.connected_at,
            disconnected: Some(End {
                at: socket.closed_at,
                reason: end_reason(socket.reason),
            }),
            in_room: in_room_then(about, lane, &own),
            left_by_itself_at: left_at(former, current, about),
            joined_room_at: None,
            lane: lane.map(range),
            hand_over: self.hand_over(about, id, lane, &own),
            confirmed: lane.and_then(|lane| confirmed(lane, about)),
            lagging_since: None,
            last_alive_at: socket.read_until_the_end.then_some(socket.closed_at),
        }
    }

    fn hand_over(
        &self,
        about: Option<(Seq, Timestamp)>,
        id: &ConversationId,
        lane: Option<&Lane>,
        own: &[&DeliveryException],
    ) -> Option<HandOver> {
        let Some((seq, created_at)) = about else {
            // A message sent now: what matters is the oldest one that waits for a receipt.
            let waits = lane?.outstanding.front()?;
            let (path, attempts) = (path_of(waits.path), u32::from(waits.attempts));
            return Some(HandOver {
                path,
                first_at: Some(waits.first_at),
                attempts,
                error: None,
            });
        };
        let has = |kind| own.iter().any(|exception| exception.kind == kind);
        let handed = lane.is_some_and(|lane| seq > lane.begins && seq <= lane.handed);
        if !handed {
            let not_joined = has(ExceptionKind::NotJoined).then_some(HandOverError::NotJoined);
            let failed = has(ExceptionKind::Failed).then_some(HandOverError::Closed);
            // Of a lane that is no longer remembered nobody knows whether it was fed after all.
            let waits = lane.is_some_and(|lane| seq > lane.handed.max(lane.begins));
            let full = (has(ExceptionKind::Lagging) && waits).then_some(HandOverError::BufferFull);
            let error = not_joined.or(failed).or(full)?;
            return Some(HandOver {
                path: Path::Room,
                first_at: None,
                attempts: 1,
                error: Some(error),
            });
        }
        let waits = lane.and_then(|lane| lane.outstanding.iter().find(|waits| waits.seq == seq));
        let retries = own
            .iter()
            .filter(|exception| exception.kind == ExceptionKind::Retried)
            .count();
        let path = match waits {
            Some(waits) => path_of(waits.path),
            None if has(ExceptionKind::Repaired) => Path::Repair,
            None if has(ExceptionKind::NotJoined) || has(ExceptionKind::Lagging) => Path::Resume,
            None if has(ExceptionKind::Resumed) => Path::Resume,
            None if lane.is_some_and(|lane| lane.was_fed(seq)) => Path::Resume,
            None if retries > 0 => Path::Retry,
            None => Path::Room,
        };
        let announced = self.roll_call.ledger.broadcast(id, seq).map(|broadcast| broadcast.at);
        Some(HandOver {
            path,
            first_at: waits.map(|waits| waits.first_at).or(announced).or(Some(created_at)),
            attempts: 1 + u32::try_from(retries).unwrap_or(u32::MAX - 1),
            error: None,
        })
    }
}

pub(super) fn of_socket<'a>(exceptions: &'a [DeliveryException], sid: &Sid) -> Vec<&'a DeliveryException> {
    exceptions.iter().filter(|exception| exception.sid == *sid).collect()
}

const REJECTED_REASONS: [RejectedReason; 6] = [
    RejectedReason::Token,
    RejectedReason::Origin,
    RejectedReason::Path,
    RejectedReason::Protocol,
    RejectedReason::Namespace,
    RejectedReason::Rate,
];

/// A refused attempt as it was noted: `reason|detail|remedy`.
fn rejected(event: &ConnectionEvent) -> Option<Rejected> {
    if event.kind != ConnectionEventKind::Rejected {
        return None;
    }
    let mut parts = event.detail.splitn(3, '|');
    let label = parts.next()?;
    let reason = REJECTED_REASONS.into_iter().find(|reason| reason.as_str() == label)?;
    let (detail, remedy) = (
        parts.next().unwrap_or_default().to_owned(),
        parts.next().unwrap_or_default().to_owned(),
    );
    Some(Rejected {
        at: event.at,
        reason,
        detail,
        remedy,
    })
}
