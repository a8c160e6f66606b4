//! Examples of bodies, as they really look.

use serde_json::{Value, json};

const ALICE: &str = "01a1b5a0-6f2e-7c11-9d8e-0c5b2f1aa6d3";
const BOB: &str = "01a1b5a0-6f2e-7c11-9d8e-0c5b2f1ab113";
const GROUP: &str = "01a1b5a0-7001-7d22-8e9f-1d6c3f2beefe";
const MESSAGE: &str = "01a1b5a0-7a10-7e33-9fa0-2e7d4f3cd2bd";

/// The example of that name.
pub(super) fn of(name: &str) -> Value {
    match name {
        "new_account" => json!({ "username": "alice", "password": "correct horse", "display_name": "Alice" }),
        "credentials" => json!({ "username": "alice", "password": "correct horse" }),
        "signed_in" => json!({ "token": "eyJ0eXAi…", "expires_at": "2026-11-22T08:56:41.000Z", "user": user() }),
        "user" => user(),
        "users" => json!({ "users": [user()], "more": false }),
        "new_conversation" => json!({ "kind": "group", "title": "Ops night shift", "participant_ids": [BOB] }),
        "conversation" => conversation(),
        "conversations" => json!({ "conversations": [conversation()], "more": false }),
        "new_participants" => json!({ "user_ids": [BOB] }),
        "new_message" => {
            json!({ "conversation_id": GROUP, "content": "The pager is yours.", "client_message_id": "m-1" })
        }
        "new_mute" => json!({ "muted": true }),
        "new_ban" => json!({ "user_id": BOB, "reason": "Advertising." }),
        "new_receipt" => json!({ "read": 4 }),
        "new_person" => json!({ "id": "customer-4711", "username": "alice", "display_name": "Alice" }),
        "bans" => json!({
            "bans": [{ "user_id": BOB, "username": "bob", "display_name": "Bob", "by": ALICE, "reason": "Advertising.",
                       "at": "2026-11-21T08:56:40.446Z" }],
            "more": false,
        }),
        "receipts" => json!({
            "conversation_id": GROUP,
            "users": [{ "user_id": ALICE, "received": 4, "read": 4 }, { "user_id": BOB, "received": 4, "read": 3 }],
        }),
        "new_content" => json!({ "content": "The pager is mine." }),
        "message" => message(),
        "messages" => json!({ "messages": [message()], "more": false }),
        "sent" => json!({
            "message": message(),
            "duplicate": false,
            "delivery": { "participants": 3, "online": 2, "sockets": 2, "handed_off": 2, "failed": 0, "repaired": 0 },
        }),
        "found" => {
            let mut found = message();
            found["snippet"] = json!("The pager is yours.");
            json!({ "messages": [found], "more": false })
        }
        "delivery" => delivery(),
        "problem" => json!({
            "type": "urn:rollcall:error:bad_request",
            "title": "The request is not well-formed",
            "status": 400,
            "detail": "limit: expected a whole number from 1 on, got \"0\"",
            "code": "bad_request",
            "request_id": "00288b7a37aa36e56a3e46b575e27631",
        }),
        "anything" => json!({ "openapi": "3.1.0" }),
        _ => Value::Null,
    }
}

fn user() -> Value {
    json!({ "id": ALICE, "username": "alice", "display_name": "Alice", "role": "user" })
}

fn message() -> Value {
    json!({
        "id": MESSAGE,
        "conversation_id": GROUP,
        "seq": 4,
        "sender_id": ALICE,
        "sender_name": "Alice",
        "content": "The pager is yours.",
        "created_at": "2026-11-21T08:56:40.446Z",
        "client_message_id": "m-1",
        "reply_to": null,
        "edited_at": null,
        "deleted_at": null,
    })
}

fn conversation() -> Value {
    json!({
        "id": GROUP,
        "kind": "group",
        "title": "Ops night shift",
        "room": format!("conversation:{GROUP}"),
        "participants": [{ "id": ALICE, "username": "alice", "display_name": "Alice", "online": true, "role": "owner" }],
        "last_seq": 4,
        "received_seq": 3,
        "read_seq": 3,
        "unread": 1,
        "mentions": 0,
        "muted": false,
        "last_message": message(),
    })
}

fn delivery() -> Value {
    json!({
        "message": message(),
        "broadcast": {
            "at": "2026-11-21T08:56:40.448Z", "room": format!("conversation:{GROUP}"), "namespace": "/", "room_existed": true,
            "rooms_in_namespace": 21, "similar_rooms": [], "nodes": 1,
        },
        "totals": { "delivered": 0, "missed": 0, "offline": 0, "read": 1, "sent": 0, "unconfirmed": 0 },
        "participants": [{
            "user_id": BOB, "username": "bob", "status": "read",
            "sockets": [{
                "sid": "1kiCox5aBzMwZhps", "node_id": "01a1b5a0-c67d-7f44-8ab1-3f8e5f4de3ce",
                "client": "web/1.2", "path": "room",
                "handed_off_at": "2026-11-21T08:56:40.448Z", "attempts": 1, "confirmed_at": "2026-11-21T08:56:40.462Z",
                "latency_ms": 14, "error": null,
            }],
        }],
    })
}
