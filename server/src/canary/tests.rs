use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use chat_core::ports::StoreError;
use chat_core::{Epoch, NodeId};

use super::*;
use crate::chat::Ports;
use crate::chat::assembly::assemble;
use crate::clock::UuidSource;
use crate::identity::RateLimits;
use crate::identity::fake::HandClock;
use crate::settings::Rates;
use crate::store::memory::MemoryStore;
use crate::telemetry::Metrics;

struct Here {
    metrics: Metrics,
    store: Arc<MemoryStore>,
    hub: Arc<Hub>,
    canary: Arc<Canary>,
}

fn here(patience: Duration, vitals: impl FnOnce(&Arc<MemoryStore>) -> Arc<dyn Vitals>) -> Here {
    let metrics = Metrics::new().unwrap();
    let store = Arc::new(MemoryStore::new());
    let clock: Arc<dyn Clock> = HandClock::at(1_800_000_000);
    let (_layer, io) = crate::hub::adapter::layer(|builder| builder);
    io.socket_io.ns("/", async || {});
    let node = NodeId::parse("node").unwrap();
    let hub = Arc::new(Hub::new(node, Arc::clone(&clock), io, metrics.hub.clone()));
    let ports = Ports::over(&store, Arc::clone(&clock), Arc::new(UuidSource));
    let rates = Arc::new(RateLimits::new(&Rates::OFF));
    let fanout = assemble(ports, Arc::clone(&hub), rates, 1 << 20, &metrics).fanout;
    let cage = Cage {
        vitals: vitals(&store),
        hub: Arc::clone(&hub),
        fanout,
        clock,
        ids: Arc::new(UuidSource),
    };
    let canary = Canary {
        patience,
        ..Canary::new(cage, metrics.canary.clone())
    };
    Here {
        metrics,
        store,
        hub,
        canary: Arc::new(canary),
    }
}

fn healthy() -> Here {
    here(CANARY_PATIENCE, |store| store.clone())
}

impl Here {
    /// What `/metrics` says, without the process and the canary.
    fn others(&self) -> BTreeSet<String> {
        self.hub.refresh_gauges();
        let text = self.metrics.render();
        let other = |line: &&str| !line.contains("process_") && !line.contains("rollcall_canary");
        text.lines().filter(other).map(str::to_owned).collect()
    }

    fn says(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|said| said == line)
    }
}

#[tokio::test]
async fn it_flies_both_ways_and_is_seen_nowhere_else() {
    let here = healthy();
    let before = here.others();
    assert_eq!(here.canary.health(), Health::Unknown);
    for _ in 0..3 {
        Arc::clone(&here.canary).fly().await;
        assert!(
            matches!(here.canary.health(), Health::Well { .. }),
            "{:?}",
            here.canary.health()
        );
    }
    assert!(here.says("rollcall_canary_up 1") && here.says("rollcall_canary_seconds_count 6"));
    let after = here.others();
    let changed: Vec<_> = after.symmetric_difference(&before).collect();
    assert!(changed.is_empty(), "it counts in no metric but its own: {changed:?}");
    assert_eq!((here.hub.users_online(), here.hub.sockets_count()), (0, 0));
    assert!(here.hub.rooms().is_empty() && here.hub.glances().is_empty());
}

#[tokio::test]
async fn a_store_that_refuses_is_told_and_so_is_its_end() {
    let here = healthy();
    Arc::clone(&here.canary).fly().await;
    here.store.fail_with(Some(StoreTrouble::ReadOnly));
    Arc::clone(&here.canary).fly().await;
    let Health::Ill { why, .. } = here.canary.health() else {
        panic!("it sang")
    };
    assert_eq!(why.to_string(), "the database takes no commit (readonly)");
    assert!(here.says("rollcall_canary_up 0"));
    here.store.fail_with(None);
    Arc::clone(&here.canary).fly().await;
    assert!(here.says("rollcall_canary_up 1"));
}

/// A disk that never comes back.
struct Silent;

#[async_trait]
impl Vitals for Silent {
    async fn check(&self) -> Result<(), StoreError> {
        std::future::pending().await
    }

    fn epoch(&self) -> &Epoch {
        unreachable!("the canary does not ask")
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_told_in_time() {
    let here = here(CANARY_PATIENCE, |_| Arc::new(Silent));
    Arc::clone(&here.canary).fly().await;
    let late = Failure::Late(Station::Commit, CANARY_PATIENCE);
    assert!(matches!(here.canary.health(), Health::Ill { why, .. } if why == late));
    assert_eq!(
        late.to_string(),
        "a message of its own still waited for its commit after 5 s"
    );
    assert!(here.says("rollcall_canary_up 0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_fan_out_that_hangs_is_told_while_it_hangs() {
    let patience = Duration::from_millis(300);
    let here = here(patience, |store| store.clone());
    let hub = Arc::clone(&here.hub);
    let (held, hold) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(std::sync::Barrier::new(2)),
    );
    let (holds, until) = (Arc::clone(&held), Arc::clone(&hold));
    let hanging = std::thread::spawn(move || {
        let _locked = hub.hang();
        holds.notify_one();
        until.wait();
    });
    held.notified().await;
    let flying = tokio::spawn(Arc::clone(&here.canary).fly());
    let deadline = Instant::now() + Duration::from_secs(20);
    while !matches!(
        here.canary.health(),
        Health::Ill {
            why: Failure::Late(..),
            ..
        }
    ) {
        assert!(Instant::now() < deadline, "{:?}", here.canary.health());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!flying.is_finished(), "no second flight while the first hangs");
    tokio::task::spawn_blocking(move || hold.wait()).await.unwrap();
    hanging.join().unwrap();
    flying.await.unwrap();
    Arc::clone(&here.canary).fly().await;
    assert!(
        matches!(here.canary.health(), Health::Well { .. }),
        "{:?}",
        here.canary.health()
    );
}
