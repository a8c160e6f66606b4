//! Any evidence at all, also such as no server would collect: values are drawn from near the message, so that they meet, and
//! from the ends of their types.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::scene::{at, conversation, message, node, person, record, refusal, sid};
use crate::explain::*;
use crate::{Seq, Timestamp};

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (-700_000_i64..700_000).prop_map(at),
        4 => prop::sample::select(vec![-45_000, -5_000, -1, 0, 1, 3, 5_000, 45_000, 60_000]).prop_map(at),
        1 => any::<i64>().prop_map(Timestamp::from_millis),
    ]
}

fn seq() -> impl Strategy<Value = Seq> {
    prop_oneof![8 => (809_u64..815).prop_map(Seq), 1 => any::<u64>().prop_map(Seq), 1 => Just(Seq(u64::MAX)), 1 => Just(Seq::ZERO)]
}

fn end_reason() -> impl Strategy<Value = EndReason> {
    use EndReason::*;
    let all = [
        Client,
        TransportClose,
        TransportError,
        PingTimeout,
        Slow,
        Token,
        Admin,
        Shutdown,
        Protocol,
        NodeLost,
    ];
    prop::sample::select(all.to_vec())
}

fn end() -> impl Strategy<Value = Option<End>> {
    option::of((time(), end_reason()).prop_map(|(at, reason)| End { at, reason }))
}

fn sids() -> impl Strategy<Value = crate::Sid> {
    prop::sample::select(vec!["a", "b", "c", "d", "e", "f"]).prop_map(sid)
}

fn nodes() -> impl Strategy<Value = crate::NodeId> {
    prop::sample::select(vec!["n1", "n2"]).prop_map(node)
}

fn hand_over() -> impl Strategy<Value = Option<HandOver>> {
    let error = prop_oneof![
        Just(HandOverError::BufferFull),
        Just(HandOverError::Closed),
        Just(HandOverError::NotJoined),
        ".{0,9}".prop_map(HandOverError::Failed),
    ];
    let path = prop::sample::select(vec![Path::Room, Path::Repair, Path::Retry, Path::Resume]);
    let made = (path, option::of(time()), any::<u32>(), option::of(error));
    option::of(made.prop_map(|(path, first_at, attempts, error)| HandOver {
        path,
        first_at,
        attempts,
        error,
    }))
}

prop_compose! {
    fn socket()(
        sid in sids(), node_id in nodes(), client in option::of(".{0,9}"), receipts: bool, connected_at in time(),
        disconnected in end(), in_room: Option<bool>, times in [option::of(time()), option::of(time()), option::of(time()), option::of(time())],
        lane in option::of((seq(), seq())), hand_over in hand_over(), confirmed in option::of((seq(), option::of(time()))),
    ) -> SocketEvidence {
        let [left_by_itself_at, joined_room_at, lagging_since, last_alive_at] = times;
        SocketEvidence {
            sid, node_id, client, receipts, connected_at, disconnected, in_room, left_by_itself_at, joined_room_at,
            lane: lane.map(|(begin, handed)| LaneRange { begin, handed }),
            hand_over,
            confirmed: confirmed.map(|(seq, at)| Confirmed { seq, at }),
            lagging_since,
            last_alive_at,
        }
    }
}

prop_compose! {
    fn membership()(
        joined_at in time(), joined_seq in seq(), left in option::of((time(), seq())), cursors in option::of((seq(), seq())),
    ) -> Membership {
        Membership {
            joined_at,
            joined_seq,
            left: left.map(|(at, seq)| Left { at, seq }),
            cursors: cursors.map(|(received_seq, read_seq)| Cursors { received_seq, read_seq }),
        }
    }
}

fn subject() -> impl Strategy<Value = Subject> {
    let saved = (seq(), time()).prop_map(|(seq, created_at)| {
        Subject::Saved(SavedMessage {
            seq,
            created_at,
            ..message()
        })
    });
    let now = Subject::Now {
        conversation_id: conversation(),
    };
    prop_oneof![8 => saved, 1 => Just(Subject::Refused(refusal())), 3 => Just(now)]
}

fn broadcast() -> impl Strategy<Value = Broadcast> {
    prop_oneof![
        4 => (time(), any::<bool>(), vec(".{0,9}", 0..7)).prop_map(|(at, room_existed, similar_rooms)| {
            Broadcast::Made(BroadcastRecord { at, room_existed, similar_rooms, ..record() })
        }),
        1 => option::of(time()).prop_map(|stopped_at| Broadcast::NotMade { stopped_at }),
        1 => Just(Broadcast::Unknown),
    ]
}

fn connection() -> impl Strategy<Value = Connection> {
    (sids(), nodes(), time(), end()).prop_map(|(sid, node_id, connected_at, disconnected)| Connection {
        sid,
        node_id,
        connected_at,
        disconnected,
    })
}

fn rejected() -> impl Strategy<Value = Rejected> {
    use RejectedReason::*;
    let reason = prop::sample::select(vec![Token, Origin, Path, Protocol, Namespace, Rate]);
    (time(), reason, ".{0,9}").prop_map(|(at, reason, words)| Rejected {
        at,
        reason,
        detail: words.clone(),
        remedy: words,
    })
}

prop_compose! {
    pub(super) fn evidence()(
        now in time(), name in ".{0,9}", subject in subject(), broadcast in broadcast(),
        membership in prop_oneof![8 => vec(membership(), 0..3).prop_map(Some), 1 => Just(None)],
        sockets in vec(socket(), 0..4), connections in vec(connection(), 0..7), rejected in vec(rejected(), 0..3),
        losses in vec((nodes(), time()), 0..2), complete_since in option::of(time()),
    ) -> Evidence {
        Evidence {
            now,
            user: Person { username: name, ..person("bob") },
            subject, membership, broadcast, sockets, connections, rejected,
            node_losses: losses.into_iter().map(|(node_id, at)| NodeLoss { node_id, at }).collect(),
            complete_since,
        }
    }
}
