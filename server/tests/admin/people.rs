//! Users, conversations, messages and explain: what is stored, beside what is live.

use chat_core::ports::{Accounts as _, Conversations as _, MessageLog as _, NewConversation};
use chat_core::{ConversationId, ConversationKind, Draft, MessageId, Timestamp, User};
use http::StatusCode;
use serde_json::{Value, json};

use crate::fake::FakeServer;
use crate::requests::Client;
use crate::stage::{PASSWORD, Stage};
use rollcall_server::admin::inspect::Inspect;

/// Alice and the admin in a group with two messages; alice is connected, outside of the room.
async fn stage() -> (Stage, User) {
    let server = FakeServer::with(&[("42", &["alice"])]);
    let stage = Stage::set(server, "off").await;
    let alice = stage.store.credentials("alice").await.unwrap().unwrap().user;
    let admin = stage.store.credentials("admin").await.unwrap().unwrap().user;
    let now = Timestamp::from_millis(1_790_000_000_000);
    let id = ConversationId::parse("42").unwrap();
    let new = NewConversation {
        id: id.clone(),
        kind: ConversationKind::Group,
        title: Some("<b>Ops</b>".to_owned()),
        owner: Some(alice.id.clone()),
        created_by: Some(alice.id.clone()),
        participant_ids: vec![alice.id.clone(), admin.id],
        at: now,
    };
    stage.store.create_conversation(new).await.unwrap();
    for (n, content) in ["hello", "<script>alert(1)</script>"].iter().enumerate() {
        let draft = Draft {
            id: MessageId::parse(format!("m{n}")).unwrap(),
            conversation_id: id.clone(),
            sender_id: alice.id.clone(),
            content: (*content).into(),
            client_message_id: None,
            reply_to: None,
            at: now.plus_millis(1),
        };
        stage.store.append(draft).await.unwrap();
    }
    let mut socket = stage.server.usual("sid-alice-1", "alice");
    socket.user_id = alice.id.clone();
    socket.rooms.retain(|room| !room.starts_with("conversation:"));
    stage.server.connect(socket);
    (stage, alice)
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_user_is_found_by_id_and_by_name_with_everything_that_is_known() {
    let (stage, alice) = stage().await;
    let observer = Client::with_token(&stage, "watcher").await;
    let listed = observer.get("/admin/api/users?q=ALI").await.json();
    assert_eq!(
        (&listed["total"], &listed["items"][0]["sockets"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(observer.get("/admin/api/users?online=1").await.json()["total"], 1);
    assert_eq!(
        observer.get("/admin/api/users?role=observer").await.json()["items"][0]["username"],
        "watcher"
    );
    let user = observer.get(&format!("/admin/api/users/{}", alice.id)).await.json();
    for key in ["user", "sockets", "conversations", "history", "rejected", "missed"] {
        assert!(keys(&user).contains(&key), "{key} is promised");
    }
    assert_eq!(user, observer.get("/admin/api/users/Alice").await.json());
    assert_eq!(user["sockets"][0]["sid"], "sid-alice-1");
    let place = &user["conversations"][0];
    assert_eq!((&place["last_seq"], &place["sockets_in_room"]), (&json!(2), &json!(0)));
    let missed = &user["missed"][0];
    assert_eq!((&missed["messages"], &missed["message_id"]), (&json!(2), &json!("m0")));
    assert!(missed["cause"].is_string(), "{missed}");
    assert!(!user.to_string().contains("argon2"), "no hash of a password");
    observer
        .get("/admin/api/users/nobody")
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once() {
    let (stage, alice) = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let path = format!("/admin/api/users/{}/disable", alice.id);
    let observer = Client::with_token(&stage, "watcher").await;
    observer
        .post_json(&path, &json!({}))
        .await
        .assert_problem(403, "forbidden");
    assert!(stage.server.socket("sid-alice-1").is_some());
    assert_eq!(admin.post_json(&path, &json!({})).await.json(), json!({"ok": true}));
    assert!(stage.server.socket("sid-alice-1").is_none());
    assert!(stage.authority.login("alice", PASSWORD).await.is_err());
    let page = admin.get("/admin/users/alice").await.text;
    assert!(page.contains("alice is disabled"), "{page}");
    let enable = format!("/admin/api/users/{}/enable", alice.id);
    assert_eq!(admin.post_json(&enable, &json!({})).await.status, StatusCode::OK);
    assert!(stage.authority.login("alice", PASSWORD).await.is_ok());
    let audit = admin.get("/admin/api/audit?q=alice").await.json();
    let done: Vec<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(done, ["enable", "disable"]);
    assert_eq!(audit["items"][1]["detail"], "1 socket is closed");
}

#[tokio::test]
async fn an_observer_who_is_disabled_is_signed_out_and_nobody_locks_themself_out() {
    let (stage, _) = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let watcher = Client::signed_in(&stage, "watcher").await;
    assert_eq!(watcher.get("/admin/api/overview").await.status, StatusCode::OK);
    assert_eq!(
        admin
            .post_json("/admin/api/users/watcher/disable", &json!({}))
            .await
            .status,
        StatusCode::OK
    );
    watcher
        .get("/admin/api/overview")
        .await
        .assert_problem(401, "unauthorized");
    admin
        .post_json("/admin/api/users/admin/disable", &json!({}))
        .await
        .assert_problem(409, "conflict");
    admin
        .post_json("/admin/api/users/alice/promote", &json!({}))
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_conversation_shows_who_is_missing_and_what_was_said() {
    let (stage, alice) = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let listed = admin.get("/admin/api/conversations?q=ops&kind=group").await.json();
    assert_eq!(
        (&listed["items"][0]["id"], &listed["items"][0]["participants"]),
        (&json!("42"), &json!(2))
    );
    let conversation = admin.get("/admin/api/conversations/42").await.json();
    for key in ["conversation", "room", "sockets", "recent"] {
        assert!(keys(&conversation).contains(&key), "{key} is promised");
    }
    assert_eq!(conversation["recent"][0]["seq"], 2);
    assert_eq!(conversation["room"]["missing"][0]["sids"], json!(["sid-alice-1"]));
    assert_eq!(conversation["sockets"][0]["user_id"], alice.id.as_str());
    let page = admin.get("/admin/conversations/42").await.text;
    assert!(page.contains("1 socket is online and should be in the room"), "{page}");
    assert!(!page.contains("<b>Ops") && !page.contains("<script>alert"), "{page}");
    admin
        .get("/admin/api/conversations/43")
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_room_is_repaired_in_one_step() {
    let (stage, _) = stage().await;
    let admin = Client::signed_in(&stage, "admin").await;
    let csrf = admin.csrf().await;
    let page = "/admin/rooms/%2F/conversation%3A42/repair";
    admin.post_form(page, &[]).await;
    assert!(
        !stage
            .server
            .socket("sid-alice-1")
            .unwrap()
            .rooms
            .contains(&"conversation:42".to_owned()),
        "without the token"
    );
    let repaired = admin.post_form(page, &[("csrf_token", &csrf)]).await;
    assert_eq!(
        repaired.header("location"),
        "/admin/rooms/%2F/conversation%3A42?done=repaired"
    );
    assert!(
        stage
            .server
            .socket("sid-alice-1")
            .unwrap()
            .rooms
            .contains(&"conversation:42".to_owned())
    );
    let api = Client::with_token(&stage, "admin").await;
    api.post_json("/admin/api/rooms/%2F/conversation:42/repair", &json!({}))
        .await
        .assert_problem(409, "conflict");
    let entry = api.get("/admin/api/audit").await.json()["items"][0].clone();
    assert_eq!(
        (&entry["action"], &entry["target"]),
        (&json!("repair"), &json!("conversation:42"))
    );
    assert_eq!(entry["detail"], "1 socket of alice");
}

#[tokio::test]
async fn messages_are_found_and_lead_to_their_delivery() {
    let (stage, alice) = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    for (query, total) in [
        ("", 2),
        ("q=HELLO", 1),
        ("sender=alice", 2),
        ("sender=nobody-of-this-name", 0),
        ("conversation=conversation:42&q=script", 1),
        ("from=2026-09-21T14:13:20", 2),
        ("to=2026-09-21T14:13:20Z", 0),
        ("q=m1", 1),
    ] {
        let found = admin.get(&format!("/admin/api/messages?{query}")).await.json();
        assert_eq!(found["total"], total, "{query}: {found}");
    }
    admin
        .get("/admin/api/messages?from=yesterday")
        .await
        .assert_problem(400, "bad_request");
    assert_eq!(
        admin.get("/admin/messages?q=m1").await.header("location"),
        "/admin/messages/m1"
    );
    let page = admin.get("/admin/messages/m1").await.text;
    assert!(
        page.contains("&#60;script&#62;alert(1)") && !page.contains("<script>alert"),
        "{page}"
    );
    assert!(
        page.contains(&format!("/admin/explain?message_id=m1&#38;user_id={}", alice.id)),
        "{page}"
    );
    let missing = admin.get("/admin/messages/m9").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_box_leads_to_the_answer() {
    let (stage, alice) = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let whole = admin.get("/admin/explain?q=m0&who=alice").await;
    assert_eq!(whole.status, StatusCode::OK);
    assert!(
        whole.text.contains("The message’s way, with the evidence"),
        "{}",
        whole.text
    );
    for (asked, shows) in [
        ("q=m0", "Choose a row for the evidence"),
        ("q=conversation:42", "A message in “"),
        ("q=42", "A message in “"),
        ("", "Why did they not get it?"),
    ] {
        let page = admin.get(&format!("/admin/explain?{asked}")).await;
        assert!(page.text.contains(shows), "{asked}: {}", page.text);
    }
    // In one conversation only: the answer comes at once.
    let now = format!("/admin/explain?conversation_id=42&user_id={}", alice.id);
    for asked in [
        "q=alice",
        "q=sid-alice-1",
        "who=sid-alice-1",
        &format!("q={}", alice.id),
    ] {
        assert_eq!(
            admin.get(&format!("/admin/explain?{asked}")).await.header("location"),
            now,
            "{asked}"
        );
    }
    let now = admin.get(&now).await;
    assert!(now.text.contains("Meant for them"), "{}", now.text);
    assert_eq!(
        admin.get("/admin/explain?q=nothing").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        admin.get("/admin/explain?message_id=%20x%20y").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn what_is_not_there_names_rooms_only_when_it_is_a_room() {
    let (stage, _) = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    for path in ["users/x", "sockets/x", "nothing"] {
        let answer = admin.get(&format!("/admin/api/{path}")).await.json();
        assert!(answer.get("similar_rooms").is_none(), "{path}: {answer}");
    }
    let room = admin.get("/admin/api/rooms/%2F/user_alice").await.json();
    assert_eq!(room["similar_rooms"], json!(["user:alice"]));
}
