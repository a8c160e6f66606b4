//! What operators do from the official Admin UI is done by the same means as from the pages.

use std::sync::Arc;

use async_trait::async_trait;
use chat_core::ports::operators::{AuditEntry, AuditLog};
use rollcall_protocol::{ErrorCode, WireError};

use super::Parts;
use super::inspector::Inspector;
use crate::admin::inspect::Inspect;
use crate::gateway::admin_ui::Operate;
use crate::hub::inspect::CHAT_NAMESPACE;

/// Acts for operators.
pub struct Operating {
    parts: Arc<Parts>,
    inspector: Arc<Inspector>,
}

impl Operating {
    /// By these means.
    pub fn new(parts: Arc<Parts>, inspector: Arc<Inspector>) -> Self {
        Self { parts, inspector }
    }
}

#[async_trait]
impl Operate for Operating {
    async fn note(&self, actor: &str, action: &'static str, target: String, detail: String) -> Result<(), WireError> {
        tracing::info!(
            audit.actor = actor,
            audit.action = action,
            audit.target = target,
            "admin.change"
        );
        let entry = AuditEntry {
            at: self.parts.clock.now(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            target,
            detail,
        };
        AuditLog::note(&*self.parts.store, entry).await.map_err(|error| {
            tracing::warn!(%error, "a change could not be written down and was not made");
            WireError::new(
                ErrorCode::StorageUnavailable,
                "what is done here is written down first, and that failed",
            )
        })
    }

    async fn join(&self, namespace: &str, sid: &str, room: &str) -> bool {
        if namespace == CHAT_NAMESPACE {
            return self.parts.hub.socket(sid).is_some() && self.inspector.join(sid, room).await;
        }
        let hub = &self.parts.hub;
        hub.admin(sid).is_some_and(|admin| hub.join_admin(&admin, room))
    }

    async fn leave(&self, namespace: &str, sid: &str, room: &str) -> bool {
        if namespace == CHAT_NAMESPACE {
            return self.parts.hub.socket(sid).is_some() && self.inspector.leave(sid, room).await;
        }
        let hub = &self.parts.hub;
        hub.admin(sid).is_some_and(|admin| hub.leave_admin(&admin, room))
    }

    async fn disconnect(&self, namespace: &str, sid: &str) -> bool {
        if namespace == CHAT_NAMESPACE {
            return self.parts.hub.socket(sid).is_some() && self.inspector.disconnect(sid).await;
        }
        let hub = &self.parts.hub;
        hub.admin(sid).is_some_and(|admin| hub.disconnect_admin(&admin))
    }
}
