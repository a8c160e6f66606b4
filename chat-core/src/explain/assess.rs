//! The precedence: from the evidence to the one finding that answers the question. Its table is in [`crate::explain`].

use super::connection::End;
use super::evidence::{Broadcast, Cursors, Evidence, Membership, Refusal, Subject};
use super::fate::{Fate, Judged, Moment, judge};
use super::presence::{Presence, ReconnectLoop, Refused};
use super::verdict::{Cause, Status};
use crate::{NodeId, Seq, Timestamp};

/// The user's place in the conversation when the message came.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// It was meant for them, as a part of this membership.
    In(&'a Membership),
    /// They came later; this is their first membership.
    Later(&'a Membership),
    /// They had been in it, and were not when it came.
    Gone {
        last: &'a Membership,
        again: Option<&'a Membership>,
    },
    /// They never were in it.
    Never,
    /// Nobody knows.
    Unknown,
}

/// The answer, with what proves it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finding<'a> {
    NotSaved(&'a Refusal),
    NeverParticipant,
    Removed {
        last: &'a Membership,
        again: Option<&'a Membership>,
    },
    /// It was meant for them, and they left in the moment before it could be handed over.
    RemovedDuring(&'a Membership),
    JoinedLater(&'a Membership),
    Read(Cursors),
    Delivered(Option<Judged<'a>>),
    Sent(Judged<'a>),
    OnItsWay(Judged<'a>),
    Unconfirmed(Judged<'a>),
    NotBroadcast {
        stopped_at: Option<Timestamp>,
    },
    NotInRoom(Judged<'a>),
    BufferFull(Judged<'a>),
    Looping(ReconnectLoop),
    NodeLost {
        node_id: &'a NodeId,
        end: Option<End>,
        /// The socket that the message was meant for, if it was lost after the message.
        socket: Option<Judged<'a>>,
    },
    Disconnected(Judged<'a>),
    LeftBefore(Judged<'a>),
    WrongNamespace(Refused<'a>),
    Rejected(Refused<'a>),
    Offline,
    /// No reason is on record for this socket.
    SocketUnknown(Judged<'a>),
    /// Whether they were connected is not on record.
    PresenceUnknown,
    /// Whether they were participants is not known.
    MembershipUnknown,
}

impl Finding<'_> {
    /// The status and the cause that belong to the finding.
    pub(super) fn verdict(&self) -> (Status, Option<Cause>) {
        let missed = |cause| (Status::Missed, Some(cause));
        match self {
            Finding::Read(_) => (Status::Read, None),
            Finding::Delivered(_) => (Status::Delivered, None),
            Finding::Sent(_) | Finding::OnItsWay(_) => (Status::Sent, None),
            Finding::Unconfirmed(_) => (Status::Unconfirmed, Some(Cause::NoReceipt)),
            Finding::Offline => (Status::Offline, Some(Cause::Offline)),
            Finding::NotSaved(_) => missed(Cause::NotSaved),
            Finding::NeverParticipant | Finding::Removed { .. } | Finding::RemovedDuring(_) => {
                missed(Cause::NotParticipant)
            }
            Finding::JoinedLater(_) => missed(Cause::JoinedLater),
            Finding::NotBroadcast { .. } => missed(Cause::NotBroadcast),
            Finding::NotInRoom(_) => missed(Cause::NotInRoom),
            Finding::BufferFull(_) => missed(Cause::BufferFull),
            Finding::Looping(_) => missed(Cause::ReconnectLoop),
            Finding::NodeLost { .. } => missed(Cause::NodeLost),
            Finding::Disconnected(_) => missed(Cause::DisconnectedDuring),
            Finding::LeftBefore(_) => missed(Cause::LeftBefore),
            Finding::WrongNamespace(_) => missed(Cause::WrongNamespace),
            Finding::Rejected(_) => missed(Cause::HandshakeRejected),
            Finding::SocketUnknown(_) | Finding::PresenceUnknown | Finding::MembershipUnknown => missed(Cause::Unknown),
        }
    }
}

/// A question with its evidence, judged.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) moment: Moment,
    pub(super) place: Place<'a>,
    /// Every socket, in the order of the evidence.
    pub(super) sockets: Vec<Judged<'a>>,
    pub(super) presence: Presence<'a>,
    pub(super) finding: Finding<'a>,
}

/// Which failure names the cause when several sockets failed: what the server failed at first; then what happened to the
/// client; a client's own wish last, for a socket that wanted the message says more than one that did not.
const FAILURES: [Fate; 6] = [
    Fate::NotInRoom,
    Fate::BufferFull,
    Fate::NodeLost,
    Fate::Disconnected,
    Fate::Unknown,
    Fate::LeftBefore,
];

impl<'a> Case<'a> {
    /// Judges the evidence.
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let place = place_of(evidence);
        let moment = moment_of(evidence, place);
        let judged = evidence
            .sockets
            .iter()
            .map(|socket| judge(socket, &evidence.node_losses, &moment));
        let sockets = judged.collect();
        let mut case = Self {
            evidence,
            moment,
            place,
            sockets,
            presence: Presence::of(evidence),
            finding: Finding::PresenceUnknown,
        };
        case.finding = case.decide();
        case
    }

    /// The sockets that the message was meant for or came to.
    pub(super) fn meant(&self) -> impl Iterator<Item = &Judged<'a>> {
        let for_them = matches!(self.place, Place::In(_) | Place::Unknown);
        self.sockets.iter().filter(move |judged| for_them && judged.is_meant())
    }

    /// Was it put into any socket's buffer?
    pub(super) fn is_handed(&self) -> bool {
        self.sockets.iter().any(|judged| judged.is_handed(&self.moment))
    }

    /// What the user's clients said during the membership that the message belongs to.
    pub(super) fn cursors(&self) -> Option<Cursors> {
        match self.place {
            Place::In(membership) => membership.cursors,
            _ => None,
        }
    }

    /// The socket that this became of first.
    fn first(&self, fate: Fate) -> Option<Judged<'a>> {
        let of_fate = self.sockets.iter().filter(|judged| judged.fate == fate);
        let when = |judged: &&Judged<'a>| {
            let confirmed = judged.confirmed(&self.moment).and_then(|receipt| receipt.at);
            confirmed.or(judged.handed_at()).unwrap_or(judged.socket.connected_at)
        };
        of_fate.min_by_key(when).copied()
    }

    fn decide(&self) -> Finding<'a> {
        if let Subject::Refused(refusal) = &self.evidence.subject {
            return Finding::NotSaved(refusal);
        }
        match self.place {
            Place::Never => return Finding::NeverParticipant,
            Place::Gone { last, again } => return Finding::Removed { last, again },
            Place::Later(membership) => return Finding::JoinedLater(membership),
            Place::In(_) | Place::Unknown => {}
        }
        self.arrived()
            .or_else(|| self.not_broadcast())
            .or_else(|| self.on_its_way())
            .or_else(|| self.first(Fate::Unconfirmed).map(Finding::Unconfirmed))
            .or_else(|| self.failed())
            .unwrap_or_else(|| self.absent())
    }

    /// The best that happened at any socket counts.
    fn arrived(&self) -> Option<Finding<'a>> {
        let seq = self.moment.seq;
        let cursors = self.cursors().filter(|_| !self.moment.hypothetical);
        if let Some(read) = cursors.filter(|cursors| cursors.read_seq >= seq) {
            return Some(Finding::Read(read));
        }
        let confirmed = self.first(Fate::Confirmed);
        if confirmed.is_some() || cursors.is_some_and(|cursors| cursors.received_seq >= seq) {
            return Some(Finding::Delivered(confirmed));
        }
        let handed = self.first(Fate::Awaited).or_else(|| self.first(Fate::NoReceipts));
        handed.map(Finding::Sent)
    }

    fn not_broadcast(&self) -> Option<Finding<'a>> {
        let Broadcast::NotMade { stopped_at } = self.evidence.broadcast else {
            return None;
        };
        // Without a stop that is known, a young one may just not have been announced yet.
        let certain = stopped_at.is_some() || !self.moment.is_young();
        (certain && !self.moment.hypothetical && !self.is_handed()).then_some(Finding::NotBroadcast { stopped_at })
    }

    fn on_its_way(&self) -> Option<Finding<'a>> {
        let socket = self.first(Fate::OnItsWay)?;
        Some(match self.place {
            Place::In(membership) if membership.left.is_some() => Finding::RemovedDuring(membership),
            Place::Unknown => Finding::MembershipUnknown,
            _ => Finding::OnItsWay(socket),
        })
    }

    /// It was meant for sockets, and none of them got it.
    fn failed(&self) -> Option<Finding<'a>> {
        let socket = FAILURES.into_iter().find_map(|fate| self.first(fate))?;
        Some(match socket.fate {
            Fate::NotInRoom => Finding::NotInRoom(socket),
            Fate::BufferFull => Finding::BufferFull(socket),
            Fate::NodeLost => Finding::NodeLost {
                node_id: &socket.socket.node_id,
                end: socket.end,
                socket: Some(socket),
            },
            Fate::Disconnected => match self.presence.looping(self.moment.at) {
                Some(found) => Finding::Looping(found),
                None => Finding::Disconnected(socket),
            },
            Fate::LeftBefore => Finding::LeftBefore(socket),
            Fate::Confirmed
            | Fate::NoReceipts
            | Fate::Awaited
            | Fate::OnItsWay
            | Fate::Unconfirmed
            | Fate::Unknown
            | Fate::NotMeant => Finding::SocketUnknown(socket),
        })
    }

    /// It was meant for no socket: why was there none?
    fn absent(&self) -> Finding<'a> {
        let at = self.moment.at;
        if matches!(self.place, Place::Unknown) {
            return Finding::MembershipUnknown;
        }
        let complete = self.presence.is_complete_at(at);
        let looping = self.presence.looping(at);
        // The history knows of a connection that nothing else is known of; of one in a loop no more is needed.
        let known = self.sockets.iter().filter(|judged| judged.was_there).count();
        if looping.is_none() && self.presence.alive_at(at) > known {
            return Finding::PresenceUnknown;
        }
        match self.presence.refused(at) {
            Some(refused) if refused.is_namespace() => return Finding::WrongNamespace(refused),
            Some(refused) if !(refused.is_rate() && looping.is_some()) => return Finding::Rejected(refused),
            _ => {}
        }
        if let Some(found) = looping {
            return Finding::Looping(found);
        }
        if !complete {
            return Finding::PresenceUnknown;
        }
        match self.presence.lost_with_node(at) {
            Some((node_id, end)) => Finding::NodeLost {
                node_id,
                end: Some(end),
                socket: None,
            },
            None => Finding::Offline,
        }
    }
}

fn place_of(evidence: &Evidence) -> Place<'_> {
    let Some(memberships) = &evidence.membership else {
        return Place::Unknown;
    };
    let mut by_time: Vec<&Membership> = memberships.iter().collect();
    by_time.sort_by_key(|membership| (membership.joined_seq, membership.joined_at));
    let covers = |membership: &&&Membership| match &evidence.subject {
        Subject::Saved(message) => {
            let ended = membership.left.is_some_and(|left| left.seq < message.seq);
            membership.joined_seq < message.seq && !ended
        }
        Subject::Refused(_) | Subject::Now { .. } => membership.left.is_none(),
    };
    if let Some(membership) = by_time.iter().find(covers) {
        return Place::In(membership);
    }
    let before = |membership: &&&Membership| match &evidence.subject {
        Subject::Saved(message) => membership.joined_seq < message.seq,
        Subject::Refused(_) | Subject::Now { .. } => true,
    };
    let last = by_time.iter().rfind(before).copied();
    let later = by_time.iter().find(|membership| !before(membership)).copied();
    match (last, later) {
        (Some(last), again) => Place::Gone { last, again },
        (None, Some(first)) => Place::Later(first),
        (None, None) => Place::Never,
    }
}

fn moment_of(evidence: &Evidence, place: Place<'_>) -> Moment {
    let membership = match place {
        Place::In(membership) => Some(membership),
        _ => None,
    };
    let left = membership.and_then(|membership| membership.left).map(|left| left.at);
    let (at, seq, hypothetical) = match &evidence.subject {
        Subject::Saved(message) => (message.created_at, message.seq, false),
        Subject::Refused(_) | Subject::Now { .. } => (evidence.now, Seq(u64::MAX), true),
    };
    let cursors = membership.and_then(|membership| membership.cursors);
    Moment {
        at,
        seq,
        until: left.map_or(evidence.now, |left| left.min(evidence.now)),
        hypothetical,
        received: cursors.map_or(Seq::ZERO, |cursors| cursors.received_seq.max(cursors.read_seq)),
    }
}
