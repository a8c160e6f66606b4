//! All of one's identities, each with a model of its own, and what goes between them: keys, packets, the roll call.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rollcall_client::protocol::chat_core::ConversationId;
use rollcall_client::{Direction, Packet, PacketKind};
use serde_json::Value;

use crate::effect::Effect;
use crate::layout::WIDTH_MIN;
use crate::model::call::Arrived;
use crate::model::{Link, Model, Size};
use crate::roll::How;
use crate::update::{self, Event};

/// Everybody at this terminal.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) seats: Vec<Model>,
    pub(crate) active: usize,
    /// Two at once.
    pub(crate) beside: bool,
    size: Size,
    /// Of each: how many connections it had, and since when it has this one.
    connections: Vec<(u32, Duration)>,
}

/// What happens at the desk.
#[derive(Debug, Clone)]
pub(crate) enum DeskEvent {
    /// Keys, mouse, size and clock.
    Here(Event),
    /// Of one identity's connection.
    Seat(usize, Event),
    /// A packet went by.
    Packet {
        seat: usize,
        at: Duration,
        direction: Direction,
        text: String,
    },
    /// A message is about to go out.
    Sending {
        seat: usize,
        conversation: ConversationId,
        key: String,
        at: Duration,
    },
}

impl Desk {
    pub(crate) fn new(mut seats: Vec<Model>) -> Self {
        let count = seats.len();
        for (at, seat) in seats.iter_mut().enumerate() {
            seat.seat = (at, count);
            seat.sids = vec![None; count];
        }
        Self {
            connections: vec![(0, Duration::ZERO); count],
            seats,
            active: 0,
            beside: false,
            size: Size { width: 80, height: 24 },
        }
    }

    pub(crate) fn active(&self) -> &Model {
        &self.seats[self.active]
    }

    pub(crate) fn wants_to_quit(&self) -> bool {
        self.seats.iter().any(|seat| seat.quit)
    }

    /// Whose halves are shown, with what place of the list.
    pub(crate) fn shown(&self) -> Vec<usize> {
        if self.beside && self.seats.len() > 1 {
            let other = if self.active + 1 < self.seats.len() {
                self.active + 1
            } else {
                self.active - 1
            };
            return vec![self.active.min(other), self.active.max(other)];
        }
        vec![self.active]
    }

    /// Lets something happen, and says what is to be done by whom.
    pub(crate) fn update(&mut self, event: DeskEvent) -> Vec<(usize, Effect)> {
        match event {
            DeskEvent::Here(Event::Key(key)) => {
                if self.own_key(key) {
                    return Vec::new();
                }
                self.to(self.active, Event::Key(key))
            }
            DeskEvent::Here(Event::Resize(size)) => {
                self.size = size;
                self.resize();
                Vec::new()
            }
            DeskEvent::Here(Event::Tick(now)) => {
                let all = 0..self.seats.len();
                all.flat_map(|seat| self.to(seat, Event::Tick(now))).collect()
            }
            DeskEvent::Here(event) => self.to(self.active, event),
            DeskEvent::Seat(seat, event) => {
                self.know_sids();
                let effects = self.to(seat, event);
                self.know_sids();
                effects
            }
            DeskEvent::Packet {
                seat,
                at,
                direction,
                text,
            } => {
                self.packet(seat, at, direction, &text);
                Vec::new()
            }
            DeskEvent::Sending {
                seat,
                conversation,
                key,
                at,
            } => {
                let who = self.seats[seat].name.clone();
                for model in &mut self.seats {
                    model
                        .calls
                        .entry(conversation.clone())
                        .or_default()
                        .sending(&key, &who, at);
                }
                Vec::new()
            }
        }
    }

    fn to(&mut self, seat: usize, event: Event) -> Vec<(usize, Effect)> {
        let Some(model) = self.seats.get_mut(seat) else {
            return Vec::new();
        };
        update::update(model, event)
            .into_iter()
            .map(|effect| (seat, effect))
            .collect()
    }

