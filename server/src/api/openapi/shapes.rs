//! The shapes of bodies, as JSON Schema.

use chat_core::limits::{PARTICIPANTS_MAX, REASON_CHARS_MAX, SEARCH_CHARS_MAX};
use serde_json::{Map, Value, json};

use super::operations::Kind;

/// The schema of a parameter.
pub(super) fn of_parameter(kind: Kind) -> Value {
    match kind {
        Kind::Id => id(),
        Kind::Text => json!({ "type": "string" }),
        Kind::Words => {
            json!({ "type": "string", "minLength": 1, "maxLength": SEARCH_CHARS_MAX, "pattern": "[A-Za-z0-9]" })
        }
        Kind::Seq | Kind::Millis => json!({ "type": "integer", "minimum": 0, "maximum": 1_u64 << 53 }),
        Kind::Limit => json!({ "type": "integer", "minimum": 1, "maximum": 1_u64 << 53 }),
    }
}

fn id() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$" })
}

/// An id as it may come: a whole number is taken for its decimal string.
fn given_id() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,64}$" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// As in the protocol: what a JavaScript client can mean.
fn seq() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 1_u64 << 53 })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn list(of: &Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn shape(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn or_null(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

/// An object; a name with a question mark may be missing. Clients must bear fields that they do not know.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema) in fields {
        let bare = name.trim_end_matches('?');
        if bare == name {
            required.push(name.to_owned());
        }
        properties.insert(bare.to_owned(), schema);
    }
    let mut object = json!({ "type": "object", "properties": properties });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// All of them by name.
pub(super) fn all() -> Value {
    let mut all = asked();
    all.extend(told_of_people());
    all.extend(told());
    all.extend(told_of_standing());
    all.extend(told_of_deliveries());
    Value::Object(all)
}

fn map<const N: usize>(shapes: [(&str, Value); N]) -> Map<String, Value> {
    shapes
        .into_iter()
        .map(|(name, shape)| (name.to_owned(), shape))
        .collect()
}

fn username() -> Value {
    json!({ "type": "string", "minLength": 2, "maxLength": 32, "pattern": "^[A-Za-z0-9_.-]+$" })
}

fn display_name() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 64 })
}

/// What requests hold.
fn asked() -> Map<String, Value> {
    let content = json!({ "type": "string", "minLength": 1, "maxLength": 16_384 });
    let password = json!({ "type": "string", "minLength": 8, "maxLength": 256 });
    map([
        (
            "NewAccount",
            object([
                ("username", username()),
                ("password", password),
                ("display_name?", display_name()),
            ]),
        ),
        ("Credentials", object([("username", text()), ("password", text())])),
        (
            "NewConversation",
            object([
                ("kind", json!({ "type": "string", "enum": ["direct", "group"] })),
                (
                    "participant_ids",
                    json!({ "type": "array", "items": given_id(), "maxItems": PARTICIPANTS_MAX }),
                ),
                ("title?", json!({ "type": "string", "minLength": 1, "maxLength": 200 })),
                ("id?", given_id()),
            ]),
        ),
        (
            "NewParticipants",
            object([(
                "user_ids",
                json!({ "type": "array", "items": given_id(), "minItems": 1, "maxItems": PARTICIPANTS_MAX }),
            )]),
        ),
        (
            "NewMessage",
            object([
                ("conversation_id", given_id()),
                ("content", content.clone()),
                ("client_message_id?", given_id()),
                ("reply_to?", given_id()),
                ("sender_id?", given_id()),
            ]),
        ),
        ("NewContent", object([("content", content)])),
        ("NewMute", object([("muted", flag())])),
        (
            "NewBan",
            object([
                ("user_id", given_id()),
                (
                    "reason?",
                    json!({ "type": "string", "minLength": 1, "maxLength": REASON_CHARS_MAX }),
                ),
            ]),
        ),
        (
            "NewReceipt",
            object([("received?", seq()), ("read?", seq()), ("user_id?", given_id())]),
        ),
        (
            "NewPerson",
            object([
                ("id", given_id()),
                ("username?", username()),
                ("display_name?", display_name()),
            ]),
        ),
    ])
}

