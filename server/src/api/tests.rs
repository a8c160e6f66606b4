//! The routes through the whole frame: a server over accounts in memory, and how it is asked.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use chat_core::ports::{Clock, StoreTrouble};

use super::*;
use crate::chat::Ports;
use crate::chat::assembly::assemble;
use crate::clock::UuidSource;
use crate::hub::Hub;
use crate::identity::AccountPolicy;
use crate::identity::fake::{HandClock, OPEN, authority};
use crate::settings::{Rate, Rates, Registration};
use crate::store::memory::MemoryStore;
use crate::telemetry::Metrics;

const NOW: i64 = 1_800_000_000;

mod accounts;
mod conversations;
mod frame;
mod health;
mod search;
mod standing;

struct Server {
    router: Router,
    store: Arc<MemoryStore>,
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

/// The use cases over nobody's sockets.
fn chat(store: &Arc<MemoryStore>, clock: &Arc<HandClock>, rates: &Arc<RateLimits>, metrics: &Metrics) -> Arc<Chat> {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let (_, io) = crate::hub::adapter::layer(|builder| builder);
    io.socket_io.ns("/", async || {});
    let node = chat_core::NodeId::parse("node").unwrap();
    let hub = Arc::new(Hub::new(node, Arc::clone(&clock), io, metrics.hub.clone()));
    let ports = Ports {
        accounts: Arc::clone(store) as _,
        moderation: Arc::clone(store) as _,
        conversations: Arc::clone(store) as _,
        log: Arc::clone(store) as _,
        deliveries: Arc::clone(store) as _,
        vitals: Arc::clone(store) as _,
        clock,
        ids: Arc::new(UuidSource),
    };
    assemble(ports, hub, Arc::clone(rates), 100, metrics).chat
}

fn server_with(policy: AccountPolicy, origins: &str, logins: &str) -> Server {
    let store = Arc::new(MemoryStore::new());
    let clock = HandClock::at(NOW);
    let metrics = Metrics::new().unwrap();
    let readiness = Arc::new(Readiness::new(Arc::clone(&store) as _));
    let limits = Arc::new(RateLimits::new(&Rates {
        messages: Rate::Off,
        connects: Rate::Off,
        logins: Rate::parse(logins).unwrap(),
    }));
    let api = Api {
        chat: chat(&store, &clock, &limits, &metrics),
        authority: Arc::new(authority(&store, &clock, policy)),
        accounts: Arc::clone(&store) as _,
        limits,
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
    let router = framed(routes(api).merge(panics), origins, http, Tracer::off());
    Server {
        router,
        store,
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
