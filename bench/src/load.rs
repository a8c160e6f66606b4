//! A steady load over a crowd: so many messages under way at a time over all rooms, whatever their number and size.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fanout::{add, number_after};
use crate::seed::{Member, People};
use crate::servers::{Kind, Server, own_cpu};
use crate::wire::{Connection, Packet};

/// More than are under way at a time.
const SLOTS: usize = 4096;
/// Connections that are opened at a time.
const AT_A_TIME: usize = 32;
/// Before the measuring begins.
const WARM_UP: Duration = Duration::from_millis(700);
/// How long stragglers are waited for at the end.
const STRAGGLERS: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy)]
struct Slot {
    number: u64,
    left: usize,
}

/// Messages under way, and what was seen of them.
#[derive(Debug)]
pub(crate) struct Load {
    /// Set when everybody is in.
    rooms: OnceCell<Vec<Loaded>>,
    slots: RefCell<Vec<Slot>>,
    next: Cell<u64>,
    under_way: Cell<usize>,
    done: Notify,
    deliveries: Cell<u64>,
    messages: Cell<u64>,
    out_of_order: Cell<u64>,
    refused: Cell<u64>,
    stopping: Cell<bool>,
}

/// The newest seq that one connection has of each room.
#[derive(Debug, Default)]
struct Newest(HashMap<u64, u64>);

/// Where a message stands among those of its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind the one before it, or the first that was seen.
    Next,
    /// Something before it is missing.
    AfterAGap,
    /// At or before one that came already.
    Again,
}

impl Newest {
    fn take(&mut self, room: u64, seq: u64) -> Place {
        let newest = self.0.entry(room).or_insert(seq.saturating_sub(1));
        let place = match seq.checked_sub(*newest) {
            None | Some(0) => Place::Again,
            Some(1) => Place::Next,
            Some(_) => Place::AfterAGap,
        };
        *newest = seq.max(*newest);
        place
    }
}

#[derive(Debug)]
struct Loaded {
    id: String,
    sender: Rc<Connection>,
    members: usize,
}

/// What a stretch of time cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Messages that everybody had.
    pub(crate) messages: f64,
    /// What members read.
    pub(crate) deliveries: f64,
    /// Seconds of the server's processor time.
    pub(crate) server_cpu: f64,
    /// Seconds of the load's.
    pub(crate) load_cpu: f64,
    /// Seconds.
    pub(crate) took: f64,
}

/// Connects one of a crowd, as far as the first live message of every room can come.
pub(crate) async fn enter(server: &Server, people: &People, member: &Member) -> Result<Rc<Connection>> {
    let connection = Connection::open(server.address, &member.auth).await?;
    if server.kind == Kind::Rollcall {
        connection.until_event("session").await?;
    } else {
        for room in &member.rooms {
            let data = json!({ "conversation_id": people.rooms[*room] }).to_string();
            connection.ask_and_wait("join_conversation", &data).await?;
        }
    }
    Ok(connection)
}

impl Load {
    /// Connects this crowd; the first member of each room speaks. Everybody reads from the moment they are in, until the local set
    /// ends: it takes longer to let thousands in than a server waits for the answer to a heartbeat.
    pub(crate) async fn enter(server: &Server, people: &People, readers: &mut JoinSet<Result<()>>) -> Result<Rc<Self>> {
        let empty = Slot {
            number: u64::MAX,
            left: 0,
        };
        let load = Rc::new(Self {
            rooms: OnceCell::new(),
            slots: RefCell::new(vec![empty; SLOTS]),
            next: Cell::new(0),
            under_way: Cell::new(0),
            done: Notify::new(),
            deliveries: Cell::new(0),
            messages: Cell::new(0),
            out_of_order: Cell::new(0),
            refused: Cell::new(0),
            stopping: Cell::new(false),
        });
        let mut entering = stream::iter(&people.members)
            .map(async |member| Ok::<_, anyhow::Error>((member, enter(server, people, member).await?)))
            .buffered(AT_A_TIME);
        let mut rooms: Vec<Option<Loaded>> = people.rooms.iter().map(|_| None).collect();
        while let Some(entered) = entering.next().await {
            let (member, connection) = entered?;
            for room in &member.rooms {
                let loaded = rooms[*room].get_or_insert_with(|| Loaded {
                    id: people.rooms[*room].clone(),
                    sender: Rc::clone(&connection),
                    members: 0,
                });
                loaded.members += 1;
            }
            let load = Rc::clone(&load);
            readers.spawn_local(async move {
                let mut newest = Newest::default();
                loop {
                    connection.read_some(|packet| load.saw(packet, &mut newest)).await?;
                }
            });
        }
        drop(entering);
        load.rooms.get_or_init(|| rooms.into_iter().flatten().collect());
        Ok(load)
    }

