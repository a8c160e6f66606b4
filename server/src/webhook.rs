//! The webhook: tells another server what happens, one signed request after the other.
//!
//! In: notices of what happened ([`crate::delivery::notices`]). Out: `POST` requests, in order. Guarantees: each is signed; one
//! that is not taken is sent again with a growing pause, under the same id, and given up after a while; nothing of it is ever
//! waited for by a message; what is waiting is bounded, and what is lost is counted.

mod signature;
mod whom;

use std::collections::VecDeque;
use std::sync::Arc;

use chat_core::ports::{Clock, IdSource};
use chat_core::{Conversation, Message, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::mpsc;
use url::Url;

pub use signature::sign;

use self::whom::to_notify;
use crate::delivery::RollCall;
use crate::delivery::notices::{Heard, Noted, Notice, NoticeKind, Notices};
use crate::hub::Hub;
use crate::limits::{
    WEBHOOK_ATTEMPTS_MAX, WEBHOOK_FAILURES_KEPT, WEBHOOK_PAUSE_FIRST, WEBHOOK_PAUSE_MAX, WEBHOOK_TIMEOUT,
};
use crate::settings::Secret;
use crate::telemetry::WebhookMetrics;
use crate::telemetry::labels::WebhookResult;

/// Where to, and how it is signed.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Where requests go.
    pub url: Url,
    /// What they are signed with.
    pub secret: Secret,
    /// What is told.
    pub kinds: Vec<NoticeKind>,
}

/// What a request holds.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    at: Timestamp,
    #[serde(flatten)]
    notice: &'a Notice,
}

/// How it goes, for the admin.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WebhookState {
    /// Where requests go, without credentials and query.
    pub url: String,
    /// What is told.
    pub kinds: Vec<&'static str>,
    /// Requests that were taken.
    pub delivered: u64,
    /// Attempts that failed and were made again.
    pub retried: u64,
    /// Notices that were given up.
    pub failed: u64,
    /// Notices that found no place in the queue.
    pub dropped: u64,
    /// Notices that wait.
    pub queued: usize,
    /// When the last one was taken.
    pub last_success_at: Option<Timestamp>,
    /// When the last attempt failed.
    pub last_error_at: Option<Timestamp>,
    /// Why.
    pub last_error: Option<String>,
    /// The attempts that failed last, the newest first.
    pub failures: VecDeque<WebhookFailure>,
}

/// An attempt that failed.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookFailure {
    /// When.
    pub at: Timestamp,
    /// The request's id: the same for every attempt.
    pub id: String,
    /// What it tells.
    pub kind: &'static str,
    /// From 1.
    pub attempt: u32,
    /// There is no further one.
    pub given_up: bool,
    /// Why.
    pub why: String,
}

