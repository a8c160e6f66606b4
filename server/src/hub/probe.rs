//! The probe: an event that a client acknowledges by itself, to see who can be reached at this moment.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rollcall_protocol::event::{Probe, name};
use serde_json::Value;
use socketioxide::AckError;
use tokio::time::Instant;

use super::outlet::Outlet;
use super::{Hub, LiveSocket};

/// What one socket did with a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// It acknowledged the probe, after this time.
    Answered(Duration),
    /// It is connected and did not acknowledge in time.
    NoAnswer,
    /// It could not be asked (its buffer is full), or its connection ended meanwhile.
    Failed,
}

impl Hub {
    /// The live sockets of a room of namespace `/`, by SID.
    pub fn live_in(&self, room: &str) -> Vec<Arc<LiveSocket>> {
        let mut sockets: Vec<Arc<LiveSocket>> = self
            .room(room)
            .iter()
            .filter_map(|sid| self.socket(sid.as_str()))
            .collect();
        sockets.sort_by(|a, b| a.sid.cmp(&b.sid));
        sockets
    }

    /// Asks every one of `sockets` at once; the outcomes are in their order.
    pub async fn probe(&self, sockets: &[Arc<LiveSocket>], probe: &Probe, patience: Duration) -> Vec<Probed> {
        join_all(sockets.iter().map(|socket| socket.probe(probe, patience))).await
    }
}

impl LiveSocket {
    /// Asks this socket.
    #[expect(clippy::disallowed_methods, reason = "this is the one door")]
    async fn probe(&self, probe: &Probe, patience: Duration) -> Probed {
        let asked_at = Instant::now();
        let text = serde_json::to_string(probe).unwrap_or_default();
        let outcome = match self.outlet() {
            Outlet::SocketIo(link) => {
                let Ok(answer) = link.emit_with_ack::<_, Value>(name::PROBE, probe) else {
                    return Probed::Failed;
                };
                self.went_out(name::PROBE, &text);
                // Whatever it holds: that it came is the answer.
                let answered = async { !matches!(answer.await, Err(AckError::Timeout | AckError::Socket(_))) };
                tokio::time::timeout(patience, answered).await
            }
            Outlet::Plain(link) => {
                let Ok(answer) = link.ask(name::PROBE, probe, &probe.probe_id) else {
                    return Probed::Failed;
                };
                self.went_out(name::PROBE, &text);
                tokio::time::timeout(patience, async { answer.await.is_ok() }).await
            }
        };
        match outcome {
            Ok(true) => Probed::Answered(asked_at.elapsed()),
            _ if self.is_connected() => Probed::NoAnswer,
            _ => Probed::Failed,
        }
    }
}
