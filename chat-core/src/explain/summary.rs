//! What happened, in one or two sentences with names and times, for somebody at three in the morning.

use super::assess::{Case, Finding};
use super::fate::{Fate, Judged};
use super::words::{ended_by, span, times};
use crate::Seq;
use crate::limits::UNCONFIRMED_AFTER_MILLIS;

impl Case<'_> {
    /// The sentence of the finding, with a capital unless it begins with somebody's name.
    pub(super) fn summary(&self) -> String {
        let said = self.said();
        let mut letters = said.chars();
        match letters.next() {
            Some(first) if !said.starts_with(self.user()) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
            _ => format!("{said}."),
        }
    }

    /// One or two sentences.
    fn said(&self) -> String {
        let (user, what, conversation) = (self.user(), self.what(), self.evidence.subject.conversation_id());
        match &self.finding {
            Finding::NotSaved(refusal) => format!(
                "a message of {} was not saved at {}: {}, {}; nothing was sent to anyone",
                refusal.sender.username,
                self.clock(refusal.at),
                refusal.code,
                refusal.message
            ),
            Finding::NeverParticipant => format!(
                "{user} is not and never was a participant of conversation {conversation}, so {what} is not for them"
            ),
            Finding::Removed { last, again } => {
                let since = last.left.map_or_else(String::new, |left| {
                    format!(" since {} (after message #{})", self.clock(left.at), left.seq)
                });
                let again = again.map_or_else(String::new, |again| {
                    format!("; they joined again at {}", self.clock(again.joined_at))
                });
                format!(
                    "{user} is no participant of conversation {conversation} any more{since}, and {what} was not handed to them before{again}"
                )
            }
            Finding::JoinedLater(membership) => format!(
                "{user} joined conversation {conversation} at {}, when {what} (saved at {}) was history already",
                self.clock(membership.joined_at),
                self.clock(self.moment.at)
            ),
            Finding::Read(cursors) => format!(
                "{user} has read {what}: their read receipt covers everything up to #{}",
                cursors.read_seq
            ),
            Finding::Delivered(socket) => self.delivered(socket.as_ref()),
            Finding::Sent(socket) => self.sent(socket),
            Finding::OnItsWay(socket) => self.on_its_way_words(socket),
            Finding::Unconfirmed(socket) => self.unconfirmed(socket),
            Finding::NotBroadcast { stopped_at } => {
                let stopped = self.at_if_known(*stopped_at);
                format!(
                    "{what} was saved at {}, and the server stopped{stopped} before it was broadcast",
                    self.clock(self.moment.at)
                )
            }
            _ => self.missed(),
        }
    }

    fn missed(&self) -> String {
        let (user, what) = (self.user(), self.what());
        match &self.finding {
            Finding::NotInRoom(socket) => format!(
                "{user} was connected with {}, which was not in room {}, and joining it to the room failed",
                self.socket(socket),
                self.evidence.subject.room()
            ),
            Finding::BufferFull(socket) => self.buffer_full(socket),
            Finding::Looping(found) => format!(
                "{user} connected {} between {} and {}, and no connection lasted 10 s (the last: {})",
                times(found.connects),
                self.clock(found.from),
                self.clock(found.to),
                ended_by(found.last)
            ),
            Finding::NodeLost { end, socket } => {
                let node = socket.map_or_else(
                    || "the node that held it".to_owned(),
                    |judged| format!("node {}", judged.socket.node_id),
                );
                format!(
                    "{user}'s connection was lost with {node}{}, which died; they have not come back and confirmed {what}",
                    self.at_if_known(end.map(|end| end.at))
                )
            }
            Finding::Disconnected(socket) => {
                let handed = match socket.handed_at() {
                    Some(at) => format!("was handed {what} over {} at {}", self.socket(socket), self.clock(at)),
                    None => format!("was connected with {} when {what} came", self.socket(socket)),
                };
                format!(
                    "{user} {handed}, and that connection {}, before any receipt",
                    self.ended(socket.end)
                )
            }
            Finding::LeftBefore(socket) => format!(
                "{user}'s {} had left the conversation by its own leave_conversation{}, so it gets nothing live",
                self.socket(socket),
                self.at_if_known(socket.socket.left_by_itself_at)
            ),
            Finding::WrongNamespace(refused) => format!(
                "{user} has no socket in namespace / and asked for another one ({}, last at {}): {}",
                times(refused.attempts),
                self.clock(refused.newest.at),
                refused.newest.detail
            ),
            Finding::Elsewhere(other) => format!(
                "{user} is connected to namespace {} (socket {}, since {}), and has no socket in /, where messages go",
                other.namespace,
                other.sid,
                self.clock(other.connected_at)
            ),
            Finding::Rejected(refused) => format!(
                "{user} tried to connect and was refused ({} for {}, last at {}): {}",
                times(refused.attempts),
                refused.newest.reason.as_str(),
                self.clock(refused.newest.at),
                refused.newest.detail
            ),
            Finding::SocketUnknown(socket) => format!(
                "{user} was connected with {} and should have got {what}, and nothing on record says why it did not",
                self.socket(socket)
            ),
            Finding::PresenceUnknown => format!(
                "nothing on record says whether {user} was connected at {}, and no receipt covers {what}",
                self.clock(self.moment.at)
            ),
            Finding::MembershipUnknown => {
                format!(
                    "whether {user} was a participant could not be read, so it is not known whether {what} was for them"
                )
            }
            _ => self.offline(),
        }
    }

    fn delivered(&self, socket: Option<&Judged<'_>>) -> String {
        let (user, what) = (self.user(), self.what());
        let confirmed = socket.and_then(|judged| Some((judged, judged.confirmed(&self.moment)?)));
        match confirmed {
            Some((judged, receipt)) => {
                let way = judged
                    .handed_at()
                    .and(judged.socket.hand_over.as_ref())
                    .map_or_else(String::new, |hand_over| {
                        format!(", path {}, attempts {}", hand_over.path.as_str(), hand_over.attempts)
                    });
                format!(
                    "{user} has {what}: {} confirmed it at {}{way}",
                    self.socket(judged),
                    self.clock(receipt.at)
                )
            }
            None => format!(
                "{user} has {what}: their receipt covers everything up to #{}",
                self.moment.received
            ),
        }
    }

    fn sent(&self, socket: &Judged<'_>) -> String {
        let (user, what) = (self.user(), self.what());
        let handed = format!(
            "{what} was handed to {user}'s {}{}",
            self.socket(socket),
            self.at_if_known(socket.handed_at())
        );
        if socket.fate == Fate::NoReceipts {
            format!("{handed}; that client gives no receipts, so nobody can know whether it was seen")
        } else if self.moment.until < self.evidence.now {
            format!(
                "{handed}, and {user} left the conversation at {} before a receipt was due",
                self.clock(self.moment.until)
            )
        } else if socket.handed_at().is_none() {
            format!("{handed}; when is not on record, and no receipt has come")
        } else {
            format!(
                "{handed}; its receipt has not come yet and is due within {}",
                span(UNCONFIRMED_AFTER_MILLIS)
            )
        }
    }

    fn on_its_way_words(&self, socket: &Judged<'_>) -> String {
        let (user, what) = (self.user(), self.what());
        if !self.moment.hypothetical {
            return format!(
                "{what} was just saved and is on its way to {user}'s {}",
                self.socket(socket)
            );
        }
        let getting = self.sockets.iter().filter(|judged| judged.fate == Fate::OnItsWay);
        let (all, outside): (Vec<_>, Vec<_>) = (
            getting.clone().collect(),
            getting.filter(|judged| judged.socket.in_room == Some(false)).collect(),
        );
        let names: Vec<&str> = all.iter().take(5).map(|judged| judged.socket.sid.as_str()).collect();
        let repair = if outside.is_empty() {
            ""
        } else {
            "; what is not in the room would be joined to it first"
        };
        format!(
            "{what} would be handed to {} of {user}'s sockets ({}){repair}",
            all.len(),
            names.join(", ")
        )
    }

    fn unconfirmed(&self, socket: &Judged<'_>) -> String {
        let (user, name) = (self.user(), self.socket(socket));
        let what = if self.moment.hypothetical {
            "earlier messages".to_owned()
        } else {
            self.what()
        };
        let handed = self.at_if_known(socket.handed_at());
        let attempts = socket
            .socket
            .hand_over
            .as_ref()
            .map_or(1, |hand_over| hand_over.attempts);
        let heard = socket.socket.last_alive_at;
        let line = match (socket.end, heard) {
            (Some(end), _) => format!("the connection lived on until {}", self.clock(end.at)),
            (None, Some(at)) if socket.handed_at().is_some_and(|handed| at < handed) => {
                format!(
                    "nothing was heard from the connection since {}, and the heartbeat has not closed it yet",
                    self.clock(at)
                )
            }
            (None, Some(at)) => format!("the connection is alive (last heard at {})", self.clock(at)),
            (None, None) => "the connection is open".to_owned(),
        };
        format!("{user} was handed {what} over {name}{handed} (attempts: {attempts}) and never confirmed; {line}")
    }

    fn buffer_full(&self, socket: &Judged<'_>) -> String {
        let since = socket
            .socket
            .lagging_since
            .map(|at| format!(" since {}", self.clock(at)))
            .unwrap_or_default();
        let held = socket.socket.lane.filter(|lane| lane.handed > Seq::ZERO);
        let upto = held
            .map(|lane| format!(" (handed over up to #{})", lane.handed))
            .unwrap_or_default();
        let name = self.socket(socket);
        let (user, what) = (self.user(), self.what());
        match socket.end {
            Some(end) => format!(
                "{user}'s {name} took too slowly what it was sent{since}{upto}; it ended at {}: {}",
                self.clock(end.at),
                ended_by(end.reason)
            ),
            None => format!(
                "{user}'s {name} takes too slowly what it is sent, its buffer is full{since}{upto}; {what} waits in the store for its turn"
            ),
        }
    }

    fn offline(&self) -> String {
        let (user, what, at) = (self.user(), self.what(), self.clock(self.moment.at));
        if self.moment.hypothetical {
            let last = self.presence.last_before(self.moment.at);
            let last = last.map_or_else(
                || "; no earlier connection is on record".to_owned(),
                |end| format!("; the last connection {}", self.ended(Some(end))),
            );
            return format!("{user} is not connected{last}");
        }
        if self.sockets.iter().any(|judged| judged.was_there) {
            return format!(
                "{user} was only just connecting when {what} was saved at {at}; the session told the client that it exists"
            );
        }
        let last = self
            .presence
            .last_before(self.moment.at)
            .map(|end| format!("; the last connection {}", self.ended(Some(end))));
        let next = self.presence.first_after(self.moment.at).map(|from| {
            format!(
                "; they connected again at {} and have not confirmed it",
                self.clock(from)
            )
        });
        format!(
            "{user} had no connection when {what} was saved at {at}{}{}",
            last.unwrap_or_default(),
            next.unwrap_or_default()
        )
    }
}
