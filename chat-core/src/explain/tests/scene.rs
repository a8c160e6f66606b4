//! The scene of the cases: alice's message #812 of conversation 42, saved at 14:03:07, and bob, who has been in it since the
//! day before. Asked a minute later, with complete records.

use crate::explain::*;
use crate::ids::{ClientMessageId, Sid};
use crate::{ConversationId, MessageId, NodeId, Seq, Timestamp, UserId};

pub(super) const SEQ: Seq = Seq(812);
pub(super) const DAY: i64 = 86_400_000;

/// When #812 was saved.
pub(super) fn saved_at() -> Timestamp {
    "2026-11-21T14:03:07.120Z".parse().unwrap()
}

/// So many milliseconds after it was saved.
pub(super) fn at(millis: i64) -> Timestamp {
    saved_at().plus_millis(millis)
}

pub(super) fn person(name: &str) -> Person {
    Person {
        id: UserId::parse(name).unwrap(),
        username: name.to_owned(),
    }
}

pub(super) fn sid(name: &str) -> Sid {
    Sid::parse(name).unwrap()
}

pub(super) fn node(name: &str) -> NodeId {
    NodeId::parse(name).unwrap()
}

pub(super) fn conversation() -> ConversationId {
    ConversationId::parse("42").unwrap()
}

pub(super) fn message() -> SavedMessage {
    SavedMessage {
        id: MessageId::parse("m812").unwrap(),
        conversation_id: conversation(),
        seq: SEQ,
        sender: person("alice"),
        created_at: saved_at(),
    }
}

pub(super) fn refusal() -> Refusal {
    Refusal {
        conversation_id: conversation(),
        sender: person("alice"),
        client_message_id: Some(ClientMessageId::parse("c-1").unwrap()),
        at: saved_at(),
        code: "storage_unavailable".to_owned(),
        message: "the store takes no writes".to_owned(),
        hint: None,
        trace_id: None,
    }
}

/// A membership with everything before #812 received.
pub(super) fn member_since(millis: i64, joined_seq: u64) -> Membership {
    let membership = Membership {
        joined_at: at(millis),
        joined_seq: Seq(joined_seq),
        left: None,
        cursors: None,
    };
    membership.cursors(811, 800)
}

pub(super) fn record() -> BroadcastRecord {
    BroadcastRecord {
        at: at(2),
        room: "conversation:42".to_owned(),
        namespace: "/".to_owned(),
        room_existed: true,
        rooms_in_namespace: 31,
        similar_rooms: vec!["conversation:421".to_owned(), "Conversation:42".to_owned()],
        nodes: 1,
        trace_id: None,
    }
}

/// Nobody is connected.
pub(super) fn evidence() -> Evidence {
    Evidence {
        now: at(60_000),
        user: person("bob"),
        subject: Subject::Saved(message()),
        membership: Some(vec![member_since(-DAY, 0)]),
        broadcast: Broadcast::Made(record()),
        sockets: Vec::new(),
        connections: Vec::new(),
        rejected: Vec::new(),
        node_losses: Vec::new(),
        complete_since: Some(at(-2 * DAY)),
    }
}

/// A socket that has been in the room for ten minutes, gives receipts, and got everything before #812.
pub(super) fn socket(name: &str) -> SocketEvidence {
    SocketEvidence {
        sid: sid(name),
        node_id: node("n1"),
        client: Some("web/1.2".to_owned()),
        receipts: true,
        connected_at: at(-600_000),
        disconnected: None,
        in_room: Some(true),
        left_by_itself_at: None,
        joined_room_at: Some(at(-600_000)),
        lane: Some(LaneRange {
            begin: Seq(700),
            handed: Seq(811),
        }),
        hand_over: None,
        confirmed: Some(Confirmed {
            seq: Seq(811),
            at: Some(at(-1_000)),
        }),
        lagging_since: None,
        last_alive_at: Some(at(55_000)),
    }
}

impl SocketEvidence {
    /// It was handed #812.
    pub(super) fn handed(mut self, millis: i64, path: Path) -> Self {
        self.hand_over = Some(HandOver {
            path,
            first_at: Some(at(millis)),
            attempts: 1,
            error: None,
        });
        self.lane = self.lane.map(|lane| LaneRange { handed: SEQ, ..lane });
        self
    }

    /// The hand-over failed.
    pub(super) fn failed(mut self, path: Path, error: HandOverError) -> Self {
        self.hand_over = Some(HandOver {
            path,
            first_at: None,
            attempts: 1,
            error: Some(error),
        });
        self
    }

    /// It confirmed #812.
    pub(super) fn confirms(mut self, millis: i64) -> Self {
        self.confirmed = Some(Confirmed {
            seq: SEQ,
            at: Some(at(millis)),
        });
        self
    }

    /// It confirmed #812, so long ago that when is not remembered.
    pub(super) fn confirmed_once(mut self) -> Self {
        self.confirmed = Some(Confirmed { seq: SEQ, at: None });
        self
    }

    pub(super) fn ends(mut self, millis: i64, reason: EndReason) -> Self {
        self.disconnected = Some(end(millis, reason));
        self.last_alive_at = Some(at(millis - 1_000));
        self
    }

