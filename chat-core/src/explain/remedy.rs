//! What to do, for every cause.

use super::assess::{Case, Finding};
use super::connection::EndReason;
use super::fate::Judged;

impl Case<'_> {
    /// What to do; there exactly when there is a cause.
    pub(super) fn remedy(&self) -> Option<String> {
        let user = self.user();
        let text = match &self.finding {
            Finding::Read(_) | Finding::Delivered(_) | Finding::Sent(_) | Finding::OnItsWay(_) => return None,
            Finding::NotSaved(refusal) => {
                let hint = refusal.hint.as_deref().unwrap_or("Mend what the words say.");
                format!("{hint} Then send it again with the same client_message_id: it can not be doubled.")
            }
            Finding::NeverParticipant => format!(
                "If {user} belongs in it, add them: POST /api/v1/conversations/{}/participants. Is it the right conversation id?",
                self.evidence.subject.conversation_id()
            ),
            Finding::Removed { .. } => {
                "Nothing, if the removal was meant; otherwise add them again. What was sent in between is in the history.".to_owned()
            }
            Finding::JoinedLater(_) => {
                "Nothing is wrong: earlier messages are not sent live, the client loads them as history (sync, or GET messages).".to_owned()
            }
            Finding::Unconfirmed(socket) => self.unconfirmed_remedy(socket),
            Finding::NotBroadcast { .. } => {
                "It is not lost: the server makes up for it when it starts. See that a node runs (/admin/nodes) and find out why it stopped.".to_owned()
            }
            Finding::NotInRoom(_) => {
                let similar = self.similar_rooms().map(|names| format!(" Rooms with a like name: {names}.")).unwrap_or_default();
                format!("Let the client emit join_conversation and look at its answer (verified), or use Join on the socket's admin page.{similar}")
            }
            Finding::BufferFull(_) => "It gets the rest by itself as it drains; one that takes nothing for 30 s is closed and resumes. Is the network slow, \
                 the tab frozen, or a listener of new_message slow?"
                .to_owned(),
            Finding::Looping(_) => "Look at why the client ends its connections: two clients that throw each other out, an exception in a listener, a \
                 proxy that cuts WebSockets. The browser's console and the socket's history show the first error."
                .to_owned(),
            Finding::NodeLost { .. } => {
                "The client comes back to another node by itself and resumes. See /admin/nodes for what died, and that the proxy no longer sends there.".to_owned()
            }
            Finding::Disconnected(socket) => self.disconnected_remedy(socket),
            Finding::LeftBefore(_) => {
                "Let the client emit join_conversation when it opens the conversation again; its answer holds what was missed.".to_owned()
            }
            Finding::WrongNamespace(refused) => refused.newest.remedy.clone(),
            Finding::Elsewhere(_) => {
                "Connect to / for the chat: io(url) without a path behind the host; conversations are rooms and not namespaces.".to_owned()
            }
            Finding::Rejected(refused) => refused.newest.remedy.clone(),
            Finding::Offline => self.offline_remedy(),
            Finding::SocketUnknown(_) => {
                "This is a defect of the server, or of its records: please report it with this page. The client gets the message when it resumes or syncs.".to_owned()
            }
            Finding::PresenceUnknown => {
                "The records do not reach back that far, or a node did not answer. The message is in the history; a client that resumes or syncs gets it.".to_owned()
            }
            Finding::MembershipUnknown => "Ask again when the store answers (/health/ready says whether it does).".to_owned(),
        };
        Some(text)
    }

    fn unconfirmed_remedy(&self, socket: &Judged<'_>) -> String {
        let handed = socket.handed_at();
        let silent = socket.end.is_none()
            && socket
                .socket
                .last_alive_at
                .zip(handed)
                .is_some_and(|(alive, at)| alive < at);
        if silent {
            // Not the page's fault as far as anybody knows.
            return "The line is probably dead: the heartbeat closes it shortly, and the client comes back and resumes. Ask again in a minute.".to_owned();
        }
        "Does the page listen to new_message and send receipt? Its listener may be registered too late, throw, or listen on another socket \
         object; Traffic with this sid shows what goes out and comes in. A client that does not send receipts must not promise them \
         (auth.receipts)."
            .to_owned()
    }

    fn disconnected_remedy(&self, socket: &Judged<'_>) -> String {
        let back = "The client gets it on coming back if it connects with auth.resume.";
        let why = match socket.end.map(|end| end.reason) {
            Some(EndReason::Client) => {
                " It closed the connection itself: a page that was left, or a call of disconnect()."
            }
            Some(EndReason::PingTimeout) => {
                " It did not answer the heartbeat: a sleeping device, or a network that went away."
            }
            Some(EndReason::TransportClose | EndReason::TransportError) => {
                " The network or a proxy on the way cut it: check the proxy's idle timeout (over 60 s) and its WebSocket settings."
            }
            Some(EndReason::Token) => " Its token ended: answer token_expiring with refresh_token.",
            Some(EndReason::Protocol) => {
                " It sent what is no Socket.IO: look at its version and at proxies on the way."
            }
            Some(EndReason::Admin | EndReason::Shutdown | EndReason::Slow | EndReason::NodeLost) | None => "",
        };
        format!("{back}{why}")
    }

    fn offline_remedy(&self) -> String {
        let back_without_resume = self.presence.first_after(self.moment.at).is_some() && !self.moment.hypothetical;
        if back_without_resume {
            "Connect with auth.resume (the last seq held, by conversation): then what was missed comes first. Without it the client must load the history."
        } else {
            "Nothing is wrong: they get it when they connect again with auth.resume, or load the history."
        }
        .to_owned()
    }
}
