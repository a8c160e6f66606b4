//! The parts of the server, and how they are made of each other.

use std::path::Path;
use std::sync::Arc;

use chat_core::NodeId;
use chat_core::ports::{Clock, DeliveryLog as _, IdSource, Vitals as _};

use super::StartError;
use crate::admin::history::History;
use crate::api::Readiness;
use crate::canary::{Cage, Canary};
use crate::chat::assembly::{Assembled, assemble};
use crate::chat::{Chat, Ports};
use crate::clock::{SystemClock, UuidSource};
use crate::delivery::{RollCall, announced};
use crate::fanout::Fanout;
use crate::gateway::listener::Flow;
use crate::gateway::rejected::RejectedRing;
use crate::gateway::socketio::Gateway;
use crate::hub::Hub;
use crate::hub::adapter::Io;
use crate::identity::{AccountPolicy, Authority, PasswordCost, Passwords, PublicKeyError, RateLimits, Tokens};
use crate::settings::{Database, Settings, jwt_secret};
use crate::store::SqliteStore;
use crate::telemetry::Metrics;
use crate::telemetry::traces::Tracer;
use crate::webhook::Webhook;

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

/// Makes them, in order.
pub(super) async fn build(settings: &Settings, metrics: Metrics, io: &Io) -> Result<Parts, StartError> {
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
        log: settings.faults.slowed(store.clone()),
        ..Ports::over(store, Arc::clone(clock), Arc::clone(ids))
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

/// The probe.
pub(super) fn canary(parts: &Parts) -> Arc<Canary> {
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