/// Who somebody is.
fn told_of_people() -> Map<String, Value> {
    let role = json!({ "type": "string", "enum": ["user", "service", "observer", "admin"] });
    let place = json!({ "type": "string", "enum": ["owner", "member"] });
    let user = [("id", id()), ("username", text()), ("display_name", text())];
    let [user_id, username, display_name] = user.clone();
    let [participant_id, participant, shown] = user;
    map([
        ("User", object([user_id, username, display_name, ("role", role)])),
        (
            "SignedIn",
            object([("token", text()), ("expires_at", time()), ("user", shape("User"))]),
        ),
        ("Users", object([("users", list(&shape("User"))), ("more", flag())])),
        (
            "Participant",
            object([participant_id, participant, shown, ("online", flag()), ("role", place)]),
        ),
    ])
}

/// What other answers hold.
fn told() -> Map<String, Value> {
    let message = [
        ("id", id()),
        ("conversation_id", id()),
        ("seq", number()),
        ("sender_id", id()),
        ("sender_name", text()),
        ("content", text()),
        ("created_at", time()),
        ("client_message_id", or_null("string")),
        ("reply_to", or_null("string")),
        ("edited_at", or_null("string")),
        ("deleted_at", or_null("string")),
    ];
    map([
        (
            "Conversation",
            object([
                ("id", id()),
                ("kind", json!({ "type": "string", "enum": ["direct", "group"] })),
                ("title", or_null("string")),
                ("room", text()),
                ("participants", list(&shape("Participant"))),
                ("last_seq", number()),
                ("received_seq", number()),
                ("read_seq", number()),
                ("unread", number()),
                ("mentions", number()),
                ("muted", flag()),
                ("last_message?", shape("Message")),
            ]),
        ),
        (
            "Conversations",
            object([("conversations", list(&shape("Conversation"))), ("more", flag())]),
        ),
        ("Message", object(message)),
        (
            "Messages",
            object([("messages", list(&shape("Message"))), ("more", flag())]),
        ),
        (
            "Problem",
            object([
                ("type", text()),
                ("title", text()),
                ("status", number()),
                ("detail", text()),
                ("code", text()),
                ("hint?", text()),
                ("retry_after_ms?", number()),
                ("request_id?", text()),
                ("trace_id?", text()),
            ]),
        ),
        ("Anything", json!({ "type": "object" })),
    ])
}

/// How participants stand, and what a search found.
fn told_of_standing() -> Map<String, Value> {
    let found = json!({ "allOf": [shape("Message"), object([("snippet", text())])] });
    map([
        ("Found", object([("messages", list(&found)), ("more", flag())])),
        (
            "Bans",
            object([
                (
                    "bans",
                    list(&object([
                        ("user_id", id()),
                        ("username", text()),
                        ("display_name", text()),
                        ("by", id()),
                        ("reason", or_null("string")),
                        ("at", time()),
                    ])),
                ),
                ("more", flag()),
            ]),
        ),
        (
            "Receipts",
            object([
                ("conversation_id", id()),
                (
                    "users",
                    list(&object([("user_id", id()), ("received", number()), ("read", number())])),
                ),
            ]),
        ),
    ])
}

fn told_of_deliveries() -> Map<String, Value> {
    map([
        (
            "Sent",
            object([
                ("message", shape("Message")),
                ("duplicate", flag()),
                (
                    "delivery",
                    object([
                        ("participants", number()),
                        ("online", number()),
                        ("sockets", number()),
                        ("handed_off", number()),
                        ("failed", number()),
                        ("repaired", number()),
                        ("confirmed?", number()),
                        ("missing?", list(&id())),
                    ]),
                ),
            ]),
        ),
        (
            "Delivery",
            object([
                ("message", shape("Message")),
                ("broadcast", or_null("object")),
                ("totals", json!({ "type": "object" })),
                (
                    "participants",
                    list(&object([
                        ("user_id", id()),
                        ("username", text()),
                        ("status", text()),
                        ("cause?", or_null("string")),
                        ("sockets", list(&json!({ "type": "object" }))),
                    ])),
                ),
            ]),
        ),
    ])
}
