//! The composition root: every part is made here, in order, and stopped here, in order.
//!
//! Start: secrets, database, accounts, use cases, namespaces, routes, listener. Stop: no new connections, clients are told,
//! messages in flight are finished, sockets are closed, the database is closed. Nothing else in the server knows all parts.

pub mod inspector;
pub mod operating;
pub mod routes;
pub mod stop;
pub mod welcome;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use chat_core::NodeId;
use chat_core::ports::{Clock, DeliveryLog as _, IdSource, StoreError, Vitals as _};
use socketioxide::layer::SocketIoLayer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::inspector::Inspector;
use self::operating::Operating;
use self::welcome::Welcome;
use crate::admin::history::History;
use crate::admin::inspect::Inspect;
use crate::api::Readiness;
use crate::canary::{Cage, Canary};
use crate::chat::assembly::{Assembled, assemble};
use crate::chat::{Chat, Ports};
use crate::clock::{SystemClock, UuidSource};
use crate::delivery::{RollCall, announced};
use crate::fanout::Fanout;
use crate::gateway::admin_ui::AdminUi;
use crate::gateway::listener::Flow;
use crate::gateway::rejected::RejectedRing;
use crate::gateway::socketio::Gateway;
use crate::hub::Hub;
use crate::hub::adapter::{Io, RoomsAdapter, layer};
use crate::identity::{
    AccountError, AccountPolicy, Authority, PasswordCost, Passwords, PublicKeyError, RateLimits, Tokens,
};
use crate::limits::{
    CONNECT_TIMEOUT, PACKET_BYTES_MAX, PING_INTERVAL, PING_TIMEOUT, RATES_SWEEP_INTERVAL, SOCKET_BUFFER_PACKETS,
    WEBHOOK_QUEUE_MAX, WEBSOCKET_READ_BUFFER_BYTES,
};
use crate::settings::{DataDirError, Database, Secret, Settings, jwt_secret, open_data_dir};
use crate::store::{OpenError, SqliteStore};
use crate::telemetry::Metrics;
use crate::telemetry::traces::{TraceError, Tracer};
use crate::webhook::Webhook;

