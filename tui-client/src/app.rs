//! The loop: keys, the server, the clock and answers come in; effects and frames go out.

use std::time::Duration;

use anyhow::Context;
use crossterm::event::{Event as Input, EventStream, KeyEventKind};
use futures_util::StreamExt;
use rollcall_client::{Client, ClientEvent, Direction};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::desk::{Desk, DeskEvent};
use crate::effect::Effect;
use crate::effects::{Answer, Effects};
use crate::model::{Millis, Size};
use crate::site::Site;
use crate::tape::{Entry, Writer};
use crate::terminal::Screen;
use crate::theme::Theme;
use crate::update::Event;

/// Countdowns and marks that fade need no more.
const TICK: Duration = Duration::from_millis(250);
/// Events that are taken in before a frame is drawn, so that a burst costs one frame and not a thousand.
const BATCH: usize = 200;
/// Packets that wait to be looked at. Beyond it they are missing in the wire view, and nothing else is.
const PACKETS: usize = 4_096;
/// Events that wait to be taken in; more, and the connections are read more slowly.
const EVENTS: usize = 256;
/// A message waits this long for a connection before it counts as failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A packet on its way to the wire view.
type Tapped = (usize, Duration, Direction, String);

/// The connections of everybody at the desk.
struct Links {
    clients: Vec<Client>,
    effects: Vec<Effects>,
    readers: JoinSet<()>,
}

impl Links {
    fn connect(
        site: &Site,
        started: Instant,
        packets: &mpsc::Sender<Tapped>,
        events: &mpsc::Sender<(usize, ClientEvent)>,
        replies: &mpsc::Sender<Answer>,
    ) -> anyhow::Result<Self> {
        let mut links = Self {
            clients: Vec::new(),
            effects: Vec::new(),
            readers: JoinSet::new(),
        };
        for (seat, identity) in site.identities.iter().enumerate() {
            let packets = packets.clone();
            let builder = site.builder(Some(identity)).receipts(true).call_timeout(CALL_TIMEOUT);
            let builder = builder.tap(move |packet| {
                let _ = packets.try_send((seat, started.elapsed(), packet.direction, packet.text.to_owned()));
            });
            let (client, mut heard) = builder.start()?;
            let events = events.clone();
            links.readers.spawn(async move {
                while let Some(event) = heard.next().await {
                    if events.send((seat, event)).await.is_err() {
                        return;
                    }
                }
            });
            let effects = Effects::new(seat, client.clone(), site.clone(), identity.clone(), replies.clone());
            links.effects.push(effects);
            links.clients.push(client);
        }
        Ok(links)
    }

    async fn close(self) {
        // A server that does not listen must not keep the shell waiting.
        let goodbyes = async {
            for client in &self.clients {
                client.close().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbyes).await;
    }
}

/// Runs until the user, a signal or the end of the input ends it.
pub(crate) async fn run(mut desk: Desk, site: Site, mut tape: Option<Writer>) -> anyhow::Result<()> {
    let mut input = EventStream::new();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let started = Instant::now();
    let names: Vec<String> = site.identities.iter().map(|identity| identity.name.clone()).collect();
    let (packets, mut tapped) = mpsc::channel(PACKETS);
    let (events, mut heard) = mpsc::channel(EVENTS);
    let (replies, mut answers) = Effects::replies();
    let mut links = Links::connect(&site, started, &packets, &events, &replies)?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut screen = Screen::take(desk.active().mouse).context("cannot use this terminal")?;
    desk.update(DeskEvent::Here(Event::Resize(screen.size()?)));

    while !desk.wants_to_quit() {
        screen.draw(&desk, &Theme::named(desk.active().theme))?;
        let first = tokio::select! {
            key = input.next() => match key {
                Some(key) => from_input(key.context("cannot read from this terminal")?).map(DeskEvent::Here),
                None => break,
            },
            Some(packet) = tapped.recv() => Some(from_tap(packet, &names, &mut tape)?),
            Some((seat, event)) = heard.recv() => Some(DeskEvent::Seat(seat, Event::Client(event))),
            Some((seat, reply)) = answers.recv() => Some(DeskEvent::Seat(seat, Event::Reply(reply))),
            _ = ticks.tick() => Some(DeskEvent::Here(tick(started))),
            _ = terminate.recv() => break,
            _ = hang_up.recv() => break,
        };
        let mut waiting: Vec<DeskEvent> = first.into_iter().collect();
        while waiting.len() < BATCH
            && let Ok(packet) = tapped.try_recv()
        {
            waiting.push(from_tap(packet, &names, &mut tape)?);
        }
        while waiting.len() < BATCH
            && let Ok((seat, event)) = heard.try_recv()
        {
            waiting.push(DeskEvent::Seat(seat, Event::Client(event)));
        }
        for event in waiting {
            for (seat, effect) in desk.update(event) {
                carry_out(&mut desk, &mut links, &mut screen, started, seat, effect)?;
            }
        }
    }
    drop(screen);
    links.close().await;
    Ok(())
}

fn carry_out(
    desk: &mut Desk,
    links: &mut Links,
    screen: &mut Screen,
    started: Instant,
    seat: usize,
    effect: Effect,
) -> anyhow::Result<()> {
    match &effect {
        Effect::Mouse(on) => screen.mouse(*on)?,
        Effect::Send { conversation, id, .. } => {
            desk.update(DeskEvent::Sending {
                seat,
                conversation: conversation.clone(),
                key: id.to_string(),
                at: started.elapsed(),
            });
        }
        _ => {}
    }
    if let Some(effects) = links.effects.get_mut(seat) {
        effects.run(effect);
    }
    Ok(())
}

fn from_tap(
    (seat, at, direction, text): Tapped,
    names: &[String],
    tape: &mut Option<Writer>,
) -> anyhow::Result<DeskEvent> {
    if let Some(tape) = tape {
        let entry = Entry {
            ms: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            who: names.get(seat).cloned(),
            direction: direction.into(),
            text: text.clone(),
        };
        tape.entry(&entry).context("cannot write the record")?;
    }
    Ok(DeskEvent::Packet {
        seat,
        at,
        direction,
        text,
    })
}

fn tick(started: Instant) -> Event {
    let passed = started.elapsed().as_millis();
    Event::Tick(Millis(u64::try_from(passed).unwrap_or(u64::MAX)))
}

fn from_input(input: Input) -> Option<Event> {
    match input {
        Input::Key(key) if key.kind != KeyEventKind::Release => Some(Event::Key(key)),
        Input::Paste(text) => Some(Event::Paste(text)),
        Input::Mouse(mouse) => Some(Event::Mouse(mouse)),
        Input::Resize(width, height) => Some(Event::Resize(Size { width, height })),
        _ => None,
    }
}
