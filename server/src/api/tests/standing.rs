//! Muting, bans, mentions, read state and provisioning over REST.

use std::time::Duration;

use chat_core::Role;
use chat_core::ports::{Accounts as _, NewUser};

use super::conversations::{People, people};
use super::*;
use crate::identity::Tokens;
use crate::identity::fake::SECRET;
use crate::settings::Secret;

/// An account of another role than a user's: its token and id.
async fn somebody(server: &Server, role: Role) -> (String, String) {
    let id = format!("the-{}", role.as_str());
    let new = NewUser {
        id: chat_core::UserId::parse(&id).unwrap(),
        username: id.clone(),
        display_name: id.clone(),
        role,
        password_hash: None,
        at: server.clock.now(),
    };
    let user = server.store.create_user(new).await.unwrap();
    let tokens = Tokens::new(&Secret::new(SECRET), Arc::clone(&server.clock) as _);
    let issued = tokens.issue(&user, role, Duration::from_mins(5)).unwrap();
    (issued.token, id)
}

impl People {
    async fn says(&self, who: &(String, String), id: &str, content: &str) {
        let body = json!({ "conversation_id": id, "content": content });
        let sent = self.post(who, "/api/v1/messages", body).await;
        assert_eq!(sent.status, StatusCode::CREATED, "{}", sent.body);
    }
    async fn delete(&self, who: &(String, String), path: &str) -> Answer {
        ask(Method::DELETE, path).token(&who.0).of(&self.server.router).await
    }
}

#[tokio::test]
async fn mentions_are_beside_unread_until_read_by_rest() {
    let people = people().await;
    let id = people.group().await;
    let path = format!("/api/v1/conversations/{id}");
    people.says(&people.alice, &id, "hello @bob").await;
    people.says(&people.alice, &id, "all of you").await;
    people.says(&people.alice, &id, "@BOB!").await;
    let counts = |body: &Value| (body["unread"].as_u64().unwrap(), body["mentions"].as_u64().unwrap());
    let seen = people.get(&people.bob, &path).await;
    assert_eq!(counts(&seen.body), (3, 2), "{}", seen.body);
    let listed = people.get(&people.bob, "/api/v1/conversations").await;
    assert_eq!(counts(&listed.body["conversations"][0]), (3, 2));

    let receipts = format!("{path}/receipts");
    let read = people.post(&people.bob, &receipts, json!({ "read": 1 })).await;
    assert_eq!(
        (read.status, counts(&read.body)),
        (StatusCode::OK, (2, 1)),
        "{}",
        read.body
    );
    assert_eq!(
        (&read.body["read_seq"], &read.body["received_seq"]),
        (&json!(1), &json!(1))
    );
    // Never back, and never past the newest message.
    people.post(&people.bob, &receipts, json!({ "read": 0 })).await;
    let read = people.post(&people.bob, &receipts, json!({ "received": 99 })).await;
    assert_eq!(
        (&read.body["read_seq"], &read.body["received_seq"]),
        (&json!(1), &json!(3))
    );
    let all = people.get(&people.alice, &receipts).await;
    let mut users = all.body["users"].as_array().unwrap().clone();
    users.retain(|user| user["user_id"] == people.bob.1.as_str());
    assert_eq!(users, [json!({ "user_id": people.bob.1, "received": 3, "read": 1 })]);
}

#[tokio::test]
async fn read_state_is_told_by_participants_of_themselves() {
    let people = people().await;
    let receipts = format!("/api/v1/conversations/{}/receipts", people.group().await);
    let tell = |body: Value| ask(Method::POST, &receipts).json(&body);
    for (asked, who, status, code, says) in [
        (tell(json!({})), &people.bob, 400, "bad_request", "received: expected"),
        (
            tell(json!({ "read": -1 })),
            &people.bob,
            400,
            "bad_request",
            "read: expected",
        ),
        (
            tell(json!({ "read": 1, "user_id": people.alice.1 })),
            &people.bob,
            403,
            "forbidden",
            "user_id:",
        ),
        (
            tell(json!({ "read": 1 })),
            &people.eve,
            403,
            "not_participant",
            "conversation_id:",
        ),
        (
            ask(Method::GET, &receipts),
            &people.eve,
            403,
            "not_participant",
            "conversation_id:",
        ),
    ] {
        let detail = people.refused(asked, who, status, code).await;
        assert!(detail.starts_with(says), "{detail}");
    }
}