/// Why the server could not start. One line each; the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder for the database and the secrets.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The other issuer's key.
    #[error("JWT_PUBLIC_KEY_FILE {path}: {reason}")]
    PublicKeyFile {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The admin's account.
    #[error("the account of user admin: {0}")]
    Admin(#[from] AccountError),
    /// The demo's people and conversations.
    #[error("the demo data: {0}")]
    Demo(#[from] crate::demo::DemoError),
    /// The address.
    #[error("{variable} {address}: {reason}; choose another address, or stop what listens there")]
    Bind {
        /// Which variable.
        variable: &'static str,
        /// Which address.
        address: SocketAddr,
        /// The system's word.
        reason: std::io::Error,
    },
    /// The export of traces.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT: traces cannot be exported: {0}")]
    Traces(TraceError),
    /// What the last process left.
    #[error("what the last process saved and never announced cannot be looked for: {0}")]
    LeftBehind(StoreError),
    /// A defect.
    #[error("the server could not be put together: {0}")]
    Internal(String),
}

/// The parts that others are made of.
pub struct Parts {
    /// The database.
    pub store: Arc<SqliteStore>,
    /// The time of stored facts.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Every metric.
    pub metrics: Metrics,
    /// Who somebody is.
    pub authority: Arc<Authority>,
    /// How often is too often.
    pub rates: Arc<RateLimits>,
    /// Who is here.
    pub hub: Arc<Hub>,
    /// The use cases.
    pub chat: Arc<Chat>,
    /// From a commit to every socket.
    pub fanout: Arc<Fanout>,
    /// What happens to messages.
    pub roll_call: Arc<RollCall>,
    /// Admits connections and carries out their events.
    pub gateway: Arc<Gateway>,
    /// Connections that were refused.
    pub rejected: Arc<RejectedRing>,
    /// Follows messages and requests, where that is asked for.
    pub tracer: Tracer,
    /// Whether this node takes work.
    pub readiness: Arc<Readiness>,
    /// The Overview's last minutes.
    pub history: Arc<History>,
    /// Bytes of all connections that carry Socket.IO.
    pub flow: Arc<Flow>,
    /// Tells another server what happens.
    pub webhook: Option<Arc<Webhook>>,
    /// The probe, unless it is switched off.
    pub canary: Option<Arc<Canary>>,
}

/// A server that listens.
pub struct App {
    parts: Arc<Parts>,
    settings: Settings,
    main: routes::Listening,
    admin: Option<routes::Listening>,
    background: CancellationToken,
    welcome: Welcome,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Starts everything. When it returns, connections are accepted as soon as [`App::run`] is polled.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        open_data_dir(&settings.storage.data_dir)?;
        let metrics = Metrics::new().map_err(|error| StartError::Internal(error.to_string()))?;
        let (layer, io) = socket_io();
        let mut parts = build(&settings, metrics, &io).await?;
        parts.canary = settings.canary.then(|| canary(&parts));
        let parts = Arc::new(parts);
        // Before anything is generated: a password that is stored and never printed would be lost.
        let main = listen("ROLLCALL_BIND", settings.bind).await?;
        let admin = match settings.admin_bind {
            Some(address) => Some(listen("ROLLCALL_ADMIN_BIND", address).await?),
            None => None,
        };
        let generated = parts
            .authority
            .ensure_admin(settings.admin_password.as_ref().map(Secret::expose))
            .await?;
        let demo = if settings.demo {
            crate::demo::fill(&parts).await?
        } else {
            crate::demo::Filled::NotAsked
        };
        let admin_address = admin.as_ref().map(|listener| local_address(listener, settings.bind));
        let welcome = Welcome {
            address: local_address(&main, settings.bind),
            admin_address,
            generated_password: generated,
            demo,
            node_id: parts.hub.node_id().clone(),
        };
        let background = CancellationToken::new();
        let inspector = Arc::new(Inspector::new(Arc::clone(&parts)));
        run_background(&parts, &inspector, settings.retention, &background);
        AdminUi::open(
            admin_ui(&parts, &settings, &inspector, &background),
            settings.admin_ui,
            &io.socket_io,
        );
        let operators = routes::operators(&parts, &settings, inspector, &background);
        let (main, admin) = match admin {
            Some(listener) => {
                let main = routes::main(&parts, &settings, main, &layer, Router::new());
                (
                    main,
                    Some(routes::admin(&parts, &settings, listener, &layer, operators)),
                )
            }
            None => (routes::main(&parts, &settings, main, &layer, operators), None),
        };
        Ok(Self {
            parts,
            settings,
            main,
            admin,
            background,
            welcome,
        })
    }

    /// What to tell the operator.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Serves until SIGTERM or SIGINT (or `until` resolves), then stops in order.
    pub async fn run(self, until: impl Future<Output = ()> + Send) -> Result<(), std::io::Error> {
        stop::serve_until(self, until).await
    }
}

fn local_address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

async fn listen(variable: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|reason| StartError::Bind {
        variable,
        address,
        reason,
    })
}

