//! The admin over a [`FakeServer`], with real accounts in a real database.

use std::sync::Arc;

use axum::Router;
use chat_core::ports::{Clock, IdSource};
use chat_core::{NodeId, Role};
use rollcall_server::admin::history::History;
use rollcall_server::admin::inspect::Inspect;
use rollcall_server::admin::{AdminDeps, router};
use rollcall_server::chat::assembly::assemble;
use rollcall_server::chat::{Chat, Ports};
use rollcall_server::clock::{SystemClock, UuidSource};
use rollcall_server::gateway::rejected::RejectedRing;
use rollcall_server::hub::Hub;
use rollcall_server::identity::{
    AccountPolicy, Authority, NewAccount, NewPassword, PasswordCost, Passwords, RateLimits, Tokens,
};
use rollcall_server::settings::{Rate, Rates, Registration, Secret, TrustedProxies};
use rollcall_server::store::{SqliteStore, StoreMetrics};
use rollcall_server::telemetry::Metrics;
use sqlx::Connection as _;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::fake::FakeServer;

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse";

/// Everything that a test needs to hold.
pub(crate) struct Stage {
    pub(crate) server: Arc<FakeServer>,
    pub(crate) rejected: Arc<RejectedRing>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) history: Arc<History>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) router: Router,
    folder: TempDir,
}

impl Stage {
    /// With `admin`, `watcher` (an observer) and `alice` (a user); so many sign-ins a minute.
    pub(crate) async fn set(server: Arc<FakeServer>, logins: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ids: Arc<dyn IdSource> = Arc::new(UuidSource);
        let path = folder.path().join("rollcall.db");
        let store = Arc::new(
            SqliteStore::open(&path, &*clock, &*ids, StoreMetrics::noop())
                .await
                .unwrap(),
        );
        let tokens = Tokens::new(&Secret::new("0123456789abcdef0123456789abcdef"), Arc::clone(&clock));
        let policy = AccountPolicy {
            registration: Registration::Open,
            auto_provision: false,
        };
        let passwords = Passwords::new(PasswordCost::FOR_TESTS);
        let authority = Arc::new(Authority::new(
            store.clone(),
            Arc::clone(&clock),
            Arc::clone(&ids),
            passwords,
            tokens,
            policy,
        ));
        add_people(&authority).await;
        let metrics = Metrics::new().unwrap();
        let rejected = Arc::new(RejectedRing::new(Arc::clone(&clock), &metrics.gateway));
        let rates = Rates {
            messages: Rate::Off,
            connects: Rate::Off,
            logins: Rate::parse(logins).unwrap(),
        };
        let rates = Arc::new(RateLimits::new(&rates));
        let chat = chat(&store, &clock, &ids, &rates, &metrics);
        let history: Arc<History> = Arc::default();
        let deps = AdminDeps {
            inspect: Arc::clone(&server) as Arc<dyn Inspect>,
            authority: Arc::clone(&authority),
            accounts: store.clone(),
            limits: rates,
            metrics: metrics.gateway.clone(),
            proxies: TrustedProxies::default(),
            rejected: Arc::clone(&rejected),
            audit: store.clone(),
            reads: store.clone(),
            deliveries: store.clone(),
            chat,
            webhook: None,
            history: Arc::clone(&history),
            sessions: Arc::default(),
            streams: rollcall_server::admin::live::LiveStreams::default(),
            clock,
            stop: CancellationToken::new(),
        };
        let router = router(deps);
        Self {
            server,
            rejected,
            authority,
            history,
            store,
            router,
            folder,
        }
    }

    /// What another process does to the database (somebody with `sqlite3`), of which nobody tells the server.
    pub(crate) async fn behind_its_back(&self, statement: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.folder.path().join("rollcall.db"));
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
    }
}

/// The use cases over the database, with nobody connected: what is live comes from the fake.
fn chat(
    store: &Arc<SqliteStore>,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdSource>,
    rates: &Arc<RateLimits>,
    metrics: &Metrics,
) -> Arc<Chat> {
    let (_, io) = rollcall_server::hub::adapter::layer(|builder| builder);
    let node = NodeId::parse(crate::fake::NODE).unwrap();
    let hub = Arc::new(Hub::new(node, Arc::clone(clock), io, metrics.hub.clone()));
    let ports = Ports::over(store, Arc::clone(clock), Arc::clone(ids));
    assemble(ports, hub, Arc::clone(rates), 16_384, metrics).chat
}

async fn add_people(authority: &Authority) {
    for (username, role) in [
        ("admin", Role::Admin),
        ("watcher", Role::Observer),
        ("alice", Role::User),
    ] {
        let account = NewAccount {
            username: username.to_owned(),
            display_name: None,
            password: NewPassword::parse(PASSWORD).unwrap().into(),
            role,
        };
        authority.add(account).await.unwrap();
    }
}
