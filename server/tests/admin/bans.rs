//! Who is banned from a conversation: seen by all who look, lifted by an admin on purpose.

use chat_core::ports::moderation::{Moderation as _, NewBan};
use chat_core::ports::{Accounts as _, Conversations as _, NewConversation};
use chat_core::{ConversationId, ConversationKind, Timestamp, User};
use http::StatusCode;
use serde_json::json;

use crate::fake::FakeServer;
use crate::requests::Client;
use crate::stage::Stage;

/// A group that alice owns and has muted, and that the observer was banned from.
async fn stage() -> (Stage, User) {
    let stage = Stage::set(FakeServer::with(&[("42", &["alice"])]), "off").await;
    let store = &stage.store;
    let alice = store.credentials("alice").await.unwrap().unwrap().user;
    let banned = store.credentials("watcher").await.unwrap().unwrap().user;
    let (id, now) = (
        ConversationId::parse("42").unwrap(),
        Timestamp::from_millis(1_790_000_000_000),
    );
    let new = NewConversation {
        id: id.clone(),
        kind: ConversationKind::Group,
        title: None,
        owner: Some(alice.id.clone()),
        created_by: Some(alice.id.clone()),
        participant_ids: vec![alice.id.clone(), banned.id.clone()],
        at: now,
    };
    store.create_conversation(new).await.unwrap();
    store.set_muted(&id, &alice.id, Some(now)).await.unwrap().unwrap();
    let ban = NewBan {
        conversation_id: id,
        user_id: banned.id.clone(),
        by: alice.id.clone(),
        reason: Some("<b>Advertising</b>".to_owned()),
        at: now,
    };
    store.ban(ban).await.unwrap();
    (stage, banned)
}

#[tokio::test]
async fn roles_mutes_and_bans_are_seen() {
    let (stage, banned) = stage().await;
    let observer = Client::with_token(&stage, "watcher").await;
    let seen = observer.get("/admin/api/conversations/42").await.json();
    let alice = &seen["participants"][0];
    assert_eq!((&alice["role"], &alice["muted"]), (&json!("owner"), &json!(true)));
    let ban = &seen["bans"][0];
    assert_eq!(ban["user_id"], banned.id.as_str());
    assert_eq!(
        (&ban["username"], &ban["by_username"], &ban["reason"]),
        (&json!("watcher"), &json!("alice"), &json!("<b>Advertising</b>"))
    );
    let page = Client::signed_in(&stage, "watcher")
        .await
        .get("/admin/conversations/42")
        .await
        .text;
    assert!(page.contains("Advertising") && !page.contains("<b>Adv"), "{page}");
    assert!(!page.contains("/lift"), "an observer is offered no change: {page}");
}

#[tokio::test]
async fn an_admin_lifts_a_ban_on_purpose_and_it_is_written_down() {
    let (stage, banned) = stage().await;
    let admin = Client::signed_in(&stage, "admin").await;
    let form = format!("/admin/conversations/42/bans/{}/lift", banned.id);
    let page = admin.get("/admin/conversations/42").await.text;
    assert!(page.contains(&format!("action=\"{form}\"")), "{page}");
    admin.post_form(&form, &[]).await;
    let id = ConversationId::parse("42").unwrap();
    assert_eq!(stage.store.bans(&id).await.unwrap().len(), 1, "without the token");
    let csrf = admin.csrf().await;
    let lifted = admin.post_form(&form, &[("csrf_token", &csrf)]).await;
    assert_eq!(lifted.header("location"), "/admin/conversations/42?done=ban-lifted");
    assert_eq!(stage.store.bans(&id).await.unwrap().len(), 0);
    let entry = admin.get("/admin/api/audit").await.json()["items"][0].clone();
    assert_eq!(
        (&entry["actor"], &entry["action"], &entry["target"]),
        (&json!("admin"), &json!("lift ban"), &json!("42"))
    );
    assert_eq!(entry["detail"], "of watcher, banned for: <b>Advertising</b>");
}

#[tokio::test]
async fn what_cannot_be_lifted_changes_and_notes_nothing() {
    let (stage, banned) = stage().await;
    let path = |conversation: &str, user: &str, action: &str| {
        format!("/admin/api/conversations/{conversation}/bans/{user}/{action}")
    };
    let watcher = Client::with_token(&stage, "watcher").await;
    let lift = path("42", banned.id.as_str(), "lift");
    watcher
        .post_json(&lift, &json!({}))
        .await
        .assert_problem(403, "forbidden");
    let admin = Client::with_token(&stage, "admin").await;
    for (conversation, user, action) in [
        ("42", "nobody", "lift"),
        ("43", banned.id.as_str(), "lift"),
        ("42", banned.id.as_str(), "make"),
        ("4 2", banned.id.as_str(), "lift"),
    ] {
        let refused = admin
            .post_json(&path(conversation, user, action).replace(' ', "%20"), &json!({}))
            .await;
        refused.assert_problem(404, "not_found");
    }
    assert_eq!(admin.get("/admin/api/audit").await.json()["total"], 0);
    assert_eq!(admin.post_json(&lift, &json!({})).await.status, StatusCode::OK);
    admin
        .post_json(&lift, &json!({}))
        .await
        .assert_problem(404, "not_found");
}
