//! What to do, for every cause.

use super::assess::{Case, Finding};
use super::connection::EndReason;
use super::fate::Judged;

const MEND: &str = "Mend what the words say.";
const REMOVED: &str = "Nothing, if that was meant; otherwise add them again.";
const BACK_AGAIN: &str = "Nothing is wrong now: what was sent in between is in the history.";
const JOINED_LATER: &str = "Nothing is wrong: earlier messages are not sent live, the client loads them as history (event sync, or GET \
     conversations/{id}/messages).";
const NOT_BROADCAST: &str = "It is not lost: the server makes up for it when it starts. See that a node runs (/admin/nodes) and find out \
     why it stopped.";
const NOT_IN_ROOM: &str =
    "Let the client emit join_conversation and look at its answer (verified), or use Join on the socket's admin page.";
const BUFFER_FULL: &str = "It gets the rest by itself as it drains; one that takes nothing for 30 s is closed, comes back and resumes. Is \
     the network slow, the tab frozen, or a listener of new_message slow?";
const LOOPING: &str = "Look at why the client's connections end: two clients that throw each other out, an exception in a listener, a \
     proxy that cuts WebSockets. The browser's console shows the first error.";
const NODE_LOST: &str = "The client comes back to another node by itself and resumes. See /admin/nodes for what died, and that the proxy \
     no longer sends there.";
const LEFT_BEFORE: &str =
    "Let the client emit join_conversation when it opens the conversation again; its answer holds what was missed.";
const NO_RESUME: &str = "Connect with auth.resume (the last seq held, by conversation): then what was missed comes first. Without it the \
     client must load the history.";
const OFFLINE: &str = "Nothing is wrong: they get it when they connect again with auth.resume, or load the history.";
const DEFECT: &str = "This is a defect of the server or of its records: please report it with this answer. The client gets the message \
     when it resumes or syncs.";
const NO_RECORD: &str = "The records do not reach back that far, or a node did not answer. The message is in the history; a client that \
     resumes or syncs gets it.";
const ASK_AGAIN: &str = "Ask again when the store answers (/health/ready says whether it does).";
const SILENT: &str = "The line is probably dead: the heartbeat closes it shortly, and the client comes back and resumes. Ask again in a \
     minute.";
const NO_RECEIPT: &str = "Does the page listen to new_message and send receipt? Its listener may be registered too late, throw, or sit on \
     another socket object; Traffic with this sid shows what goes out and comes in. A client that sends no receipts must \
     not promise them (auth.receipts).";

impl Case<'_> {
    /// What to do; there exactly when there is a cause.
    pub(super) fn remedy(&self) -> Option<String> {
        let text = match &self.finding {
            Finding::Read(_) | Finding::Delivered(_) | Finding::Sent(_) | Finding::OnItsWay(_) => return None,
            Finding::NotSaved(refusal) => {
                let hint = refusal.hint.as_deref().unwrap_or(MEND);
                return Some(format!(
                    "{hint} Then send it again with the same client_message_id: it cannot be doubled."
                ));
            }
            Finding::NeverParticipant => {
                return Some(format!(
                    "Is it the right conversation id? If {} belongs in it: POST /api/v1/conversations/{}/participants.",
                    self.user(),
                    self.evidence.subject.conversation_id()
                ));
            }
            Finding::NotInRoom(_) => {
                let similar = self.similar_rooms();
                let similar = similar.map(|names| format!(" Rooms with a like name: {names}."));
                return Some(format!("{NOT_IN_ROOM}{}", similar.unwrap_or_default()));
            }
            Finding::Disconnected(socket) => return Some(disconnected(socket)),
            // The gateway's own words for what it refused.
            Finding::WrongNamespace(refused) | Finding::Rejected(refused) => refused.newest.remedy.as_str(),
            Finding::Removed { again: Some(_), .. } => BACK_AGAIN,
            Finding::Removed { again: None, .. } | Finding::RemovedDuring(_) => REMOVED,
            Finding::JoinedLater(_) => JOINED_LATER,
            Finding::Unconfirmed(socket) if is_silent(socket) => SILENT,
            Finding::Unconfirmed(_) => NO_RECEIPT,
            Finding::NotBroadcast { .. } => NOT_BROADCAST,
            Finding::BufferFull(_) => BUFFER_FULL,
            Finding::Looping(_) => LOOPING,
            Finding::NodeLost { .. } => NODE_LOST,
            Finding::LeftBefore(_) => LEFT_BEFORE,
            Finding::Offline if self.came_back() => NO_RESUME,
            Finding::Offline => OFFLINE,
            Finding::SocketUnknown(_) => DEFECT,
            Finding::PresenceUnknown => NO_RECORD,
            Finding::MembershipUnknown => ASK_AGAIN,
        };
        Some(text.to_owned())
    }

    /// They connected after the message, and it did not come to that connection.
    fn came_back(&self) -> bool {
        !self.moment.hypothetical && self.presence.first_after(self.moment.at).is_some()
    }
}

/// Nothing was heard from an open connection since the hand-over: not the page's fault, as far as anybody knows.
fn is_silent(socket: &Judged<'_>) -> bool {
    let heard = socket.socket.last_alive_at.zip(socket.handed_at());
    socket.end.is_none() && heard.is_some_and(|(alive, handed)| alive < handed)
}

fn disconnected(socket: &Judged<'_>) -> String {
    let why = match socket.end.map(|end| end.reason) {
        Some(EndReason::Client) => " It closed the connection itself: a page that was left, or a call of disconnect().",
        Some(EndReason::PingTimeout) => {
            " It did not answer the heartbeat: a sleeping device, or a network that went away."
        }
        Some(EndReason::TransportClose | EndReason::TransportError) => {
            " The network or a proxy on the way cut it: check the proxy's idle timeout (over 60 s) and its WebSocket settings."
        }
        Some(EndReason::Token) => " Its token ended: answer token_expiring with refresh_token.",
        Some(EndReason::Protocol) => " It sent what is no Socket.IO: look at its version and at proxies on the way.",
        Some(EndReason::Admin | EndReason::Shutdown | EndReason::Slow | EndReason::NodeLost) | None => "",
    };
    format!("The client gets it on coming back if it connects with auth.resume.{why}")
}
