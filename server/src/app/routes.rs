//! What is served where: the main listener, and the admin's own when there is one.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Router, ServiceExt};
use chat_core::UserId;
use http::{HeaderMap, Uri};
use socketioxide::layer::SocketIoLayer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower::util::BoxCloneSyncService;

use super::Parts;
use super::inspector::Inspector;
use crate::admin::live::LiveStreams;
use crate::admin::{AdminDeps, WebhookLook};
use crate::api::{Api, ApiMetrics, framed};
use crate::gateway::listener::{ConnInfo, LineListener};
use crate::gateway::rejected::{Admission, AdmissionLayer, Fault};
use crate::gateway::websocket::PlainDoor;
use crate::hub::adapter::RoomsAdapter;
use crate::identity::presented_token;
use crate::limits::CONNECTIONS_MAX;
use crate::settings::{Registration, Settings, client_address};
use crate::telemetry::endpoint::{self, MetricsToken};
use crate::telemetry::label::Label as _;
use crate::telemetry::traces::Tracer;
use crate::web::{PageSettings, Web};

/// A listener, and what it serves.
pub struct Listening {
    listener: LineListener,
    service: BoxCloneSyncService<Request, Response, Infallible>,
}

impl Listening {
    /// Serves until `stop` resolves, then lets requests that are being answered finish.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        axum::serve(
            self.listener,
            self.service.into_make_service_with_connect_info::<ConnInfo>(),
        )
        .with_graceful_shutdown(stop)
        .await
    }
}

/// The chat page, Socket.IO, REST, health and, unless they have a listener of their own, what operators use.
pub fn main(
    parts: &Arc<Parts>,
    settings: &Settings,
    listener: TcpListener,
    socket_io: &SocketIoLayer<RoomsAdapter>,
    operators: Router,
) -> Listening {
    let router = crate::api::routes(api(parts, settings))
        .merge(crate::gateway::websocket::routes(plain_door(parts, settings)))
        .merge(crate::web::routes(web(parts, settings)))
        .merge(operators);
    let origins = settings.allowed_origins.clone();
    let router = framed(router, origins, parts.metrics.http.clone(), parts.tracer.clone());
    // In front of axum's router, not inside it: a connection keeps what the layers around it attach.
    let service = AdmissionLayer::new(admission(parts, settings, false)).layer(socket_io.layer(router));
    let listener = LineListener::new(listener, CONNECTIONS_MAX, parts.metrics.gateway.accept_errors.clone());
    Listening {
        listener,
        service: BoxCloneSyncService::new(service),
    }
}

/// What operators use, on a listener of its own; of Socket.IO that is namespace `/admin`.
pub fn admin(
    parts: &Arc<Parts>,
    settings: &Settings,
    listener: TcpListener,
    socket_io: &SocketIoLayer<RoomsAdapter>,
    operators: Router,
) -> Listening {
    let origins = settings.allowed_origins.clone();
    let router = framed(operators, origins, parts.metrics.http.clone(), Tracer::off());
    let service = AdmissionLayer::new(admission(parts, settings, true)).layer(socket_io.layer(router));
    let listener = LineListener::new(listener, CONNECTIONS_MAX, parts.metrics.gateway.accept_errors.clone());
    Listening {
        listener,
        service: BoxCloneSyncService::new(service),
    }
}

fn plain_door(parts: &Arc<Parts>, settings: &Settings) -> PlainDoor {
    PlainDoor {
        gateway: Arc::clone(&parts.gateway),
        origins: settings.allowed_origins.clone(),
        rates: Arc::clone(&parts.rates),
    }
}

fn api(parts: &Arc<Parts>, settings: &Settings) -> Api {
    Api {
        chat: Arc::clone(&parts.chat),
        authority: Arc::clone(&parts.authority),
        accounts: parts.store.clone(),
        limits: Arc::clone(&parts.rates),
        readiness: Arc::clone(&parts.readiness),
        metrics: ApiMetrics {
            gateway: parts.metrics.gateway.clone(),
            http: parts.metrics.http.clone(),
        },
        origins: settings.allowed_origins.clone(),
        proxies: settings.trusted_proxies.clone(),
    }
}