fn socket_io() -> (SocketIoLayer<RoomsAdapter>, Io) {
    layer(|builder| {
        builder
            .max_payload(PACKET_BYTES_MAX as u64)
            .ws_max_message_size(PACKET_BYTES_MAX)
            .ws_max_frame_size(PACKET_BYTES_MAX)
            .ws_read_buffer_size(WEBSOCKET_READ_BUFFER_BYTES)
            .max_buffer_size(SOCKET_BUFFER_PACKETS)
            .ping_interval(PING_INTERVAL)
            .ping_timeout(PING_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
    })
}

async fn build(settings: &Settings, metrics: Metrics, io: &Io) -> Result<Parts, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn IdSource> = Arc::new(UuidSource);
    let Database::Sqlite(path) = &settings.storage.database;
    let store = Arc::new(SqliteStore::open(path, &*clock, &*ids, metrics.store.clone()).await?);
    let authority = Arc::new(authority(settings, &store, &clock, &ids)?);
    let rates = Arc::new(RateLimits::new(&settings.rates));
    let node_id = NodeId::parse(ids.user_id().as_str()).map_err(|error| StartError::Internal(error.to_string()))?;
    let hub = Hub::new(node_id, Arc::clone(&clock), io.clone(), metrics.hub.clone());
    let hub = Arc::new(hub.with_faults(settings.faults.clone()));
    let assembled = assemble(
        ports(settings, &store, &clock, &ids),
        Arc::clone(&hub),
        Arc::clone(&rates),
        settings.max_message_bytes,
        &metrics,
    );
    let Assembled {
        chat,
        fanout,
        roll_call,
    } = assembled;
    take_over(&settings.storage.data_dir, &store, &roll_call, &hub, &clock).await?;
    let rejected = Arc::new(RejectedRing::new(Arc::clone(&clock), &metrics.gateway));
    let tracer = tracer(settings, &hub, &metrics)?;
    let gateway = Gateway::new(crate::gateway::socketio::Parts {
        chat: Arc::clone(&chat),
        authority: Arc::clone(&authority),
        rejected: Arc::clone(&rejected),
        proxies: settings.trusted_proxies.clone(),
        metrics: metrics.gateway.clone(),
        tracer: tracer.clone(),
    });
    let gateway = Arc::new(gateway);
    Arc::clone(&gateway)
        .open(&io.socket_io)
        .map_err(|error| StartError::Internal(error.to_string()))?;
    // One process is a cluster of one, whose bus cannot fail.
    metrics.bus.up.set(1.0);
    metrics.bus.nodes.set(1.0);
    let readiness = Arc::new(Readiness::new(store.clone()));
    let webhook = webhook(settings, &clock, &ids, &metrics)?;
    Ok(Parts {
        store,
        clock,
        ids,
        metrics,
        authority,
        rates,
        hub,
        chat,
        fanout,
        roll_call,
        gateway,
        rejected,
        tracer,
        readiness,
        history: Arc::default(),
        flow: Arc::default(),
        webhook,
        canary: None,
    })
}

fn ports(settings: &Settings, store: &Arc<SqliteStore>, clock: &Arc<dyn Clock>, ids: &Arc<dyn IdSource>) -> Ports {
    Ports {
        accounts: store.clone(),
        conversations: store.clone(),
        moderation: store.clone(),
        log: settings.faults.slowed(store.clone()),
        deliveries: store.clone(),
        vitals: store.clone(),
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
    }
}

/// Makes up for what the last process saved and did not announce (its clients get it on coming back), and begins a journal of
/// our own.
async fn take_over(
    data_dir: &Path,
    store: &SqliteStore,
    roll_call: &RollCall,
    hub: &Hub,
    clock: &Arc<dyn Clock>,
) -> Result<(), StartError> {
    let left = announced::left_behind(data_dir, store.epoch());
    let messages = store.make_up(&left).await.map_err(StartError::LeftBehind)?;
    if let (Some(died), true) = (&left.ended, messages > 0) {
        tracing::warn!(messages, node.id = %died.node_id, at = %died.at,
            "the last process died after it saved messages and before it announced them; clients get them on coming back");
    }
    let kept = roll_call
        .announcements
        .keep_in(data_dir, store.epoch(), hub.node_id(), Arc::clone(clock));
    if let Err(error) = kept {
        tracing::warn!(%error, "no journal of announcements can be kept; after a crash nobody will know what was not sent");
    }
    Ok(())
}

fn canary(parts: &Parts) -> Arc<Canary> {
    let cage = Cage {
        vitals: parts.store.clone(),
        hub: Arc::clone(&parts.hub),
        fanout: Arc::clone(&parts.fanout),
        clock: Arc::clone(&parts.clock),
        ids: Arc::clone(&parts.ids),
    };
    Arc::new(Canary::new(cage, parts.metrics.canary.clone()))
}

fn webhook(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdSource>,
    metrics: &Metrics,
) -> Result<Option<Arc<Webhook>>, StartError> {
    let Some(asked) = settings.webhook.clone() else {
        return Ok(None);
    };
    let made = Webhook::new(asked, Arc::clone(clock), Arc::clone(ids), metrics.webhook.clone());
    made.map(|webhook| Some(Arc::new(webhook)))
        .map_err(|error| StartError::Internal(error.to_string()))
}

