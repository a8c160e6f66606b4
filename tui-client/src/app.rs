//! The loop: keys, the server, the clock and answers come in; effects and frames go out.

use std::time::Duration;

use anyhow::Context;
use crossterm::event::{Event as Input, EventStream, KeyEventKind};
use futures_util::StreamExt;
use rollcall_client::{Client, Events};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::effects::Effects;
use crate::model::{Millis, Model, Size};
use crate::terminal::Screen;
use crate::theme::Theme;
use crate::update::{Event, update};

/// Countdowns and marks that fade need no more.
const TICK: Duration = Duration::from_millis(250);
/// Events that are taken in before a frame is drawn, so that a burst costs one frame and not a thousand.
const BATCH: usize = 200;

/// Runs until the user, a signal or the end of the input ends it.
pub(crate) async fn run(mut model: Model, client: Client, mut events: Events) -> anyhow::Result<()> {
    let theme = Theme::from_environment();
    let mut input = EventStream::new();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let (mut effects, mut replies) = Effects::new(client.clone());
    let started = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut events_open = true;
    let mut screen = Screen::take().context("cannot use this terminal")?;
    model.size = screen.size()?;

    while !model.quit {
        screen.draw(&model, &theme)?;
        let event = tokio::select! {
            key = input.next() => match key {
                Some(key) => from_input(key.context("cannot read from this terminal")?),
                None => break,
            },
            event = events.next(), if events_open => {
                events_open = event.is_some();
                event.map(Event::Client)
            }
            Some(reply) = replies.recv() => Some(Event::Reply(reply)),
            _ = ticks.tick() => Some(tick(started)),
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
        };
        let waiting = std::iter::from_fn(|| events.try_next().map(Event::Client));
        for event in event.into_iter().chain(waiting.take(BATCH)) {
            for effect in update(&mut model, event) {
                effects.run(effect);
            }
        }
    }
    drop(screen);
    // A server that does not listen must not keep the shell waiting.
    let _ = tokio::time::timeout(Duration::from_secs(1), client.close()).await;
    Ok(())
}

fn tick(started: Instant) -> Event {
    let passed = started.elapsed().as_millis();
    Event::Tick(Millis(u64::try_from(passed).unwrap_or(u64::MAX)))
}

fn size(width: u16, height: u16) -> Size {
    Size { width, height }
}

fn from_input(input: Input) -> Option<Event> {
    match input {
        Input::Key(key) if key.kind != KeyEventKind::Release => Some(Event::Key(key)),
        Input::Paste(text) => Some(Event::Paste(text)),
        Input::Resize(width, height) => Some(Event::Resize(size(width, height))),
        _ => None,
    }
}
