//! Waiting for what will happen soon.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// How long anything may take that should take milliseconds. Generous: a busy machine is no defect of the server.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks: short enough not to slow a test, long enough not to load the server that is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Asks `probe` again and again until it has something, and fails with `what` was waited for when `patience` ends.
///
/// ```
/// # use rollcall_tests::{eventually, PATIENCE};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let mut looks = 0;
/// let third = eventually("the third look", PATIENCE, async || {
///     looks += 1;
///     (looks == 3).then_some(looks)
/// });
/// assert_eq!(third.await.unwrap(), 3);
/// # });
/// ```
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = probe().await {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("not within {patience:?}: {what}");
        }
        sleep(POLL).await;
    }
}
