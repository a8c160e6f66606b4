//! Collects the evidence that `explain` judges: from the live sockets, from those that closed lately, from the ledger, and from
//! what was written down. Reads only; judges nothing.

use std::sync::Arc;

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, DeliveryException, ExceptionKind};
use chat_core::explain::{
    Broadcast, BroadcastRecord, Confirmed, Cursors, End, Evidence, HandOver, HandOverError, LaneRange, Left,
    Membership, Path, Person, Refusal, Rejected, RejectedReason, SavedMessage, SocketEvidence, Subject,
};
use chat_core::ids::conversation_room;
use chat_core::ports::{Clock, DeliveryLog, StoreError};
use chat_core::{ConversationId, Message, Seq, Sid, Timestamp, UserId};

use super::RollCall;
use super::closed::ClosedSocket;
use super::remembered::{self, end_reason};
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::lane::{self, Lane};
use crate::hub::{Hub, LiveSocket};
use crate::limits::EVIDENCE_KEPT_MS;

/// Entries of a connection history that are looked at for one question.
const CONNECTIONS_LOOKED_AT: u32 = 500;
/// How long before a message its connections are looked at, in milliseconds: a day, since a tab may be open that long.
const LOOK_BACK_MS: i64 = 24 * 60 * 60 * 1_000;

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

/// What this process knows of a conversation and one user.
pub struct Place {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// The user's cursors now.
    pub cursors: (Seq, Seq),
    /// The newest message that was announced.
    pub head: Seq,
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

