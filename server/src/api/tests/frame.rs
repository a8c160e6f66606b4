//! What every answer has in common.

use super::*;

#[tokio::test]
async fn routes_that_are_not() {
    let router = server().router;
    ask(Method::GET, "/").refused_by(&router, 404, "not_found").await;
    ask(Method::GET, "/api/v1").refused_by(&router, 404, "not_found").await;
    ask(Method::POST, "/api/v2/messages")
        .refused_by(&router, 404, "not_found")
        .await;
    ask(Method::GET, "/%ff%00").refused_by(&router, 404, "not_found").await;
    let wrong = ask(Method::GET, "/api/v1/auth/login")
        .refused_by(&router, 405, "bad_request")
        .await;
    assert_eq!(wrong.header("allow"), "POST");
    let wrong = ask(Method::DELETE, "/api/v1/users/")
        .refused_by(&router, 405, "bad_request")
        .await;
    assert_eq!(wrong.header("allow"), "GET,HEAD,POST");
    let head = ask(Method::HEAD, "/nowhere").of(&router).await;
    assert_eq!((head.status, &head.body), (StatusCode::NOT_FOUND, &Value::Null));
}

#[tokio::test]
async fn no_other_page_reads_what_is_for_operators() {
    let server = server();
    for path in ["/admin", "/admin/api/overview", "/metrics"] {
        for method in [Method::GET, Method::OPTIONS] {
            let answer = ask(method, path)
                .header("origin", "http://good.example")
                .header("access-control-request-method", "GET")
                .of(&server.router)
                .await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
}

#[tokio::test]
async fn every_answer_can_be_read_by_an_allowed_page() {
    let server = server();
    for path in [
        "/health",
        "/nowhere",
        "/api/v1/auth/me",
        "/api/v1/auth/login",
        "/panics",
    ] {
        let good = ask(Method::GET, path)
            .header("origin", "http://good.example")
            .of(&server.router)
            .await;
        assert_eq!(
            good.header("access-control-allow-origin"),
            "http://good.example",
            "{path}"
        );
        assert_eq!(good.header("access-control-allow-credentials"), "true", "{path}");
        assert_eq!(good.header("vary"), "origin", "{path}");
        assert!(
            good.header("access-control-expose-headers").contains("x-request-id"),
            "{path}"
        );
        let bad = ask(Method::GET, path)
            .header("origin", "http://evil.example")
            .of(&server.router)
            .await;
        assert_eq!(bad.header("access-control-allow-origin"), "", "{path}");
        assert_eq!(bad.header("vary"), "origin", "{path}");
        let none = ask(Method::GET, path).of(&server.router).await;
        assert_eq!(
            (none.header("access-control-allow-origin"), none.header("vary")),
            ("", "origin"),
            "{path}"
        );
    }
    let any = server_with(OPEN, "*", "off").router;
    let answer = ask(Method::GET, "/nowhere").header("origin", "null").of(&any).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn preflights() {
    let router = server().router;
    let preflight = |origin: &str| {
        ask(Method::OPTIONS, "/api/v1/messages")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
    };
    let good = preflight("http://good.example").of(&router).await;
    assert_eq!(good.status, StatusCode::NO_CONTENT);
    assert_eq!(good.header("access-control-allow-methods"), "GET, POST, PATCH, DELETE");
    assert!(
        good.header("access-control-allow-headers")
            .contains("authorization, content-type")
    );
    assert_eq!(good.header("access-control-allow-origin"), "http://good.example");
    let bad = preflight("http://evil.example").of(&router).await;
    assert_eq!(
        (bad.status, bad.header("access-control-allow-methods")),
        (StatusCode::NO_CONTENT, "")
    );
    // No preflight: it asks for nothing.
    ask(Method::OPTIONS, "/api/v1/users")
        .refused_by(&router, 405, "bad_request")
        .await;
}

#[tokio::test]
async fn request_ids() {
    let router = server().router;
    let id_of = async |given: &str| {
        let asked = ask(Method::GET, "/health").header("x-request-id", given);
        asked.of(&router).await.header("x-request-id").to_owned()
    };
    assert_eq!(id_of("abc-1.2:3_4").await, "abc-1.2:3_4");
    for bad in ["", "a b", "<script>", &"x".repeat(65)] {
        let id = id_of(bad).await;
        assert_eq!(id.len(), 32, "{id}");
    }
    assert_ne!(id_of("").await, id_of("").await);
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let refused = ask(Method::GET, "/panics")
        .refused_by(&server().router, 500, "internal")
        .await;
    assert!(!refused.body.to_string().contains("as asked"));
}

#[tokio::test(start_paused = true)]
async fn waiting_ends() {
    ask(Method::GET, "/hangs")
        .refused_by(&server().router, 504, "internal")
        .await;
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let server = server();
    registered(&server, "alice").await;
    ask(Method::GET, "/api/v1/users/").of(&server.router).await;
    ask(Method::GET, "/nowhere").of(&server.router).await;
    let text = server.metrics.render();
    for series in [
        r#"{route="/api/v1/auth/register",method="POST",status="201"} 1"#,
        r#"{route="/api/v1/users",method="GET",status="401"} 1"#,
        r#"{route="other",method="other",status="404"} 1"#,
    ] {
        assert!(
            text.contains(&format!("rollcall_http_requests_total{series}\n")),
            "{series}"
        );
    }
}
