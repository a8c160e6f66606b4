//! Requests as clients send them, through the layer, the real Socket.IO library and a router.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::OriginalUri;
use axum::routing::get;
use chat_core::ports::Clock;
use chat_core::{Timestamp, UserId};
use http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use tower::ServiceExt;

use super::*;
use crate::telemetry::Metrics;
use crate::telemetry::label::Label as _;

mod admission;
mod ring;
mod stripped;
mod wired;

const GOOD_ORIGIN: &str = "https://chat.example";
const BAD_ORIGIN: &str = "https://evil.example";
const HANDSHAKE: &str = "/socket.io/?EIO=4&transport=polling";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2VjcmV0LXNpZ25hdHVyZQ";

struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A gate with everything behind it.
struct Gate {
    clock: Arc<ManualClock>,
    metrics: Metrics,
    ring: Arc<RejectedRing>,
    /// What went into users' histories: whose, and the reason.
    turned_away: Arc<parking_lot::Mutex<Vec<(String, &'static str)>>>,
    app: Router,
    // Keeps the library's engine alive.
    _io: SocketIo,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The page of the good origin can read it.
    fn is_readable(&self) -> bool {
        self.header(header::ACCESS_CONTROL_ALLOW_ORIGIN) == Some(GOOD_ORIGIN)
            && self.header(header::ACCESS_CONTROL_ALLOW_CREDENTIALS) == Some("true")
            && self.header(header::VARY) == Some("origin")
    }
}

impl Gate {
    fn new() -> Self {
        Self::with_rate(|_| Ok(()))
    }

    fn with_rate(may_connect: impl Fn(IpAddr) -> Result<(), Duration> + Send + Sync + 'static) -> Self {
        let metrics = Metrics::new().unwrap();
        let clock = Arc::new(ManualClock(AtomicI64::new(1_790_000_000_000)));
        let ring = Arc::new(RejectedRing::new(
            Arc::clone(&clock) as Arc<dyn Clock>,
            &metrics.gateway,
        ));
        let (layer, io) = SocketIo::new_layer();
        io.ns("/", async || {});
        let turned_away = Arc::<parking_lot::Mutex<Vec<_>>>::default();
        let admission = Admission {
            operators_only: false,
            flow: Arc::default(),
            origin_allowed: Arc::new(|origin| origin == GOOD_ORIGIN),
            may_connect: Arc::new(may_connect),
            client_address: Arc::new(|peer, headers| {
                let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
                forwarded.and_then(|text| text.parse().ok()).unwrap_or(peer)
            }),
            owner_of: Arc::new(|headers, uri| {
                // Tokens of this test are signed by being called so.
                let token = crate::identity::presented_token(None, headers, uri)?;
                token.strip_prefix("signed-").and_then(|user| UserId::parse(user).ok())
            }),
            turned_away: {
                let turned_away = Arc::clone(&turned_away);
                Arc::new(move |user, fault| turned_away.lock().push((user.to_string(), fault.reason().as_str())))
            },
            upgraded: Arc::new(|_, _| {}),
            ring: Arc::clone(&ring),
            metrics: metrics.gateway.clone(),
            http: metrics.http.clone(),
        };
        let app = Router::new()
            .route("/search", get(|| async { "found" }))
            .layer(layer)
            .layer(AdmissionLayer::new(admission));
        Self {
            clock,
            metrics,
            ring,
            turned_away,
            app,
            _io: io,
        }
    }

    async fn send(&self, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let line = crate::gateway::listener::Line::of_peer("192.0.2.7:4711".parse().unwrap());
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(crate::gateway::listener::ConnInfo { line }));
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&self, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, uri, headers).await
    }

    fn kept(&self) -> Vec<Arc<Rejected>> {
        self.ring.page(1, usize::MAX, |_| true).items
    }

    /// The only one that was kept.
    fn only(&self) -> Arc<Rejected> {
        let kept = self.kept();
        assert_eq!(kept.len(), 1, "{kept:?}");
        Arc::clone(&kept[0])
    }

    fn counted(&self, reason: &str) -> u64 {
        let text = self.metrics.render();
        let series = format!("rollcall_handshakes_rejected_total{{reason=\"{reason}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(series.as_str()));
        line.unwrap().parse().unwrap()
    }
}

/// The headers of a WebSocket's opening.
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn upgrade_from(origin: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut headers = UPGRADE.to_vec();
    headers.push(("origin", origin));
    headers
}
