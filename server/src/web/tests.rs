//! The page's session through its routes, over accounts in memory.

use std::time::Duration;

use axum::body::Body;
use chat_core::ports::Accounts as _;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::identity::NewPassword;
use crate::identity::fake::{HandClock, OPEN, authority};
use crate::limits::{BROWSER_SESSION_LIFETIME, PAGE_TOKEN_LIFETIME};
use crate::settings::Rates;
use crate::store::memory::MemoryStore;
use crate::telemetry::Metrics;

const NOW: i64 = 1_800_000_000;

struct Stage {
    router: Router,
    authority: Arc<Authority>,
    store: Arc<MemoryStore>,
    clock: Arc<HandClock>,
}

struct Answer {
    status: StatusCode,
    cookie: Option<String>,
    headers: http::HeaderMap,
    body: Value,
}

fn stage() -> Stage {
    let store = Arc::new(MemoryStore::new());
    let clock = HandClock::at(NOW);
    let metrics = Metrics::new().unwrap();
    let authority = Arc::new(authority(&store, &clock, OPEN));
    let limits = RateLimits::new(&Rates::OFF);
    let router = routes(Web {
        authority: Arc::clone(&authority),
        limits: Arc::new(limits),
        metrics: ApiMetrics {
            gateway: metrics.gateway.clone(),
            http: metrics.http.clone(),
        },
        proxies: TrustedProxies::default(),
        page: PageSettings {
            max_message_bytes: 16_384,
            registration_open: true,
            admin_here: true,
        },
    });
    Stage {
        router,
        authority,
        store,
        clock,
    }
}

impl Stage {
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let cookie = parts.headers.get(header::SET_COOKIE);
        Answer {
            status: parts.status,
            cookie: cookie.map(|cookie| cookie.to_str().unwrap().to_owned()),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            headers: parts.headers,
        }
    }

    async fn token(&self, cookie: &str) -> Answer {
        self.ask(Method::POST, "/session/token", &[("cookie", cookie)], None)
            .await
    }

    /// Registers alice; gives what the browser sends back from then on.
    async fn alice(&self) -> String {
        let body = json!({ "username": "alice", "password": "correct horse", "display_name": "Alice" });
        let answer = self.ask(Method::POST, "/session/register", &[], Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        sent_back(&answer)
    }
}

fn sent_back(answer: &Answer) -> String {
    answer.cookie.as_deref().unwrap().split(';').next().unwrap().to_owned()
}

fn secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap()
}

fn value(cookie: &str) -> &str {
    cookie.split_once('=').unwrap().1
}

#[tokio::test]
async fn who_signs_in_gets_a_cookie_that_no_script_reads_and_a_short_token() {
    let stage = stage();
    stage.alice().await;
    let body = json!({ "username": "Alice", "password": "correct horse" });
    let answer = stage.ask(Method::POST, "/session", &[], Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let cookie = answer.cookie.as_deref().unwrap();
    for flag in [
        "; Path=/session;",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Max-Age=1209600",
    ] {
        assert!(cookie.contains(flag), "{flag}: {cookie}");
    }
    assert!(!cookie.contains("Secure"), "this connection is not by https");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    let identity = stage
        .authority
        .authenticate(answer.body["token"].as_str().unwrap())
        .await
        .unwrap();
    let lifetime = identity.expires_at.as_secs() - NOW;
    assert_eq!(lifetime, secs(PAGE_TOKEN_LIFETIME));
    assert_eq!(answer.body["user"]["display_name"], "Alice");
}

#[tokio::test]
async fn a_wrong_password_gets_no_cookie() {
    let stage = stage();
    stage.alice().await;
    let body = json!({ "username": "alice", "password": "wrong horse" });
    let answer = stage.ask(Method::POST, "/session", &[], Some(body)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.cookie, None);
}

#[tokio::test]
async fn the_cookie_buys_tokens_until_it_has_not_been_used_for_its_lifetime() {
    let stage = stage();
    let mut cookie = stage.alice().await;
    let step = BROWSER_SESSION_LIFETIME / 10 * 9;
    for _ in 0..3 {
        stage.clock.advance_secs(secs(step));
        let answer = stage.token(&cookie).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body["user"]["username"], "alice");
        cookie = sent_back(&answer);
    }
    stage.clock.advance_secs(secs(BROWSER_SESSION_LIFETIME));
    let answer = stage.token(&cookie).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(
        answer.cookie.unwrap().starts_with("rollcall_session=; "),
        "it is taken away"
    );
}

#[tokio::test]
async fn a_cookie_is_no_token_and_a_token_is_no_cookie() {
    let stage = stage();
    let cookie = stage.alice().await;
    assert!(stage.authority.authenticate(value(&cookie)).await.is_err());
    let token = stage.token(&cookie).await.body["token"].as_str().unwrap().to_owned();
    let answer = stage.token(&format!("rollcall_session={token}")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let stage = stage();
    let cookie = stage.alice().await;
    let user = stage.authority.account("alice").await.unwrap();
    let password = NewPassword::parse("another horse").unwrap();
    stage.authority.set_password(&user, password).await.unwrap();
    assert_eq!(stage.token(&cookie).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_disabled_account_has_no_session() {
    let stage = stage();
    let cookie = stage.alice().await;
    let user = stage.authority.account("alice").await.unwrap();
    stage.authority.set_disabled(&user, true).await.unwrap();
    assert_eq!(stage.token(&cookie).await.status, StatusCode::NO_CONTENT);
    stage.store.set_disabled(&user.id, None).await.unwrap();
    assert_eq!(stage.token(&cookie).await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_other_site_makes_a_browser_fetch_a_token_or_sign_out() {
    let stage = stage();
    let cookie = stage.alice().await;
    for site in ["cross-site", "same-site"] {
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", site)];
        for (method, path) in [(Method::POST, "/session/token"), (Method::DELETE, "/session")] {
            let answer = stage.ask(method, path, &headers, None).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{site} {path}");
            assert_eq!(answer.cookie, None);
        }
    }
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let answer = stage.ask(Method::DELETE, "/session", &headers, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.cookie.unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_so_without_an_error() {
    let answer = stage().ask(Method::POST, "/session/token", &[], None).await;
    assert_eq!((answer.status, answer.cookie), (StatusCode::NO_CONTENT, None));
}

#[tokio::test]
async fn the_page_runs_no_script_but_ours_and_is_asked_for_each_time() {
    let stage = stage();
    let answer = stage.ask(Method::GET, "/", &[], None).await;
    let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        policy.contains("script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-cache");
    let etag = answer.headers[header::ETAG].to_str().unwrap();
    let again = stage.ask(Method::GET, "/", &[("if-none-match", etag)], None).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let missing = stage
        .ask(Method::GET, "/assets/0123456789abcdef/main.js", &[], None)
        .await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}