#[tokio::test]
async fn a_service_says_who_has_read() {
    let people = people().await;
    let id = people.group().await;
    let service = somebody(&people.server, Role::Service).await;
    people.says(&people.alice, &id, "hello").await;
    let receipts = format!("/api/v1/conversations/{id}/receipts");
    let read = people
        .post(&service, &receipts, json!({ "read": 1, "user_id": people.bob.1 }))
        .await;
    assert_eq!(
        (read.status, &read.body["unread"]),
        (StatusCode::OK, &json!(0)),
        "{}",
        read.body
    );
    let tell = |body: Value| ask(Method::POST, &receipts).json(&body);
    people
        .refused(tell(json!({ "read": 1 })), &service, 400, "bad_request")
        .await;
    let stranger = json!({ "read": 1, "user_id": people.eve.1 });
    people.refused(tell(stranger), &service, 403, "not_participant").await;
}

#[tokio::test]
async fn muting_is_for_oneself() {
    let people = people().await;
    let id = people.group().await;
    let path = format!("/api/v1/conversations/{id}");
    let mute = format!("{path}/mute");
    let muted = people.post(&people.bob, &mute, json!({ "muted": true })).await;
    assert_eq!(
        (muted.status, &muted.body["muted"]),
        (StatusCode::OK, &json!(true)),
        "{}",
        muted.body
    );
    for (who, expected) in [(&people.bob, true), (&people.alice, false)] {
        assert_eq!(people.get(who, &path).await.body["muted"], expected);
    }
    people.post(&people.bob, &mute, json!({ "muted": false })).await;
    assert_eq!(people.get(&people.bob, &path).await.body["muted"], false);
    let asked = || ask(Method::POST, &mute);
    people
        .refused(asked().json(&json!({ "muted": 1 })), &people.bob, 400, "bad_request")
        .await;
    people
        .refused(
            asked().json(&json!({ "muted": true })),
            &people.eve,
            403,
            "not_participant",
        )
        .await;
}

#[tokio::test]
async fn a_ban_from_making_to_lifting() {
    let people = people().await;
    let id = people.group().await;
    let (path, bob) = (format!("/api/v1/conversations/{id}"), &people.bob.1);
    let bans = format!("{path}/bans");
    let banned = people
        .post(&people.alice, &bans, json!({ "user_id": bob, "reason": " spam " }))
        .await;
    assert_eq!(banned.status, StatusCode::OK, "{}", banned.body);
    assert_eq!(banned.body["participants"].as_array().unwrap().len(), 1);
    let detail = people
        .refused(ask(Method::GET, &path), &people.bob, 403, "not_participant")
        .await;
    assert!(
        detail.contains("you are banned") && detail.ends_with(": spam"),
        "{detail}"
    );
    let participants = format!("{path}/participants");
    let add = || ask(Method::POST, &participants).json(&json!({ "user_ids": [bob] }));
    let detail = people.refused(add(), &people.alice, 403, "forbidden").await;
    assert!(
        detail.starts_with("user_ids: banned from") && detail.ends_with(bob.as_str()),
        "{detail}"
    );
    let listed = people.get(&people.alice, &bans).await;
    let shown = &listed.body["bans"][0];
    assert_eq!(
        (&shown["user_id"], &shown["reason"]),
        (&json!(bob), &json!("spam")),
        "{}",
        listed.body
    );
    assert_eq!(shown["by"], people.alice.1.as_str());

    let own = format!("{bans}/{bob}");
    assert_eq!(people.delete(&people.alice, &own).await.status, StatusCode::NO_CONTENT);
    people
        .refused(ask(Method::DELETE, &own), &people.alice, 404, "not_found")
        .await;
    let added = add().token(&people.alice.0).of(&people.server.router).await;
    assert_eq!(
        (added.status, added.body["participants"].as_array().unwrap().len()),
        (StatusCode::OK, 2)
    );
}

