//! The audit log: every change that was made here.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::ports::operators::{AuditEntry, AuditLog};

use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, FilterForm, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, counted, visible};

/// The page.
#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub(crate) struct AuditPage {
    chrome: Chrome,
    sentence: Sentence,
    rows: Vec<Row>,
    pager: Option<Pager>,
    form: FilterForm,
}

/// An entry as the pages list it.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) at: Stamp,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) target: Id,
    pub(crate) detail: String,
}

/// An entry's row.
pub(crate) fn row(scene: &Scene, entry: &AuditEntry) -> Row {
    Row {
        key: format!("{} {} {}", entry.at.as_millis(), entry.action, entry.target),
        at: scene.stamp(entry.at),
        actor: visible(&entry.actor).into_owned(),
        action: visible(&entry.action).into_owned(),
        target: Id::new(&entry.target),
        detail: visible(&entry.detail).into_owned(),
    }
}

fn compose(scene: &Scene, paged: &Paged<AuditEntry>) -> AuditPage {
    let sentence = match paged.total {
        0 if scene.asked.get("q").is_some() => Sentence::new(Status::Offline, "No change that was made here matches."),
        0 => Sentence::new(Status::Healthy, "Nothing was changed from these pages."),
        total => Sentence::new(
            Status::Healthy,
            format!(
                "{} made from these pages.",
                counted(total, "change was", "changes were")
            ),
        ),
    };
    AuditPage {
        chrome: scene.chrome(Some(Tab::Audit), "Audit"),
        sentence,
        rows: paged.items.iter().map(|entry| row(scene, entry)).collect(),
        pager: Pager::new(&scene.asked, paged),
        form: FilterForm::new(&scene.asked, &["q"]),
    }
}

async fn gather(log: &dyn AuditLog, asked: &Asked) -> Result<Paged<AuditEntry>, Refusal> {
    let paging = asked.paging()?;
    let found = log.audit(asked.text("q")?.as_deref(), paging.slice()).await?;
    Ok(paging.listed(found))
}

/// `GET /admin/audit`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene, &gather(deps.audit.as_ref(), &scene.asked).await?))
}

/// `GET /admin/api/audit`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<AuditEntry>>, Refusal> {
    Ok(Json(gather(deps.audit.as_ref(), &asked).await?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> AuditPage {
    let scene = Scene::sample("/admin/audit", role);
    let paged = scene.asked.paging().unwrap().cut(tests::entries());
    compose(&scene, &paged)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::admin::scene::sample_time;

    pub(crate) fn entries() -> Vec<AuditEntry> {
        let entry = |seconds, action, detail: &str| AuditEntry {
            at: sample_time(seconds),
            actor: "admin".to_owned(),
            action: String::from(action),
            target: "8JxAbCdEfGhIjKlMnOpQ".to_owned(),
            detail: detail.to_owned(),
        };
        vec![
            entry(5, "disconnect", "alice in namespace /"),
            entry(
                300,
                "leave",
                &format!("alice from room {}", super::super::tests::HOSTILE),
            ),
        ]
    }
}
