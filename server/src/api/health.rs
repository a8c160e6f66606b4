//! `/health`, `/health/ready`, `/health/websocket`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use chat_core::ports::{StoreError, StoreTrouble, Vitals};
use rollcall_protocol::ErrorCode;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::problem::Problem;
use crate::limits::{READINESS_KEPT, READINESS_TIMEOUT};
use crate::settings::AllowedOrigins;

/// Whether this node should be sent requests. Share it in an `Arc`.
pub struct Readiness {
    vitals: Arc<dyn Vitals>,
    stopping: AtomicBool,
    /// The last check. Held while one runs, so that many probes at once make one write and not many.
    last: Mutex<Option<(Instant, Result<(), StoreTrouble>)>>,
}

impl Readiness {
    /// Judged by the database.
    pub fn new(vitals: Arc<dyn Vitals>) -> Self {
        Self {
            vitals,
            stopping: AtomicBool::new(false),
            last: Mutex::new(None),
        }
    }

    /// From now on this node is not ready: load balancers send their requests elsewhere while it finishes.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    async fn database(&self) -> Result<(), StoreTrouble> {
        let mut last = self.last.lock().await;
        if let Some((_, outcome)) = last.filter(|(at, _)| at.elapsed() < READINESS_KEPT) {
            return outcome;
        }
        let outcome = match tokio::time::timeout(READINESS_TIMEOUT, self.vitals.check()).await {
            Ok(outcome) => outcome.map_err(|error: StoreError| error.trouble()),
            Err(_) => Err(StoreTrouble::Busy),
        };
        *last = Some((Instant::now(), outcome));
        outcome
    }
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readiness")
            .field("stopping", &self.stopping)
            .finish_non_exhaustive()
    }
}

/// `GET /health`: the process lives and its event loop turns.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /health/ready`: the database takes writes.
pub(super) async fn ready(State(readiness): State<Arc<Readiness>>) -> Result<Json<Value>, Problem> {
    if readiness.stopping.load(Ordering::Relaxed) {
        return Err(Problem::new(ErrorCode::ShuttingDown, "this node is about to stop").with("failing", "node"));
    }
    match readiness.database().await {
        Ok(()) => Ok(Json(
            json!({ "status": "ready", "database": "ok", "bus": "in process" }),
        )),
        Err(trouble) => {
            let why = trouble.as_str();
            Err(Problem::new(
                ErrorCode::StorageUnavailable,
                format!("the database does not take writes ({why})"),
            )
            .with_hint("the log has the database's own words; `rollcall check` tries it from outside")
            .with("failing", "database")
            .with("database", why))
        }
    }
}

/// `GET /health/websocket`: where and how Socket.IO is to be reached.
pub(super) async fn websocket(State(origins): State<AllowedOrigins>) -> Json<Value> {
    Json(json!({
        "status": "configured",
        "websocket_endpoint": "/socket.io/",
        "config": {
            "path": "/socket.io",
            "cors_origins": origins.to_list(),
            "transports": ["polling", "websocket"],
        },
    }))
}
