//! Sockets as the official Admin UI is shown them: every field that it needs not to break, and no secret.

use chat_core::Timestamp;
use http::request::Parts;
use http::{HeaderMap, header};
use serde_json::{Map, Value, json};

use crate::hub::admins::{ADMIN_NAMESPACE, AdminLink};
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::{Caller, LiveSocket};
use crate::telemetry::label::Label as _;
use crate::telemetry::labels::DisconnectReason;

const REDACTED: &str = "[redacted]";
/// A header or a parameter of the query is cut at this length, in characters.
const VALUE_CHARS_MAX: usize = 200;
/// Characters of the SID that name its connection: the whole SID is the key to a polling connection.
const CLIENT_ID_CHARS: usize = 12;

/// Headers that are shown; of all others only that they were there.
const HEADERS_SHOWN: [&str; 10] = [
    "host",
    "origin",
    "user-agent",
    "connection",
    "upgrade",
    "sec-websocket-version",
    "content-type",
    "content-length",
    "x-forwarded-for",
    "x-forwarded-proto",
];
/// Parameters of a query that are listed.
const PARAMETERS_MAX: usize = 32;
/// Parameters of the query that are shown.
const PARAMETERS_SHOWN: [&str; 3] = ["EIO", "transport", "t"];

/// A chat socket, all but what changes: transport and rooms.
pub(super) fn chat_socket(socket: &LiveSocket) -> Value {
    let caller = socket.caller();
    json!({
        "id": socket.sid,
        "clientId": client_id(socket.sid.as_str()),
        "nsp": CHAT_NAMESPACE,
        "data": {
            "user_id": caller.user.id,
            "username": caller.user.username,
            "display_name": caller.user.display_name,
            "role": socket.role(),
            "client": caller.client,
            "receipts": caller.receipts,
            // The official UI knows two transports, and is told `websocket`.
            "plain_websocket": socket.transport() == "plain-websocket",
        },
        "handshake": match socket.request() {
            Some(request) => handshake(request, &caller.address, socket.connected_at),
            None => plain_handshake(caller, socket.connected_at),
        },
    })
}

/// The official UI knows two transports.
pub(super) fn transport(transport: &'static str) -> &'static str {
    match transport {
        "polling" => "polling",
        _ => "websocket",
    }
}

/// Of a plain WebSocket nothing but this is kept.
fn plain_handshake(caller: &Caller, at: Timestamp) -> Value {
    let user_agent = caller.user_agent.as_deref().map(cut);
    json!({
        "address": caller.address,
        "headers": user_agent.map_or_else(|| json!({}), |user_agent| json!({ "user-agent": user_agent })),
        "query": {},
        "issued": at.as_millis(),
        "time": at.to_string(),
        "secure": false,
        "url": "/api/v1/ws/chat",
        "xdomain": false,
    })
}

/// A socket of an Admin UI, all but what changes.
pub(super) fn admin_socket(admin: &AdminLink) -> Value {
    let caller = &admin.caller;
    json!({
        "id": admin.sid,
        "clientId": client_id(admin.sid.as_str()),
        "nsp": ADMIN_NAMESPACE,
        "data": { "user_id": caller.user.id, "username": caller.user.username, "role": caller.role },
        "handshake": handshake(admin.request(), &caller.address, admin.connected_at),
    })
}

fn client_id(sid: &str) -> String {
    sid.chars().take(CLIENT_ID_CHARS).collect()
}

fn handshake(request: &Parts, address: &str, at: Timestamp) -> Value {
    let header = |name: header::HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    let origin = header(header::ORIGIN);
    let secure = request
        .headers
        .get("x-forwarded-proto")
        .is_some_and(|proto| proto.as_bytes().starts_with(b"https"));
    let foreign = origin.is_some_and(|origin| {
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        header(header::HOST) != Some(host)
    });
    json!({
        "address": address,
        "headers": headers(&request.headers),
        "query": query(request.uri.query().unwrap_or_default()),
        "issued": at.as_millis(),
        "time": at.to_string(),
        "secure": secure,
        // Without its query: tokens travel there.
        "url": request.uri.path(),
        "xdomain": foreign,
    })
}

fn headers(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for (name, value) in headers {
        let value = if HEADERS_SHOWN.contains(&name.as_str()) {
            cut(&String::from_utf8_lossy(value.as_bytes()))
        } else {
            REDACTED.to_owned()
        };
        shown.insert(name.as_str().to_owned(), value.into());
    }
    shown.into()
}

fn query(query: &str) -> Value {
    let mut shown = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()).take(PARAMETERS_MAX) {
        let value = if PARAMETERS_SHOWN.contains(&name.as_ref()) {
            cut(&value)
        } else {
            REDACTED.to_owned()
        };
        shown.insert(cut(&name), value.into());
    }
    shown.into()
}

fn cut(text: &str) -> String {
    text.chars().take(VALUE_CHARS_MAX).collect()
}

/// Why a socket went, in the words that Socket.IO has for it.
pub(super) fn reason(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Client => "client namespace disconnect",
        DisconnectReason::TransportClose => "transport close",
        DisconnectReason::TransportError => "transport error",
        DisconnectReason::PingTimeout => "ping timeout",
        DisconnectReason::Admin => "server namespace disconnect",
        DisconnectReason::Shutdown => "server shutting down",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_has_every_field_and_no_secret() {
        let request = http::Request::builder()
            .uri("/socket.io/?EIO=4&transport=polling&token=T0P&sid=T0P&api_key=T0P&t=abc")
            .header("host", "chat.example.org")
            .header("origin", "https://admin.socket.io")
            .header("authorization", "Bearer T0P")
            .header("cookie", "T0P")
            .header("x-api-key", "T0P")
            .header("sec-websocket-key", "T0P")
            .header("user-agent", "x".repeat(5_000))
            .body(())
            .unwrap();
        let at = Timestamp::from_millis(1_700_000_000_000);
        let shown = handshake(&request.into_parts().0, "192.0.2.1", at);
        let text = shown.to_string();
        assert!(!text.contains("T0P") && text.len() < 1_500, "{text}");
        assert_eq!(shown["issued"], 1_700_000_000_000_i64);
        assert_eq!(
            (&shown["address"], &shown["url"]),
            (&json!("192.0.2.1"), &json!("/socket.io/"))
        );
        assert_eq!((&shown["xdomain"], &shown["secure"]), (&json!(true), &json!(false)));
        assert_eq!(shown["query"]["transport"], "polling");
        assert_eq!(shown["query"]["token"], REDACTED);
        assert_eq!(shown["headers"]["origin"], "https://admin.socket.io");
        assert_eq!(shown["headers"]["authorization"], REDACTED);
    }

    #[test]
    fn a_client_is_named_by_a_part_of_its_key() {
        assert_eq!(client_id("AAAABBBBCCCCDDDD"), "AAAABBBBCCCC");
    }
}
