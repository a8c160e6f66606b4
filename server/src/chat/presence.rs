//! Presence: who came, who went, told to everybody who shares a conversation with them, once per user.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chat_core::{Timestamp, UserId};
use parking_lot::Mutex;
use rollcall_protocol::event::{Presence, name};
use tokio::time::Instant;

use super::Chat;
use crate::delivery::notices::{Notice, NoticeKind};
use crate::limits::OFFLINE_GRACE;

/// What was last told of each user who is online, so that a flicker is told to nobody.
#[derive(Debug, Default)]
pub struct Told {
    online: Mutex<HashMap<UserId, bool>>,
}

impl Told {
    /// True when `online` differs from what was told last. Offline users are forgotten: unknown means offline.
    fn differs(&self, user: &UserId, online: bool) -> bool {
        let mut told = self.online.lock();
        let before = if online {
            told.insert(user.clone(), true)
        } else {
            told.remove(user)
        };
        before.unwrap_or(false) != online
    }

    /// What was about to be told was not.
    fn forget(&self, user: &UserId, online: bool) {
        let mut told = self.online.lock();
        if online {
            told.remove(user);
        } else {
            told.insert(user.clone(), true);
        }
    }
}

impl Chat {
    /// Tells presence until the task is dropped. One after the other, so that the last word about a user is the truth: whatever
    /// changes while one is told is noted, and told after it.
    pub async fn run_presence(self: Arc<Self>) {
        let told = Told::default();
        let mut leaving: BTreeSet<(Instant, UserId)> = BTreeSet::new();
        loop {
            let next = leaving.first().map(|(due, _)| *due);
            let changed = tokio::select! {
                changed = self.hub.presence_changes().take() => changed,
                () = sleep_until(next) => HashSet::new(),
            };
            for user in changed {
                if self.hub.is_online(&user) {
                    self.tell_presence(&told, &user).await;
                } else {
                    leaving.insert((Instant::now() + OFFLINE_GRACE, user));
                }
            }
            while leaving.first().is_some_and(|(due, _)| *due <= Instant::now()) {
                let Some((_, user)) = leaving.pop_first() else { break };
                // Back again meanwhile: there is nothing to tell, or it was told.
                if !self.hub.is_online(&user) {
                    self.tell_presence(&told, &user).await;
                }
            }
        }
    }

    async fn tell_presence(&self, told: &Told, user: &UserId) {
        let online = self.hub.is_online(user);
        if !told.differs(user, online) {
            return;
        }
        let last_seen = (!online).then(|| self.ports.clock.now());
        if let Some(at) = last_seen
            && let Err(error) = self.ports.accounts.note_last_seen(&[(user.clone(), at)]).await
        {
            tracing::warn!(user.id = %user, %error, "last_seen was not stored");
        }
        let peers = match self.ports.conversations.peers_of(user).await {
            Ok(peers) => peers,
            Err(error) => {
                tracing::warn!(user.id = %user, %error, "presence is told later: the store does not say to whom");
                told.forget(user, online);
                self.hub.presence_again(user, PRESENCE_RETRY);
                return;
            }
        };
        let presence = Presence {
            user_id: user.clone(),
            online,
            last_seen,
        };
        for socket in self.hub.sockets_of_all(peers.iter()).iter().flatten() {
            self.fanout.say(socket, name::PRESENCE, &presence);
        }
        self.notice(NoticeKind::Presence, || Notice::Presence(presence));
    }

    /// Notes for everybody who is online now that they were seen: the server stops.
    pub async fn note_everybody_seen(&self) {
        let now = self.ports.clock.now();
        let users: HashSet<UserId> = self
            .hub
            .sockets()
            .iter()
            .map(|socket| socket.user_id().clone())
            .collect();
        let seen: Vec<(UserId, Timestamp)> = users.into_iter().map(|user| (user, now)).collect();
        if let Err(error) = self.ports.accounts.note_last_seen(&seen).await {
            tracing::warn!(%error, "last_seen was not stored");
        }
    }
}

/// How long presence that could not be told waits for the store.
const PRESENCE_RETRY: Duration = Duration::from_secs(1);

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let (told, user) = (Told::default(), UserId::parse("u").unwrap());
        assert!(!told.differs(&user, false), "unknown is offline");
        assert!(told.differs(&user, true));
        assert!(!told.differs(&user, true));
        assert!(told.differs(&user, false));
    }
}
