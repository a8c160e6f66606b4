//! The composition root: every part is made here, in order, and stopped here, in order.
//!
//! Start: secrets, database, accounts, use cases, namespaces, routes, listener. Stop: no new connections, clients are told,
//! messages in flight are finished, sockets are closed, the database is closed. Nothing else in the server knows all parts.

mod alone;
mod background;
pub mod inspector;
pub mod operating;
mod parts;
pub mod routes;
pub mod stop;
pub mod welcome;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use chat_core::ports::StoreError;
use socketioxide::layer::SocketIoLayer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::alone::Alone;
pub use self::alone::Taken;
use self::background::run_background;
use self::inspector::Inspector;
use self::operating::Operating;
pub use self::parts::Parts;
use self::parts::{build, canary};
use self::welcome::Welcome;
use crate::gateway::admin_ui::AdminUi;
use crate::hub::adapter::{Io, RoomsAdapter, layer};
use crate::identity::AccountError;
use crate::limits::{
    CONNECT_TIMEOUT, PACKET_BYTES_MAX, PING_INTERVAL, PING_TIMEOUT, SOCKET_BUFFER_PACKETS, WEBSOCKET_READ_BUFFER_BYTES,
};
use crate::settings::{DataDirError, Database, Secret, Settings, open_data_dir};
use crate::store::OpenError;
use crate::telemetry::Metrics;
use crate::telemetry::traces::TraceError;

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
    /// Somebody else serves it.
    #[error(transparent)]
    Taken(#[from] Taken),
    /// What the last process left.
    #[error("what the last process saved and never announced cannot be looked for: {0}")]
    LeftBehind(StoreError),
    /// A defect.
    #[error("the server could not be put together: {0}")]
    Internal(String),
}

/// A server that listens.
pub struct App {
    parts: Arc<Parts>,
    settings: Settings,
    main: routes::Listening,
    admin: Option<routes::Listening>,
    background: CancellationToken,
    welcome: Welcome,
    // Let go of last: when everything is written.
    alone: Alone,
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
        let Database::Sqlite(path) = &settings.storage.database;
        // Before anything of it is read: what a dead process left behind is taken over below.
        let alone = Alone::on(path).await?;
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
            alone,
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