/// Tells another server.
pub struct Webhook {
    settings: WebhookSettings,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    state: Mutex<WebhookState>,
    metrics: WebhookMetrics,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// A webhook that is run by [`Webhook::run`].
    pub fn new(
        settings: WebhookSettings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        metrics: WebhookMetrics,
    ) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(WEBHOOK_TIMEOUT)
            // A redirect would take the signature elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let mut shown = settings.url.clone();
        let _unchanged = (shown.set_username(""), shown.set_password(None));
        shown.set_query(None);
        let state = WebhookState {
            url: shown.to_string(),
            kinds: settings.kinds.iter().map(|kind| kind.as_str()).collect(),
            ..WebhookState::default()
        };
        Ok(Self {
            settings,
            client,
            clock,
            ids,
            state: Mutex::new(state),
            metrics,
        })
    }

    /// What is told.
    pub fn kinds(&self) -> &[NoticeKind] {
        &self.settings.kinds
    }

    /// How it goes.
    pub fn state(&self, notices: &Notices) -> WebhookState {
        let state = self.state.lock().clone();
        WebhookState {
            dropped: notices.lost(),
            queued: notices.waiting() + state.queued,
            ..state
        }
    }

    /// Sends what comes, one after the other, until the task is dropped.
    pub async fn run(self: Arc<Self>, roll_call: Arc<RollCall>, hub: Arc<Hub>, heard: Heard) {
        let Heard { mut arriving, mut kept } = heard;
        // Beside the sending, however long that takes: who is online is asked at once.
        let keeping = async {
            while let Some(noted) = arriving.recv().await {
                let whom = |among: &Conversation, message: &Message| to_notify(&hub, among, message);
                roll_call.notices.keep(noted, whom);
            }
        };
        let sending = async {
            while let Some(noted) = kept.recv().await {
                // The one that is on its way waits, too.
                self.state.lock().queued = 1;
                self.deliver(noted.at, &noted.notice, &kept).await;
                self.state.lock().queued = 0;
                self.note_queue(kept.len());
            }
        };
        tokio::join!(keeping, sending);
    }

    fn note_queue(&self, queued: usize) {
        self.metrics.queued.set(u32::try_from(queued).unwrap_or(u32::MAX));
    }

    async fn deliver(&self, at: Timestamp, notice: &Notice, behind: &mpsc::Receiver<Noted>) {
        let id = self.ids.message_id();
        let told = Told {
            id: id.as_str(),
            at,
            notice,
        };
        let Ok(body) = serde_json::to_string(&told) else { return };
        let mut pause = WEBHOOK_PAUSE_FIRST;
        for attempt in 1..=WEBHOOK_ATTEMPTS_MAX {
            self.note_queue(behind.len() + 1);
            let Err(why) = self.attempt(id.as_str(), notice.kind(), &body).await else {
                self.metrics.requests.increment(WebhookResult::Delivered);
                let mut state = self.state.lock();
                state.delivered += 1;
                state.last_success_at = Some(self.clock.now());
                return;
            };
            let last = attempt == WEBHOOK_ATTEMPTS_MAX;
            self.failed(WebhookFailure {
                at: self.clock.now(),
                id: id.to_string(),
                kind: notice.kind().as_str(),
                attempt,
                given_up: last,
                why,
            });
            if !last {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(WEBHOOK_PAUSE_MAX);
            }
        }
        tracing::warn!(id = %id, kind = notice.kind().as_str(), "a webhook's request was given up");
    }

    fn failed(&self, failure: WebhookFailure) {
        let result = if failure.given_up {
            WebhookResult::Failed
        } else {
            WebhookResult::Retried
        };
        self.metrics.requests.increment(result);
        let mut state = self.state.lock();
        if failure.given_up {
            state.failed += 1;
        } else {
            state.retried += 1;
        }
        state.last_error_at = Some(failure.at);
        state.last_error = Some(failure.why.clone());
        state.failures.truncate(WEBHOOK_FAILURES_KEPT - 1);
        state.failures.push_front(failure);
    }

    async fn attempt(&self, id: &str, kind: NoticeKind, body: &str) -> Result<(), String> {
        let at = self.clock.now().as_secs();
        let request = self
            .client
            .post(self.settings.url.clone())
            .header("content-type", "application/json")
            .header("x-rollcall-delivery", id)
            .header("x-rollcall-event", kind.as_str())
            .header("x-rollcall-signature", sign(self.settings.secret.expose(), at, body))
            .body(body.to_owned());
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("it answered {}", answer.status())),
            // Its words may hold the URL, and that a password.
            Err(error) => Err(error.without_url().to_string()),
        }
    }
}

/// Reads `ROLLCALL_WEBHOOK_EVENTS`.
pub fn kinds(text: &str) -> Option<Vec<NoticeKind>> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let kinds: Option<Vec<NoticeKind>> = names
        .map(|name| NoticeKind::ALL.into_iter().find(|kind| kind.as_str() == name))
        .collect();
    kinds.filter(|kinds| !kinds.is_empty())
}

#[cfg(test)]
mod tests;
