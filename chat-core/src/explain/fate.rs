//! What became of a message at one socket.

use super::connection::{End, EndReason, NodeLoss};
use super::evidence::{Confirmed, HandOver, HandOverError, SocketEvidence};
use super::verdict::SocketDelivery;
use crate::limits::{ON_ITS_WAY_MILLIS, UNCONFIRMED_AFTER_MILLIS};
use crate::{NodeId, Seq, Timestamp};

/// The moment that is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// When the message was saved; now, for one that would be sent now.
    pub(super) at: Timestamp,
    /// Its number; beyond all numbers for one that would be sent now.
    pub(super) seq: Seq,
    /// What came later does not count: now, or when the user left the conversation. Who was removed can neither confirm
    /// nor be handed anything, and must not become `unconfirmed` by it.
    pub(super) until: Timestamp,
    /// It is about a message that would be sent now.
    pub(super) hypothetical: bool,
    /// Everything up to here was received, by the user's own word on any socket.
    pub(super) received: Seq,
}

impl Moment {
    /// Is the message so young that it may still be on its way?
    pub(super) fn is_young(&self) -> bool {
        self.until.millis_since(self.at) < ON_ITS_WAY_MILLIS
    }
}

/// What became of a message at one socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// A receipt of this socket covers it.
    Confirmed,
    /// Handed over; it gives no receipts.
    NoReceipts,
    /// Handed over; the receipt is not due yet (or can no longer come).
    Awaited,
    /// Will be handed over, as far as can be seen.
    OnItsWay,
    /// Handed over, lived on for long enough, and never confirmed.
    Unconfirmed,
    /// Not in the room, and could not be joined to it.
    NotInRoom,
    /// It takes too slowly what it is sent.
    BufferFull,
    /// It died with its node.
    NodeLost,
    /// It ended before it confirmed.
    Disconnected,
    /// It had left by itself.
    LeftBefore,
    /// It should have got it, and nothing says why it did not.
    Unknown,
    /// It lived at another time, or begins after the message.
    NotMeant,
}

/// A socket with its end and what became of the message there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) socket: &'a SocketEvidence,
    pub(super) end: Option<End>,
    pub(super) fate: Fate,
    /// It was alive when the message was saved.
    pub(super) was_there: bool,
}

/// How a connection ended: as noted, or with its node.
pub(super) fn end_of(
    noted: Option<End>,
    node_id: &NodeId,
    connected_at: Timestamp,
    losses: &[NodeLoss],
) -> Option<End> {
    let lost = || {
        let of_node = losses
            .iter()
            .filter(|loss| loss.node_id == *node_id && loss.at >= connected_at);
        of_node.map(|loss| loss.at).min().map(|at| End {
            at,
            reason: EndReason::NodeLost,
        })
    };
    noted.or_else(lost)
}

/// Judges one socket.
pub(super) fn judge<'a>(socket: &'a SocketEvidence, losses: &[NodeLoss], moment: &Moment) -> Judged<'a> {
    let end = end_of(socket.disconnected, &socket.node_id, socket.connected_at, losses);
    let was_there = socket.connected_at <= moment.at && end.is_none_or(|end| end.at > moment.at);
    let end = end.filter(|end| end.at <= moment.until);
    let judged = Judged {
        socket,
        end,
        fate: Fate::NotMeant,
        was_there,
    };
    let fate = if moment.hypothetical {
        judged.fate_now(moment)
    } else {
        judged.fate(moment)
    };
    Judged { fate, ..judged }
}

impl<'a> Judged<'a> {
    /// The receipt of this socket that covers the message.
    pub(super) fn confirmed(&self, moment: &Moment) -> Option<Confirmed> {
        let covers = |receipt: &Confirmed| receipt.seq >= moment.seq && receipt.at.is_none_or(|at| at <= moment.until);
        self.socket.confirmed.filter(covers)
    }

    /// When it was first put into the socket's buffer, if that is on record. Never before there was a socket: a time that
    /// was taken from the broadcast must not make a receipt overdue that was handed over on coming back.
    pub(super) fn handed_at(&self) -> Option<Timestamp> {
        let noted = self.socket.hand_over.as_ref().and_then(|hand_over| hand_over.first_at);
        noted.map(|at| at.max(self.socket.connected_at))
    }

