//! Lists, single things, and what is said when there is nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_core::UserId;
use chat_core::ports::Accounts as _;
use http::StatusCode;
use rollcall_server::clock::SystemClock;
use rollcall_server::gateway::rejected::{Fault, Rejection};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::fake::FakeServer;
use crate::requests::Client;
use crate::stage::Stage;

const HOSTILE: &str = "\"><script>alert(1)</script>";

async fn stage() -> Stage {
    let server = FakeServer::with(&[("42", &["alice", "bob"]), ("43", &[])]);
    server.connect(server.usual("sid-alice-1", "alice"));
    server.connect(server.usual("sid-bob-1", "bob"));
    Stage::set(server, "off").await
}

fn names(list: &Value, field: &str) -> Vec<String> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item[field].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn lists_have_pages() {
    let stage = stage().await;
    for n in 0..120 {
        stage
            .server
            .connect(stage.server.usual(&format!("sid-crowd-{n:03}"), "crowd"));
    }
    let admin = Client::with_token(&stage, "admin").await;
    let first = admin.get("/admin/api/sockets?q=CROWD&sort=username").await.json();
    assert_eq!(
        (&first["total"], &first["page"], &first["page_size"]),
        (&json!(120), &json!(1), &json!(50))
    );
    let last = admin
        .get("/admin/api/sockets?q=crowd&sort=username&page=3")
        .await
        .json();
    assert_eq!(names(&last, "sid").len(), 20);
    assert_eq!(names(&last, "sid").last().unwrap(), "sid-crowd-119");
    assert_eq!(
        names(&admin.get("/admin/api/sockets?page=9").await.json(), "sid").len(),
        0
    );
    assert_eq!(
        admin.get("/admin/api/sockets?page_size=1000").await.json()["page_size"],
        200
    );
    for bad in ["page=0", "page=x", "page_size=0", "page_size=-1", "sort=password"] {
        admin
            .get(&format!("/admin/api/sockets?{bad}"))
            .await
            .assert_problem(400, "bad_request");
        assert_eq!(
            admin.get(&format!("/admin/sockets?{bad}")).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    let page = admin.get("/admin/sockets?q=crowd&page=2").await.text;
    assert!(page.contains("51–100 of 120"), "{page}");
}

#[tokio::test]
async fn rooms_are_listed_with_their_kind_and_hidden_on_the_page() {
    let stage = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let rooms = admin.get("/admin/api/rooms?namespace=%2F&sort=name").await.json();
    let shown: Vec<(String, String)> = names(&rooms, "name").into_iter().zip(names(&rooms, "kind")).collect();
    let pair = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    assert_eq!(
        shown,
        [
            pair("conversation:42", "conversation"),
            pair("sid-alice-1", "socket"),
            pair("sid-bob-1", "socket"),
            pair("user:alice", "user"),
            pair("user:bob", "user")
        ]
    );
    assert_eq!(
        rooms["items"][0],
        json!({"namespace": "/", "name": "conversation:42", "kind": "conversation", "sockets": 2, "conversation_id": "42"})
    );
    let page = admin.get("/admin/rooms").await.text;
    assert!(page.contains("conversation:42") && !page.contains("user:alice"));
    assert!(admin.get("/admin/rooms?all=1").await.text.contains("user:alice"));
}

#[tokio::test]
async fn a_room_without_sockets_is_empty_and_one_that_is_nothing_is_not_there() {
    let stage = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    for path in [
        "/admin/api/rooms/%2F/conversation:43",
        "/admin/api/rooms/%2F/conversation%3A43",
    ] {
        let empty = admin.get(path).await;
        assert_eq!((empty.status, &empty.json()["members"]), (StatusCode::OK, &json!([])));
    }
    let nothing = admin.get("/admin/api/rooms/%2F/conversation_42").await;
    nothing.assert_problem(404, "not_found");
    assert_eq!(nothing.json()["similar_rooms"], json!(["conversation:42"]));
    let page = admin.get("/admin/rooms/%2F/conversation_42").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("href=\"/admin/rooms/%2F/conversation%3A42\""));
    admin
        .get("/admin/api/rooms/%2F/%FF")
        .await
        .assert_problem(400, "bad_request");
    admin
        .get("/admin/api/sockets/nobody")
        .await
        .assert_problem(404, "not_found");
    admin
        .get("/admin/api/nothing/of/this")
        .await
        .assert_problem(404, "not_found");
}

#[tokio::test]
async fn what_clients_say_is_shown_as_text() {
    let stage = stage().await;
    let mut socket = stage.server.usual("sid-eve-1", "eve");
    socket.client = Some(HOSTILE.to_owned());
    socket.user_agent = Some(HOSTILE.to_owned());
    socket.username = HOSTILE.to_owned();
    socket.rooms.push(HOSTILE.to_owned());
    stage.server.connect(socket);
    stage.rejected.note(Rejection {
        fault: Fault::Origin(HOSTILE.to_owned()),
        address: Some("192.0.2.1".parse().unwrap()),
        origin: Some(HOSTILE.to_owned()),
        path: HOSTILE.to_owned(),
        user_id: Some(UserId::parse("eve").unwrap()),
    });
    let admin = Client::signed_in(&stage, "admin").await;
    let hostile_room = format!("/admin/rooms/%2F/{}", "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    for page in [
        "/admin/sockets",
        "/admin/sockets/sid-eve-1",
        "/admin/rooms?all=1",
        "/admin/rejected",
        &hostile_room,
        "/admin/sockets?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/admin/%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let answer = admin.get(page).await;
        assert!(answer.text.contains("alert(1)"), "{page} shows it");
        assert!(!answer.text.contains("<script>"), "{page} runs it: {}", answer.text);
    }
}

#[tokio::test]
async fn rejected_connections_are_listed_with_their_remedy() {
    let stage = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    assert!(
        admin
            .get("/admin/rejected")
            .await
            .text
            .contains("No connection was turned away")
    );
    for fault in [Fault::TokenExpired, Fault::Path("/ws".to_owned())] {
        stage.rejected.note(Rejection {
            fault,
            address: None,
            origin: None,
            path: "/ws".to_owned(),
            user_id: None,
        });
    }
    let list = admin.get("/admin/api/rejected").await.json();
    assert_eq!(names(&list, "reason"), ["path", "token"]);
    assert!(!list["items"][0]["remedy"].as_str().unwrap().is_empty());
    assert_eq!(
        names(&admin.get("/admin/api/rejected?reason=token").await.json(), "reason"),
        ["token"]
    );
}

#[tokio::test]
async fn a_store_that_fails_is_said_and_its_words_are_not() {
    let stage = stage().await;
    stage.server.broken.store(true, Ordering::Relaxed);
    let admin = Client::with_token(&stage, "admin").await;
    let answer = admin.get("/admin/api/rooms/%2F/conversation:42").await;
    answer.assert_problem(503, "storage_unavailable");
    assert!(!answer.text.contains("secret"));
    let page = admin.get("/admin/rooms/%2F/conversation:42").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("The database does not answer") && !page.text.contains("secret"));
}

