//! Tokens of services: made once, shown once, taken back; who may, and what is written down.

use chat_core::Role;
use http::StatusCode;
use rollcall_server::identity::{NewAccount, NewPassword};
use serde_json::{Value, json};

use crate::fake::FakeServer;
use crate::requests::Client;
use crate::stage::{PASSWORD, Stage};

const TOKENS: &str = "/admin/api/tokens";

async fn stage() -> Stage {
    let stage = Stage::set(FakeServer::with(&[]), "off").await;
    let account = NewAccount {
        username: "shop".to_owned(),
        display_name: None,
        password: NewPassword::parse(PASSWORD).unwrap().into(),
        role: Role::Service,
    };
    stage.authority.add(account).await.unwrap();
    stage
}

fn wanted() -> Value {
    json!({ "username": "shop", "name": "orders", "days": 30 })
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_taken_back() {
    let stage = stage().await;
    let admin = Client::with_token(&stage, "admin").await;
    let made = admin.post_json(TOKENS, &wanted()).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let made = made.json();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let identity = stage.authority.authenticate(token).await.unwrap();
    assert_eq!(
        (identity.user.username.as_str(), identity.role),
        ("shop", Role::Service)
    );

    let listed = admin.get(TOKENS).await;
    assert!(!listed.text.contains(token), "it is shown once");
    let listed = listed.json();
    assert_eq!((&listed["total"], &listed["items"][0]["id"]), (&json!(1), &json!(id)));
    assert_eq!(
        (&listed["items"][0]["name"], &listed["items"][0]["revoked_at"]),
        (&json!("orders"), &Value::Null)
    );

    let revoke = format!("{TOKENS}/{id}/revoke");
    assert_eq!(admin.post_json(&revoke, &json!({})).await.json(), json!({ "ok": true }));
    assert!(stage.authority.authenticate(token).await.is_err(), "it counts no more");
    admin
        .post_json(&revoke, &json!({}))
        .await
        .assert_problem(404, "not_found");
    assert!(admin.get(TOKENS).await.json()["items"][0]["revoked_at"].is_string());

    let audit = admin.get("/admin/api/audit").await;
    assert!(!audit.text.contains(token), "no secret is in the audit log");
    let entries = audit.json()["items"].clone();
    let noted: Vec<(&str, &str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().unwrap();
            (text("action"), text("target"), text("detail"))
        })
        .collect();
    assert_eq!(noted.last(), Some(&("make-token", "shop", "for orders, 30 days")));
    assert!(noted.contains(&("revoke-token", id, "")));
}

#[tokio::test]
async fn the_page_shows_the_new_token_and_forgets_it() {
    let stage = stage().await;
    let admin = Client::signed_in(&stage, "admin").await;
    let csrf = admin.csrf().await;
    let form = [
        ("username", "shop"),
        ("name", "orders"),
        ("days", "1"),
        ("csrf_token", csrf.as_str()),
    ];
    let made = admin.post_form("/admin/tokens", &form).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let token = made
        .text
        .split("readonly value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    stage.authority.authenticate(token).await.unwrap();
    let page = admin.get("/admin/tokens").await;
    assert!(!page.text.contains(token) && page.text.contains("orders"));
    let revoke = page.text.split("action=\"/admin/tokens/").nth(1).unwrap();
    let revoke = format!("/admin/tokens/{}", revoke.split('"').next().unwrap());
    let done = admin.post_form(&revoke, &[("csrf_token", &csrf)]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    assert!(stage.authority.authenticate(token).await.is_err());
}

#[tokio::test]
async fn only_an_admin_makes_tokens_on_purpose_and_for_services() {
    let stage = stage().await;
    let watcher = Client::with_token(&stage, "watcher").await;
    watcher
        .post_json(TOKENS, &wanted())
        .await
        .assert_problem(403, "forbidden");
    watcher
        .post_json(&format!("{TOKENS}/x/revoke"), &json!({}))
        .await
        .assert_problem(403, "forbidden");
    let cookie = Client::signed_in(&stage, "admin").await;
    cookie
        .post_json(TOKENS, &wanted())
        .await
        .assert_problem(403, "forbidden");
    let admin = Client::with_token(&stage, "admin").await;
    for (field, value, status, code) in [
        ("username", json!("alice"), 409, "conflict"),
        ("username", json!("nobody"), 404, "not_found"),
        ("username", Value::Null, 400, "bad_request"),
        ("name", json!("  "), 400, "bad_request"),
        ("name", json!("x".repeat(65)), 400, "bad_request"),
        ("days", json!(0), 400, "bad_request"),
        ("days", json!(3_651), 400, "bad_request"),
        ("days", Value::Null, 400, "bad_request"),
    ] {
        let mut body = wanted();
        body[field] = value;
        admin.post_json(TOKENS, &body).await.assert_problem(status, code);
    }
    assert_eq!(admin.get(TOKENS).await.json()["total"], 0);
    assert_eq!(admin.get("/admin/api/webhook").await.json(), Value::Null);
}
