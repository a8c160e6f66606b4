//! Tokens end while sockets live: each is told in time, may bring a fresh one, and is closed when it does not.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chat_core::{Role, Sid, Timestamp};
use rollcall_protocol::event::{TokenExpiring, name};
use rollcall_protocol::{ErrorCode, WireError};

use super::Chat;
use crate::hub::{CloseReason, LiveSocket};
use crate::identity::Identity;
use crate::limits::{LAGGING_WITHOUT_PROGRESS_MAX, TOKEN_EXPIRING_BEFORE};

/// How often the ends are looked at: half a second late is early enough for a token that lives minutes.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Looks from one at clients that stopped reading to the next, which looks at every connection: 2.5 s, of 30 that they are given.
const STALLED_EVERY: u32 = 5;

impl Chat {
    /// Watches the ends of tokens, of typing marks, and of clients that stopped reading, until the task is dropped.
    pub async fn run_expiry(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut warned = HashSet::new();
        for look in (1..=STALLED_EVERY).cycle() {
            ticks.tick().await;
            self.typing_expired();
            self.look_at_tokens(&mut warned);
            if look == STALLED_EVERY {
                self.close_stalled();
            }
        }
    }

    fn close_stalled(&self) {
        for socket in self.hub.stalled(LAGGING_WITHOUT_PROGRESS_MAX) {
            tracing::warn!(sid = %socket.sid, user.id = %socket.user_id(), "closed as slow: it reads nothing");
            self.hub.disconnect(&socket, CloseReason::Slow);
        }
    }

    fn look_at_tokens(&self, warned: &mut HashSet<(Sid, Timestamp)>) {
        let now = self.ports.clock.now();
        let warn_from = now.plus_millis(i64::try_from(TOKEN_EXPIRING_BEFORE.as_millis()).unwrap_or(i64::MAX));
        let mut still = HashSet::new();
        for socket in self.hub.with_tokens_ending_by(warn_from) {
            let expires_at = socket.expires_at();
            if expires_at <= now {
                tracing::info!(sid = %socket.sid, user.id = %socket.user_id(), "closed: its token ended");
                self.hub.disconnect(&socket, CloseReason::Token);
            } else if !socket.is_opening() {
                let key = (socket.sid.clone(), expires_at);
                if !warned.contains(&key) {
                    self.fanout
                        .say(&socket, name::TOKEN_EXPIRING, &TokenExpiring { expires_at });
                }
                still.insert(key);
            }
        }
        // Only those that are about to end are remembered: the set is as large as one minute's ends.
        *warned = still;
    }

    /// Takes a fresh token for a live socket; it must be the same user's. From now on the socket may do what this one says, and is
    /// closed when this one ends or is taken back, whatever became of the one before it.
    pub fn refresh(&self, socket: &LiveSocket, identity: &Identity) -> Result<Timestamp, WireError> {
        if identity.user.id != *socket.user_id() {
            return Err(
                WireError::new(ErrorCode::Unauthorized, "token: it belongs to another user")
                    .with_hint("connect anew to act as somebody else"),
            );
        }
        socket.set_grant(identity.into());
        self.hub.token_ends(identity.expires_at);
        if identity.role != Role::Service {
            self.watches_no_more(&socket.sid);
        }
        Ok(identity.expires_at)
    }
}
