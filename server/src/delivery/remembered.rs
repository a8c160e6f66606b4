//! Sockets that are no longer in memory: of before this process, or of too long ago. Their connections and what did not go by
//! the book are written down; what is not written went by the book.

use std::collections::HashMap;

use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, DeliveryException, ExceptionKind};
use chat_core::explain::{
    Broadcast, Connection, End, EndReason, HandOver, HandOverError, LaneRange, NodeLoss, Path, SocketEvidence,
};
use chat_core::{NodeId, Seq, Sid, Timestamp};

use super::evidence::of_socket;

/// Behind the client's name in the connection history: it promised receipts.
const PROMISED: &str = "(receipts)";

/// How an arrival is written down.
pub fn arrival(client: Option<&str>, receipts: bool) -> String {
    // A client may call itself anything; its name must not look like a promise.
    let client = client.unwrap_or_default().replace(PROMISED, "").trim().to_owned();
    match (client.as_str(), receipts) {
        (_, false) => client,
        ("", true) => PROMISED.to_owned(),
        (_, true) => format!("{client} {PROMISED}"),
    }
}

/// A connection as the history tells it.
#[derive(Debug, Clone)]
pub struct Life {
    /// From when until when.
    pub connection: Connection,
    /// As the client called itself.
    pub client: Option<String>,
    /// It promised receipts.
    pub receipts: bool,
}

/// Whether and when the message was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// Then, or about then.
    At(Timestamp),
    /// Never, by the process that saved it.
    Not,
}

impl Announced {
    /// As far as it is on record; of old messages that it was is taken for granted.
    pub fn of(broadcast: &Broadcast, created_at: Timestamp) -> Self {
        match broadcast {
            Broadcast::Made(record) => Self::At(record.at),
            Broadcast::NotMade { .. } => Self::Not,
            Broadcast::Unknown => Self::At(created_at),
        }
    }
}

/// The history as connections; one that another process opened and never closed ended with that process: when that was last heard of,
/// or, if that is not known, before this one started.
pub fn lives(history: &[ConnectionEvent], (node, started_at): (&NodeId, Timestamp), losses: &[NodeLoss]) -> Vec<Life> {
    let of_kind = |kind| history.iter().filter(move |event| event.kind == kind);
    let opened = of_kind(ConnectionEventKind::Connected);
    let closed = of_kind(ConnectionEventKind::Disconnected);
    let ends: HashMap<&Sid, &ConnectionEvent> = closed.filter_map(|event| Some((event.sid.as_ref()?, event))).collect();
    let life = |event: &ConnectionEvent| {
        let sid = event.sid.clone()?;
        let end = ends.get(&sid).map(|event| End {
            at: event.at,
            reason: end_reason(&event.detail),
        });
        let lost = || {
            let known = losses.iter().find(|loss| loss.node_id == event.node_id);
            (event.node_id != *node).then_some(End {
                at: known.map_or(started_at, |loss| loss.at.max(event.at)),
                reason: EndReason::NodeLost,
            })
        };
        let client = event.detail.strip_suffix(PROMISED);
        let receipts = client.is_some();
        let client = client.unwrap_or(&event.detail).trim();
        Some(Life {
            connection: Connection {
                sid,
                node_id: event.node_id.clone(),
                connected_at: event.at,
                disconnected: end.or_else(lost),
            },
            client: (!client.is_empty()).then(|| client.to_owned()),
            receipts,
        })
    };
    opened.filter_map(life).collect()
}

