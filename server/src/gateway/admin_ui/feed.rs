//! What Admin UIs are told, by one task: figures every two seconds and, in development mode, every change and what goes by.
//!
//! One task and one picture for all of them: who comes is shown the picture as it was told to the others, and hears from then on
//! what they hear. What is told is bounded: in passing events by a rate, at each client by its [`Outbox`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::Clock;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::outbox::{Gone, Item, Kind, Outbox};
use super::picture::{Change, Key, Picture, Place};
use super::shown;
use super::stats::Stats;
use crate::hub::Hub;
use crate::hub::admins::AdminLink;
use crate::hub::happenings::{Happening, HappeningsReader, What};
use crate::hub::inspect::CHAT_NAMESPACE;
use crate::hub::tap::{Direction, Filter, Share, TrafficEvent, TrafficReader};
use crate::limits::{ADMIN_UI_HAPPENINGS_MAX, ADMIN_UI_PATIENCE};

/// Figures go out every so many seconds: the protocol's own interval.
const STATS_SECONDS: u64 = 2;
/// Everything is compared with the live sockets every so many seconds, in case something was overlooked.
const CORRECTION_SECONDS: u64 = 10;
/// How often it is looked whether a client whose buffer is full has room again.
const FLUSH_INTERVAL: Duration = Duration::from_millis(25);
/// Changes that are taken in one go, before anybody else has a turn.
const CHANGES_AT_ONCE: usize = 512;

/// Events in and out that are told: the UI keeps the newest thousand of them in the browser and redraws its table for each.
const SHARE: Share = Share {
    per_second: 50,
    burst: 100,
    waiting_max: 256,
};
/// The name under which it is told how many were not; also where the UI shows the socket.
const NOT_SHOWN: &str = "rollcall";

/// Somebody comes to be told, or goes.
pub(super) enum Control {
    Enter(Arc<AdminLink>),
    Exit(Arc<AdminLink>),
}

struct Member {
    link: Arc<AdminLink>,
    outbox: Outbox,
}

/// What is only followed while somebody is told of it.
struct Following {
    happenings: HappeningsReader,
    traffic: TrafficReader,
    picture: Picture,
}

/// The task.
pub(super) struct Feed {
    pub(super) hub: Arc<Hub>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stats: Stats,
    /// Development mode: every change is told.
    pub(super) all_events: bool,
    members: Vec<Member>,
    following: Option<Following>,
}

impl Feed {
    pub(super) fn new(hub: Arc<Hub>, clock: Arc<dyn Clock>, stats: Stats, all_events: bool) -> Self {
        Self {
            hub,
            clock,
            stats,
            all_events,
            members: Vec::new(),
            following: None,
        }
    }

    /// Runs until its control is dropped.
    pub(super) async fn run(mut self, mut control: mpsc::Receiver<Control>) {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut flushes = tokio::time::interval(FLUSH_INTERVAL);
        flushes.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut count: u64 = 0;
        loop {
            let waits = self.members.iter().any(|member| member.outbox.waits());
            let (happenings, traffic) = match &mut self.following {
                Some(following) => (Some(&mut following.happenings), Some(&mut following.traffic)),
                None => (None, None),
            };
            tokio::select! {
                asked = control.recv() => match asked {
                    Some(Control::Enter(link)) => self.enter(link),
                    Some(Control::Exit(link)) => self.members.retain(|member| !Arc::ptr_eq(&member.link, &link)),
                    None => return,
                },
                Some(happening) = next_happening(happenings) => self.happened(happening),
                Some(event) = next_event(traffic) => self.went_by(&event),
                _ = seconds.tick() => {
                    count += 1;
                    self.second(count);
                }
                _ = flushes.tick(), if waits => self.flush(),
            }
            if self.members.is_empty() {
                self.following = None;
            }
        }
    }

    fn enter(&mut self, link: Arc<AdminLink>) {
        if !link.is_connected() {
            return;
        }
        if self.all_events && self.following.is_none() {
            // Followed first, looked at second: what happens in between is told again, and is known already.
            self.following = Some(Following {
                happenings: self.hub.happenings().follow(ADMIN_UI_HAPPENINGS_MAX),
                traffic: self.hub.tap().listen(Filter::default(), SHARE),
                picture: Picture::taken(&self.hub),
            });
        }
        // Whoever comes is in the picture that it is shown.
        let key = (Place::Admin, link.sid.clone());
        let came = self
            .following
            .as_mut()
            .and_then(|following| following.picture.connected(&self.hub, &key));
        self.tell_changes(came);
        let figures = Item::new("server_stats", &[self.stats.of_now(&[])], Kind::News);
        let mut member = Member {
            link,
            outbox: Outbox::new(self.all_events),
        };
        if member.flush(self.following.as_ref()).is_ok() && member.offer(&figures).is_ok() {
            self.members.push(member);
        }
    }

    // === what happened ===

