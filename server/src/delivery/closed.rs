//! Sockets that closed lately: what each had been handed, while the messages are still asked about.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chat_core::{ConversationId, Sid, Timestamp, UserId};
use parking_lot::Mutex;

use crate::hub::LiveSocket;
use crate::hub::lane::{Lane, Lanes};
use crate::limits::{CLOSED_SOCKETS_MAX, CLOSED_SOCKETS_PER_USER_MAX};

/// A socket that is gone.
#[derive(Debug)]
pub struct ClosedSocket {
    /// Which.
    pub sid: Sid,
    /// Whose.
    pub user_id: UserId,
    /// As the client called itself.
    pub client: Option<String>,
    /// It had promised receipts.
    pub receipts: bool,
    /// Since when it was there.
    pub connected_at: Timestamp,
    /// Until when.
    pub closed_at: Timestamp,
    /// Why it ended.
    pub reason: &'static str,
    /// It had taken what was written to it: the client was there until the end.
    pub read_until_the_end: bool,
    /// What it was handed.
    pub lanes: Lanes,
    /// What it was handed before it left, or was removed, while it lived.
    pub former: HashMap<ConversationId, Vec<Lane>>,
}

impl ClosedSocket {
    /// What remains of a live one.
    pub fn of(socket: &LiveSocket, lanes: Lanes, reason: &'static str, at: Timestamp) -> Self {
        Self {
            sid: socket.sid.clone(),
            user_id: socket.user_id().clone(),
            client: socket.caller().client.clone(),
            receipts: socket.caller().receipts,
            connected_at: socket.connected_at,
            closed_at: at,
            reason,
            read_until_the_end: socket.took_everything(),
            lanes,
            former: socket.all_former_lanes(),
        }
    }
}

#[derive(Debug, Default)]
struct Held {
    by_user: HashMap<UserId, VecDeque<(u64, Arc<ClosedSocket>)>>,
    /// Whose each remembered socket is, by the number of its closing: the first is the oldest.
    order: BTreeMap<u64, UserId>,
    closings: u64,
}

/// The newest closed sockets, some per user.
#[derive(Debug, Default)]
pub struct ClosedSockets {
    held: Mutex<Held>,
}

impl ClosedSockets {
    /// Remembers a socket; the oldest make room for it.
    pub fn remember(&self, socket: ClosedSocket) {
        let mut held = self.held.lock();
        let held = &mut *held;
        held.closings += 1;
        let user = socket.user_id.clone();
        held.order.insert(held.closings, user.clone());
        let of_user = held.by_user.entry(user).or_default();
        of_user.push_back((held.closings, Arc::new(socket)));
        if of_user.len() > CLOSED_SOCKETS_PER_USER_MAX
            && let Some((number, _)) = of_user.pop_front()
        {
            held.order.remove(&number);
        }
        while held.order.len() > CLOSED_SOCKETS_MAX {
            let Some((_, oldest)) = held.order.pop_first() else {
                break;
            };
            let Some(of_user) = held.by_user.get_mut(&oldest) else {
                continue;
            };
            of_user.pop_front();
            if of_user.is_empty() {
                held.by_user.remove(&oldest);
            }
        }
    }

    /// A user's closed sockets, the oldest first.
    pub fn of(&self, user: &UserId) -> Vec<Arc<ClosedSocket>> {
        self.held
            .lock()
            .by_user
            .get(user)
            .map(|sockets| sockets.iter().map(|(_, socket)| Arc::clone(socket)).collect())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(user: &str, number: usize) -> ClosedSocket {
        ClosedSocket {
            sid: Sid::parse(format!("s{number}")).unwrap(),
            user_id: UserId::parse(user).unwrap(),
            client: None,
            receipts: true,
            connected_at: Timestamp::from_millis(0),
            closed_at: Timestamp::from_millis(1),
            reason: "client",
            read_until_the_end: true,
            lanes: Lanes::default(),
            former: HashMap::new(),
        }
    }

    #[test]
    fn who_comes_and_goes_all_day_makes_nobody_else_forgotten() {
        let closed = ClosedSockets::default();
        let of = |user: &str| closed.of(&UserId::parse(user).unwrap());
        closed.remember(socket("calm", 0));
        for number in 1..=CLOSED_SOCKETS_MAX + 1 {
            closed.remember(socket("busy", number));
        }
        assert_eq!(of("calm").len(), 1);
        let busy: Vec<_> = of("busy").iter().map(|socket| socket.sid.to_string()).collect();
        assert_eq!(busy.len(), CLOSED_SOCKETS_PER_USER_MAX);
        assert_eq!(busy.last(), Some(&format!("s{}", CLOSED_SOCKETS_MAX + 1)));
    }

    #[test]
    fn the_oldest_of_all_make_room() {
        let closed = ClosedSockets::default();
        for number in 0..CLOSED_SOCKETS_MAX + 2 {
            closed.remember(socket(&format!("u{number}"), number));
        }
        let of = |number: usize| closed.of(&UserId::parse(format!("u{number}")).unwrap()).len();
        assert_eq!([of(0), of(1), of(2), of(CLOSED_SOCKETS_MAX + 1)], [0, 0, 1, 1]);
    }
}