#[tokio::test]
async fn who_may_ban() {
    let people = people().await;
    let id = people.group().await;
    let admin = somebody(&people.server, Role::Admin).await;
    let observer = somebody(&people.server, Role::Observer).await;
    let bans = format!("/api/v1/conversations/{id}/bans");
    let ban = |user: &str| ask(Method::POST, &bans).json(&json!({ "user_id": user }));
    let (alice, bob, eve) = (&people.alice, &people.bob, &people.eve);
    let long = json!({ "user_id": eve.1, "reason": "x".repeat(201) });
    for (asked, who, status, code) in [
        (ban(&eve.1), bob, 403, "forbidden"),
        (ask(Method::GET, &bans), bob, 403, "forbidden"),
        (ban(&bob.1), eve, 403, "not_participant"),
        (ban(&bob.1), &observer, 403, "not_participant"),
        (ban(&alice.1), alice, 409, "conflict"),
        (ban("nobody"), alice, 404, "not_found"),
        (ask(Method::POST, &bans).json(&long), alice, 400, "bad_request"),
        (ask(Method::POST, &bans).json(&json!({})), alice, 400, "bad_request"),
        (
            ask(Method::GET, "/api/v1/conversations/none/bans"),
            &admin,
            404,
            "not_found",
        ),
    ] {
        people.refused(asked, who, status, code).await;
    }
    people.post(alice, &bans, json!({ "user_id": eve.1 })).await;
    let of_eve = format!("{bans}/{}", eve.1);
    let unban = || ask(Method::DELETE, &of_eve);
    for (who, code) in [
        (bob, "forbidden"),
        (eve, "not_participant"),
        (&observer, "not_participant"),
    ] {
        people.refused(unban(), who, 403, code).await;
    }
    // An admin does not need to be in it, and may ban the owner, too.
    let lifted = unban().token(&admin.0).of(&people.server.router).await;
    assert_eq!(lifted.status, StatusCode::NO_CONTENT, "{}", lifted.body);
    let banned = ban(&alice.1).token(&admin.0).of(&people.server.router).await;
    assert_eq!(banned.status, StatusCode::OK, "{}", banned.body);
    people
        .refused(ask(Method::GET, &bans), alice, 403, "not_participant")
        .await;
    let direct = json!({ "kind": "direct", "participant_ids": [bob.1] });
    let direct = people.post(eve, "/api/v1/conversations", direct).await;
    let path = format!("/api/v1/conversations/{}/bans", direct.body["id"].as_str().unwrap());
    let asked = ask(Method::POST, &path).json(&json!({ "user_id": bob.1 }));
    people.refused(asked, eve, 409, "conflict").await;
}

#[tokio::test]
async fn a_service_makes_its_users_known() {
    let people = people().await;
    let service = somebody(&people.server, Role::Service).await;
    let body = json!({ "id": 4711, "username": "Bob", "display_name": "Robert" });
    let made = people.post(&service, "/api/v1/users", body.clone()).await;
    let user = json!({ "id": "4711", "username": "bob-2", "display_name": "Robert", "role": "user" });
    assert_eq!((made.status, &made.body), (StatusCode::CREATED, &user), "bob is taken");
    let again = json!({ "id": "4711", "username": "other", "display_name": "Other" });
    let again = people.post(&service, "/api/v1/users", again).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &user));
    let bare = people
        .post(&service, "/api/v1/users", json!({ "id": "Zoë".replace('ë', "e") }))
        .await;
    assert_eq!(
        (&bare.body["username"], &bare.body["display_name"]),
        (&json!("zoe"), &json!("zoe"))
    );
    let asked = |body: Value| ask(Method::POST, "/api/v1/users").json(&body);
    for (body, who, status, code) in [
        (body, &people.alice, 403, "forbidden"),
        (json!({ "id": "x y" }), &service, 400, "bad_request"),
        (json!({ "id": "x", "username": "a b" }), &service, 400, "bad_request"),
        (json!({ "id": "x", "display_name": " " }), &service, 400, "bad_request"),
        (json!({}), &service, 400, "bad_request"),
    ] {
        people.refused(asked(body), who, status, code).await;
    }
}

#[tokio::test]
async fn a_file_is_refused_with_a_word() {
    let people = people().await;
    let id = people.group().await;
    let with_file = json!({ "conversation_id": id, "content": "look", "attachments": [{ "name": "a.png" }] });
    let form = ask(Method::POST, "/api/v1/messages").raw("multipart/form-data; boundary=x", "--x--");
    for asked in [ask(Method::POST, "/api/v1/messages").json(&with_file), form] {
        let answer = asked
            .token(&people.alice.0)
            .refused_by(&people.server.router, 400, "bad_request")
            .await;
        let hint = answer.body["hint"].as_str().unwrap();
        assert!(hint.contains("send a link"), "{hint}");
    }
}
