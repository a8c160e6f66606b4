//! Messages to rooms: everything about one delivery, from the sender's write to every member's read.

mod tally;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use memchr::memmem;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use self::tally::Tally;
use crate::figures::Figures;
use crate::servers::{Kind, Programs, Room, Server, own_cpu};
use crate::wire::{Connection, Packet};
use crate::workload::Receipts;

/// Messages of one room that may be under way at the same time, at most.
const SLOTS: usize = 1024;
/// A client's receipts: the first at once, then at most one per interval, as the Rust client sends them.
const RECEIPT_INTERVAL: Duration = Duration::from_millis(200);
/// In a conversation of more than so many, of whose receipts nobody else is told, after so long instead, unless it was quiet.
const CROWD_ABOVE: usize = 50;
const CROWD_RECEIPT_DELAY: Duration = Duration::from_secs(2);
const CROWD_QUIET: Duration = Duration::from_secs(10);
/// Before the measuring begins: connections warm, histories past their first allocations.
const WARM_UP: Duration = Duration::from_millis(700);
/// How long stragglers are waited for at the end.
const STRAGGLERS: Duration = Duration::from_secs(5);
/// Connections that are opened at a time.
const AT_A_TIME: usize = 32;
/// How often it is looked whether the server has settled: for up to a minute and a half.
const SETTLING_LOOKS: usize = 300;

/// What is sent where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Conversations.
    pub(crate) rooms: usize,
    /// Members of each, all connected.
    pub(crate) members: usize,
    /// Messages under way in each room at a time.
    pub(crate) in_flight: usize,
    /// Messages per second over all rooms, instead of as many as go.
    pub(crate) pace: Option<f64>,
    /// Whose clients send receipts.
    pub(crate) receipts: Option<Receipts>,
    /// Servers whose choice it is save each message.
    pub(crate) save: bool,
    /// How long is measured.
    pub(crate) seconds: f64,
}

impl Plan {
    /// Between two messages of one room, at a pace.
    fn gap(&self) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "a few rooms")]
        self.pace.map(|pace| Duration::from_secs_f64(self.rooms as f64 / pace))
    }

    /// When a room begins to speak: one after the other, so that they never speak all at once.
    fn first(&self, room: usize, began: Instant) -> Instant {
        #[expect(clippy::cast_precision_loss, reason = "a few rooms")]
        let share = room as f64 / self.rooms as f64;
        began + self.gap().unwrap_or_default().mul_f64(share)
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    number: u64,
    at: Instant,
    left: usize,
}

/// A room under load.
struct Loaded {
    /// Its place among the rooms.
    place: usize,
    id: String,
    members: usize,
    slots: RefCell<Vec<Slot>>,
    next: Cell<u64>,
    under_way: Cell<usize>,
    done: Notify,
    tally: Rc<Tally>,
}

/// Adds to a counter.
pub(crate) fn add(to: &Cell<u64>, number: u64) {
    to.set(to.get() + number);
}

