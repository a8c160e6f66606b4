//! The message's way in eight steps, each with its evidence.

use super::assess::{Case, Finding, Place};
use super::evidence::{Broadcast, Subject};
use super::fate::{Fate, Judged};
use super::verdict::{Status, Step, StepName, StepStatus};
use super::words::span;
use crate::Timestamp;

/// How a step went, when, and the evidence.
type Outcome = (StepStatus, Option<Timestamp>, String);

fn skipped(detail: &str) -> Outcome {
    (StepStatus::Skipped, None, detail.to_owned())
}

fn unknown(detail: &str) -> Outcome {
    (StepStatus::Unknown, None, detail.to_owned())
}

impl<'a> Case<'a> {
    /// All eight steps, in order.
    pub(super) fn steps(&self) -> Vec<Step> {
        let step = |step| {
            let (status, at, detail) = self.step(step);
            Step {
                step,
                status,
                at,
                detail,
            }
        };
        StepName::ALL.into_iter().map(step).collect()
    }

    fn step(&self, step: StepName) -> Outcome {
        let beyond = !matches!(step, StepName::Saved | StepName::Participant);
        match (step, &self.finding) {
            (StepName::Saved, _) => self.saved(),
            (_, Finding::NotSaved(_)) => skipped("it was not saved, so nothing was sent"),
            (StepName::Participant, _) => self.participant(),
            _ if beyond && !matches!(self.place, Place::In(_) | Place::Unknown) => skipped("it was not for them"),
            (StepName::Connected, _) => self.connected(),
            (StepName::InRoom, _) => self.in_room(),
            (StepName::Broadcast, _) => self.broadcast(),
            (StepName::HandedOver, _) => self.handed_over(),
            (StepName::Confirmed, _) => self.confirmed(),
            (StepName::Read, _) => self.read(),
        }
    }

    fn saved(&self) -> Outcome {
        match &self.evidence.subject {
            Subject::Saved(message) => {
                let detail = format!(
                    "#{} of conversation {}, from {}",
                    message.seq, message.conversation_id, message.sender.username
                );
                (StepStatus::Ok, Some(message.created_at), detail)
            }
            Subject::Refused(refusal) => {
                let detail = format!("refused: {}, {}", refusal.code, refusal.message);
                (StepStatus::Failed, Some(refusal.at), detail)
            }
            Subject::Now { .. } => skipped("the question is about a message sent now"),
        }
    }

    fn participant(&self) -> Outcome {
        match self.place {
            Place::In(membership) => {
                let left = membership.left.map_or_else(String::new, |left| {
                    format!("; left at {} after #{}", self.clock(left.at), left.seq)
                });
                let detail = format!("messages after #{} are for them{left}", membership.joined_seq);
                (StepStatus::Ok, Some(membership.joined_at), detail)
            }
            Place::Later(membership) => {
                let detail = format!("joined after #{}", membership.joined_seq);
                (StepStatus::Failed, Some(membership.joined_at), detail)
            }
            Place::Gone { last, again } => {
                let left = last
                    .left
                    .map_or_else(String::new, |left| format!(" after #{}", left.seq));
                let again = again.map_or_else(String::new, |again| {
                    format!("; joined again at {}", self.clock(again.joined_at))
                });
                (
                    StepStatus::Failed,
                    last.left.map(|left| left.at),
                    format!("left the conversation{left}{again}"),
                )
            }
            Place::Never => (StepStatus::Failed, None, "never was a participant".to_owned()),
            Place::Unknown => unknown("the memberships could not be read"),
        }
    }

