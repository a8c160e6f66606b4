//! Collects the evidence that `explain` judges: from the live sockets, from those that closed lately, from the ledger, and from
//! what was written down. Reads only; judges nothing.

use std::sync::Arc;

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, DeliveryException, ExceptionKind};
use chat_core::explain::{
    Broadcast, BroadcastRecord, Confirmed, Connection, Cursors, End, EndReason, Evidence, HandOver, HandOverError,
    LaneRange, Left, Membership, Path, Person, Refusal, Rejected, RejectedReason, SavedMessage, SocketEvidence,
    Subject,
};
use chat_core::ids::conversation_room;
use chat_core::ports::{Clock, DeliveryLog, StoreError};
use chat_core::{ConversationId, Message, NodeId, Seq, Sid, Timestamp, UserId};

use super::RollCall;
use super::closed::ClosedSocket;
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

/// What is known of everybody's places in a conversation.
pub struct Place {
    /// Which conversation.
    pub conversation_id: ConversationId,
    /// The user's cursors now, as this process knows them.
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

    /// Everything about a stored message and one user.
    pub async fn of_message(
        &self,
        message: &Message,
        user: Person,
        cursors: (Seq, Seq),
    ) -> Result<Evidence, StoreError> {
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
        let place = Place {
            conversation_id: message.conversation_id.clone(),
            cursors,
        };
        let mut evidence = self
            .of(
                Subject::Saved(saved),
                user,
                &place,
                Some((message.seq, message.created_at)),
            )
            .await?;
        let broadcast = self.roll_call.ledger.broadcast(&message.conversation_id, message.seq);
        if let Some(broadcast) = broadcast {
            evidence.broadcast = Broadcast::Made(BroadcastRecord {
                at: broadcast.at,
                room: conversation_room(&message.conversation_id),
                namespace: CHAT_NAMESPACE.to_owned(),
                room_existed: broadcast.room_existed,
                rooms_in_namespace: broadcast.rooms_in_namespace as u64,
                similar_rooms: broadcast.similar_rooms.clone(),
                nodes: 1,
            });
        }
        Ok(evidence)
    }

    /// Everything about a message that would be sent now and one user.
    pub async fn of_now(&self, user: Person, place: &Place) -> Result<Evidence, StoreError> {
        let subject = Subject::Now {
            conversation_id: place.conversation_id.clone(),
        };
        self.of(subject, user, place, None).await
    }

    /// A message that was refused and one user.
    pub async fn of_refused(&self, refusal: Refusal, user: Person, place: &Place) -> Result<Evidence, StoreError> {
        self.of(Subject::Refused(refusal), user, place, None).await
    }

