//! What runs beside the requests.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::Parts;
use super::inspector::Inspector;
use crate::admin::inspect::Inspect;
use crate::limits::RATES_SWEEP_INTERVAL;

/// The tasks that run beside the requests; each ends when `stop` is cancelled.
pub(super) fn run_background(
    parts: &Arc<Parts>,
    inspector: &Arc<Inspector>,
    retention: Option<Duration>,
    stop: &CancellationToken,
) {
    let spawn = |task: BoxFuture<'static, ()>| {
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
        if let Some(heard) = parts.roll_call.notices.listen(kinds) {
            let (roll_call, hub) = (Arc::clone(&parts.roll_call), Arc::clone(&parts.hub));
            spawn(Box::pin(Arc::clone(webhook).run(roll_call, hub, heard)));
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
