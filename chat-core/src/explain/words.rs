//! How times, people, messages and sockets are written in sentences.

use super::assess::Case;
use super::connection::{End, EndReason};
use super::evidence::{Broadcast, Subject};
use super::fate::Judged;
use crate::Timestamp;

/// A time as it is read: without the date when it is today's.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> String {
    let (text, today) = (at.to_string(), now.to_string());
    let (date, time) = text.split_once('T').unwrap_or(("", &text));
    let time = time.trim_end_matches('Z');
    if today.starts_with(date) {
        format!("{time} UTC")
    } else {
        format!("{date} {time} UTC")
    }
}

/// A length of time in its largest fitting unit.
pub(super) fn span(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0 => format!("{millis} ms"),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// By what a connection ended, in words.
pub(super) fn ended_by(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Client => "closed by the client (client)",
        EndReason::TransportClose => "the transport was closed (transport_close)",
        EndReason::TransportError => "the transport failed (transport_error)",
        EndReason::PingTimeout => "no answer to the heartbeat (ping_timeout)",
        EndReason::Slow => "closed as too slow (slow)",
        EndReason::Token => "its token ended (token)",
        EndReason::Admin => "closed by an admin (admin)",
        EndReason::Shutdown => "the server stopped in order (shutdown)",
        EndReason::Protocol => "what came was no Socket.IO (protocol)",
        EndReason::NodeLost => "its node died (node_lost)",
    }
}

/// How often, in words.
pub(super) fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

/// `a, b`; some are enough.
fn some_of(names: &[String]) -> Option<String> {
    let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}

impl<'a> Case<'a> {
    /// A time, as of the moment of asking.
    pub(super) fn clock(&self, at: Timestamp) -> String {
        clock(at, self.evidence.now)
    }

    /// The user's name.
    pub(super) fn user(&self) -> &'a str {
        &self.evidence.user.username
    }

    /// What it is about, as it is called in a sentence.
    pub(super) fn what(&self) -> String {
        match &self.evidence.subject {
            Subject::Saved(message) => format!("message #{}", message.seq),
            Subject::Refused(_) => "the message".to_owned(),
            Subject::Now { .. } => "a message sent now".to_owned(),
        }
    }

    /// ` at …`, or nothing.
    pub(super) fn at_if_known(&self, at: Option<Timestamp>) -> String {
        at.map(|at| format!(" at {}", self.clock(at))).unwrap_or_default()
    }

    /// That a connection ended, and by what.
    pub(super) fn ended(&self, end: Option<End>) -> String {
        end.map_or_else(
            || "is gone".to_owned(),
            |end| format!("ended at {}: {}", self.clock(end.at), ended_by(end.reason)),
        )
    }

    /// Names of rooms like the conversation's, if any are known.
    pub(super) fn similar_rooms(&self) -> Option<String> {
        match &self.evidence.broadcast {
            Broadcast::Made(record) => some_of(&record.similar_rooms),
            Broadcast::NotMade { .. } | Broadcast::Unknown => None,
        }
    }
}

impl Judged<'_> {
    /// `socket X (web/1.2)`
    pub(super) fn name(&self) -> String {
        match &self.socket.client {
            Some(client) => format!("socket {} ({client})", self.socket.sid),
            None => format!("socket {}", self.socket.sid),
        }
    }
}