    fn happened(&mut self, first: Happening) {
        let Some(following) = &mut self.following else { return };
        let (mut changes, mut touched) = (Vec::new(), BTreeSet::<Key>::new());
        let mut next = Some(first);
        while let Some(Happening { namespace, sid, what }) = next {
            if let Some(place) = Place::of(namespace) {
                let key = (place, sid);
                let picture = &mut following.picture;
                match what {
                    What::Connected => changes.extend(picture.connected(&self.hub, &key)),
                    What::Disconnected(reason) => changes.extend(picture.disconnected(&key, shown::reason(reason))),
                    What::Joined(room) => changes.extend(picture.joined(&key, room)),
                    What::Left(room) => changes.extend(picture.left(&key, room)),
                }
                touched.insert(key);
            }
            next = (changes.len() < CHANGES_AT_ONCE)
                .then(|| following.happenings.try_next())
                .flatten();
        }
        if following.happenings.take_lost() {
            tracing::warn!("more happened than Admin UIs can be told of; they are shown everything anew");
            following.picture = Picture::taken(&self.hub);
            for member in &mut self.members {
                member.outbox.start_over();
            }
            return;
        }
        // In the end only the live rooms count: two changes of one room at the same time may have been told in the wrong order.
        for key in &touched {
            changes.extend(following.picture.corrected(&self.hub, key));
        }
        self.tell_changes(changes);
    }

    fn tell_changes(&mut self, changes: impl IntoIterator<Item = Change>) {
        let at = self.clock.now().to_string();
        for change in changes {
            self.tell(&change.item(&at));
        }
    }

    fn went_by(&mut self, event: &TrafficEvent) {
        let name = match event.direction {
            Direction::In => "event_received",
            Direction::Out => "event_sent",
        };
        let args = [
            event.namespace.into(),
            event.sid.as_str().into(),
            json!([event.event, event.data]),
            event.at.to_string().into(),
        ];
        self.tell(&Item::new(name, &args, Kind::News));
    }

    // === every second ===

    fn second(&mut self, count: u64) {
        let now = self.clock.now();
        let this_second = now.as_millis() - now.as_millis().rem_euclid(1_000);
        self.stats.second(this_second - 1_000);
        if count.is_multiple_of(STATS_SECONDS) {
            if self.members.is_empty() {
                self.stats.forget();
            } else {
                let figures = self.stats.take();
                self.tell(&Item::new("server_stats", &[figures], Kind::News));
            }
        }
        self.correct(count.is_multiple_of(CORRECTION_SECONDS));
        self.tell_what_was_not_shown();
        self.cut_the_stuck();
    }

    fn correct(&mut self, all: bool) {
        let Some(following) = &mut self.following else { return };
        let changes = if all {
            following.picture.all_corrected(&self.hub)
        } else {
            // Nothing tells of an upgrade: it is looked for.
            let polling = following.picture.polling();
            polling
                .iter()
                .flat_map(|key| following.picture.corrected(&self.hub, key))
                .collect()
        };
        self.tell_changes(changes);
    }

    /// The protocol has no word for what was left out; an event in its place says it where people look.
    fn tell_what_was_not_shown(&mut self) {
        let Some(following) = &self.following else { return };
        let mut count = following.traffic.take_dropped();
        for member in &mut self.members {
            count = count.max(std::mem::take(&mut member.outbox.dropped));
        }
        if count > 0 {
            let words = format!("{count} events are not shown: too many a second");
            let at = self.clock.now().to_string();
            let args = [CHAT_NAMESPACE.into(), NOT_SHOWN.into(), json!([words]), at.into()];
            self.tell(&Item::new("event_sent", &args, Kind::News));
        }
    }

    fn cut_the_stuck(&mut self) {
        for member in &self.members {
            if member
                .outbox
                .stuck_since()
                .is_some_and(|since| since.elapsed() > ADMIN_UI_PATIENCE)
            {
                tracing::info!(sid = %member.link.sid, "an Admin UI takes nothing; it is cut");
                member.link.cut();
            }
        }
    }

    // === telling ===

    fn tell(&mut self, item: &Item) {
        self.members.retain_mut(|member| member.offer(item).is_ok());
    }

    fn flush(&mut self) {
        let following = self.following.as_ref();
        self.members.retain_mut(|member| member.flush(following).is_ok());
    }
}

impl Member {
    fn offer(&mut self, item: &Item) -> Result<(), Gone> {
        let link = &self.link;
        self.outbox.offer(item, |event, args| link.emit(event, args))
    }

    fn flush(&mut self, following: Option<&Following>) -> Result<(), Gone> {
        let everything = || {
            let all = following.map_or_else(|| RawValue::NULL.to_owned(), |following| following.picture.everything());
            Item::with_first("all_sockets", all, &[], Kind::Change)
        };
        let link = &self.link;
        self.outbox.flush(everything, |event, args| link.emit(event, args))
    }
}

async fn next_happening(reader: Option<&mut HappeningsReader>) -> Option<Happening> {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}

async fn next_event(reader: Option<&mut TrafficReader>) -> Option<Arc<TrafficEvent>> {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}
