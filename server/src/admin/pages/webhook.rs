//! The webhook: how it goes, what waits, what was not taken and why.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;

use crate::admin::AdminDeps;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Sentence, Stamp, Status, count, counted, visible};
use crate::delivery::RollCall;
use crate::limits::WEBHOOK_ATTEMPTS_MAX;
use crate::webhook::{Webhook, WebhookFailure, WebhookState};

/// Where its state is read.
#[derive(Debug, Clone)]
pub struct WebhookLook {
    /// What sends.
    pub webhook: Arc<Webhook>,
    /// What is sent.
    pub roll_call: Arc<RollCall>,
}

impl WebhookLook {
    fn state(&self) -> WebhookState {
        self.webhook.state(&self.roll_call.notices)
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "webhook.html")]
pub(crate) struct WebhookPage {
    chrome: Chrome,
    sentence: Sentence,
    shown: Option<Shown>,
}

#[derive(Debug)]
struct Shown {
    url: String,
    kinds: String,
    queued: String,
    delivered: String,
    retried: String,
    failed: String,
    dropped: String,
    success: Option<Stamp>,
    failures: Vec<Row>,
    attempts_max: u32,
}

#[derive(Debug)]
struct Row {
    key: String,
    at: Stamp,
    kind: &'static str,
    attempt: String,
    outcome: (Status, &'static str),
    why: String,
}

fn row(scene: &Scene, failure: &WebhookFailure) -> Row {
    Row {
        key: format!("{} {}", failure.id, failure.attempt),
        at: scene.stamp(failure.at),
        kind: failure.kind,
        attempt: count(failure.attempt),
        outcome: if failure.given_up {
            (Status::Failed, "given up")
        } else {
            (Status::Late, "tried again")
        },
        why: visible(&failure.why).into_owned(),
    }
}

fn sentence(state: &WebhookState) -> Sentence {
    let waiting = counted(state.queued, "notice waits", "notices wait");
    let lost = state.failed + state.dropped;
    let last_failed = state.last_error_at > state.last_success_at;
    if last_failed {
        Sentence::new(Status::Failed, format!("The webhook is not taken; {waiting}."))
    } else if lost > 0 {
        let lost = counted(
            usize::try_from(lost).unwrap_or(usize::MAX),
            "notice was lost",
            "notices were lost",
        );
        Sentence::new(Status::Late, format!("The webhook is taken; {lost} since the start."))
    } else {
        Sentence::new(Status::Healthy, format!("The webhook is taken; {waiting}."))
    }
}

fn compose(scene: &Scene, state: Option<&WebhookState>) -> WebhookPage {
    let shown = state.map(|state| Shown {
        url: visible(&state.url).into_owned(),
        kinds: state.kinds.join(", "),
        queued: count(state.queued),
        delivered: count(state.delivered),
        retried: count(state.retried),
        failed: count(state.failed),
        dropped: count(state.dropped),
        success: state.last_success_at.map(|at| scene.stamp(at)),
        failures: state.failures.iter().map(|failure| row(scene, failure)).collect(),
        attempts_max: WEBHOOK_ATTEMPTS_MAX,
    });
    WebhookPage {
        chrome: scene.chrome(Some(Tab::Webhook), "Webhook"),
        sentence: state.map_or_else(
            || Sentence::new(Status::Offline, "No other server is told: there is no webhook."),
            sentence,
        ),
        shown,
    }
}

/// `GET /admin/webhook`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    let state = deps.webhook.as_ref().map(WebhookLook::state);
    html(&compose(&scene, state.as_ref()))
}

/// `GET /admin/api/webhook`: `null` where there is none.
pub(crate) async fn api(State(deps): State<AdminDeps>) -> Json<Option<WebhookState>> {
    Json(deps.webhook.as_ref().map(WebhookLook::state))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> WebhookPage {
    use crate::admin::scene::sample_time;
    let failure = |attempt, given_up, why: &str| WebhookFailure {
        at: sample_time(9),
        id: "01a1b5a0-6f2e-7c11-9d8e-0c5b2f1aa6d3".to_owned(),
        kind: "message",
        attempt,
        given_up,
        why: why.to_owned(),
    };
    let state = WebhookState {
        url: "https://shop.example/hook".to_owned(),
        kinds: vec!["message", "undelivered"],
        delivered: 4_711,
        retried: 12,
        failed: 1,
        dropped: 3,
        queued: 1_204,
        last_success_at: Some(sample_time(60)),
        last_error_at: Some(sample_time(9)),
        last_error: Some("it answered 503 Service Unavailable".to_owned()),
        failures: [
            failure(9, true, super::tests::HOSTILE),
            failure(8, false, "it answered 503"),
        ]
        .into(),
    };
    compose(&Scene::sample("/admin/webhook", role), Some(&state))
}

#[cfg(test)]
pub(crate) fn sample_none(role: chat_core::Role) -> WebhookPage {
    compose(&Scene::sample("/admin/webhook", role), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempts_are_those_that_are_made() {
        let scene = Scene::sample("/admin/webhook", chat_core::Role::Admin);
        let page = compose(&scene, Some(&WebhookState::default())).render().unwrap();
        let words = format!("with a growing pause, {WEBHOOK_ATTEMPTS_MAX} attempts in all");
        assert!(page.contains(&words), "{page}");
    }
}