    async fn of(
        &self,
        subject: Subject,
        user: Person,
        place: &Place,
        about: Option<(Seq, Timestamp)>,
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
        let connections = self.connections(&history);
        self.add_remembered(&mut sockets, &connections, &exceptions, about);
        Ok(Evidence {
            now,
            user,
            subject,
            membership: Some(membership),
            broadcast: Broadcast::Unknown,
            sockets,
            connections,
            rejected: history.iter().filter_map(rejected).collect(),
            elsewhere: Vec::new(),
            node_losses: Vec::new(),
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
            // Cursors are kept with the present membership.
            cursors: span.left.is_none().then_some(Cursors { received_seq, read_seq }),
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
        let lane = socket.lane(id);
        let room = conversation_room(id);
        let in_room_now = socket.is_in(&room);
        let left_at = lane.as_ref().and_then(|lane| lane.left_at);
        let own = of_socket(exceptions, &socket.sid);
        SocketEvidence {
            sid: socket.sid.clone(),
            node_id: self.hub.node_id().clone(),
            client: socket.caller().client.clone(),
            receipts: socket.caller().receipts,
            connected_at: socket.connected_at,
            disconnected: None,
            in_room: in_room_then(about, lane.as_ref(), &own).or_else(|| about.is_none().then_some(in_room_now)),
            left_by_itself_at: left_at,
            joined_room_at: in_room_now.then(|| socket.joined_at(&room)),
            lane: lane.as_ref().map(range),
            hand_over: self.hand_over(about, id, lane.as_ref(), &own),
            confirmed: lane.as_ref().and_then(|lane| confirmed(lane, about)),
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
        let lane = socket.lanes.get(id);
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
            left_by_itself_at: lane.and_then(|lane| lane.left_at),
            joined_room_at: None,
            lane: lane.map(range),
            hand_over: self.hand_over(about, id, lane, &own),
            confirmed: lane.and_then(|lane| confirmed(lane, about)),
            lagging_since: None,
            last_alive_at: socket.read_until_the_end.then_some(socket.closed_at),
        }
    }

    /// Sockets of which only the written exceptions tell: of before this process, or of too long ago for the memory.
    fn add_remembered(
        &self,
        sockets: &mut Vec<SocketEvidence>,
        connections: &[Connection],
        exceptions: &[DeliveryException],
        about: Option<(Seq, Timestamp)>,
    ) {
        for exception in exceptions {
            if sockets.iter().any(|socket| socket.sid == exception.sid) {
                continue;
            }
            let own = of_socket(exceptions, &exception.sid);
            let connection = connections.iter().find(|connection| connection.sid == exception.sid);
            let (begin, handed) = (Seq(exception.first_seq.0.saturating_sub(1)), exception.last_seq);
            sockets.push(SocketEvidence {
                sid: exception.sid.clone(),
                node_id: exception.node_id.clone(),
                client: None,
                // Only such sockets are retried, called unconfirmed, or noted as ended with something unconfirmed.
                receipts: true,
                connected_at: connection.map_or(exception.at, |connection| connection.connected_at),
                disconnected: connection
                    .and_then(|connection| connection.disconnected)
                    .or_else(|| ended(&own)),
                in_room: None,
                left_by_itself_at: None,
                joined_room_at: None,
                lane: Some(LaneRange { begin, handed }),
                hand_over: self.hand_over(about, &exception.conversation_id, None, &own),
                confirmed: None,
                lagging_since: None,
                last_alive_at: None,
            });
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
        let remembered = lane.is_none() && (has(ExceptionKind::Disconnected) || has(ExceptionKind::Unconfirmed));
        if !handed && !remembered {
            let failed = has(ExceptionKind::Failed).then_some(HandOverError::Closed);
            let full = has(ExceptionKind::Lagging).then_some(HandOverError::BufferFull);
            let error = failed.or(full)?;
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
            None if has(ExceptionKind::Lagging) || has(ExceptionKind::Resumed) => Path::Resume,
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

    /// The history as connections; one that another process opened and never closed ended with that process.
    fn connections(&self, history: &[ConnectionEvent]) -> Vec<Connection> {
        let opened = history
            .iter()
            .filter(|event| event.kind == ConnectionEventKind::Connected);
        let connection = |event: &ConnectionEvent| {
            let sid = event.sid.clone()?;
            let ended = history
                .iter()
                .find(|other| other.kind == ConnectionEventKind::Disconnected && other.sid.as_ref() == Some(&sid));
            let end = ended.map(|event| End {
                at: event.at,
                reason: end_reason(&event.detail),
            });
            let disconnected = end.or_else(|| self.end_of_lost(&event.node_id));
            Some(Connection {
                sid,
                node_id: event.node_id.clone(),
                connected_at: event.at,
                disconnected,
            })
        };
        opened.filter_map(connection).collect()
    }

    fn end_of_lost(&self, node: &NodeId) -> Option<End> {
        (node != self.hub.node_id()).then(|| End {
            at: self.hub.started_at(),
            reason: EndReason::NodeLost,
        })
    }
}

fn of_socket<'a>(exceptions: &'a [DeliveryException], sid: &Sid) -> Vec<&'a DeliveryException> {
    exceptions.iter().filter(|exception| exception.sid == *sid).collect()
}

/// The end that an exception tells of, when the history does not.
fn ended(own: &[&DeliveryException]) -> Option<End> {
    let exception = own
        .iter()
        .find(|exception| exception.kind == ExceptionKind::Disconnected)?;
    Some(End {
        at: exception.at,
        reason: EndReason::TransportClose,
    })
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
    if own.iter().any(|exception| exception.kind == ExceptionKind::Repaired) {
        return Some(false);
    }
    lane.filter(|lane| seq > lane.begins && seq <= lane.handed)
        .map(|_| true)
}

fn confirmed(lane: &Lane, about: Option<(Seq, Timestamp)>) -> Option<Confirmed> {
    let newest = lane.confirmations.back()?;
    let at = about.and_then(|(seq, _)| lane.confirmed_at(seq));
    Some(Confirmed {
        seq: lane.confirmed,
        at: at.unwrap_or(newest.at),
    })
}

/// A reason as it was noted: the label of `rollcall_disconnections_total`.
fn end_reason(label: &str) -> EndReason {
    const ALL: [EndReason; 10] = [
        EndReason::Client,
        EndReason::TransportClose,
        EndReason::TransportError,
        EndReason::PingTimeout,
        EndReason::Slow,
        EndReason::Token,
        EndReason::Admin,
        EndReason::Shutdown,
        EndReason::Protocol,
        EndReason::NodeLost,
    ];
    ALL.into_iter()
        .find(|reason| reason.as_str() == label)
        .unwrap_or(EndReason::TransportError)
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
