//! Sockets that closed lately: what each had been handed, while the messages are still asked about.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use chat_core::{ConversationId, Sid, Timestamp, UserId};
use parking_lot::Mutex;

use crate::hub::LiveSocket;
use crate::hub::lane::{Lane, Lanes};
use crate::limits::{CLOSED_SOCKETS_PER_USER_MAX, CLOSED_SOCKETS_USERS_MAX};

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
    by_user: HashMap<UserId, VecDeque<Arc<ClosedSocket>>>,
    /// Users in the order of their last closing; one entry per remembered socket.
    order: VecDeque<UserId>,
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
        let user = socket.user_id.clone();
        held.order.push_back(user.clone());
        let of_user = held.by_user.entry(user).or_default();
        of_user.push_back(Arc::new(socket));
        if of_user.len() > CLOSED_SOCKETS_PER_USER_MAX {
            of_user.pop_front();
        }
        while held.order.len() > CLOSED_SOCKETS_USERS_MAX {
            let Some(oldest) = held.order.pop_front() else { break };
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
            .map(|sockets| sockets.iter().cloned().collect())
            .unwrap_or_default()
    }
}