#[tokio::test]
async fn a_fragment_has_the_live_parts_alone() {
    let stage = stage().await;
    let admin = Client::signed_in(&stage, "admin").await.and("x-rollcall-fragment", "1");
    for page in [
        "/admin",
        "/admin/sockets",
        "/admin/rooms/%2F/conversation:42",
        "/admin/rooms/%2F/nothing",
    ] {
        let text = admin.get(page).await.text;
        assert!(
            text.trim_start().starts_with("<div id=\"live-sentence\""),
            "{page}: {text}"
        );
        assert_eq!(text.matches("data-live>").count(), 2, "{page}");
        assert!(
            !text.contains("<header") && !text.contains("<form class=\"filter\" role"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn the_search_leads_to_what_is_meant() {
    let stage = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let alice = stage.store.credentials("alice").await.unwrap().unwrap().user.id;
    let alice = format!("/admin/users/{alice}");
    for (q, target) in [
        ("sid-bob-1", "/admin/sockets/sid-bob-1"),
        ("conversation:42", "/admin/rooms/%2F/conversation%3A42"),
        ("42", "/admin/rooms/%2F/conversation%3A42"),
        ("Alice", &alice),
        ("ALI", "/admin/users?q=ALI"),
        ("192.0.2", "/admin/sockets?q=192.0.2"),
        (
            "nothing at all".replace(' ', "+").as_str(),
            "/admin/messages?q=nothing+at+all",
        ),
        ("conversation:4", "/admin/rooms?q=conversation%3A4"),
        ("", "/admin"),
    ] {
        assert_eq!(
            admin.get(&format!("/admin/search?q={q}")).await.header("location"),
            target,
            "{q}"
        );
    }
}

#[tokio::test]
async fn chat_figures_leave_out_the_admin_namespace() {
    let stage = stage().await;
    let mut socket = stage.server.usual("sid-ui-1", "admin");
    socket.namespace = "/admin".to_owned();
    socket.rooms.truncate(1);
    stage.server.connect(socket);
    let admin = Client::with_token(&stage, "admin").await;
    let namespaces = admin.get("/admin/api/namespaces").await.json();
    assert_eq!(
        namespaces["items"],
        json!([{"name": "/", "sockets": 2, "rooms": 5}, {"name": "/admin", "sockets": 1, "rooms": 1}])
    );
    assert!(admin.get("/admin/sockets").await.text.contains("2 sockets of 2 users."));
}

#[tokio::test]
async fn the_overview_says_what_became_of_what_was_sent() {
    let server = FakeServer::with(&[("43", &["alice"])]);
    server.connect(server.usual("sid-alice-1", "alice"));
    let stage = Stage::set(server, "off").await;
    let admin = Client::with_token(&stage, "admin").await;
    let first = admin.get("/admin/api/overview").await.json();
    assert_eq!(
        first["sentence"],
        "1 socket of 1 person connected. Nothing was sent yet in this time."
    );
    let stop = CancellationToken::new();
    let history = Arc::clone(&stage.history);
    let sampling = tokio::spawn(history.keep(stage.server.clone(), Arc::new(SystemClock), stop.clone()));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !admin.get("/admin").await.text.contains("<polyline") {
        assert!(tokio::time::Instant::now() < deadline, "no sample was taken");
        tokio::task::yield_now().await;
    }
    stage.server.send(5_000);
    let overview = admin.get("/admin/api/overview").await.json();
    assert_eq!(overview["status"], "healthy");
    let sentence = overview["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("Delivery is healthy: 99.96 % of 15\u{202f}000 hand-overs confirmed in "),
        "{sentence}"
    );
    assert_eq!(overview["messages_total"], 5_000);
    assert_eq!(overview["audit"], json!([]));
    stop.cancel();
    sampling.await.unwrap();
}
