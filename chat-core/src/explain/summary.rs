//! What happened, in one or two sentences with names and times, for somebody at three in the morning.

use super::assess::{Case, Finding};
use super::connection::End;
use super::evidence::{Membership, Refusal};
use super::fate::{Fate, Judged};
use super::presence::{ReconnectLoop, Refused};
use super::words::{ended_by, times};
use crate::limits::UNCONFIRMED_AFTER_MILLIS;
use crate::{NodeId, Seq, Timestamp};

impl Case<'_> {
    /// The sentence of the finding, with a capital unless it begins with the user's name.
    pub(super) fn summary(&self) -> String {
        let said = self.said();
        let mut letters = said.chars();
        match letters.next() {
            Some(first) if !said.starts_with(self.user()) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
            _ => format!("{said}."),
        }
    }

    fn said(&self) -> String {
        let (user, what) = (self.user(), self.what());
        match &self.finding {
            Finding::NotSaved(refusal) => self.not_saved(refusal),
            Finding::NeverParticipant => format!(
                "{user} is not and never was a participant of conversation {}, so {what} is not for them",
                self.evidence.subject.conversation_id()
            ),
            Finding::Removed { last, again } => self.removed(last, *again),
            Finding::RemovedDuring(membership) => {
                format!("{}, before {what} could be handed to them", self.left(membership))
            }
            Finding::JoinedLater(membership) => self.joined_later(membership),
            Finding::Read(cursors) => format!(
                "{user} has read {what}: their read receipt covers everything up to #{}",
                cursors.read_seq
            ),
            Finding::Delivered(socket) => self.delivered(socket.as_ref()),
            Finding::Sent(socket) => self.sent(socket),
            Finding::OnItsWay(socket) => self.on_its_way_to(socket),
            Finding::Unconfirmed(socket) => self.unconfirmed(socket),
            Finding::NotBroadcast { stopped_at } => {
                let stopped =
                    stopped_at.map(|at| format!("the server stopped at {} before it was broadcast", self.clock(at)));
                let stopped = stopped.unwrap_or_else(|| "no broadcast followed".to_owned());
                format!("{what} was saved at {}, and {stopped}", self.clock(self.moment.at))
            }
            Finding::NotInRoom(socket) => self.not_in_room(socket),
            Finding::BufferFull(socket) => self.buffer_full(socket),
            Finding::Looping(found) => self.looping(found),
            Finding::NodeLost { node_id, end, .. } => format!(
                "{user}'s connection was lost with node {node_id}, which died{}, and they have not come back and confirmed \
                 since",
                self.when_it_died(node_id, *end)
            ),
            Finding::Disconnected(socket) => self.disconnected(socket),
            Finding::LeftBefore(socket) => format!(
                "{user}'s {} had left the conversation by its own leave_conversation{}, so it gets nothing live",
                socket.name(),
                self.at_if_known(socket.socket.left_by_itself_at)
            ),
            Finding::WrongNamespace(refused) => self.wrong_namespace(refused),
            Finding::Rejected(refused) => self.rejected(refused),
            Finding::Offline => self.offline(),
            Finding::SocketUnknown(socket) => format!(
                "{user} was connected with {} and should have got {what}, and nothing on record says why it did not",
                socket.name()
            ),
            Finding::PresenceUnknown => format!(
                "nothing on record says whether {user} was connected at {}, and no receipt covers {what}",
                self.clock(self.moment.at)
            ),
            Finding::MembershipUnknown => format!(
                "whether {user} was a participant could not be read, so it is not known whether {what} is for them"
            ),
        }
    }

    /// A process that dies says nothing: it is known when it was last heard of, or only that it was gone at the next start.
    fn when_it_died(&self, node_id: &NodeId, end: Option<End>) -> String {
        let heard = self.evidence.node_losses.iter().any(|loss| loss.node_id == *node_id);
        match end {
            Some(end) if heard => format!(" (last heard of at {})", self.clock(end.at)),
            Some(end) => format!(" before the next one started at {}", self.clock(end.at)),
            None => String::new(),
        }
    }

    fn not_saved(&self, refusal: &Refusal) -> String {
        format!(
            "a message of {} was not saved at {}: {}, {}; nothing was sent to anyone",
            refusal.sender.username,
            self.clock(refusal.at),
            refusal.code,
            refusal.message
        )
    }

    fn left(&self, membership: &Membership) -> String {
        let left = membership.left.map_or_else(String::new, |left| {
            format!(" at {} (after message #{})", self.clock(left.at), left.seq)
        });
        format!(
            "{} left conversation {}, or was removed from it,{left}",
            self.user(),
            self.evidence.subject.conversation_id()
        )
    }

    fn removed(&self, last: &Membership, again: Option<&Membership>) -> String {
        let again = again.map_or_else(String::new, |again| {
            format!("; they joined again at {}", self.clock(again.joined_at))
        });
        format!("{}, so {} is not for them{again}", self.left(last), self.what())
    }

    fn joined_later(&self, membership: &Membership) -> String {
        format!(
            "{} joined conversation {} at {}, when {} (saved at {}) was history already",
            self.user(),
            self.evidence.subject.conversation_id(),
            self.clock(membership.joined_at),
            self.what(),
            self.clock(self.moment.at)
        )
    }

    fn delivered(&self, socket: Option<&Judged<'_>>) -> String {
        let has = format!("{} has {}", self.user(), self.what());
        let Some((judged, receipt)) = socket.and_then(|judged| Some((judged, judged.confirmed(&self.moment)?))) else {
            return format!("{has}: their receipt covers everything up to #{}", self.moment.received);
        };
        let way = judged.handed_at().and(judged.socket.hand_over.as_ref());
        let way = way.map_or_else(String::new, |hand_over| {
            format!(" (path {}, attempts: {})", hand_over.path.as_str(), hand_over.attempts)
        });
        match receipt.at {
            Some(at) => format!("{has}: {} confirmed it at {}{way}", judged.name(), self.clock(at)),
            None => format!(
                "{has}: {} confirmed it (when is no longer on record){way}",
                judged.name()
            ),
        }
    }

    fn sent(&self, socket: &Judged<'_>) -> String {
        let user = self.user();
        let handed = format!(
            "{} was handed to {user}'s {}{}",
            self.what(),
            socket.name(),
            self.at_if_known(socket.handed_at())
        );
        if socket.fate == Fate::NoReceipts {
            format!("{handed}; that client gives no receipts, so nobody can know whether it was seen")
        } else if self.moment.until < self.evidence.now {
            let left = self.clock(self.moment.until);
            format!("{handed}, and {user} left the conversation at {left}, before a receipt was due")
        } else if let Some(at) = socket.handed_at() {
            let due = self.clock(at.plus_millis(UNCONFIRMED_AFTER_MILLIS.cast_signed()));
            format!("{handed}; its receipt has not come yet and is due by {due}")
        } else {
            format!("{handed}; when is not on record, and no receipt has come")
        }
    }

    fn on_its_way_to(&self, socket: &Judged<'_>) -> String {
        let (user, what) = (self.user(), self.what());
        if !self.moment.hypothetical {
            return format!("{what} was just saved and is on its way to {user}'s {}", socket.name());
        }
        let getting: Vec<&Judged<'_>> = self
            .sockets
            .iter()
            .filter(|judged| judged.fate == Fate::OnItsWay)
            .collect();
        let names: Vec<&str> = getting
            .iter()
            .take(5)
            .map(|judged| judged.socket.sid.as_str())
            .collect();
        let outside = getting.iter().any(|judged| judged.socket.in_room == Some(false));
        let repair = if outside {
            "; those that are not in the room are joined to it first"
        } else {
            ""
        };
        let (count, names) = (getting.len(), names.join(", "));
        format!("{what} would be handed to {count} of {user}'s sockets ({names}){repair}")
    }

    fn unconfirmed(&self, socket: &Judged<'_>) -> String {
        let handed_at = socket.handed_at();
        let what = if self.moment.hypothetical {
            "earlier messages".to_owned()
        } else {
            self.what()
        };
        let line = match (socket.end, socket.socket.last_alive_at) {
            (Some(end), _) => format!("the connection lived on until {}", self.clock(end.at)),
            (None, Some(at)) if handed_at.is_some_and(|handed| at < handed) => format!(
                "nothing was heard from the connection since {}, and the heartbeat has not closed it yet",
                self.clock(at)
            ),
            (None, Some(at)) => format!("the connection is alive (last heard at {})", self.clock(at)),
            (None, None) => "the connection is open".to_owned(),
        };
        format!(
            "{} was handed {what} over {}{} (attempts: {}) and never confirmed; {line}",
            self.user(),
            socket.name(),
            self.at_if_known(handed_at),
            socket
                .socket
                .hand_over
                .as_ref()
                .map_or(1, |hand_over| hand_over.attempts)
        )
    }

    fn not_in_room(&self, socket: &Judged<'_>) -> String {
        let tried = match socket.socket.hand_over {
            Some(_) => "joining it to the room failed",
            None => "no attempt to join it is on record",
        };
        format!(
            "{} was connected with {}, which was not in room {}, and {tried}",
            self.user(),
            socket.name(),
            self.evidence.subject.room()
        )
    }

    fn buffer_full(&self, socket: &Judged<'_>) -> String {
        let since = socket
            .socket
            .lagging_since
            .map(|at| format!(" since {}", self.clock(at)));
        let held = socket.socket.lane.filter(|lane| lane.handed > Seq::ZERO);
        let up_to = held.map(|lane| format!(" (handed over up to #{})", lane.handed));
        let (since, up_to) = (since.unwrap_or_default(), up_to.unwrap_or_default());
        let (user, name, what) = (self.user(), socket.name(), self.what());
        let waits = if self.moment.hypothetical {
            "would wait"
        } else {
            "waits"
        };
        match socket.end {
            Some(end) => format!(
                "{user}'s {name} took too slowly what it was sent{since}{up_to}, and the connection {}",
                self.ended(Some(end))
            ),
            None => format!(
                "{user}'s {name} takes too slowly what it is sent, its buffer is full{since}{up_to}; {what} {waits} \
                 in the store for its turn"
            ),
        }
    }

    fn looping(&self, found: &ReconnectLoop) -> String {
        format!(
            "{} connected {} between {} and {}, and no connection lasted 10 s (the last one: {})",
            self.user(),
            times(found.connects),
            self.clock(found.from),
            self.clock(found.to),
            ended_by(found.last)
        )
    }

    fn disconnected(&self, socket: &Judged<'_>) -> String {
        let (name, what) = (socket.name(), self.what());
        let handed = match socket.handed_at() {
            Some(at) => format!("was handed {what} over {name} at {}", self.clock(at)),
            None => format!("was connected with {name} when {what} came"),
        };
        let ended = self.ended(socket.end);
        format!(
            "{} {handed}, and that connection {ended}, before any receipt",
            self.user()
        )
    }

    fn wrong_namespace(&self, refused: &Refused<'_>) -> String {
        format!(
            "{} has no socket in namespace / and asked for another one ({}, last at {}): {}",
            self.user(),
            times(refused.attempts),
            self.clock(refused.newest.at),
            refused.newest.detail
        )
    }

    fn rejected(&self, refused: &Refused<'_>) -> String {
        format!(
            "{} tried to connect and was refused ({} for {}, last at {}): {}",
            self.user(),
            times(refused.attempts),
            refused.newest.reason.as_str(),
            self.clock(refused.newest.at),
            refused.newest.detail
        )
    }

    fn offline(&self) -> String {
        let (user, what, at) = (self.user(), self.what(), self.moment.at);
        let last = self.presence.last_before(at);
        let last = last.map(|end| format!("; the last connection {}", self.ended(Some(end))));
        let last = last.unwrap_or_default();
        if self.moment.hypothetical {
            return format!("{user} is not connected{last}");
        }
        let saved = self.clock(at);
        if self.sockets.iter().any(|judged| judged.was_there) {
            return format!(
                "{user} was only just connecting when {what} was saved at {saved}; the session told the client that it exists"
            );
        }
        let again = |from: Timestamp| {
            format!(
                "; they connected again at {} and have not confirmed it",
                self.clock(from)
            )
        };
        let next = self.presence.first_after(at).map(again).unwrap_or_default();
        format!("{user} had no connection when {what} was saved at {saved}{last}{next}")
    }
}