    /// Everything about a stored message and one user.
    pub async fn of_message(&self, message: &Message, user: Person, place: &Place) -> Result<Evidence, StoreError> {
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
        let broadcast = self.broadcast(message, place.head).await?;
        let about = Some((message.seq, message.created_at));
        self.of(Subject::Saved(saved), user, place, about, broadcast).await
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
            }));
        }
        if message.seq > head {
            return Ok(Broadcast::NotMade { stopped_at: None });
        }
        let missed = self.log.missed_broadcast(id, message.seq).await?;
        Ok(missed.map_or(Broadcast::Unknown, |at| Broadcast::NotMade { stopped_at: Some(at) }))
    }

    /// Everything about a message that would be sent now and one user.
    pub async fn of_now(&self, user: Person, place: &Place) -> Result<Evidence, StoreError> {
        let subject = Subject::Now {
            conversation_id: place.conversation_id.clone(),
        };
        self.of(subject, user, place, None, Broadcast::Unknown).await
    }

    /// A message that was refused and one user.
    pub async fn of_refused(&self, refusal: Refusal, user: Person, place: &Place) -> Result<Evidence, StoreError> {
        let subject = Subject::Refused(refusal);
        self.of(subject, user, place, None, Broadcast::Unknown).await
    }

    async fn of(
        &self,
        subject: Subject,
        user: Person,
        place: &Place,
        about: Option<(Seq, Timestamp)>,
        broadcast: Broadcast,
    ) -> Result<Evidence, StoreError> {
        self.roll_call.recorder.flush().await;
        let now = self.clock.now();
        let id = &place.conversation_id;
        let membership = self.membership(place, &user.id).await?;
        let exceptions = match about {
            Some((seq, _)) => self.log.exceptions(id, seq, Some(&user.id)).await?,
            None => Vec::new(),
        };
        let from = about.map_or(now, |(_, at)| at).plus_millis(-LOOK_BACK_MS);
        let history = self.log.connections(&user.id, from, now, CONNECTIONS_LOOKED_AT).await?;
        let mut sockets: Vec<SocketEvidence> = Vec::new();
        for socket in self.hub.sockets_of(&user.id) {
            sockets.push(self.of_live(&socket, id, about, &exceptions, now));
        }
        for socket in self.roll_call.closed.of(&user.id) {
            sockets.push(self.of_closed(&socket, id, about, &exceptions));
        }
        let node_losses = self.log.node_losses(from).await?;
        let here = (self.hub.node_id(), self.hub.started_at());
        let lives = remembered::lives(&history, here, &node_losses);
        if let Some((seq, created_at)) = about {
            let announced = remembered::Announced::of(&broadcast, created_at);
            remembered::add(&mut sockets, &lives, &exceptions, (seq, created_at), announced);
        }
        Ok(Evidence {
            now,
            user,
            subject,
            membership: Some(membership),
            broadcast,
            sockets,
            connections: lives.into_iter().map(|life| life.connection).collect(),
            rejected: history.iter().filter_map(rejected).collect(),
            node_losses,
            complete_since: Some(now.plus_millis(-EVIDENCE_KEPT_MS)),
        })
    }

    async fn membership(&self, place: &Place, user: &UserId) -> Result<Vec<Membership>, StoreError> {
        let spans = self.log.memberships(&place.conversation_id, user).await?;
        let (received_seq, read_seq) = place.cursors;
        let membership = |span: chat_core::delivery::MembershipSpan| Membership {
            joined_at: span.joined_at,
            joined_seq: span.joined_seq,
            left: span.left.map(|(at, seq)| Left { at, seq }),
            // Those of the present membership may have moved since they were stored.
            cursors: match span.left {
                None => Some(Cursors { received_seq, read_seq }),
                Some(_) => span
                    .cursors
                    .map(|(received_seq, read_seq)| Cursors { received_seq, read_seq }),
            },
        };
        Ok(spans.into_iter().map(membership).collect())
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

/// The lane that holds the message: the one that there is, or one that ended by a leave or a removal since.
fn lane_about<'a>(former: &'a [Lane], current: Option<&'a Lane>, about: Option<(Seq, Timestamp)>) -> Option<&'a Lane> {
    let Some((seq, _)) = about else { return current };
    let holds = |lane: &&Lane| seq > lane.begins && seq <= lane.handed;
    current.filter(holds).or(former.iter().rev().find(holds)).or(current)
}

/// When the client last left by its own wish before the message came; or now, for one that would be sent now.
fn left_at(former: &[Lane], current: Option<&Lane>, about: Option<(Seq, Timestamp)>) -> Option<Timestamp> {
    let now = current
        .filter(|lane| lane.mode == lane::Mode::Left)
        .and_then(|lane| lane.left_at);
    let Some((_, at)) = about else { return now };
    let lanes = former.iter().chain(current);
    let before = lanes.filter_map(|lane| lane.left_at).filter(|left| *left <= at).max();
    before.or(now)
}

fn range(lane: &Lane) -> LaneRange {
    LaneRange {
        begin: lane.begins,
        handed: lane.handed,
    }
}

fn path_of(path: lane::Path) -> Path {
    match path {
        lane::Path::Room => Path::Room,
        lane::Path::Repair => Path::Repair,
        lane::Path::Resume => Path::Resume,
    }
}

/// Whether the room held the socket when the message was announced, as far as that is known.
fn in_room_then(about: Option<(Seq, Timestamp)>, lane: Option<&Lane>, own: &[&DeliveryException]) -> Option<bool> {
    let (seq, _) = about?;
    let outside = [ExceptionKind::Repaired, ExceptionKind::NotJoined];
    if own.iter().any(|exception| outside.contains(&exception.kind)) {
        return Some(false);
    }
    lane.filter(|lane| seq > lane.begins && seq <= lane.handed)
        .map(|_| true)
}

fn confirmed(lane: &Lane, about: Option<(Seq, Timestamp)>) -> Option<Confirmed> {
    let newest = lane.confirmations.back()?;
    let at = match about {
        // Of an older receipt than are remembered only the cursor tells; the newest one's time would be a false latency.
        Some((seq, _)) if seq <= lane.confirmed => lane.confirmed_at(seq)?,
        _ => newest.at,
    };
    Some(Confirmed {
        seq: lane.confirmed,
        at,
    })
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
