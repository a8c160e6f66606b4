//! The pages: one file each, with its data, its handlers for HTML and JSON, a sample and its test.

pub(crate) mod audit;
pub(crate) mod conversation;
pub(crate) mod conversations;
pub(crate) mod explain;
pub(crate) mod message;
pub(crate) mod messages;
pub(crate) mod namespaces;
pub(crate) mod nodes;
pub(crate) mod overview;
pub(crate) mod probe;
pub(crate) mod rejected;
pub(crate) mod room;
pub(crate) mod rooms;
pub(crate) mod search;
pub(crate) mod socket;
pub(crate) mod sockets;
pub(crate) mod tokens;
pub(crate) mod traffic;
pub(crate) mod trouble;
pub(crate) mod user;
pub(crate) mod users;
pub(crate) mod webhook;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use url::form_urlencoded::byte_serialize;

use super::refusal::Refusal;

/// The page of a room.
pub(crate) fn room_href(namespace: &str, room: &str) -> String {
    format!("/admin/rooms/{}/{}", segment(namespace), segment(room))
}

/// The page of a socket.
pub(crate) fn socket_href(sid: &str) -> String {
    format!("/admin/sockets/{}", segment(sid))
}

/// The page of a user.
pub(crate) fn user_href(id: &chat_core::UserId) -> String {
    format!("/admin/users/{}", segment(id.as_str()))
}

/// The page of a conversation.
pub(crate) fn conversation_href(id: &chat_core::ConversationId) -> String {
    format!("/admin/conversations/{}", segment(id.as_str()))
}

/// The page of a message's delivery.
pub(crate) fn message_href(id: &chat_core::MessageId) -> String {
    format!("/admin/messages/{}", segment(id.as_str()))
}

/// Why a user has, or has not, a message.
pub(crate) fn explain_message_href(message: &chat_core::MessageId, user: &chat_core::UserId) -> String {
    format!("/admin/explain?message_id={message}&user_id={user}")
}

/// Whether a message of a conversation would reach a user now.
pub(crate) fn explain_now_href(conversation: &chat_core::ConversationId, user: &chat_core::UserId) -> String {
    format!("/admin/explain?conversation_id={conversation}&user_id={user}")
}

/// The cause, where it says more than the word beside it: who is offline is so because they are offline.
pub(crate) fn cause_beside(word: &str, cause: Option<chat_core::explain::Cause>) -> &'static str {
    let cause = cause.map(chat_core::explain::Cause::as_str).unwrap_or_default();
    if cause == word { "" } else { cause }
}

/// The id or name at the end of an address.
pub(crate) fn last_segment(path: Result<Path<String>, PathRejection>) -> Result<String, Refusal> {
    path.map(|Path(text)| text)
        .map_err(|_| Refusal::BadRequest("an id in an address is percent-encoded UTF-8".to_owned()))
}

/// A text as one segment of a path: everything that could end the segment is escaped.
fn segment(text: &str) -> String {
    // A form writes a space as +, a path does not; and a segment of dots alone would be resolved away.
    let escaped = byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    match escaped.as_str() {
        "." | ".." => escaped.replace('.', "%2E"),
        _ => escaped,
    }
}

#[cfg(test)]
mod tests {
    use chat_core::Role;

    use super::*;
    use crate::admin::login;

    /// What an attacker would write wherever a client can write.
    pub(crate) const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'\u{202e}";

    #[test]
    fn a_cause_that_is_the_status_is_not_said_twice() {
        use chat_core::explain::Cause;
        assert_eq!(cause_beside("offline", Some(Cause::Offline)), "");
        assert_eq!(cause_beside("missed", Some(Cause::NotInRoom)), "not_in_room");
        assert_eq!(cause_beside("read", None), "");
    }

    #[test]
    fn any_name_is_one_segment() {
        assert_eq!(room_href("/", "conversation:42"), "/admin/rooms/%2F/conversation%3A42");
        assert_eq!(room_href("/", "a b/c?d#e"), "/admin/rooms/%2F/a%20b%2Fc%3Fd%23e");
        assert_eq!(segment(".."), "%2E%2E");
    }

    fn after_quote(part: &str) -> &str {
        part.split_once('"').map_or(part, |(_, rest)| rest)
    }

