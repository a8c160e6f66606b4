//! Puts the stages behind the use cases together: the same way in the server and in its tests.

use std::sync::Arc;

use super::directory::Directory;
use super::{Chat, Parts, Ports};
use crate::delivery::RollCall;
use crate::delivery::evidence::Collector;
use crate::delivery::recorder::Recorder;
use crate::fanout::Fanout;
use crate::fanout::feeder::{Feeder, FeederMetrics};
use crate::hub::Hub;
use crate::identity::RateLimits;
use crate::telemetry::Metrics;

/// The use cases, and what others need of the stages behind them.
#[derive(Debug, Clone)]
pub struct Assembled {
    /// The use cases.
    pub chat: Arc<Chat>,
    /// From a commit to every socket.
    pub fanout: Arc<Fanout>,
    /// What happens to messages.
    pub roll_call: Arc<RollCall>,
}

/// The use cases over these ports and live sockets.
pub fn assemble(
    ports: Ports,
    hub: Arc<Hub>,
    rates: Arc<RateLimits>,
    message_bytes_max: usize,
    metrics: &Metrics,
) -> Assembled {
    let (clock, log) = (Arc::clone(&ports.clock), Arc::clone(&ports.deliveries));
    let recorder = Arc::new(Recorder::new(Arc::clone(&log)));
    let (delivery, retries) = (metrics.delivery.clone(), metrics.fanout.retries.clone());
    let roll_call = Arc::new(RollCall::new(hub.node_id().clone(), recorder, delivery, retries));
    let collector = Collector::new(Arc::clone(&hub), Arc::clone(&roll_call), log, Arc::clone(&clock));
    let feeding = FeederMetrics {
        chat: metrics.chat.clone(),
        fanout: metrics.fanout.clone(),
        events: metrics.gateway.clone(),
    };
    let feeder = Feeder::new(Arc::clone(&ports.log), Arc::clone(&hub), Arc::clone(&clock), feeding);
    let fanout = Arc::new(Fanout::new(
        Arc::clone(&hub),
        feeder,
        Arc::clone(&roll_call),
        clock,
        metrics.fanout.clone(),
        metrics.gateway.clone(),
    ));
    let parts = Parts {
        directory: Arc::new(Directory::new(Arc::clone(&ports.conversations))),
        hub,
        fanout: Arc::clone(&fanout),
        rates,
        roll_call: Arc::clone(&roll_call),
        collector,
        message_bytes_max,
        metrics: metrics.chat.clone(),
        events: metrics.gateway.clone(),
    };
    Assembled {
        chat: Arc::new(Chat::new(ports, parts)),
        fanout,
        roll_call,
    }
}
