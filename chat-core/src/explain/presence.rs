//! Why a user had no socket when it mattered: what their connections and their refused attempts say.

use super::connection::{Connection, End, EndReason, Rejected, RejectedReason};
use super::evidence::Evidence;
use super::fate::end_of;
use crate::limits::{COMES_BACK_WITHIN_MILLIS, LOOP_CONNECTS, LOOP_LIFE_MILLIS, LOOP_WITHIN_MILLIS};
use crate::{NodeId, Sid, Timestamp};

/// A connection in `/`, wherever it is known from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life<'a> {
    sid: &'a Sid,
    pub(super) node_id: &'a NodeId,
    pub(super) from: Timestamp,
    pub(super) end: Option<End>,
}

impl Life<'_> {
    /// Of no duration, by the client's or the network's doing: tabs that the server closed as it stopped are no loop.
    fn is_short(&self) -> bool {
        let by_the_server =
            |end: End| matches!(end.reason, EndReason::Shutdown | EndReason::NodeLost | EndReason::Admin);
        self.end
            .is_some_and(|end| end.at.millis_since(self.from) < LOOP_LIFE_MILLIS && !by_the_server(end))
    }

    fn is_alive_at(&self, at: Timestamp) -> bool {
        self.from <= at && self.end.is_none_or(|end| end.at > at)
    }
}

/// Connections one after the other, none of which lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReconnectLoop {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) connects: usize,
    pub(super) last: EndReason,
}

/// Refused attempts with no good connection since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused<'a> {
    pub(super) newest: &'a Rejected,
    pub(super) attempts: usize,
}

/// A user's connections in `/`, by their beginning.
#[derive(Debug)]
pub(super) struct Presence<'a> {
    evidence: &'a Evidence,
    lives: Vec<Life<'a>>,
}

impl<'a> Presence<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let losses = &evidence.node_losses;
        let sockets = evidence.sockets.iter().map(|socket| Life {
            sid: &socket.sid,
            node_id: &socket.node_id,
            from: socket.connected_at,
            end: end_of(socket.disconnected, &socket.node_id, socket.connected_at, losses),
        });
        let history = evidence.connections.iter().map(|connection: &Connection| Life {
            sid: &connection.sid,
            node_id: &connection.node_id,
            from: connection.connected_at,
            end: end_of(
                connection.disconnected,
                &connection.node_id,
                connection.connected_at,
                losses,
            ),
        });
        let mut lives: Vec<Life<'a>> = sockets.chain(history).collect();
        // Of two records of one connection the one that knows its end is the better.
        lives.sort_by_key(|life| (life.sid, life.end.is_none(), life.from, life.end.map(|end| end.at)));
        lives.dedup_by_key(|life| life.sid);
        lives.sort_by_key(|life| (life.from, life.sid));
        Self { evidence, lives }
    }

    /// Do the records reach back to `at` without holes?
    pub(super) fn is_complete_at(&self, at: Timestamp) -> bool {
        self.evidence.complete_since.is_some_and(|since| since <= at)
    }

    /// The user's connections at that time.
    pub(super) fn alive_at(&self, at: Timestamp) -> usize {
        self.lives.iter().filter(|life| life.is_alive_at(at)).count()
    }

    fn last_life_before(&self, at: Timestamp) -> Option<(&Life<'a>, End)> {
        let ended = self.lives.iter().filter_map(|life| Some((life, life.end?)));
        ended.filter(|(_, end)| end.at <= at).max_by_key(|(_, end)| end.at)
    }

    /// The connection that ended last before `at`.
    pub(super) fn last_before(&self, at: Timestamp) -> Option<End> {
        self.last_life_before(at).map(|(_, end)| end)
    }

    /// The first connection after `at`.
    pub(super) fn first_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.lives.iter().map(|life| life.from).find(|from| *from > at)
    }

    /// The last connection died with its node, so shortly before `at` that the client may still be coming back.
    pub(super) fn lost_with_node(&self, at: Timestamp) -> Option<(&'a NodeId, End)> {
        let (life, end) = self.last_life_before(at)?;
        let lately = at.millis_since(end.at) < COMES_BACK_WITHIN_MILLIS;
        (end.reason == EndReason::NodeLost && lately).then_some((life.node_id, end))
    }

    /// The newest refused attempt, if refusals are what keeps the user away: no good connection since then, nor since `at`.
    pub(super) fn refused(&self, at: Timestamp) -> Option<Refused<'a>> {
        let counts = |rejected: &&Rejected| {
            let since = rejected.at.min(at);
            self.is_complete_at(rejected.at)
                && self.lives.iter().all(|life| life.from < since)
                && !self.closed_on_purpose_after(rejected.at)
        };
        let mut counted: Vec<&Rejected> = self.evidence.rejected.iter().filter(counts).collect();
        counted.sort_by_key(|rejected| rejected.at);
        let newest = counted.last().copied()?;
        let same = counted.iter().filter(|rejected| rejected.reason == newest.reason);
        Some(Refused {
            newest,
            attempts: same.count(),
        })
    }

    /// Another connection was good all the while, and its client closed it: then the refusal of a second one is not why the
    /// user is away. One that the heartbeat closed later may have been dead when the client came back and was refused.
    fn closed_on_purpose_after(&self, at: Timestamp) -> bool {
        let on_purpose = |life: &Life<'_>| life.end.is_none_or(|end| end.reason == EndReason::Client);
        self.lives.iter().any(|life| life.is_alive_at(at) && on_purpose(life))
    }

    /// The reconnect loop that explains a miss at `at`: it was on then, or it began later and nothing steady came since.
    pub(super) fn looping(&self, at: Timestamp) -> Option<ReconnectLoop> {
        let steady_since = |from: Timestamp| self.lives.iter().any(|life| life.from >= from && !life.is_short());
        let explains = |found: &ReconnectLoop| {
            if found.from <= at {
                at.millis_since(found.to) <= LOOP_WITHIN_MILLIS
            } else {
                !steady_since(at)
            }
        };
        self.loops().into_iter().rev().find(explains)
    }

    fn loops(&self) -> Vec<ReconnectLoop> {
        // With each loop the place of its first connection, to count them.
        let mut found: Vec<(usize, ReconnectLoop)> = Vec::new();
        for (place, window) in self.lives.windows(LOOP_CONNECTS).enumerate() {
            let [first, .., last] = window else { continue };
            let Some(end) = last.end else { continue };
            if last.from.millis_since(first.from) > LOOP_WITHIN_MILLIS || !window.iter().all(Life::is_short) {
                continue;
            }
            let (begin, from) = match found.last() {
                Some((begin, current)) if first.from <= current.to => (*begin, current.from),
                _ => (place, first.from),
            };
            found.pop_if(|(known, _)| *known == begin);
            found.push((
                begin,
                ReconnectLoop {
                    from,
                    to: end.at,
                    connects: place + LOOP_CONNECTS - begin,
                    last: end.reason,
                },
            ));
        }
        found.into_iter().map(|(_, found)| found).collect()
    }
}

impl Refused<'_> {
    /// The client went to a namespace that does not exist.
    pub(super) fn is_namespace(&self) -> bool {
        self.newest.reason == RejectedReason::Namespace
    }

    /// It came too often: what makes it do so is the better reason, if that is known.
    pub(super) fn is_rate(&self) -> bool {
        self.newest.reason == RejectedReason::Rate
    }
}
