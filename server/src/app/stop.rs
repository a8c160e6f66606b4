//! Stopping in order, within the 15 s that the contract gives: nothing that was acknowledged is lost, nobody is left hanging.

use std::time::Duration;

use rollcall_protocol::event::ServerShutdown;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::hub::Hub;
use crate::limits::{SHUTDOWN_CLOSE, SHUTDOWN_DRAIN, SHUTDOWN_FAREWELL, SHUTDOWN_RETRY_AFTER_MS};
use crate::telemetry::label::Label as _;
use crate::telemetry::labels::DisconnectReason;

/// Serves until SIGTERM, SIGINT or `until`, then stops.
pub(super) async fn serve_until(app: App, until: impl Future<Output = ()> + Send) -> std::io::Result<()> {
    let App {
        parts,
        main,
        admin,
        background,
        welcome,
        alone,
        ..
    } = app;
    let mut terminate = signal(SignalKind::terminate())?;
    let no_more = CancellationToken::new();
    let mut serving = tokio::task::JoinSet::new();
    for listening in std::iter::once(main).chain(admin) {
        serving.spawn(listening.serve(no_more.clone().cancelled_owned()));
    }
    welcome.log();
    tokio::select! {
        _ = terminate.recv() => tracing::info!("stopping: SIGTERM"),
        _ = tokio::signal::ctrl_c() => tracing::info!("stopping: SIGINT"),
        () = until => tracing::info!("stopping: asked to"),
        Some(Ok(Err(error))) = serving.join_next() => {
            tracing::error!(%error, "stopping: the listener failed");
        }
    }
    parts.readiness.stop();
    parts.chat.close();
    for socket in parts.hub.sockets() {
        parts.chat.say_shutdown(
            &socket,
            &ServerShutdown {
                retry_after_ms: SHUTDOWN_RETRY_AFTER_MS,
            },
        );
    }
    in_time(SHUTDOWN_DRAIN, "messages in flight", parts.chat.drained()).await;
    hear_out(&parts.hub).await;
    in_time(SHUTDOWN_CLOSE, "last_seen", parts.chat.note_everybody_seen()).await;
    no_more.cancel();
    background.cancel();
    in_time(SHUTDOWN_CLOSE, "sockets", async {
        for socket in parts.hub.close_all().await {
            parts.chat.gone(&socket, DisconnectReason::Shutdown.as_str());
        }
    })
    .await;
    in_time(SHUTDOWN_CLOSE, "cursors and evidence", parts.chat.write_down()).await;
    parts.roll_call.announcements.close();
    in_time(SHUTDOWN_CLOSE, "requests and traces", async {
        while serving.join_next().await.is_some() {}
        parts.tracer.flush().await;
    })
    .await;
    if let Err(error) = parts.store.close().await {
        tracing::error!(%error, "the database was not closed cleanly; what was acknowledged is safe all the same");
    }
    // The next one may have it now, and not before.
    drop(alone);
    tracing::info!("stopped");
    Ok(())
}

/// Connections stay for a moment after their farewell, and what they still send is answered (with `shutting_down`): TCP throws
/// away what a client has not read yet when its connection is closed on bytes that nobody read here, and the farewell
/// would be among it.
async fn hear_out(hub: &Hub) {
    let until = tokio::time::Instant::now() + SHUTDOWN_FAREWELL;
    while hub.sockets_count() > 0 && tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn in_time(patience: Duration, what: &str, task: impl Future<Output = ()>) {
    if tokio::time::timeout(patience, task).await.is_err() {
        tracing::warn!("stopping goes on without waiting longer for {what}");
    }
}

#[cfg(test)]
mod tests {
    /// The parts of a stop together stay below the contract's 15 s.
    #[test]
    fn the_stop_fits_its_time() {
        use crate::limits::{SHUTDOWN_CLOSE, SHUTDOWN_DRAIN, SHUTDOWN_FAREWELL};
        assert!(SHUTDOWN_DRAIN + SHUTDOWN_FAREWELL + 4 * SHUTDOWN_CLOSE < std::time::Duration::from_secs(14));
    }
}
