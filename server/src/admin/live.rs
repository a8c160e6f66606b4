//! The live stream: tells open pages that something changed; they then ask for their own live parts again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::AdminDeps;
use super::refusal::Refusal;
use super::viewer::{Via, Viewer};

/// Streams at once. Each makes its page ask twice a second at most; more people do not look at one server.
pub const LIVE_STREAMS_MAX: usize = 128;
/// Changes are told at most this often: twice a second is as fast as figures can be read.
const TELL_GAP: Duration = Duration::from_millis(500);
/// Something is told at least this often, so that figures that nobody announces (messages, nodes) stay fresh too, and so
/// that a page notices a stream that was cut.
const TELL_ANYWAY: Duration = Duration::from_secs(3);
/// A stream ends after this and is opened again: that is when a bearer token is looked at anew.
pub(super) const STREAM_LIFETIME: Duration = Duration::from_mins(30);

/// The places for streams.
#[derive(Clone)]
pub struct LiveStreams(Arc<Semaphore>);

impl Default for LiveStreams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LIVE_STREAMS_MAX)))
    }
}

struct Live {
    deps: AdminDeps,
    viewer: Viewer,
    changes: watch::Receiver<u64>,
    began: Instant,
    told: Option<Instant>,
    /// Freed when the stream ends.
    _place: OwnedSemaphorePermit,
}

/// `GET /admin/api/live`
pub(crate) async fn stream(State(deps): State<AdminDeps>, viewer: Viewer) -> Result<impl IntoResponse, Refusal> {
    let place = Arc::clone(&deps.streams.0)
        .try_acquire_owned()
        .map_err(|_| Refusal::TooManyStreams)?;
    let live = Live {
        changes: deps.inspect.changes(),
        deps,
        viewer,
        began: Instant::now(),
        told: None,
        _place: place,
    };
    // A proxy that buffers would turn "live" into "now and then".
    let headers = [("x-accel-buffering", "no")];
    Ok((headers, Sse::new(events(live)).keep_alive(KeepAlive::default())))
}

fn events(live: Live) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(live, |mut live| async move {
        let event = live.next().await?;
        Some((Ok(event), live))
    })
}

impl Live {
    /// The next thing to tell; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        let kind = match self.told {
            // At once, so that a page that came back is up to date.
            None => "tick",
            Some(told) => {
                tokio::select! {
                    () = self.deps.stop.cancelled() => return None,
                    kind = news(&mut self.changes, told) => kind?,
                }
            }
        };
        self.told = Some(Instant::now());
        self.still_welcome()
            .then(|| Event::default().event(kind).data(self.deps.clock.now().to_string()))
    }

    fn still_welcome(&self) -> bool {
        still_signed_in(&self.deps, &self.viewer) && self.began.elapsed() < STREAM_LIFETIME
    }
}

/// Does the viewer's session still live? An open stream is use of it.
pub(super) fn still_signed_in(deps: &AdminDeps, viewer: &Viewer) -> bool {
    match &viewer.via {
        Via::Cookie { session_id, .. } => deps.sessions.touch(session_id).is_some(),
        Via::Bearer => true,
    }
}

/// Waits for a change, but neither too short nor too long. `None`: there will be no more.
async fn news(changes: &mut watch::Receiver<u64>, told: Instant) -> Option<&'static str> {
    tokio::time::sleep_until(told + TELL_GAP).await;
    match tokio::time::timeout_at(told + TELL_ANYWAY, changes.changed()).await {
        Ok(Ok(())) => Some("changed"),
        Ok(Err(_)) => None,
        Err(_) => Some("tick"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_changes_is_told_twice_a_second() {
        let (sender, mut changes) = watch::channel(0_u64);
        let began = Instant::now();
        let mut told = began;
        for _ in 0..10 {
            sender.send_modify(|count| *count += 1);
            assert_eq!(news(&mut changes, told).await, Some("changed"));
            told = Instant::now();
        }
        assert_eq!(began.elapsed(), TELL_GAP * 10);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_every_few_seconds_and_ends_with_its_source() {
        let (sender, mut changes) = watch::channel(0_u64);
        let began = Instant::now();
        assert_eq!(news(&mut changes, began).await, Some("tick"));
        assert_eq!(began.elapsed(), TELL_ANYWAY);
        drop(sender);
        assert_eq!(news(&mut changes, Instant::now()).await, None);
    }
}