fn web(parts: &Arc<Parts>, settings: &Settings) -> Web {
    Web {
        authority: Arc::clone(&parts.authority),
        limits: Arc::clone(&parts.rates),
        metrics: ApiMetrics {
            gateway: parts.metrics.gateway.clone(),
            http: parts.metrics.http.clone(),
        },
        proxies: settings.trusted_proxies.clone(),
        page: PageSettings {
            max_message_bytes: settings.max_message_bytes,
            registration_open: settings.registration == Registration::Open,
            admin_here: settings.admin_bind.is_none(),
        },
    }
}

/// What operators use: `/admin` and `/metrics`. Live streams end when `stop` is cancelled.
pub fn operators(
    parts: &Arc<Parts>,
    settings: &Settings,
    inspector: Arc<Inspector>,
    stop: &CancellationToken,
) -> Router {
    let token = settings
        .metrics_token
        .as_ref()
        .map(|token| MetricsToken::new(token.expose()));
    let hub = Arc::clone(&parts.hub);
    // Gauges of live sockets are read from the live sockets, at the moment of the scrape.
    let fresh = middleware::from_fn(move |request: Request, next: Next| {
        hub.refresh_gauges();
        next.run(request)
    });
    let deps = AdminDeps {
        inspect: inspector,
        authority: Arc::clone(&parts.authority),
        accounts: parts.store.clone(),
        limits: Arc::clone(&parts.rates),
        metrics: parts.metrics.gateway.clone(),
        proxies: settings.trusted_proxies.clone(),
        rejected: Arc::clone(&parts.rejected),
        audit: parts.store.clone(),
        reads: parts.store.clone(),
        deliveries: parts.store.clone(),
        chat: Arc::clone(&parts.chat),
        webhook: parts.webhook.as_ref().map(|webhook| WebhookLook {
            webhook: Arc::clone(webhook),
            roll_call: Arc::clone(&parts.roll_call),
        }),
        history: Arc::clone(&parts.history),
        sessions: Arc::default(),
        streams: LiveStreams::default(),
        clock: Arc::clone(&parts.clock),
        stop: stop.clone(),
    };
    endpoint::router(parts.metrics.clone(), token)
        .layer(fresh)
        .merge(crate::admin::roll_call(&deps, Arc::clone(&parts.chat)))
        .merge(crate::admin::instruments(&deps, Arc::clone(&parts.hub)))
        .merge(crate::admin::router(deps))
}

fn admission(parts: &Arc<Parts>, settings: &Settings, operators_only: bool) -> Admission {
    let (origins, proxies) = (settings.allowed_origins.clone(), settings.trusted_proxies.clone());
    let (rates, hub) = (Arc::clone(&parts.rates), Arc::clone(&parts.hub));
    let (authority, chat) = (Arc::clone(&parts.authority), Arc::clone(&parts.chat));
    Admission {
        origin_allowed: Arc::new(move |origin: &str| origins.allows(origin)),
        may_connect: Arc::new(move |address: IpAddr| rates.check_connect(address).map_err(|after| after.0)),
        client_address: Arc::new(move |peer: IpAddr, headers: &HeaderMap| client_address(peer, headers, &proxies)),
        owner_of: Arc::new(move |headers: &HeaderMap, uri: &Uri| {
            presented_token(None, headers, uri).and_then(|token| authority.owner(&token))
        }),
        turned_away: Arc::new(move |user: &UserId, fault: &Fault| {
            chat.turned_away(user, fault.reason().as_str(), &fault.detail(), fault.remedy());
        }),
        upgraded: Arc::new(move |sid: &str, line| hub.upgraded(sid, line)),
        operators_only,
        flow: Arc::clone(&parts.flow),
        ring: Arc::clone(&parts.rejected),
        metrics: parts.metrics.gateway.clone(),
        http: parts.metrics.http.clone(),
    }
}
