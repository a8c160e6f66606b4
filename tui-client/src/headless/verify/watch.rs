//! What each socket saw, as it stood on the wire: before the client puts it in order and fills its gaps.

use std::time::Duration;

use parking_lot::Mutex;
use rollcall_client::{Direction, Packet, PacketKind, TappedPacket};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::roll::{How, Roll};

/// Every message of a run bears an id that begins with this.
pub(super) const KEY: &str = "verify-";

/// Everything seen so far. Shared with the connections' own tasks.
pub(super) struct Watch {
    started: Instant,
    seen: Mutex<Seen>,
    changed: Notify,
}

#[derive(Default)]
struct Seen {
    roll: Roll,
    /// Of each column: how many connections it had, and since when it has this one.
    connections: Vec<(u32, Duration)>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            seen: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// One more socket to be watched.
    pub(super) fn add_column(&self, who: &str, socket: &str) -> usize {
        let mut seen = self.seen.lock();
        seen.connections.push((0, Duration::ZERO));
        seen.roll.add_column(who, socket)
    }

    pub(super) fn columns(&self) -> usize {
        self.seen.lock().roll.columns().len()
    }

    /// A message is about to be sent.
    pub(super) fn sending(&self, key: &str, sender: &str) {
        let now = self.now();
        self.seen.lock().roll.row(key, sender).sent_at = Some(now);
    }

    /// It was saved, or refused.
    pub(super) fn answered(&self, key: &str, sender: &str, saved: Result<(String, u64), String>) {
        let mut seen = self.seen.lock();
        let row = seen.roll.row(key, sender);
        match saved {
            Ok((id, seq)) => (row.id, row.seq) = (Some(id), Some(seq)),
            Err(why) => row.refused = Some(why),
        }
        drop(seen);
        self.changed.notify_one();
    }

    /// A packet of a column's socket.
    pub(super) fn packet(&self, column: usize, tapped: TappedPacket<'_>) {
        if tapped.direction == Direction::Out || !may_matter(tapped.text) {
            return;
        }
        let packet = Packet::read(tapped.text);
        match (packet.kind, packet.event.as_deref()) {
            (PacketKind::Open, _) => {
                let now = self.now();
                if let Some((count, since)) = self.seen.lock().connections.get_mut(column) {
                    (*count, *since) = (*count + 1, now);
                }
            }
            (PacketKind::Event, Some("new_message")) => self.arrived(column, &packet.data[0], false),
            (PacketKind::Ack, _) => {
                let answer = &packet.data[0];
                for list in ["messages", "missed"] {
                    for message in answer[list].as_array().into_iter().flatten() {
                        self.arrived(column, message, true);
                    }
                }
            }
            _ => {}
        }
    }

    fn arrived(&self, column: usize, message: &Value, fetched: bool) {
        let (Some(key), Some(seq)) = (message["client_message_id"].as_str(), message["seq"].as_u64()) else {
            return;
        };
        if !key.starts_with(KEY) {
            return;
        }
        let at = self.now();
        let mut seen = self.seen.lock();
        let connection = seen.connections.get(column).copied().unwrap_or_default();
        let sender = message["sender_name"].as_str().unwrap_or_default();
        let sent_at = seen.roll.row(key, sender).sent_at;
        let how = match connection {
            _ if fetched => How::Fetched,
            (2.., since) if sent_at.is_some_and(|sent| sent < since) => How::Replayed,
            _ => How::Live,
        };
        seen.roll.arrived(key, sender, column, seq, how, at);
        drop(seen);
        self.changed.notify_one();
    }

    /// Waits until everything is everywhere, or for `patience` since the last news.
    pub(super) async fn settle(&self, patience: Duration) {
        while !self.seen.lock().roll.is_complete() {
            if timeout(patience, self.changed.notified()).await.is_err() {
                return;
            }
        }
    }

    /// What was seen, for judging.
    pub(super) fn take(&self) -> Roll {
        std::mem::take(&mut self.seen.lock().roll)
    }
}

/// A look before JSON is read: most of what comes is none of our messages.
fn may_matter(text: &str) -> bool {
    text.starts_with('0') || text.contains(KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(watch: &Watch, column: usize, text: &str) {
        let direction = Direction::In;
        watch.packet(column, TappedPacket { direction, text });
    }

    fn message(seq: u64) -> String {
        format!(r#"{{"seq":{seq},"client_message_id":"verify-{seq}","sender_name":"alice"}}"#)
    }

    #[tokio::test(start_paused = true)]
    async fn live_replayed_and_fetched_are_told_apart() {
        let watch = Watch::new();
        watch.add_column("bob", "1");
        hear(&watch, 0, "0{}");
        for seq in 1..=3 {
            watch.sending(&format!("verify-{seq}"), "alice");
        }
        hear(&watch, 0, &format!(r#"42["new_message",{}]"#, message(1)));
        tokio::time::advance(Duration::from_millis(5)).await;
        hear(&watch, 0, "0{}");
        hear(&watch, 0, &format!(r#"42["new_message",{}]"#, message(2)));
        hear(&watch, 0, &format!(r#"430[{{"ok":true,"messages":[{}]}}]"#, message(3)));
        hear(&watch, 0, r#"42["new_message",{"seq":9,"client_message_id":"other"}]"#);
        watch.settle(Duration::from_secs(1)).await;
        let roll = watch.take();
        let word = |row: &crate::roll::Row| row.mark(0, Duration::from_secs(1), true).word();
        assert_eq!(
            roll.rows().iter().map(word).collect::<Vec<_>>(),
            ["ok", "replayed", "fetched"]
        );
    }
}