    /// Every page that there is, with its sample.
    fn samples() -> Vec<(&'static str, String)> {
        use askama::Template;
        let render = |page: &dyn Fn() -> askama::Result<String>| page().unwrap();
        vec![
            ("login", render(&|| login::sample().render())),
            ("overview", render(&|| overview::sample(Role::Admin).render())),
            ("namespaces", render(&|| namespaces::sample(Role::Admin).render())),
            ("rooms", render(&|| rooms::sample(Role::Admin).render())),
            ("room", render(&|| room::sample(Role::Admin).render())),
            ("room_observer", render(&|| room::sample(Role::Observer).render())),
            ("sockets", render(&|| sockets::sample(Role::Admin).render())),
            ("socket", render(&|| socket::sample(Role::Admin).render())),
            ("socket_observer", render(&|| socket::sample(Role::Observer).render())),
            ("users", render(&|| users::sample(Role::Admin).render())),
            ("user", render(&|| user::sample(Role::Admin).render())),
            ("user_observer", render(&|| user::sample(Role::Observer).render())),
            ("conversations", render(&|| conversations::sample(Role::Admin).render())),
            ("conversation", render(&|| conversation::sample(Role::Admin).render())),
            (
                "conversation_observer",
                render(&|| conversation::sample(Role::Observer).render()),
            ),
            ("messages", render(&|| messages::sample(Role::Admin).render())),
            ("message", render(&|| message::sample(Role::Admin).render())),
            ("explain", render(&|| explain::sample(Role::Admin).render())),
            ("explain_empty", render(&|| explain::sample_empty(Role::Admin).render())),
            (
                "explain_choices",
                render(&|| explain::sample_choices(Role::Admin).render()),
            ),
            ("traffic", render(&|| traffic::sample(Role::Admin).render())),
            ("probe", render(&|| probe::sample(Role::Admin).render())),
            (
                "probe_answered",
                render(&|| probe::sample_answered(Role::Admin).render()),
            ),
            ("probe_observer", render(&|| probe::sample(Role::Observer).render())),
            ("rejected", render(&|| rejected::sample(Role::Admin).render())),
            ("nodes", render(&|| nodes::sample(Role::Admin).render())),
            ("audit", render(&|| audit::sample(Role::Admin).render())),
            ("tokens", render(&|| tokens::sample(Role::Admin).render())),
            ("tokens_observer", render(&|| tokens::sample(Role::Observer).render())),
            ("webhook", render(&|| webhook::sample(Role::Admin).render())),
            ("webhook_none", render(&|| webhook::sample_none(Role::Admin).render())),
            ("trouble", render(&|| trouble::sample(Role::Admin).render())),
        ]
    }

    #[test]
    fn every_page_renders_as_it_did() {
        for (name, page) in samples() {
            // The address of a style changes with the style; that is another test's business.
            insta::with_settings!({filters => vec![(r"\.[0-9a-f]{16}\.", ".HASH.")]}, {
                insta::assert_snapshot!(format!("page_{name}"), page);
            });
        }
    }

    #[test]
    fn nothing_that_a_client_says_becomes_markup() {
        for (name, page) in samples() {
            assert!(!page.contains("<script>"), "{name}: a script of somebody else's");
            assert!(!page.contains("<img"), "{name}: an element of somebody else's");
            // What a form sends back or a script compares is not shown, and must stay what it is.
            let shown: String = page
                .split(" value=\"")
                .flat_map(|part| part.split(" data-key=\""))
                .map(after_quote)
                .collect();
            assert!(!shown.contains('\u{202e}'), "{name}: text that turns the line around");
        }
        for name in [
            "room",
            "sockets",
            "socket",
            "rejected",
            "audit",
            "rooms",
            "users",
            "user",
            "conversations",
            "conversation",
            "messages",
            "message",
            "explain",
            "traffic",
            "tokens",
            "webhook",
        ] {
            let page = samples().into_iter().find(|(sample, _)| *sample == name).unwrap().1;
            assert!(
                page.contains("alert(1)"),
                "{name}: its sample holds nothing hostile, so it shows nothing"
            );
        }
    }

    #[test]
    fn every_page_keeps_to_the_content_security_policy() {
        for (name, page) in samples() {
            assert!(!page.contains(" style="), "{name}: an inline style");
            assert!(!page.contains(" onclick="), "{name}: an inline handler");
            assert!(page.matches("<h1").count() == 1, "{name}: one first line");
            assert!(page.starts_with("<!doctype html>"), "{name}");
        }
    }

    #[test]
    fn an_observer_sees_no_buttons_that_change_something() {
        for (name, page) in samples().into_iter().filter(|(name, _)| name.ends_with("_observer")) {
            let forms = page.matches("method=\"post\"").count();
            assert_eq!(forms, 1, "{name}: only the sign-out");
        }
    }
}
