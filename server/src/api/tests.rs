//! Every way to be refused, through the whole frame.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::identity::AccountPolicy;
use crate::identity::fake::{HandClock, OPEN, People, authority};
use crate::settings::{Rate, Rates, Registration};
use crate::telemetry::Metrics;

const NOW: i64 = 1_800_000_000;

struct Server {
    router: Router,
    people: Arc<People>,
    clock: Arc<HandClock>,
    readiness: Arc<Readiness>,
    metrics: Metrics,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

struct Asked<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(&'a str, String)>,
    body: Body,
}

fn ask(method: Method, path: &str) -> Asked<'_> {
    Asked {
        method,
        path,
        headers: Vec::new(),
        body: Body::empty(),
    }
}

impl<'a> Asked<'a> {
    fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
    fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }
    fn json(self, body: &Value) -> Self {
        self.raw("application/json", body.to_string())
    }
    fn raw(mut self, content_type: &str, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }
    async fn of(self, router: &Router) -> Answer {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = router.clone().oneshot(request.body(self.body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
    /// The answer, which must be a problem with this status and code.
    async fn refused_by(self, router: &Router, status: u16, code: &str) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        let answer = self.of(router).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["code"].as_str()),
            (status, Some(code)),
            "{what}: {}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
        assert_eq!(answer.body["status"], status, "{what}");
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"), "{what}");
        for member in ["type", "title", "detail"] {
            assert!(
                answer.body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{what}: {member}"
            );
        }
        answer
    }
}

fn server_with(policy: AccountPolicy, origins: &str, logins: &str) -> Server {
    let people = People::nobody();
    let clock = HandClock::at(NOW);
    let metrics = Metrics::new().unwrap();
    let readiness = Arc::new(Readiness::new(Arc::clone(&people) as _));
    let api = Api {
        authority: Arc::new(authority(&people, &clock, policy)),
        accounts: Arc::clone(&people) as _,
        limits: Arc::new(RateLimits::new(&Rates {
            messages: Rate::Off,
            connects: Rate::Off,
            logins: Rate::parse(logins).unwrap(),
        })),
        readiness: Arc::clone(&readiness),
        metrics: ApiMetrics {
            gateway: metrics.gateway.clone(),
            http: metrics.http.clone(),
        },
        origins: AllowedOrigins::parse(origins).unwrap(),
        proxies: TrustedProxies::default(),
    };
    let panics = Router::new()
        .route("/panics", get(|| async { panic!("as asked") as &'static str }))
        .route("/hangs", get(std::future::pending::<&'static str>));
    let (origins, http) = (api.origins.clone(), metrics.http.clone());
    let router = framed(routes(api).merge(panics), origins, http);
    Server {
        router,
        people,
        clock,
        readiness,
        metrics,
    }
}

fn server() -> Server {
    server_with(OPEN, "http://good.example", "off")
}

async fn registered(server: &Server, name: &str) -> String {
    let body = json!({ "username": name, "password": "correct horse" });
    let answer = ask(Method::POST, "/api/v1/auth/register")
        .json(&body)
        .of(&server.router)
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.body["token"].as_str().unwrap().to_owned()
}

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
    assert_eq!(wrong.header("allow"), "GET,HEAD");
    let head = ask(Method::HEAD, "/nowhere").of(&router).await;
    assert_eq!((head.status, &head.body), (StatusCode::NOT_FOUND, &Value::Null));
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
async fn trouble_of_the_store_is_not_shown_in_its_words() {
    let server = server();
    let token = registered(&server, "alice").await;
    server.people.break_down();
    let refused = ask(Method::GET, "/api/v1/auth/me")
        .token(&token)
        .refused_by(&server.router, 503, "storage_unavailable")
        .await;
    assert_eq!(refused.header("retry-after"), "1");
    assert!(!refused.body.to_string().contains("secret-path"));
}

#[tokio::test(start_paused = true)]
async fn health() {
    let server = server();
    let alive = ask(Method::GET, "/health").of(&server.router).await;
    assert_eq!((alive.status, &alive.body["status"]), (StatusCode::OK, &json!("ok")));
    let ready = ask(Method::GET, "/health/ready").of(&server.router).await;
    assert_eq!((ready.status, &ready.body["status"]), (StatusCode::OK, &json!("ready")));
    let websocket = ask(Method::GET, "/health/websocket").of(&server.router).await;
    let config = json!({ "path": "/socket.io", "cors_origins": ["http://good.example"], "transports": ["polling", "websocket"] });
    let expected = json!({ "status": "configured", "websocket_endpoint": "/socket.io/", "config": config });
    assert_eq!(websocket.body, expected);

    server.people.break_down();
    let kept = ask(Method::GET, "/health/ready").of(&server.router).await;
    assert_eq!(kept.status, StatusCode::OK, "an answer holds for a moment");
    tokio::time::advance(crate::limits::READINESS_KEPT).await;
    let down = ask(Method::GET, "/health/ready")
        .refused_by(&server.router, 503, "storage_unavailable")
        .await;
    assert_eq!(
        (&down.body["failing"], &down.body["database"]),
        (&json!("database"), &json!("full"))
    );
    assert_eq!(
        ask(Method::GET, "/health").of(&server.router).await.status,
        StatusCode::OK,
        "the process lives"
    );
    server.readiness.stop();
    ask(Method::GET, "/health/ready")
        .refused_by(&server.router, 503, "shutting_down")
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