/// The number behind `key`.
pub(crate) fn number_after(text: &str, key: &str) -> Option<u64> {
    let at = memmem::find(text.as_bytes(), key.as_bytes())? + key.len();
    let digits = text[at..].split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

impl Loaded {
    /// A member heard message `number`.
    fn heard(&self, number: u64, now: Instant) {
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = usize::try_from(number).ok().and_then(|at| slots.get_mut(at % SLOTS)) else {
            return;
        };
        if slot.number != number || slot.left == 0 {
            return;
        }
        slot.left -= 1;
        self.tally.heard(now - slot.at);
        if slot.left == 0 {
            self.tally.heard_by_all(self.place, now - slot.at);
            self.under_way.set(self.under_way.get() - 1);
            self.done.notify_one();
        }
    }

    fn send(&self, by: &Connection) -> Result<()> {
        let number = self.next.get();
        self.next.set(number + 1);
        let slot = Slot {
            number,
            at: Instant::now(),
            left: self.members,
        };
        let at = usize::try_from(number)? % SLOTS;
        self.slots.borrow_mut()[at] = slot;
        self.under_way.set(self.under_way.get() + 1);
        let content = format!("{number}: the quick brown fox jumps over the lazy dog, and nobody is harmed");
        let data = json!({ "conversation_id": self.id, "content": content });
        by.ask("send_message", &data.to_string())
    }

    /// Keeps so many messages under way, or sends at a pace: the first at `first`.
    async fn load(&self, by: Rc<Connection>, plan: Plan, first: Instant) -> Result<()> {
        let mut due = first;
        while !self.tally.stopping.get() {
            match plan.gap() {
                Some(gap) => {
                    // By the clock: what a message takes does not put off the next one.
                    tokio::time::sleep_until(due).await;
                    due += gap;
                    if !self.tally.stopping.get() {
                        self.send(&by)?;
                    }
                }
                None if self.under_way.get() < plan.in_flight => self.send(&by)?,
                None => self.done.notified().await,
            }
        }
        Ok(())
    }
}

/// One member reads, and sends receipts if that is asked for.
async fn listen(connection: Rc<Connection>, room: Rc<Loaded>, receipts: bool) -> Result<()> {
    let (mut newest, due, mut quiet_until) = (0, Cell::new(None), Instant::now());
    let (is_crowd, mut busy_at) = (room.members > CROWD_ABOVE, None::<Instant>);
    loop {
        let (mut now, waiting) = (None, due.get());
        let reading = connection.read_some(|packet| match packet {
            Packet::Event(event) if event.starts_with("[\"new_message\"") => {
                let now = *now.get_or_insert_with(Instant::now);
                if let (Some(number), Some(seq)) =
                    (number_after(event, "\"content\":\""), number_after(event, "\"seq\":"))
                {
                    if seq != newest + 1 && newest != 0 {
                        add(&room.tally.out_of_order, 1);
                    }
                    newest = seq.max(newest);
                    due.set(Some(newest));
                    room.heard(number, now);
                }
            }
            Packet::Ack(answer) if !answer.contains("\"ok\":true") => add(&room.tally.refused, 1),
            _ => {}
        });
        match waiting.filter(|_| receipts) {
            None => {
                reading.await?;
                let was_busy = busy_at.is_some_and(|at| at + CROWD_QUIET > Instant::now());
                if is_crowd && due.get().is_some() && was_busy {
                    quiet_until = Instant::now() + CROWD_RECEIPT_DELAY;
                }
            }
            Some(seq) => {
                if let Ok(read) = timeout_at(quiet_until, reading).await {
                    read?;
                }
                if Instant::now() >= quiet_until {
                    let data = format!("{{\"conversation_id\":\"{}\",\"received\":{seq}}}", room.id);
                    connection.say("receipt", &data)?;
                    quiet_until = Instant::now() + RECEIPT_INTERVAL;
                    due.set(due.get().filter(|due| *due > seq));
                }
            }
        }
        busy_at = now.or(busy_at);
    }
}

/// Connects one member, as far as its first live message can come.
pub(crate) async fn enter(server: &Server, room: &Room, auth: &str) -> Result<Rc<Connection>> {
    let connection = Connection::open(server.address, auth).await?;
    if server.kind == Kind::Rollcall {
        connection.until_event("session").await?;
    } else {
        let data = json!({ "conversation_id": room.id }).to_string();
        connection.ask_and_wait("join_conversation", &data).await?;
    }
    Ok(connection)
}

/// Waits until the server has nothing to do any more: presence of a thousand who came to one room is told for a while.
pub(crate) async fn settle(server: &Server) -> Result<()> {
    for _ in 0..SETTLING_LOOKS {
        let before = server.cpu()?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        if server.cpu()? - before <= 0.02 {
            return Ok(());
        }
    }
    anyhow::bail!("{} is still busy with those who came", server.kind.name())
}

/// One run against one server.
pub(crate) async fn run(kind: Kind, programs: &Programs, plan: Plan) -> Result<Figures> {
    let server = Server::start(kind, programs, plan.save).await?;
    let receipts = match plan.receipts {
        None => false,
        Some(Receipts::Rollcall) => kind == Kind::Rollcall,
        Some(Receipts::All) => true,
    };
    let crowd = server.crowd(plan.rooms, plan.members, receipts).await?;
    let tally = Rc::new(Tally::default());
    let (mut loaded, mut readers) = (Vec::new(), tokio::task::JoinSet::new());
    for (place, room) in crowd.rooms.iter().enumerate() {
        let state = Rc::new(Loaded {
            place,
            id: room.id.clone(),
            members: plan.members,
            slots: RefCell::new(vec![
                Slot {
                    number: u64::MAX,
                    at: Instant::now(),
                    left: 0
                };
                SLOTS
            ]),
            next: Cell::new(0),
            under_way: Cell::new(0),
            done: Notify::new(),
            tally: Rc::clone(&tally),
        });
        let mut first = None;
        let mut entering = stream::iter(&room.auths)
            .map(|auth| enter(&server, room, auth))
            .buffered(AT_A_TIME);
        while let Some(connection) = entering.next().await {
            let connection = connection?;
            first.get_or_insert(Rc::clone(&connection));
            readers.spawn_local(listen(connection, Rc::clone(&state), receipts));
        }
        loaded.push((state, first.context("a room without members")?));
    }
    settle(&server).await?;
    let mut senders = tokio::task::JoinSet::new();
    let began = Instant::now();
    for (number, (room, by)) in loaded.iter().enumerate() {
        let (room, by, first) = (Rc::clone(room), Rc::clone(by), plan.first(number, began));
        senders.spawn_local(async move { room.load(by, plan, first).await });
    }
    tokio::time::sleep(WARM_UP).await;
    let (began, server_cpu, load_cpu) = (Instant::now(), server.cpu()?, own_cpu()?);
    tally.measuring.set(true);
    tokio::time::sleep(Duration::from_secs_f64(plan.seconds)).await;
    tally.measuring.set(false);
    let (server_cpu, load_cpu, took) = (server.cpu()? - server_cpu, own_cpu()? - load_cpu, began.elapsed());
    tally.stopping.set(true);
    let lost = stragglers(&loaded).await;
    ensure!(
        readers.try_join_next().is_none(),
        "a connection ended: {:?}",
        readers.try_join_next()
    );
    ensure!(
        tally.refused.get() == 0,
        "{} messages were refused",
        tally.refused.get()
    );
    Ok(tally.figures(took, server_cpu, load_cpu, lost))
}

/// Waits for what is under way; returns the deliveries that never came.
async fn stragglers(loaded: &[(Rc<Loaded>, Rc<Connection>)]) -> usize {
    let missing = || -> usize {
        loaded
            .iter()
            .flat_map(|(room, _)| room.slots.borrow().iter().map(|slot| slot.left).collect::<Vec<_>>())
            .sum()
    };
    let deadline = Instant::now() + STRAGGLERS;
    while missing() > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    missing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_at_a_pace_speak_one_after_the_other() {
        let plan = Plan {
            rooms: 4,
            members: 1,
            in_flight: 1,
            pace: Some(8.0),
            receipts: None,
            save: false,
            seconds: 1.0,
        };
        let began = Instant::now();
        let firsts = [0, 1, 2, 3].map(|room| (plan.first(room, began) - began).as_millis());
        assert_eq!(
            (firsts, plan.gap()),
            ([0, 125, 250, 375], Some(Duration::from_millis(500)))
        );
        let flat_out = Plan { pace: None, ..plan };
        assert_eq!(flat_out.first(3, began), began);
    }
}