/// Adds what is written of sockets that are not among `sockets`.
pub fn add(
    sockets: &mut Vec<SocketEvidence>,
    lives: &[Life],
    exceptions: &[DeliveryException],
    (seq, created_at): (Seq, Timestamp),
    announced: Announced,
) {
    let announced_at = match announced {
        Announced::At(at) => at,
        Announced::Not => created_at,
    };
    for exception in exceptions {
        if sockets.iter().any(|socket| socket.sid == exception.sid) {
            continue;
        }
        let own = of_socket(exceptions, &exception.sid);
        let life = lives.iter().find(|life| life.connection.sid == exception.sid);
        sockets.push(irregular(exception, life, &own, announced_at));
    }
    for life in lives {
        let Connection {
            sid,
            connected_at,
            disconnected,
            ..
        } = &life.connection;
        let outlived = |end: &End| match end.reason {
            // When its process was last heard of, and that may be the very moment of the message.
            EndReason::NodeLost => end.at >= created_at,
            _ => end.at > created_at,
        };
        let was_there = *connected_at <= created_at && disconnected.as_ref().is_some_and(outlived);
        if was_there && !sockets.iter().any(|socket| socket.sid == *sid) {
            sockets.push(regular(life, seq, announced));
        }
    }
}

/// A socket of which exceptions tell.
fn irregular(
    exception: &DeliveryException,
    life: Option<&Life>,
    own: &[&DeliveryException],
    at: Timestamp,
) -> SocketEvidence {
    let has = |kind| own.iter().any(|exception| exception.kind == kind);
    let connection = life.map(|life| &life.connection);
    let connected_at = connection.map_or(exception.at, |connection| connection.connected_at);
    let retries = own
        .iter()
        .filter(|exception| exception.kind == ExceptionKind::Retried)
        .count();
    let ended = connection
        .and_then(|connection| connection.disconnected)
        .or_else(|| ended(own));
    // It waited for room in its buffer. One that ended in order had it after all, else it would be written that it did not.
    let in_order = ended.is_some_and(|end| end.reason != EndReason::NodeLost);
    let path = match () {
        () if has(ExceptionKind::Missed) => None,
        () if has(ExceptionKind::Lagging) && in_order => Some(Path::Resume),
        () if has(ExceptionKind::NotJoined) && in_order => Some(Path::Resume),
        () if has(ExceptionKind::Repaired) => Some(Path::Repair),
        () if has(ExceptionKind::Resumed) => Some(Path::Resume),
        () if has(ExceptionKind::Disconnected) && connected_at > at => Some(Path::Resume),
        () if has(ExceptionKind::Disconnected) || has(ExceptionKind::Unconfirmed) => Some(Path::Room),
        () if retries > 0 => Some(Path::Retry),
        () => None,
    };
    let failed = || match () {
        () if has(ExceptionKind::NotJoined) => Some(HandOverError::NotJoined),
        () if has(ExceptionKind::Missed) && has(ExceptionKind::Lagging) => Some(HandOverError::BufferFull),
        () => None,
    };
    let error = if path.is_none() { failed() } else { None };
    let hand_over = (path.is_some() || error.is_some()).then(|| HandOver {
        path: path.unwrap_or(Path::Room),
        first_at: path.map(|_| at),
        attempts: 1 + u32::try_from(retries).unwrap_or(u32::MAX - 1),
        error,
    });
    let left = own.iter().find(|exception| exception.kind == ExceptionKind::Left);
    let (begin, handed) = (Seq(exception.first_seq.0.saturating_sub(1)), exception.last_seq);
    SocketEvidence {
        sid: exception.sid.clone(),
        node_id: exception.node_id.clone(),
        client: life.and_then(|life| life.client.clone()),
        // Without a history: mostly such sockets have exceptions.
        receipts: life.is_none_or(|life| life.receipts),
        connected_at,
        disconnected: ended,
        in_room: (has(ExceptionKind::Repaired) || has(ExceptionKind::NotJoined)).then_some(false),
        left_by_itself_at: left.map(|exception| exception.at),
        joined_room_at: None,
        lane: path.map(|_| LaneRange { begin, handed }),
        hand_over,
        confirmed: None,
        lagging_since: None,
        last_alive_at: None,
    }
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

/// A socket of which nothing is written but its coming and its end: what it was sent went by the book. One that promised
/// receipts would have confirmed it (then a cursor tells) or closed without (then an exception tells), unless its process died.
fn regular(life: &Life, seq: Seq, announced: Announced) -> SocketEvidence {
    let by_the_book = match announced {
        Announced::At(at) => (!life.receipts).then_some(at),
        Announced::Not => None,
    };
    SocketEvidence {
        sid: life.connection.sid.clone(),
        node_id: life.connection.node_id.clone(),
        client: life.client.clone(),
        receipts: life.receipts,
        connected_at: life.connection.connected_at,
        disconnected: life.connection.disconnected,
        in_room: None,
        left_by_itself_at: None,
        joined_room_at: None,
        lane: by_the_book.map(|_| LaneRange {
            begin: Seq(seq.0.saturating_sub(1)),
            handed: seq,
        }),
        hand_over: by_the_book.map(|at| HandOver {
            path: Path::Room,
            first_at: Some(at),
            attempts: 1,
            error: None,
        }),
        confirmed: None,
        lagging_since: None,
        last_alive_at: None,
    }
}

/// A reason as it was noted: the label of `rollcall_disconnections_total`.
pub fn end_reason(label: &str) -> EndReason {
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

#[cfg(test)]
mod tests {
    use chat_core::UserId;

    use super::*;

    fn event(kind: ConnectionEventKind, node: &str, at: i64, detail: &str) -> ConnectionEvent {
        ConnectionEvent {
            user_id: UserId::parse("bob").unwrap(),
            at: Timestamp::from_millis(at),
            kind,
            sid: Some(Sid::parse("s").unwrap()),
            node_id: NodeId::parse(node).unwrap(),
            detail: detail.to_owned(),
        }
    }

    fn of(history: &[ConnectionEvent]) -> Vec<SocketEvidence> {
        remembered(history, &[], Announced::At(Timestamp::from_millis(2_000)))
    }

    fn remembered(history: &[ConnectionEvent], losses: &[NodeLoss], announced: Announced) -> Vec<SocketEvidence> {
        let node = NodeId::parse("now").unwrap();
        let lives = lives(history, (&node, Timestamp::from_millis(9_000)), losses);
        let mut sockets = Vec::new();
        let about = (Seq(7), Timestamp::from_millis(2_000));
        add(&mut sockets, &lives, &[], about, announced);
        sockets
    }

    #[test]
    fn a_promise_is_written_behind_the_name_and_cannot_be_part_of_it() {
        for (client, receipts, written) in [
            (Some("web/1"), true, "web/1 (receipts)"),
            (Some("web/1"), false, "web/1"),
            (Some("liar (receipts)"), false, "liar"),
            (None, true, "(receipts)"),
            (None, false, ""),
        ] {
            assert_eq!(arrival(client, receipts), written);
            let lives = lives(
                &[event(ConnectionEventKind::Connected, "now", 1_000, written)],
                (&NodeId::parse("now").unwrap(), Timestamp::from_millis(0)),
                &[],
            );
            let [life] = lives.as_slice() else { panic!("one") };
            assert_eq!(life.receipts, receipts);
        }
    }

    #[test]
    fn without_receipts_and_without_exceptions_it_was_handed_over() {
        let history = [
            event(ConnectionEventKind::Connected, "before", 1_000, "web/1"),
            event(ConnectionEventKind::Disconnected, "before", 3_000, "shutdown"),
        ];
        let [socket] = &of(&history)[..] else {
            panic!("one socket")
        };
        assert!(!socket.receipts && socket.hand_over.is_some());
        assert_eq!(socket.disconnected.map(|end| end.reason), Some(EndReason::Shutdown));
    }

    #[test]
    fn a_connection_that_nobody_closed_died_with_its_process() {
        let history = [event(
            ConnectionEventKind::Connected,
            "before",
            1_000,
            "web/1 (receipts)",
        )];
        let [socket] = &of(&history)[..] else {
            panic!("one socket")
        };
        assert!(socket.receipts && socket.hand_over.is_none());
        assert_eq!(socket.disconnected.map(|end| end.reason), Some(EndReason::NodeLost));
    }

    #[test]
    fn it_died_when_its_process_was_last_heard_of() {
        let loss = |node: &str, at| NodeLoss {
            node_id: NodeId::parse(node).unwrap(),
            at: Timestamp::from_millis(at),
        };
        let connected = |at| [event(ConnectionEventKind::Connected, "before", at, "web/1 (receipts)")];
        let announced = Announced::At(Timestamp::from_millis(2_000));
        let end = |losses: &[NodeLoss], at| {
            let sockets = remembered(&connected(at), losses, announced);
            sockets
                .first()
                .and_then(|socket| socket.disconnected)
                .map(|end| end.at.as_millis())
        };
        assert_eq!(end(&[loss("before", 4_000), loss("other", 3_000)], 1_000), Some(4_000));
        assert_eq!(
            end(&[loss("other", 3_000)], 1_000),
            Some(9_000),
            "by the time that this one started"
        );
        assert_eq!(
            end(&[loss("before", 2_000)], 1_000),
            Some(2_000),
            "in the moment of the message: its announcement was the last that was heard"
        );
        assert_eq!(
            end(&[loss("before", 1_500)], 1_000),
            None,
            "gone before the message came"
        );
    }

    fn lagged(kinds: &[ExceptionKind], end: Option<&str>) -> SocketEvidence {
        let mut history = vec![event(ConnectionEventKind::Connected, "before", 1_000, "web/1")];
        history.extend(end.map(|reason| event(ConnectionEventKind::Disconnected, "before", 5_000, reason)));
        let exception = |kind: &ExceptionKind| DeliveryException {
            conversation_id: chat_core::ConversationId::parse("c").unwrap(),
            first_seq: Seq(7),
            last_seq: Seq(9),
            user_id: UserId::parse("bob").unwrap(),
            sid: Sid::parse("s").unwrap(),
            node_id: NodeId::parse("before").unwrap(),
            kind: *kind,
            at: Timestamp::from_millis(2_001),
            detail: String::new(),
        };
        let exceptions: Vec<_> = kinds.iter().map(exception).collect();
        let lives = lives(
            &history,
            (&NodeId::parse("now").unwrap(), Timestamp::from_millis(9_000)),
            &[],
        );
        let mut sockets = Vec::new();
        let at = Timestamp::from_millis(2_000);
        add(&mut sockets, &lives, &exceptions, (Seq(7), at), Announced::At(at));
        sockets.pop().unwrap()
    }

    #[test]
    fn a_full_buffer_that_drained_is_no_miss_and_one_that_did_not_is() {
        use ExceptionKind::{Disconnected, Lagging, Missed, NotJoined};
        let shown = |kinds: &[ExceptionKind], end| {
            let hand_over = lagged(kinds, end).hand_over?;
            Some((hand_over.first_at.map(|_| hand_over.path), hand_over.error))
        };
        let (came, full) = (
            Some((Some(Path::Resume), None)),
            Some((None, Some(HandOverError::BufferFull))),
        );
        assert_eq!(shown(&[Lagging], Some("client")), came, "fed as it drained");
        assert_eq!(
            shown(&[Lagging, Disconnected], Some("client")),
            came,
            "fed, and not confirmed"
        );
        assert_eq!(shown(&[Lagging, Missed], Some("slow")), full);
        assert_eq!(
            shown(&[Missed], Some("transport_close")),
            None,
            "it ended before its turn"
        );
        assert_eq!(shown(&[Lagging], None), None, "its process died: nobody knows");
        assert_eq!(shown(&[NotJoined], Some("client")), came, "a later join mended it");
        assert_eq!(
            shown(&[NotJoined, Missed], Some("client")),
            Some((None, Some(HandOverError::NotJoined)))
        );
    }

    #[test]
    fn what_was_never_announced_was_handed_to_nobody() {
        let history = [
            event(ConnectionEventKind::Connected, "before", 1_000, "web/1"),
            event(ConnectionEventKind::Disconnected, "before", 3_000, "shutdown"),
        ];
        let [socket] = &remembered(&history, &[], Announced::Not)[..] else {
            panic!("one socket")
        };
        assert!(socket.hand_over.is_none() && socket.lane.is_none());
    }

    #[test]
    fn who_was_not_there_is_not_added() {
        let history = [
            event(ConnectionEventKind::Connected, "before", 1_000, ""),
            event(ConnectionEventKind::Disconnected, "before", 1_500, "client"),
        ];
        assert!(of(&history).is_empty());
    }
}