    fn connected(&self) -> Outcome {
        let there: Vec<&Judged<'a>> = self.meant().filter(|judged| judged.was_there).collect();
        let since = there.iter().map(|judged| judged.socket.connected_at).min();
        let names: Vec<String> = there.iter().take(5).map(|judged| judged.name()).collect();
        if let Finding::Looping(found) = self.finding {
            return (
                StepStatus::Failed,
                Some(found.from),
                format!("{} connects, none lasted 10 s", found.connects),
            );
        }
        if !there.is_empty() {
            return (StepStatus::Ok, since, format!("{}: {}", there.len(), names.join(", ")));
        }
        if let Some(later) = self.meant().map(|judged| judged.socket.connected_at).min() {
            return (
                StepStatus::Ok,
                Some(later),
                "not when it was saved, but again afterwards".to_owned(),
            );
        }
        let complete = self.presence.is_complete_at(self.moment.at);
        match self.finding {
            Finding::Rejected(refused) | Finding::WrongNamespace(refused) => (
                StepStatus::Failed,
                Some(refused.newest.at),
                refused.newest.detail.clone(),
            ),
            Finding::NodeLost { end, .. } => (
                StepStatus::Failed,
                end.map(|end| end.at),
                "the connection died with its node".to_owned(),
            ),
            Finding::Read(_) | Finding::Delivered(_) => skipped("no socket when it was saved, as far as is on record"),
            Finding::PresenceUnknown | Finding::MembershipUnknown => unknown("not on record"),
            _ if self.presence.alive_at(self.moment.at) > 0 => (
                StepStatus::Failed,
                None,
                "only just connecting: its session begins after the message".to_owned(),
            ),
            _ if !complete => unknown("not on record"),
            _ => {
                let last = self.presence.last_before(self.moment.at);
                (
                    StepStatus::Failed,
                    last.map(|end| end.at),
                    "no socket in namespace /".to_owned(),
                )
            }
        }
    }