fn authority(
    settings: &Settings,
    store: &Arc<SqliteStore>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdSource>,
) -> Result<Authority, StartError> {
    let secret = jwt_secret(&settings.token_keys, &settings.storage.data_dir)?;
    let mut tokens = Tokens::new(&secret, Arc::clone(clock));
    if let Some(path) = &settings.token_keys.jwt_public_key_file {
        let unusable = |reason: String| StartError::PublicKeyFile {
            path: path.display().to_string(),
            reason,
        };
        let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        tokens = tokens
            .with_public_key(&pem)
            .map_err(|error: PublicKeyError| unusable(error.to_string()))?;
    }
    let policy = AccountPolicy {
        registration: settings.registration,
        auto_provision: settings.auto_provision,
    };
    let passwords = Passwords::new(PasswordCost::OWASP);
    Ok(Authority::new(
        store.clone(),
        Arc::clone(clock),
        Arc::clone(ids),
        passwords,
        tokens,
        policy,
    ))
}

/// The tracer, with its export under way; beside everything else that stops, since what is finished last is exported too.
fn tracer(settings: &Settings, hub: &Hub, metrics: &Metrics) -> Result<Tracer, StartError> {
    let Some(asked) = &settings.traces else {
        return Ok(Tracer::off());
    };
    let node = hub.node_id().as_str();
    let (tracer, exporting) = Tracer::start(asked, node, metrics.traces.clone()).map_err(StartError::Traces)?;
    tokio::spawn(exporting.run());
    Ok(tracer)
}

fn admin_ui(
    parts: &Arc<Parts>,
    settings: &Settings,
    inspector: &Arc<Inspector>,
    stop: &CancellationToken,
) -> crate::gateway::admin_ui::Parts {
    crate::gateway::admin_ui::Parts {
        hub: Arc::clone(&parts.hub),
        authority: Arc::clone(&parts.authority),
        accounts: parts.store.clone(),
        limits: Arc::clone(&parts.rates),
        operate: Arc::new(Operating::new(Arc::clone(parts), Arc::clone(inspector))),
        clock: Arc::clone(&parts.clock),
        flow: Arc::clone(&parts.flow),
        proxies: settings.trusted_proxies.clone(),
        metrics: parts.metrics.gateway.clone(),
        own_listener: settings.admin_bind.is_some(),
        stop: stop.clone(),
    }
}

/// The tasks that run beside the requests; each ends when `stop` is cancelled.
fn run_background(
    parts: &Arc<Parts>,
    inspector: &Arc<Inspector>,
    retention: Option<std::time::Duration>,
    stop: &CancellationToken,
) {
    let spawn = |task: futures_util::future::BoxFuture<'static, ()>| {
        let stop = stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled_owned(task).await });
    };
    spawn(Box::pin(Arc::clone(&parts.chat).run_presence()));
    spawn(Box::pin(Arc::clone(&parts.chat).run_heads()));
    spawn(Box::pin(Arc::clone(&parts.chat).run_expiry()));
    spawn(Box::pin(Arc::clone(&parts.chat).run_receipts()));
    spawn(Box::pin(Arc::clone(&parts.chat).run_search_index()));
    spawn(Box::pin(Arc::clone(&parts.chat).run_standing()));
    if let Some(webhook) = &parts.webhook {
        let kinds = webhook.kinds().to_vec();
        if let Some(notices) = parts.roll_call.notices.listen(kinds, WEBHOOK_QUEUE_MAX) {
            spawn(Box::pin(Arc::clone(webhook).run(notices)));
        }
    }
    if let Some(kept) = retention {
        spawn(Box::pin(Arc::clone(&parts.chat).run_retention(kept)));
    }
    spawn(Box::pin(
        Arc::clone(&parts.fanout).run_retries(Arc::clone(&parts.clock)),
    ));
    spawn(Box::pin(
        Arc::clone(&parts.roll_call.recorder).run(Arc::clone(&parts.clock)),
    ));
    spawn(Box::pin(Arc::clone(inspector).watch_store()));
    if let Some(canary) = &parts.canary {
        spawn(Box::pin(Arc::clone(canary).run()));
    }
    let inspect: Arc<dyn Inspect> = inspector.clone();
    spawn(Box::pin(Arc::clone(&parts.history).keep(
        inspect,
        Arc::clone(&parts.clock),
        stop.clone(),
    )));
    let metrics = parts.metrics.clone();
    spawn(Box::pin(async move { metrics.upkeep().await }));
    let rates = Arc::clone(&parts.rates);
    spawn(Box::pin(async move {
        let mut ticks = tokio::time::interval(RATES_SWEEP_INTERVAL);
        loop {
            ticks.tick().await;
            rates.sweep();
        }
    }));
}
