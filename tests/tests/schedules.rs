//! Random stories of people who come, go, leave, join, talk, are added and removed, all at once, against the real server.
//! However they end, every participant's every connection holds exactly the log that REST tells: by rising seq, without a gap, each
//! message once; and what was acknowledged is in it.
//!
//! A story that fails is printed step by step, the shortest that was found. Whether it fails again is up to the moment: the
//! steps are started in this order, and run side by side.

#[path = "schedules/plan.rs"]
mod plan;
#[path = "schedules/reader.rs"]
mod reader;
#[path = "schedules/stage.rs"]
mod stage;
#[path = "schedules/tab.rs"]
mod tab;

use std::time::Duration;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use tokio::runtime;
use tokio::time::Instant;

/// Stories that are played, unless the time is up before.
const STORIES: u32 = 100;

/// No story, and no search for a shorter one, begins after this.
const TIME: Duration = Duration::from_secs(30);

#[test]
fn whatever_happens_everybody_holds_the_log() {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let stage = runtime.block_on(stage::Stage::open()).unwrap();
    let config = Config {
        cases: STORIES,
        failure_persistence: None,
        ..Config::default()
    };
    let began = Instant::now();
    let outcome = TestRunner::new(config).run(&plan::schedules(), |schedule| {
        if began.elapsed() > TIME {
            return Ok(());
        }
        let played = runtime.block_on(stage.play(&schedule));
        played.map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(wrong, schedule)) => panic!("{wrong}\n\nthe schedule, started in this order:\n{schedule}"),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
