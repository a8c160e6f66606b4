//! The packets of one connection, newest last, and what is looked at of them.

use std::collections::VecDeque;
use std::time::Duration;

use rollcall_client::{Direction, Packet};

/// Packets that are kept.
const PACKETS_MAX: usize = 2_000;
/// A packet's data is kept up to here; nobody reads on in a terminal.
const DATA_BYTES_MAX: usize = 8_192;

/// A packet that went by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Passed {
    pub(crate) at: Duration,
    pub(crate) direction: Direction,
    pub(crate) kind: String,
    pub(crate) data: String,
    pub(crate) is_heartbeat: bool,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WireLog {
    packets: VecDeque<Passed>,
    /// Only those that hold this.
    pub(crate) filter: String,
    pub(crate) heartbeats: bool,
    /// Rows between the newest one and the last one shown.
    pub(crate) scrolled: usize,
    /// New ones are not taken in.
    pub(crate) held: bool,
}

impl WireLog {
    pub(crate) fn push(&mut self, at: Duration, direction: Direction, packet: &Packet) {
        if self.held {
            return;
        }
        let mut kind = packet.kind.to_string();
        if let Some(event) = &packet.event {
            kind = format!("{kind} {event}");
        }
        if let Some(ack) = packet.ack {
            kind = format!("{kind} #{ack}");
        }
        let mut data = if packet.data.is_null() {
            String::new()
        } else {
            packet.data.to_string()
        };
        if data.len() > DATA_BYTES_MAX {
            let end = (0..=DATA_BYTES_MAX).rev().find(|at| data.is_char_boundary(*at));
            data.truncate(end.unwrap_or(0));
            data.push('…');
        }
        let is_heartbeat = packet.kind.is_heartbeat();
        if self.scrolled > 0 && (self.heartbeats || !is_heartbeat) {
            // Who looks back keeps looking at the same packets.
            self.scrolled += 1;
        }
        self.packets.push_back(Passed {
            at,
            direction,
            kind,
            data,
            is_heartbeat,
        });
        if self.packets.len() > PACKETS_MAX {
            self.packets.pop_front();
        }
    }

    /// Those that are to be shown, newest first.
    pub(crate) fn shown(&self) -> impl Iterator<Item = &Passed> {
        let filter = self.filter.to_lowercase();
        self.packets.iter().rev().filter(move |packet| {
            let wanted = |text: &str| text.to_lowercase().contains(&filter);
            (self.heartbeats || !packet.is_heartbeat)
                && (filter.is_empty() || wanted(&packet.kind) || wanted(&packet.data))
        })
    }
}
