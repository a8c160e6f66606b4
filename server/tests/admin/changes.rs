//! Disconnect, join, leave: who may, what is refused, what is written down.

use http::StatusCode;
use serde_json::json;

use crate::fake::FakeServer;
use crate::requests::Client;
use crate::stage::Stage;
use rollcall_server::admin::inspect::Inspect;

async fn stage() -> Stage {
    let server = FakeServer::with(&[("42", &["alice"])]);
    server.connect(server.usual("sid-alice-1", "alice"));
    Stage::set(server, "off").await
}

const DISCONNECT: &str = "/admin/api/sockets/sid-alice-1/disconnect";
const JOIN: &str = "/admin/api/sockets/sid-alice-1/join";
const LEAVE: &str = "/admin/api/sockets/sid-alice-1/leave";

#[tokio::test]
async fn a_token_needs_no_csrf_and_every_change_is_written_down() {
    let stage = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let left = admin
        .post_json(LEAVE, &json!({"room": "conversation:42", "namespace": "/"}))
        .await;
    assert_eq!((left.status, left.json()), (StatusCode::OK, json!({"ok": true})));
    let room = admin.get("/admin/api/rooms/%2F/conversation:42").await.json();
    assert_eq!(
        room["missing"],
        json!([{"user_id": "alice", "username": "alice", "sids": ["sid-alice-1"]}])
    );
    assert_eq!(
        admin.post_json(JOIN, &json!({"room": "conversation:42"})).await.status,
        StatusCode::OK
    );
    assert_eq!(admin.post_json(DISCONNECT, &json!({})).await.status, StatusCode::OK);
    assert!(stage.server.socket("sid-alice-1").is_none());
    let audit = admin.get("/admin/api/overview").await.json()["audit"].clone();
    let actions: Vec<&str> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["disconnect", "join", "leave"]);
    assert_eq!(audit[2]["actor"], "admin");
    assert_eq!(audit[2]["target"], "sid-alice-1");
    assert_eq!(audit[2]["detail"], "alice in namespace /: out of room conversation:42");
    assert_eq!(admin.get("/admin/api/audit?page_size=1").await.json()["total"], 3);
}

#[tokio::test]
async fn a_session_needs_its_own_token_as_field_or_header() {
    let stage = stage().await;
    let admin = Client::signed_in(&stage, "admin").await;
    let other = Client::signed_in(&stage, "admin").await.csrf().await;
    admin
        .post_json(LEAVE, &json!({"room": "conversation:42"}))
        .await
        .assert_problem(403, "forbidden");
    admin
        .post_json(LEAVE, &json!({"room": "conversation:42", "csrf_token": other}))
        .await
        .assert_problem(403, "forbidden");
    let csrf = admin.csrf().await;
    let field = admin
        .post_form(LEAVE, &[("room", "conversation:42"), ("csrf_token", &csrf)])
        .await;
    assert_eq!(field.status, StatusCode::OK, "{}", field.text);
    let admin = admin.and("x-csrf-token", csrf);
    assert_eq!(
        admin.post_json(JOIN, &json!({"room": "conversation:42"})).await.status,
        StatusCode::OK
    );
    let crossed = admin.and("sec-fetch-site", "same-site");
    crossed
        .post_json(DISCONNECT, &json!({}))
        .await
        .assert_problem(403, "forbidden");
    assert!(stage.server.socket("sid-alice-1").is_some());
}

#[tokio::test]
async fn an_observer_changes_nothing() {
    let stage = stage().await;
    let watcher = Client::with_token(&stage, "watcher").await;
    for (path, body) in [
        (DISCONNECT, json!({})),
        (JOIN, json!({"room": "x"})),
        (LEAVE, json!({"room": "conversation:42"})),
    ] {
        watcher.post_json(path, &body).await.assert_problem(403, "forbidden");
    }
    let watcher = Client::signed_in(&stage, "watcher").await;
    let csrf = watcher.csrf().await;
    let refused = watcher
        .post_form("/admin/sockets/sid-alice-1/disconnect", &[("csrf_token", &csrf)])
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.text.contains("changes nothing"));
    assert!(stage.server.socket("sid-alice-1").is_some());
    assert_eq!(watcher.get("/admin/api/audit").await.json()["total"], 0);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_in_words() {
    let stage = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    admin
        .post_json(JOIN, &json!({}))
        .await
        .assert_problem(400, "bad_request");
    admin
        .post_json(JOIN, &json!({"room": ""}))
        .await
        .assert_problem(400, "bad_request");
    admin
        .post_json(JOIN, &json!({"room": 42}))
        .await
        .assert_problem(400, "bad_request");
    admin
        .post_json(JOIN, &json!({"room": "x".repeat(257)}))
        .await
        .assert_problem(400, "bad_request");
    admin
        .post_json(JOIN, &json!({"room": "x", "namespace": "/other"}))
        .await
        .assert_problem(400, "bad_request");
    admin
        .post_json(LEAVE, &json!({"room": "conversation:43"}))
        .await
        .assert_problem(409, "conflict");
    admin
        .post_json("/admin/api/sockets/nobody/disconnect", &json!({}))
        .await
        .assert_problem(404, "not_found");
    admin
        .post_json("/admin/api/sockets/sid-alice-1/explode", &json!({}))
        .await
        .assert_problem(404, "not_found");
    assert_eq!(admin.get("/admin/api/audit").await.json()["total"], 0);
}

#[tokio::test]
async fn forms_lead_to_a_page_that_says_what_was_done() {
    let stage = stage().await;
    let admin = Client::signed_in(&stage, "admin").await;
    let csrf = admin.csrf().await;
    let fields = [("csrf_token", csrf.as_str()), ("room", "conversation:42")];
    let left = admin.post_form("/admin/sockets/sid-alice-1/leave", &fields).await;
    assert_eq!(
        (left.status, left.header("location")),
        (StatusCode::SEE_OTHER, "/admin/sockets/sid-alice-1?done=left")
    );
    assert!(
        admin
            .get(left.header("location"))
            .await
            .text
            .contains("was taken out of the room")
    );
    let room = admin.get("/admin/rooms/%2F/conversation:42").await.text;
    assert!(room.contains("1 participant is online and not in this room"), "{room}");
    let fields = [
        ("csrf_token", csrf.as_str()),
        ("room", "conversation:42"),
        ("back", "room"),
    ];
    let joined = admin.post_form("/admin/sockets/sid-alice-1/join", &fields).await;
    assert_eq!(
        joined.header("location"),
        "/admin/rooms/%2F/conversation%3A42?done=joined"
    );
    let gone = admin
        .post_form("/admin/sockets/sid-alice-1/disconnect", &fields[..1])
        .await;
    assert_eq!(gone.header("location"), "/admin/sockets?done=disconnected");
    assert_eq!(
        admin.get("/admin/sockets/sid-alice-1").await.status,
        StatusCode::NOT_FOUND
    );
}