    /// It came at that time and held everything up to `begin`.
    pub(super) fn came(mut self, millis: i64, begin: u64) -> Self {
        self.connected_at = at(millis);
        self.joined_room_at = Some(at(millis));
        self.confirmed = None;
        self.lane = Some(LaneRange {
            begin: Seq(begin),
            handed: Seq(begin),
        });
        self
    }

    pub(super) fn without_receipts(mut self) -> Self {
        self.receipts = false;
        self.confirmed = None;
        self
    }

    /// The live room does not hold it.
    pub(super) fn outside(mut self) -> Self {
        self.in_room = Some(false);
        self
    }

    /// It left by its own `leave_conversation`.
    pub(super) fn leaves(mut self, millis: i64) -> Self {
        self.left_by_itself_at = Some(at(millis));
        self.outside()
    }

    /// It joined again; the messages up to `begin` came with the answer.
    pub(super) fn rejoins(mut self, millis: i64, begin: u64) -> Self {
        self.joined_room_at = Some(at(millis));
        self.in_room = Some(true);
        self.lane(begin, begin)
    }

    pub(super) fn lane(mut self, begin: u64, handed: u64) -> Self {
        self.lane = Some(LaneRange {
            begin: Seq(begin),
            handed: Seq(handed),
        });
        self
    }

    pub(super) fn lagging(mut self, millis: i64) -> Self {
        self.lagging_since = Some(at(millis));
        self
    }

    pub(super) fn alive(mut self, millis: i64) -> Self {
        self.last_alive_at = Some(at(millis));
        self
    }
}

impl Evidence {
    pub(super) fn asked(mut self, millis: i64) -> Self {
        self.now = at(millis);
        self
    }

    /// The question is about a message sent now.
    pub(super) fn hypothetical(mut self) -> Self {
        self.subject = Subject::Now {
            conversation_id: conversation(),
        };
        self.broadcast = Broadcast::Unknown;
        self
    }

    pub(super) fn sockets<const N: usize>(mut self, sockets: [SocketEvidence; N]) -> Self {
        self.sockets.extend(sockets);
        self
    }

    pub(super) fn history<const N: usize>(mut self, connections: [Connection; N]) -> Self {
        self.connections.extend(connections);
        self
    }

    /// So many connections, one every `every` milliseconds from `from` on, of which each lives for `life`.
    pub(super) fn connects(mut self, count: i64, from: i64, every: i64, life: i64) -> Self {
        self.connections.extend((0..count).map(|n| {
            let begin = from + n * every;
            connection(
                &format!("loop{n}"),
                begin,
                Some((begin + life, EndReason::TransportClose)),
            )
        }));
        self
    }

    pub(super) fn rejected(mut self, millis: i64, reason: RejectedReason) -> Self {
        self.rejected.push(rejected(millis, reason));
        self
    }

    pub(super) fn loses(mut self, name: &str, millis: i64) -> Self {
        self.node_losses.push(NodeLoss {
            node_id: node(name),
            at: at(millis),
        });
        self
    }

    pub(super) fn not_broadcast(mut self, stopped_at: Option<i64>) -> Self {
        self.broadcast = Broadcast::NotMade {
            stopped_at: stopped_at.map(at),
        };
        self
    }

    pub(super) fn complete_since(mut self, millis: Option<i64>) -> Self {
        self.complete_since = millis.map(at);
        self
    }

    /// Every membership, instead of the scene's.
    pub(super) fn memberships<const N: usize>(mut self, memberships: [Membership; N]) -> Self {
        self.membership = Some(memberships.into());
        self
    }

    pub(super) fn membership_unknown(mut self) -> Self {
        self.membership = None;
        self
    }

    /// The cursors of the first membership.
    pub(super) fn cursors(mut self, received: u64, read: u64) -> Self {
        if let Some(first) = self.membership.as_mut().and_then(|all| all.first_mut()) {
            *first = first.clone().cursors(received, read);
        }
        self
    }

    /// The first membership ended.
    pub(super) fn removed(mut self, millis: i64, seq: u64) -> Self {
        if let Some(first) = self.membership.as_mut().and_then(|all| all.first_mut()) {
            first.left = Some(Left {
                at: at(millis),
                seq: Seq(seq),
            });
        }
        self
    }

    /// One more membership.
    pub(super) fn again(mut self, membership: Membership) -> Self {
        self.membership.get_or_insert_default().push(membership);
        self
    }
}

impl Membership {
    pub(super) fn cursors(mut self, received: u64, read: u64) -> Self {
        self.cursors = Some(Cursors {
            received_seq: Seq(received),
            read_seq: Seq(read),
        });
        self
    }
}

pub(super) fn end(millis: i64, reason: EndReason) -> End {
    End { at: at(millis), reason }
}

fn rejected(millis: i64, reason: RejectedReason) -> Rejected {
    Rejected {
        at: at(millis),
        reason,
        detail: format!("refused for {}", reason.as_str()),
        remedy: format!("mend {}", reason.as_str()),
    }
}

pub(super) fn connection(name: &str, from: i64, to: Option<(i64, EndReason)>) -> Connection {
    Connection {
        sid: sid(name),
        node_id: node("n1"),
        connected_at: at(from),
        disconnected: to.map(|(millis, reason)| end(millis, reason)),
    }
}