    /// When it was last certain to be alive. Closing a connection is a sign of life as well.
    fn last_alive_at(&self) -> Option<Timestamp> {
        let closed = self.end.filter(|end| end.reason == EndReason::Client).map(|end| end.at);
        self.socket.last_alive_at.max(closed)
    }

    /// Was it put into the socket's buffer?
    pub(super) fn is_handed(&self, moment: &Moment) -> bool {
        let in_lane = |lane: &super::evidence::LaneRange| lane.begin < moment.seq && moment.seq <= lane.handed;
        !moment.hypothetical && (self.handed_at().is_some() || self.socket.lane.as_ref().is_some_and(in_lane))
    }

    /// Has the message anything to do with this socket?
    pub(super) fn is_meant(&self) -> bool {
        self.fate != Fate::NotMeant
    }

    fn error(&self) -> Option<&'a HandOverError> {
        self.socket
            .hand_over
            .as_ref()
            .and_then(|hand_over| hand_over.error.as_ref())
    }

    /// A lane knows better than a clock whether a message that was saved while the session opened was meant for it.
    fn should_get(&self, moment: &Moment) -> bool {
        let lives_on = self.end.is_none_or(|end| end.at > moment.at);
        lives_on && self.socket.lane.map_or(self.was_there, |lane| lane.begin < moment.seq)
    }

    fn fate(&self, moment: &Moment) -> Fate {
        if self.confirmed(moment).is_some() {
            Fate::Confirmed
        } else if self.is_handed(moment) {
            self.fate_handed(moment)
        } else if self.left_by_itself(moment) {
            // Its lane may begin after the message because it left: that comes first.
            Fate::LeftBefore
        } else if self.should_get(moment) {
            self.fate_not_handed(moment)
        } else if self.was_there && moment.at.millis_since(self.socket.connected_at) >= ON_ITS_WAY_MILLIS {
            // Long connected, and yet its record begins after the message: an earlier one is not kept.
            Fate::Unknown
        } else {
            Fate::NotMeant
        }
    }

    fn fate_handed(&self, moment: &Moment) -> Fate {
        if !self.socket.receipts {
            return if self.was_dead_already() {
                Fate::Disconnected
            } else {
                Fate::NoReceipts
            };
        }
        match self.end {
            Some(_) if self.outlived_every_attempt() => Fate::Unconfirmed,
            Some(end) => Self::fate_ended(end),
            None if self.is_overdue(moment) => Fate::Unconfirmed,
            None => Fate::Awaited,
        }
    }

    fn fate_ended(end: End) -> Fate {
        match end.reason {
            EndReason::NodeLost => Fate::NodeLost,
            EndReason::Slow => Fate::BufferFull,
            EndReason::Client
            | EndReason::TransportClose
            | EndReason::TransportError
            | EndReason::PingTimeout
            | EndReason::Token
            | EndReason::Admin
            | EndReason::Shutdown
            | EndReason::Protocol => Fate::Disconnected,
        }
    }

    fn fate_not_handed(&self, moment: &Moment) -> Fate {
        let lagging = self.socket.lagging_since.is_some() || self.error() == Some(&HandOverError::BufferFull);
        match (self.end, self.error()) {
            (Some(end), _) if end.reason != EndReason::NodeLost && lagging => Fate::BufferFull,
            (Some(end), _) => Self::fate_ended(end),
            (None, _) if lagging => Fate::BufferFull,
            (None, Some(HandOverError::NotJoined)) => Fate::NotInRoom,
            (None, Some(HandOverError::Closed)) => Fate::Disconnected,
            (None, _) if self.is_fresh(moment) => Fate::OnItsWay,
            (None, None) if self.socket.in_room == Some(false) => Fate::NotInRoom,
            (None, _) => Fate::Unknown,
        }
    }

    fn fate_now(&self, moment: &Moment) -> Fate {
        let behind = |lane: super::evidence::LaneRange| {
            let confirmed = self.socket.confirmed.map_or(Seq::ZERO, |receipt| receipt.seq);
            lane.handed > confirmed.max(moment.received).max(lane.begin)
        };
        if self.end.is_some() {
            Fate::NotMeant
        } else if self.left_by_itself(moment) {
            Fate::LeftBefore
        } else if self.socket.lagging_since.is_some() {
            Fate::BufferFull
        } else if self.error() == Some(&HandOverError::NotJoined) {
            Fate::NotInRoom
        } else if self.socket.receipts && self.is_overdue(moment) && self.socket.lane.is_some_and(behind) {
            Fate::Unconfirmed
        } else {
            // Also without being in the room: the next message repairs that.
            Fate::OnItsWay
        }
    }

    /// It was alive when the message came, and had left this conversation by itself, or did so before it was handed over.
    fn left_by_itself(&self, moment: &Moment) -> bool {
        let rejoined = |left: Timestamp| {
            let joined = self.socket.joined_room_at;
            joined.is_some_and(|joined| left < joined && joined <= moment.at)
        };
        let in_time = |left: Timestamp| left <= moment.at || (left <= moment.until && self.should_get(moment));
        self.was_there
            && self
                .socket
                .left_by_itself_at
                .is_some_and(|left| in_time(left) && !rejoined(left))
    }

    /// Is the message young for this socket? What was missed comes after the connect or the join, not after the commit.
    fn is_fresh(&self, moment: &Moment) -> bool {
        let joined = self.socket.joined_room_at.filter(|joined| *joined <= moment.until);
        let since = self.socket.connected_at.max(joined.unwrap_or(moment.at)).max(moment.at);
        moment.until.millis_since(since) < ON_ITS_WAY_MILLIS
    }

    fn is_overdue(&self, moment: &Moment) -> bool {
        self.handed_at()
            .is_some_and(|at| moment.until.millis_since(at) >= UNCONFIRMED_AFTER_MILLIS)
    }

    /// Something was heard from it after the receipt was overdue: what was handed over had arrived by then, since a
    /// connection keeps its order. Its end is not what kept the client from confirming.
    fn outlived_every_attempt(&self) -> bool {
        let heard = self.handed_at().zip(self.last_alive_at());
        heard.is_some_and(|(handed, alive)| alive.millis_since(handed) >= UNCONFIRMED_AFTER_MILLIS)
    }

    /// The heartbeat found it dead, and nothing was heard from it after the hand-over.
    fn was_dead_already(&self) -> bool {
        let timed_out = self.end.is_some_and(|end| end.reason == EndReason::PingTimeout);
        let heard = self.handed_at().zip(self.last_alive_at());
        timed_out && heard.is_some_and(|(handed, alive)| alive < handed)
    }

    /// As it is shown to the sender.
    pub(super) fn delivery(&self, moment: &Moment) -> SocketDelivery {
        let hand_over = self.socket.hand_over.as_ref();
        let confirmed = self.confirmed(moment);
        let confirmed_at = confirmed.and_then(|receipt| receipt.at);
        let handed_off_at = self.handed_at();
        SocketDelivery {
            sid: self.socket.sid.clone(),
            node_id: self.socket.node_id.clone(),
            client: self.socket.client.clone(),
            path: hand_over
                .filter(|hand_over| hand_over.first_at.is_some())
                .map(|hand_over| hand_over.path),
            handed_off_at,
            attempts: hand_over.map_or(u32::from(self.is_handed(moment)), |hand_over: &HandOver| {
                hand_over.attempts
            }),
            confirmed_at,
            confirmed_earlier: confirmed.is_some() && confirmed_at.is_none(),
            latency_ms: confirmed_at.zip(handed_off_at).map(|(to, from)| to.millis_since(from)),
            error: self.error_words(),
        }
    }

    fn error_words(&self) -> Option<String> {
        let told = self.error().map(ToString::to_string);
        let ended = || {
            self.end
                .map(|end| format!("the connection ended at {} ({})", end.at, end.reason.as_str()))
        };
        match self.fate {
            Fate::Confirmed | Fate::NoReceipts | Fate::Awaited | Fate::OnItsWay | Fate::NotMeant => None,
            Fate::Unconfirmed => Some("no receipt came".to_owned()),
            Fate::NotInRoom => told.or_else(|| Some("it was not in the room".to_owned())),
            Fate::BufferFull => told.or_else(|| Some(HandOverError::BufferFull.to_string())),
            Fate::NodeLost | Fate::Disconnected => ended().or(told),
            Fate::LeftBefore => Some("it had left by its own leave_conversation".to_owned()),
            Fate::Unknown => told.or_else(|| Some("no hand-over is on record".to_owned())),
        }
    }
}