    /// Keys that are not for one identity.
    fn own_key(&mut self, key: KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let count = self.seats.len();
        match key.code {
            KeyCode::Char('n') if ctrl && count > 1 => self.active = (self.active + 1) % count,
            KeyCode::Char('p') if ctrl && count > 1 => self.active = (self.active + count - 1) % count,
            KeyCode::F(8) if count > 1 => self.active = (self.active + 1) % count,
            KeyCode::F(9) if count > 1 && self.size.width <= 2 * WIDTH_MIN => {
                let words = format!("side by side needs {} columns", 2 * WIDTH_MIN + 1);
                self.seats[self.active].say(words);
            }
            KeyCode::F(9) if count > 1 => self.beside = !self.beside,
            _ => return false,
        }
        self.resize();
        true
    }

    /// Each identity lays itself out in its own part.
    fn resize(&mut self) {
        self.beside &= self.size.width > 2 * WIDTH_MIN;
        let part = if self.shown().len() > 1 {
            (self.size.width - 1) / 2
        } else {
            self.size.width
        };
        let size = Size {
            width: part,
            height: self.size.height,
        };
        for seat in &mut self.seats {
            update::update(seat, Event::Resize(size));
        }
    }

    fn know_sids(&mut self) {
        let sid = |model: &Model| match &model.link {
            Link::Connected(sid) => Some(sid.clone()),
            _ => None,
        };
        let sids: Vec<_> = self.seats.iter().map(sid).collect();
        for seat in &mut self.seats {
            // A connection that ended is still one's own in what was told of it.
            for (known, now) in seat.sids.iter_mut().zip(&sids) {
                if now.is_some() {
                    known.clone_from(now);
                }
            }
        }
    }

    fn packet(&mut self, seat: usize, at: Duration, direction: Direction, text: &str) {
        let packet = Packet::read(text);
        if let Some(model) = self.seats.get_mut(seat) {
            model.wire.push(at, direction, &packet);
        }
        if direction == Direction::Out {
            return;
        }
        match (packet.kind, packet.event.as_deref()) {
            (PacketKind::Open, _) => {
                if let Some((count, since)) = self.connections.get_mut(seat) {
                    (*count, *since) = (*count + 1, at);
                }
            }
            (PacketKind::Event, Some("new_message")) => self.arrived(seat, &packet.data[0], at),
            _ => {}
        }
    }

    fn arrived(&mut self, seat: usize, message: &Value, at: Duration) {
        let text = |field: &str| message[field].as_str().map(ToOwned::to_owned);
        let (Some(conversation), Some(id), Some(seq)) = (text("conversation_id"), text("id"), message["seq"].as_u64())
        else {
            return;
        };
        let Ok(conversation_id) = ConversationId::parse(&conversation) else {
            return;
        };
        let key = text("client_message_id").unwrap_or_else(|| id.clone());
        let (count, since) = self.connections.get(seat).copied().unwrap_or_default();
        let who = self.seats[seat].name.clone();
        for model in &mut self.seats {
            let view = model.conversation(&conversation_id);
            let sender = view.and_then(|view| {
                let sender = view
                    .participants
                    .iter()
                    .find(|one| one.id.as_str() == message["sender_id"])?;
                Some(sender.username.clone())
            });
            let call = model.calls.entry(conversation_id.clone()).or_default();
            let sent_at = call
                .roll()
                .rows()
                .iter()
                .rev()
                .find(|row| row.key == key)
                .and_then(|row| row.sent_at);
            let how = if count > 1 && sent_at.is_some_and(|sent| sent < since) {
                How::Replayed
            } else {
                How::Live
            };
            let arrived = Arrived {
                conversation: conversation.clone(),
                key: key.clone(),
                id: id.clone(),
                seq,
                sender: sender.or_else(|| text("sender_name")).unwrap_or_default(),
                how,
                at,
            };
            call.arrived(seat, &who, &arrived);
        }
    }
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
