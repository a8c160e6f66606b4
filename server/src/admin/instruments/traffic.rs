//! Events in and out of every socket, as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::Instruments;
use crate::admin::AdminDeps;
use crate::admin::asked::Asked;
use crate::admin::live::{STREAM_LIFETIME, still_signed_in};
use crate::admin::refusal::Refusal;
use crate::admin::viewer::Viewer;
use crate::hub::tap::{Direction, Filter, Share, TrafficReader};

/// As fast as lines can be read, and somewhat faster.
const SHARE: Share = Share {
    per_second: 100,
    burst: 200,
    waiting_max: 256,
};
/// Dropped events are told at most this often.
const TELL_DROPPED: Duration = Duration::from_secs(1);
/// A filter's length, in bytes: longer than any name that could be meant.
const FILTER_BYTES_MAX: usize = 512;

struct Traffic {
    deps: AdminDeps,
    viewer: Viewer,
    reader: TrafficReader,
    ticks: Interval,
    began: Instant,
    /// Freed when the stream ends.
    _place: OwnedSemaphorePermit,
}

/// `GET /admin/api/traffic?room=&user=&sid=&event=&direction=`
pub(super) async fn stream(
    State(instruments): State<Instruments>,
    viewer: Viewer,
    asked: Asked,
) -> Result<impl IntoResponse, Refusal> {
    let filter = filter(&asked)?;
    let place = instruments
        .streams
        .try_acquire_owned()
        .map_err(|_| Refusal::TooManyStreams)?;
    let mut ticks = tokio::time::interval(TELL_DROPPED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let traffic = Traffic {
        reader: instruments.hub.tap().listen(filter, SHARE),
        deps: instruments.deps,
        viewer,
        ticks,
        began: Instant::now(),
        _place: place,
    };
    // A proxy that buffers would turn "live" into "now and then".
    let headers = [("x-accel-buffering", "no")];
    Ok((headers, Sse::new(events(traffic)).keep_alive(KeepAlive::default())))
}

fn filter(asked: &Asked) -> Result<Filter, Refusal> {
    let text = |name: &str| match asked.get(name) {
        Some(text) if text.len() > FILTER_BYTES_MAX => Err(Refusal::BadRequest(format!(
            "`{name}` is {} bytes long; at most {FILTER_BYTES_MAX} are accepted",
            text.len()
        ))),
        text => Ok(text.map(str::to_owned)),
    };
    let direction = match asked.get("direction") {
        None => None,
        Some("in") => Some(Direction::In),
        Some("out") => Some(Direction::Out),
        Some(_) => {
            return Err(Refusal::BadRequest(
                "`direction` is in (from clients) or out (to clients)".to_owned(),
            ));
        }
    };
    Ok(Filter {
        room: text("room")?,
        user: text("user")?,
        sid: text("sid")?,
        event: text("event")?,
        direction,
    })
}

fn events(traffic: Traffic) -> impl Stream<Item = Result<Event, Infallible>> {
    unfold(traffic, |mut traffic| async move {
        let event = traffic.next().await?;
        Some((Ok(event), traffic))
    })
}

impl Traffic {
    /// The next thing to tell; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                biased;
                () = self.deps.stop.cancelled() => return None,
                // Before the events: a busy stream must not hide that it is not the whole.
                _ = self.ticks.tick() => {
                    if self.began.elapsed() > STREAM_LIFETIME || !still_signed_in(&self.deps, &self.viewer) {
                        return None;
                    }
                    let dropped = self.reader.take_dropped();
                    if dropped > 0 {
                        let told = json!({ "count": dropped });
                        return Some(Event::default().event("dropped").data(told.to_string()));
                    }
                }
                event = self.reader.next() => {
                    let event = event?;
                    let name = event.room.as_deref().and_then(|room| self.deps.chat.room_name(room));
                    match serde_json::to_string(&event.line(name)) {
                        Ok(line) => return Some(Event::default().data(line)),
                        Err(error) => tracing::error!(%error, "a line of traffic could not be encoded"),
                    }
                }
            }
        }
    }
}