    fn in_room(&self) -> Outcome {
        let room = self.evidence.subject.room();
        let similar = || {
            self.similar_rooms()
                .map(|names| format!("; rooms with a like name: {names}"))
        };
        match self.finding {
            Finding::LeftBefore(socket) => {
                let detail = "left by its own leave_conversation".to_owned();
                return (StepStatus::Failed, socket.socket.left_by_itself_at, detail);
            }
            Finding::NotInRoom(_) => {
                let detail = format!("not in {room}{}", similar().unwrap_or_default());
                return (StepStatus::Failed, None, detail);
            }
            _ if self.meant().next().is_none() => return skipped("no socket"),
            _ => {}
        }
        let known: Vec<(&Judged<'a>, bool)> = self
            .meant()
            .filter_map(|judged| Some((judged, judged.socket.in_room?)))
            .collect();
        let inside: Vec<&Judged<'a>> = known
            .iter()
            .filter_map(|(judged, inside)| inside.then_some(*judged))
            .collect();
        if let Some(first) = inside.first() {
            let detail = format!("{} of {} in {room}", inside.len(), known.len());
            return (StepStatus::Ok, first.socket.joined_room_at, detail);
        }
        if known.is_empty() {
            unknown("not on record")
        } else if self.is_handed() {
            (StepStatus::Ok, None, format!("was not in {room}; repaired"))
        } else if matches!(self.finding, Finding::OnItsWay(_)) {
            (StepStatus::Ok, None, format!("not in {room}; the message repairs that"))
        } else {
            (
                StepStatus::Failed,
                None,
                format!("not in {room}{}", similar().unwrap_or_default()),
            )
        }
    }

    fn broadcast(&self) -> Outcome {
        if self.moment.hypothetical {
            return skipped("nothing was sent");
        }
        match &self.evidence.broadcast {
            Broadcast::Made(record) => {
                let similar = if record.room_existed {
                    None
                } else {
                    self.similar_rooms()
                };
                let existed = if record.room_existed {
                    ""
                } else {
                    ", in which nobody was"
                };
                let similar = similar
                    .map(|names| format!("; rooms with a like name: {names}"))
                    .unwrap_or_default();
                let detail = format!(
                    "to {}{existed}, in namespace {} ({} rooms), nodes: {}{similar}",
                    record.room, record.namespace, record.rooms_in_namespace, record.nodes
                );
                (StepStatus::Ok, Some(record.at), detail)
            }
            Broadcast::NotMade { .. } if matches!(self.finding, Finding::OnItsWay(_)) => unknown("not yet"),
            Broadcast::NotMade { stopped_at } if self.came() => (
                StepStatus::Skipped,
                *stopped_at,
                "none was made; it came with what was missed".to_owned(),
            ),
            Broadcast::NotMade { stopped_at } => (StepStatus::Failed, *stopped_at, "none was made".to_owned()),
            Broadcast::Unknown => unknown("not on record"),
        }
    }

    /// It came to the user, by whichever way.
    fn came(&self) -> bool {
        self.is_handed() || matches!(self.finding, Finding::Delivered(_) | Finding::Read(_))
    }

    fn handed_over(&self) -> Outcome {
        if self.moment.hypothetical {
            return match self.finding {
                Finding::OnItsWay(_) => skipped("nothing was sent; it would be handed over"),
                Finding::BufferFull(_) => (StepStatus::Failed, None, "its buffer is full".to_owned()),
                _ => skipped("nothing was sent"),
            };
        }
        let mut handed: Vec<&Judged<'a>> = self
            .sockets
            .iter()
            .filter(|judged| judged.is_handed(&self.moment))
            .collect();
        handed.sort_by_key(|judged| judged.handed_at());
        if let Some(first) = handed
            .iter()
            .find(|judged| judged.handed_at().is_some())
            .or(handed.first())
        {
            let ways: Vec<String> = handed.iter().take(5).map(|judged| way(judged)).collect();
            return (StepStatus::Ok, first.handed_at(), ways.join(", "));
        }
        match self.finding {
            Finding::Read(_) | Finding::Delivered(_) => {
                unknown("no hand-over is on record: it may have come as history")
            }
            Finding::OnItsWay(_) => unknown("not yet"),
            Finding::RemovedDuring(_) => (
                StepStatus::Failed,
                None,
                "they left before it could be handed over".to_owned(),
            ),
            Finding::SocketUnknown(_) | Finding::PresenceUnknown | Finding::MembershipUnknown => {
                unknown("not on record")
            }
            Finding::BufferFull(socket) => (
                StepStatus::Failed,
                socket.socket.lagging_since,
                "the buffer is full".to_owned(),
            ),
            Finding::Disconnected(socket) => (
                StepStatus::Failed,
                socket.end.map(|end| end.at),
                "the connection ended before".to_owned(),
            ),
            Finding::NotInRoom(_) => (
                StepStatus::Failed,
                None,
                "it could not be joined to the room".to_owned(),
            ),
            Finding::NodeLost {
                end, socket: Some(_), ..
            } => (
                StepStatus::Failed,
                end.map(|end| end.at),
                "the node died before".to_owned(),
            ),
            _ => skipped("not reached"),
        }
    }

    fn confirmed(&self) -> Outcome {
        match self.finding {
            Finding::Read(_) | Finding::Delivered(_) => {
                let receipts = self.sockets.iter().filter_map(|judged| judged.confirmed(&self.moment));
                let first = receipts.filter_map(|receipt| receipt.at).min();
                (
                    StepStatus::Ok,
                    first,
                    format!("by a receipt up to #{}", self.moment.received.max(self.moment.seq)),
                )
            }
            Finding::Sent(socket) if socket.fate == Fate::NoReceipts => skipped("this client gives no receipts"),
            Finding::Sent(socket) => {
                let waited = socket.handed_at().map_or_else(String::new, |at| {
                    format!(" after {}", span(self.moment.until.millis_since(at)))
                });
                unknown(&format!("not yet{waited}"))
            }
            Finding::Unconfirmed(_) => (StepStatus::Failed, None, "no receipt came".to_owned()),
            Finding::SocketUnknown(_) | Finding::PresenceUnknown | Finding::MembershipUnknown => {
                unknown("no receipt is on record")
            }
            _ if self.is_handed() => (StepStatus::Failed, None, "no receipt came".to_owned()),
            _ => skipped("not reached"),
        }
    }

    fn read(&self) -> Outcome {
        let status = self.finding.verdict().0;
        match (status, self.cursors()) {
            (Status::Read, Some(cursors)) => (StepStatus::Ok, None, format!("read up to #{}", cursors.read_seq)),
            (Status::Delivered, None) => unknown("the read receipts are not known"),
            (Status::Delivered, Some(_)) => skipped("not yet"),
            _ => skipped("not reached"),
        }
    }
}

/// `Zt9 by repair, attempts 2`
fn way(judged: &Judged<'_>) -> String {
    let sid = &judged.socket.sid;
    match &judged.socket.hand_over {
        Some(hand_over) => format!("{sid} by {}, attempts {}", hand_over.path.as_str(), hand_over.attempts),
        None => sid.to_string(),
    }
}
