//! Searching over REST: who finds what, and what is refused.

use super::conversations::people;
use super::*;

fn contents(answer: &Answer) -> Vec<&str> {
    let messages = answer.body["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|found| found["content"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn participants_find_messages_with_a_line_that_shows_why() {
    let people = people().await;
    let id = people.group().await;
    for content in ["the pager is yours", "no, the PAGER is mine", "tea?"] {
        let body = json!({ "conversation_id": id, "content": content });
        assert_eq!(people.post(&people.alice, "/api/v1/messages", body).await.status, 201);
    }
    let found = people.get(&people.bob, "/api/v1/search?q=pager&limit=1").await;
    assert_eq!(
        (contents(&found), &found.body["more"]),
        (vec!["no, the PAGER is mine"], &json!(true))
    );
    assert_eq!(found.body["messages"][0]["snippet"], "no, the PAGER is mine");
    assert_eq!(found.body["messages"][0]["conversation_id"], *id);
    let page = format!("/api/v1/search?q=pager&conversation_id={id}&before_seq=2");
    let rest = people.get(&people.bob, &page).await;
    assert_eq!(
        (contents(&rest), &rest.body["more"]),
        (vec!["the pager is yours"], &json!(false))
    );
    assert_eq!(
        contents(&people.get(&people.eve, "/api/v1/search?q=pager").await),
        [""; 0]
    );
}

#[tokio::test]
async fn what_cannot_be_searched_is_said() {
    let people = people().await;
    let id = people.group().await;
    let within = format!("/api/v1/search?q=tea&conversation_id={id}");
    people
        .refused(ask(Method::GET, &within), &people.eve, 403, "not_participant")
        .await;
    let elsewhere = "/api/v1/search?q=tea&conversation_id=nothing";
    people
        .refused(ask(Method::GET, elsewhere), &people.eve, 404, "not_found")
        .await;
    let long = format!("/api/v1/search?q={}", "a".repeat(201));
    for (path, field) in [
        ("/api/v1/search", "q: expected at least one word"),
        ("/api/v1/search?q=%22*%22", "q: expected at least one word"),
        (&long, "q: expected at most 200 characters"),
        ("/api/v1/search?q=tea&limit=0", "limit: "),
        ("/api/v1/search?q=tea&before_seq=3", "before_seq: "),
        ("/api/v1/search?q=tea&conversation_id=a%20b", "conversation_id: "),
    ] {
        let said = people
            .refused(ask(Method::GET, path), &people.alice, 400, "bad_request")
            .await;
        assert!(said.starts_with(field), "{path}: {said}");
    }
    ask(Method::GET, "/api/v1/search?q=tea")
        .refused_by(&people.server.router, 401, "unauthorized")
        .await;
}