    fn saw(&self, packet: Packet<'_>, newest: &mut Newest) {
        match packet {
            Packet::Event(event) if event.starts_with("[\"new_message\"") => {
                if let (Some(number), Some(seq)) =
                    (number_after(event, "\"content\":\""), number_after(event, "\"seq\":"))
                {
                    // Message `number` went to this room. Nobody speaks before everybody is in.
                    let rooms = self.rooms.get().map_or(1, Vec::len);
                    match newest.take(number % rooms as u64, seq) {
                        Place::Next => self.heard(number),
                        Place::AfterAGap => {
                            add(&self.out_of_order, 1);
                            self.heard(number);
                        }
                        // It counts for nobody else's.
                        Place::Again => add(&self.out_of_order, 1),
                    }
                }
            }
            Packet::Ack(answer) if !answer.contains("\"ok\":true") => add(&self.refused, 1),
            _ => {}
        }
    }

    fn heard(&self, number: u64) {
        let mut slots = self.slots.borrow_mut();
        let at = usize::try_from(number).unwrap_or_default() % SLOTS;
        let slot = &mut slots[at];
        if slot.number != number || slot.left == 0 {
            return;
        }
        slot.left -= 1;
        add(&self.deliveries, 1);
        if slot.left == 0 {
            add(&self.messages, 1);
            self.under_way.set(self.under_way.get() - 1);
            self.done.notify_one();
        }
    }

    fn send(&self) -> Result<()> {
        let number = self.next.get();
        self.next.set(number + 1);
        let at = usize::try_from(number)?;
        let rooms = self.rooms.get().context("nobody is in yet")?;
        let room = &rooms[at % rooms.len()];
        self.slots.borrow_mut()[at % SLOTS] = Slot {
            number,
            left: room.members,
        };
        self.under_way.set(self.under_way.get() + 1);
        let content = format!("{number}: the quick brown fox jumps over the lazy dog, and nobody is harmed");
        let data = json!({ "conversation_id": room.id, "content": content });
        room.sender.ask("send_message", &data.to_string())
    }

    async fn keep(&self, in_flight: usize) -> Result<()> {
        while !self.stopping.get() {
            if self.under_way.get() < in_flight {
                self.send()?;
            } else {
                self.done.notified().await;
            }
        }
        Ok(())
    }

    /// Keeps so many under way, and measures `windows` times `each`.
    pub(crate) async fn measure(
        self: &Rc<Self>,
        server: &Server,
        in_flight: usize,
        (windows, each): (usize, Duration),
    ) -> Result<Vec<Window>> {
        let mut keeping = JoinSet::new();
        let load = Rc::clone(self);
        keeping.spawn_local(async move { load.keep(in_flight).await });
        tokio::time::sleep(WARM_UP).await;
        let mut measured = Vec::with_capacity(windows);
        let mut before = self.look(server)?;
        for _ in 0..windows {
            tokio::time::sleep(each).await;
            let now = self.look(server)?;
            measured.push(Window {
                messages: now.messages - before.messages,
                deliveries: now.deliveries - before.deliveries,
                server_cpu: now.server_cpu - before.server_cpu,
                load_cpu: now.load_cpu - before.load_cpu,
                took: (now.at - before.at).as_secs_f64(),
            });
            before = now;
        }
        self.stopping.set(true);
        self.done.notify_one();
        if let Some(ended) = keeping.try_join_next() {
            let ended: Result<()> = ended?;
            ended.context("whoever speaks could not")?;
        }
        let deadline = Instant::now() + STRAGGLERS;
        while self.under_way.get() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ensure!(
            self.under_way.get() == 0,
            "{} messages did not reach everybody",
            self.under_way.get()
        );
        let out_of_order = self.out_of_order.get();
        ensure!(out_of_order == 0, "{out_of_order} messages came twice or out of order");
        ensure!(self.refused.get() == 0, "{} messages were refused", self.refused.get());
        Ok(measured)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
    fn look(&self, server: &Server) -> Result<Look> {
        Ok(Look {
            at: Instant::now(),
            messages: self.messages.get() as f64,
            deliveries: self.deliveries.get() as f64,
            server_cpu: server.cpu()?,
            load_cpu: own_cpu()?,
        })
    }
}

struct Look {
    at: Instant,
    messages: f64,
    deliveries: f64,
    server_cpu: f64,
    load_cpu: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_double_is_not_taken_for_somebody_elses() {
        let mut newest = Newest::default();
        let places =
            [(1, 7), (1, 8), (2, 1), (1, 8), (1, 10), (1, 9), (2, 2)].map(|(room, seq)| newest.take(room, seq));
        let (next, again) = (Place::Next, Place::Again);
        assert_eq!(places, [next, next, next, again, Place::AfterAGap, again, next]);
    }
}
