//! Conversations and messages over REST. What may be done is the use cases' matter; here it is how it is asked and told.

use super::*;

pub(super) struct People {
    pub(super) server: Server,
    pub(super) alice: (String, String),
    pub(super) bob: (String, String),
    pub(super) eve: (String, String),
}

async fn signed_up(server: &Server, name: &str) -> (String, String) {
    let token = registered(server, name).await;
    let me = ask(Method::GET, "/api/v1/auth/me")
        .token(&token)
        .of(&server.router)
        .await;
    (token, me.body["id"].as_str().unwrap().to_owned())
}

pub(super) async fn people() -> People {
    let server = server();
    let alice = signed_up(&server, "alice").await;
    let bob = signed_up(&server, "bob").await;
    let eve = signed_up(&server, "eve").await;
    People {
        server,
        alice,
        bob,
        eve,
    }
}

impl People {
    pub(super) async fn post(&self, who: &(String, String), path: &str, body: Value) -> Answer {
        ask(Method::POST, path)
            .token(&who.0)
            .json(&body)
            .of(&self.server.router)
            .await
    }
    pub(super) async fn get(&self, who: &(String, String), path: &str) -> Answer {
        ask(Method::GET, path).token(&who.0).of(&self.server.router).await
    }
    pub(super) async fn group(&self) -> String {
        let body = json!({ "kind": "group", "title": "Tea", "participant_ids": [self.bob.1] });
        let made = self.post(&self.alice, "/api/v1/conversations", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }
    pub(super) async fn refused(&self, asked: Asked<'_>, who: &(String, String), status: u16, code: &str) -> String {
        let answer = asked.token(&who.0).refused_by(&self.server.router, status, code).await;
        answer.body["detail"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_group_from_making_to_leaving() {
    let people = people().await;
    let id = people.group().await;
    let path = format!("/api/v1/conversations/{id}");
    let seen = people.get(&people.bob, &path).await;
    assert_eq!(
        (&seen.body["title"], &seen.body["kind"]),
        (&json!("Tea"), &json!("group"))
    );
    assert_eq!(seen.body["room"], format!("conversation:{id}"));
    let listed = people.get(&people.bob, "/api/v1/conversations").await;
    assert_eq!(listed.body["conversations"][0]["id"], id.as_str());
    assert_eq!(listed.body["more"], false);

    let added = json!({ "user_ids": [people.eve.1] });
    let added = people.post(&people.bob, &format!("{path}/participants/"), added).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    assert_eq!(added.body["participants"].as_array().unwrap().len(), 3);
    let own = format!("{path}/participants/{}", people.eve.1);
    let left = ask(Method::DELETE, &own)
        .token(&people.eve.0)
        .of(&people.server.router)
        .await;
    assert_eq!((left.status, left.body), (StatusCode::NO_CONTENT, Value::Null));
    people
        .refused(ask(Method::GET, &path), &people.eve, 403, "not_participant")
        .await;
}

#[tokio::test]
async fn a_direct_one_is_made_once() {
    let people = people().await;
    let body = json!({ "kind": "direct", "participant_ids": [people.bob.1] });
    let first = people.post(&people.alice, "/api/v1/conversations", body.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let again = people.post(&people.alice, "/api/v1/conversations", body).await;
    assert_eq!((again.status, &again.body["id"]), (StatusCode::OK, &first.body["id"]));
}

#[tokio::test]
async fn a_message_is_created_once() {
    let people = people().await;
    let id = people.group().await;
    let body = json!({ "conversation_id": id, "content": "hi \u{0} 👋", "client_message_id": "c-1" });
    let first = people.post(&people.alice, "/api/v1/messages", body.clone()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    assert_eq!(
        (&first.body["message"]["seq"], &first.body["duplicate"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(first.body["message"]["content"], "hi \u{0} 👋");
    assert_eq!(first.body["delivery"]["participants"], 2);
    let again = people.post(&people.alice, "/api/v1/messages/", body).await;
    assert_eq!((again.status, &again.body["duplicate"]), (StatusCode::OK, &json!(true)));
    assert_eq!(again.body["message"], first.body["message"]);
}

#[tokio::test]
async fn numbers_are_taken_for_ids_and_counted() {
    let people = people().await;
    let id = people.group().await;
    let body = json!({ "conversation_id": id, "content": "hi", "client_message_id": 42 });
    let sent = people.post(&people.alice, "/api/v1/messages", body).await;
    assert_eq!(sent.body["message"]["client_message_id"], "42");
    assert!(
        people
            .server
            .metrics
            .render()
            .contains("rollcall_coerced_ids_total 1\n")
    );
}

#[tokio::test]
async fn pages_of_messages() {
    let people = people().await;
    let id = people.group().await;
    for n in 1..=5 {
        let body = json!({ "conversation_id": id, "content": format!("{n}") });
        let sent = people.post(&people.alice, "/api/v1/messages", body).await;
        assert_eq!(sent.status, StatusCode::CREATED, "{}", sent.body);
    }
    for (query, seqs, more) in [
        ("", vec![1, 2, 3, 4, 5], false),
        ("limit=2", vec![4, 5], true),
        ("limit=5000", vec![1, 2, 3, 4, 5], false),
        ("after_seq=2", vec![3, 4, 5], false),
        ("after_seq=0&limit=2", vec![1, 2], true),
        ("after_seq=5", vec![], false),
        ("before_seq=4&limit=2", vec![2, 3], true),
        ("before_seq=1", vec![], false),
        ("before_seq=0", vec![], false),
        ("after_seq=&limit=1", vec![5], true),
    ] {
        let answer = people
            .get(&people.bob, &format!("/api/v1/conversations/{id}/messages?{query}"))
            .await;
        let messages = answer.body["messages"]
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {}", answer.body));
        let got: Vec<u64> = messages
            .iter()
            .map(|message| message["seq"].as_u64().unwrap())
            .collect();
        assert_eq!((got, &answer.body["more"]), (seqs, &json!(more)), "{query}");
    }
    for (query, detail) in [
        (
            "after_seq=1&before_seq=2",
            "before_seq: expected one of after_seq and before_seq, got both",
        ),
        ("after_seq=-1", "after_seq: expected a message number"),
        ("before_seq=1.0", "before_seq: expected a message number"),
        ("limit=0", "limit: expected a whole number from 1 on"),
    ] {
        let path = format!("/api/v1/conversations/{id}/messages?{query}");
        let got = people
            .refused(ask(Method::GET, &path), &people.bob, 400, "bad_request")
            .await;
        assert!(got.starts_with(detail), "{got}");
    }
}

#[tokio::test]
async fn what_is_not_theirs() {
    let people = people().await;
    let id = people.group().await;
    let path = format!("/api/v1/conversations/{id}");
    let send = |id: &str, content: &str| {
        ask(Method::POST, "/api/v1/messages").json(&json!({ "conversation_id": id, "content": content }))
    };
    let participants = format!("{path}/participants");
    let add = |ids: Value| ask(Method::POST, &participants).json(&json!({ "user_ids": ids }));
    let create = |body: Value| ask(Method::POST, "/api/v1/conversations").json(&body);
    let (alice, bob, eve) = (&people.alice, &people.bob, &people.eve);
    let remove_alice = format!("{path}/participants/{}", alice.1);
    let messages = format!("{path}/messages");
    let long = "x".repeat(101);
    for (asked, who, status, code) in [
        (ask(Method::GET, &path), eve, 403, "not_participant"),
        (ask(Method::GET, "/api/v1/conversations/none"), eve, 404, "not_found"),
        (ask(Method::GET, "/api/v1/conversations/a%20b"), eve, 400, "bad_request"),
        (ask(Method::GET, "/api/v1/conversations/%ff"), eve, 400, "bad_request"),
        (ask(Method::GET, &messages), eve, 403, "not_participant"),
        (
            ask(Method::GET, "/api/v1/conversations/none/messages"),
            eve,
            404,
            "not_found",
        ),
        (add(json!(["nobody"])), bob, 404, "not_found"),
        (add(json!([eve.1])), eve, 403, "not_participant"),
        (add(json!("eve")), bob, 400, "bad_request"),
        (ask(Method::DELETE, &remove_alice), bob, 403, "forbidden"),
        (ask(Method::DELETE, &remove_alice), eve, 403, "not_participant"),
        (
            create(json!({ "kind": "party", "participant_ids": [] })),
            alice,
            400,
            "bad_request",
        ),
        (
            create(json!({ "kind": "direct", "participant_ids": ["nobody"] })),
            alice,
            404,
            "not_found",
        ),
        (
            create(json!({ "kind": "group", "participant_ids": [], "id": "mine" })),
            alice,
            403,
            "forbidden",
        ),
        (send(&id, " "), alice, 400, "bad_request"),
        (send(&id, &long), alice, 413, "too_large"),
        (send(&id, "hi"), eve, 403, "not_participant"),
        (send("none", "hi"), alice, 404, "not_found"),
        (send("a b", "hi"), alice, 400, "bad_request"),
    ] {
        people.refused(asked, who, status, code).await;
    }
}
