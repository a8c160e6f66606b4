//! A small world for tests: alice, bob and carol in a group, and alice and bob alone.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use rollcall_client::protocol::ServerEvent;
use rollcall_client::protocol::chat_core::ConversationId;
use rollcall_client::protocol::reply::{Delivery, Joined, Sent, Synced};
use rollcall_client::{ClientEvent, State};
use serde_json::{Value, json};

use crate::effect::{Effect, Reply};
use crate::model::{Model, Size};
use crate::update::{Event, update};

pub(crate) fn group() -> ConversationId {
    ConversationId::parse("0197c31f-ops").unwrap()
}

fn participant(name: &str, online: bool) -> Value {
    let mut display = name.to_owned();
    display[..1].make_ascii_uppercase();
    json!({"id": name, "username": name, "display_name": display, "online": online})
}

fn conversation(id: &str, title: &Value, people: &Value, last_seq: u64, unread: u64) -> Value {
    json!({
        "id": id, "kind": if title.is_null() { "direct" } else { "group" }, "title": title,
        "room": format!("conversation:{id}"), "participants": people, "last_seq": last_seq,
        "received_seq": 0, "read_seq": last_seq - unread, "unread": unread, "last_message": null
    })
}

pub(crate) fn message(seq: u64, sender: &str, content: &str) -> Value {
    json!({
        "id": format!("m{seq}"), "conversation_id": group(), "seq": seq, "sender_id": sender,
        "sender_name": participant(sender, true)["display_name"], "content": content,
        "created_at": format!("2026-11-21T08:{:02}:00.000Z", seq % 60), "client_message_id": null,
        "reply_to": null, "edited_at": null, "deleted_at": null
    })
}

/// The same, sent under an id.
pub(crate) fn own_message(seq: u64, content: &str, id: &str) -> Value {
    let mut message = message(seq, "alice", content);
    message["client_message_id"] = id.into();
    message
}

pub(crate) fn session(last_seq: u64, unread: u64) -> Event {
    let people = json!([
        participant("alice", true),
        participant("bob", true),
        participant("carol", false)
    ]);
    let ops = conversation("0197c31f-ops", &json!("Ops night shift"), &people, last_seq, unread);
    let pair = json!([participant("alice", true), participant("carol", false)]);
    let direct = conversation("0197c31f-dm", &Value::Null, &pair, 0, 0);
    server(
        "session",
        json!({
            "sid": "8JxAAAAAQ", "namespace": "/", "node_id": "n", "epoch": "e",
            "user": {"id": "alice", "username": "alice", "display_name": "Alice", "role": "user"},
            "server_time": "2026-11-21T08:00:00.000Z", "conversations": [ops, direct], "resume": {}
        }),
    )
}

pub(crate) fn server(event: &str, data: Value) -> Event {
    Event::Client(ClientEvent::Server(ServerEvent::decode(event, data).unwrap()))
}

pub(crate) fn key(code: KeyCode) -> Event {
    Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

pub(crate) fn ctrl(c: char) -> Event {
    Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
}

pub(crate) fn type_text(model: &mut Model, text: &str) -> Vec<Effect> {
    let keys = text.chars().map(|c| key(KeyCode::Char(c)));
    keys.flat_map(|event| update(model, event)).collect()
}

pub(crate) fn connected() -> Event {
    let sid = rollcall_client::protocol::chat_core::Sid::parse("8JxAAAAAQ").unwrap();
    Event::Client(ClientEvent::State(State::Connected { sid }))
}

pub(crate) fn joined(sockets: usize) -> Event {
    let joined = json!({
        "room": "conversation:0197c31f-0000-7000-8000-00000000c31f", "namespace": "/", "sid": "8JxAAAAAQ",
        "verified": true, "sockets_in_room": sockets, "last_seq": 0, "missed": [], "more": false
    });
    let joined: Joined = serde_json::from_value(joined).unwrap();
    Event::Reply(Reply::Joined(group(), Ok(joined)))
}

pub(crate) fn fetched(messages: &[Value]) -> Event {
    let page: Synced = serde_json::from_value(json!({"messages": messages, "more": false})).unwrap();
    Event::Reply(Reply::Fetched(group(), Ok(page)))
}

pub(crate) fn sent(message: Value, handed_off: usize, sockets: usize) -> Sent {
    Sent {
        message: serde_json::from_value(message).unwrap(),
        duplicate: false,
        delivery: Delivery {
            participants: 3,
            online: 2,
            sockets,
            handed_off,
            failed: sockets - handed_off,
            repaired: 0,
        },
    }
}

/// A terminal of this size, nothing heard from the server.
pub(crate) fn fresh(width: u16, height: u16) -> Model {
    Model::new("alice", "127.0.0.1:4600", Size { width, height }, TimeZone::UTC)
}

/// Connected, `last_seq` messages in the group, the group open and its last 50 loaded.
pub(crate) fn opened(width: u16, height: u16, last_seq: u64) -> Model {
    let mut model = fresh(width, height);
    update(&mut model, connected());
    update(&mut model, session(last_seq, 0));
    let at = model.conversations.iter().position(|view| view.id == group()).unwrap();
    model.selected = at;
    update(&mut model, key(KeyCode::Enter));
    update(&mut model, joined(4));
    let first = last_seq.saturating_sub(49).max(1);
    let messages: Vec<Value> = (first..=last_seq)
        .map(|seq| message(seq, "bob", &format!("message {seq}")))
        .collect();
    if last_seq > 0 {
        update(&mut model, fetched(&messages));
    }
    model
}
