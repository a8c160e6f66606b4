//! Signing in and searching, and every way in which they are refused.

use super::*;

#[tokio::test]
async fn register_login_me_users() {
    let server = server();
    let token = registered(&server, "alice").await;
    registered(&server, "bob").await;
    let body = json!({ "username": "Alice", "password": "correct horse" });
    let login = ask(Method::POST, "/api/v1/auth/login/")
        .json(&body)
        .of(&server.router)
        .await;
    assert_eq!(login.status, StatusCode::OK);
    assert_eq!(login.header("cache-control"), "no-store");
    assert_eq!(login.body["expires_at"], "2027-01-16T08:00:00.000Z");
    let me = ask(Method::GET, "/api/v1/auth/me")
        .token(&token)
        .of(&server.router)
        .await;
    assert_eq!(me.body, login.body["user"]);
    assert_eq!(me.body["username"], "alice");
    assert_eq!(me.body["role"], "user");
    let query = format!("/api/v1/users?q=bo&token={token}");
    let found = ask(Method::GET, &query).of(&server.router).await;
    assert_eq!(found.body["users"][0]["username"], "bob");
    assert_eq!(found.body["more"], false);
    let found = ask(Method::GET, "/api/v1/users?limit=1")
        .token(&token)
        .of(&server.router)
        .await;
    assert_eq!(
        (found.body["users"].as_array().unwrap().len(), &found.body["more"]),
        (1, &json!(true))
    );
}

#[tokio::test]
async fn bodies_that_are_none() {
    let router = server().router;
    let login = || ask(Method::POST, "/api/v1/auth/login");
    for (asked, detail) in [
        (login(), "body: expected a JSON object, got nothing"),
        (
            login().raw("application/json", "{"),
            "body: expected a JSON object, got no JSON (EOF",
        ),
        (
            login().raw("application/json", "[]"),
            "body: expected one object, got an array of 0",
        ),
        (
            login().raw("application/json", r#"{"username":"\ud800","password":"x"}"#),
            "body: expected a JSON object, got no JSON",
        ),
        (
            login().raw("application/json", vec![0xff, 0xfe]),
            "body: expected a JSON object, got no JSON",
        ),
        (
            login().raw("application/json", "[".repeat(100_000)),
            "body: expected a JSON object, got no JSON (recursion",
        ),
        (
            login().raw("text/plain", "{}"),
            "content-type: expected application/json, got \"text/plain\"",
        ),
        (
            login().raw("application/x-www-form-urlencoded", "username=a"),
            "content-type: expected application/json",
        ),
        (
            login().json(&json!({ "username": "alice" })),
            "password: expected a string, got nothing",
        ),
        (
            login().json(&json!({ "username": 5, "password": "x" })),
            "username: expected a string, got the number 5",
        ),
    ] {
        let answer = asked.refused_by(&router, 400, "bad_request").await;
        let got = answer.body["detail"].as_str().unwrap();
        assert!(got.starts_with(detail), "{got}");
    }
    let good = json!({ "username": "nobody", "password": "x", "unknown": [1] });
    login()
        .raw("application/json; charset=utf-8", good.to_string())
        .refused_by(&router, 401, "unauthorized")
        .await;
    login()
        .raw("application/vnd.api+json", good.to_string())
        .refused_by(&router, 401, "unauthorized")
        .await;
}

#[tokio::test]
async fn too_much_is_said_to_be_too_much() {
    let router = server().router;
    let body = "x".repeat((1 << 20) + 1);
    let asked = ask(Method::POST, "/api/v1/auth/login").raw("application/json", body);
    asked.refused_by(&router, 413, "too_large").await;
}

#[tokio::test]
async fn accounts_that_are_refused() {
    let server = server();
    registered(&server, "alice").await;
    let register = |body: Value| ask(Method::POST, "/api/v1/auth/register").json(&body);
    let (good, router) = ("correct horse", &server.router);
    register(json!({ "username": "alice", "password": good }))
        .refused_by(router, 409, "conflict")
        .await;
    register(json!({ "username": "a b", "password": good }))
        .refused_by(router, 400, "bad_request")
        .await;
    register(json!({ "username": "bob", "password": "short" }))
        .refused_by(router, 400, "bad_request")
        .await;
    let wrong = json!({ "username": "alice", "password": "wrong horse" });
    ask(Method::POST, "/api/v1/auth/login")
        .json(&wrong)
        .refused_by(router, 401, "unauthorized")
        .await;
    let closed = server_with(
        AccountPolicy {
            registration: Registration::Closed,
            ..OPEN
        },
        "*",
        "off",
    );
    let refused = register(json!({ "username": "bob", "password": good }))
        .refused_by(&closed.router, 403, "forbidden")
        .await;
    assert!(refused.body["hint"].is_string());
}

#[tokio::test]
async fn tokens_that_are_refused() {
    let server = server();
    let token = registered(&server, "alice").await;
    let me = || ask(Method::GET, "/api/v1/auth/me");
    let missing = me().refused_by(&server.router, 401, "unauthorized").await;
    assert_eq!(missing.header("www-authenticate"), "Bearer");
    assert!(missing.body["hint"].as_str().unwrap().contains("Authorization: Bearer"));
    me().token("nonsense")
        .refused_by(&server.router, 401, "unauthorized")
        .await;
    server.clock.advance_secs(86_400);
    me().token(&token)
        .refused_by(&server.router, 401, "token_expired")
        .await;
}

#[tokio::test]
async fn queries_that_are_wrong() {
    let server = server();
    let token = registered(&server, "alice").await;
    for limit in ["0", "-1", "x", "1.5", "+1", "99999999999999999999"] {
        let path = format!("/api/v1/users?limit={limit}");
        let refused = ask(Method::GET, &path)
            .token(&token)
            .refused_by(&server.router, 400, "bad_request")
            .await;
        assert!(
            refused.body["detail"]
                .as_str()
                .unwrap()
                .starts_with("limit: expected a whole number from 1 on, got ")
        );
    }
    for fine in ["limit=", "limit=1000", "q=%25", "q=%ff", "a&b=&=&limit=5"] {
        let answer = ask(Method::GET, &format!("/api/v1/users?{fine}"))
            .token(&token)
            .of(&server.router)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{fine}: {}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn too_often_says_when_again() {
    let server = server_with(OPEN, "*", "2/m");
    let login = || ask(Method::POST, "/api/v1/auth/login").json(&json!({ "username": "nobody", "password": "x" }));
    login().refused_by(&server.router, 401, "unauthorized").await;
    login().refused_by(&server.router, 401, "unauthorized").await;
    let refused = login().refused_by(&server.router, 429, "rate_limited").await;
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(refused.body["retry_after_ms"], 30_000);
    assert!(
        server
            .metrics
            .render()
            .contains("rollcall_rate_limited_total{limit=\"logins\"} 1\n")
    );
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    login().refused_by(&server.router, 401, "unauthorized").await;
}

#[tokio::test]
async fn trouble_of_the_store_is_not_shown_in_its_words() {
    let server = server();
    let token = registered(&server, "alice").await;
    server.store.fail_with(Some(StoreTrouble::Full));
    let refused = ask(Method::GET, "/api/v1/auth/me")
        .token(&token)
        .refused_by(&server.router, 503, "storage_unavailable")
        .await;
    assert_eq!(refused.header("retry-after"), "1");
    assert!(!refused.body.to_string().contains("as the test asked"));
}
