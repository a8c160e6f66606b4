//! Writing down what was changed in the admin, by whom.

use chat_core::ports::operators::AuditEntry;

use super::AdminDeps;
use super::refusal::Refusal;
use super::viewer::Viewer;

/// Notes a change, before it is made: what cannot be noted is not done.
pub(crate) async fn note(
    deps: &AdminDeps,
    viewer: &Viewer,
    action: &str,
    target: impl Into<String>,
    detail: impl Into<String>,
) -> Result<(), Refusal> {
    let entry = AuditEntry {
        at: deps.clock.now(),
        actor: viewer.account.username.clone(),
        action: action.to_owned(),
        target: target.into(),
        detail: detail.into(),
    };
    tracing::info!(
        audit.actor = %entry.actor,
        audit.action = %entry.action,
        audit.target = %entry.target,
        "admin.change"
    );
    Ok(deps.audit.note(entry).await?)
}
