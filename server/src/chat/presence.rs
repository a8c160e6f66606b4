//! Presence: who came, who went, told to everybody who shares a conversation with them, once per user.

use std::collections::HashMap;
use std::sync::Arc;

use chat_core::UserId;
use parking_lot::Mutex;
use rollcall_protocol::event::{Presence, name};

use super::Chat;
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
}

impl Chat {
    /// Tells presence until the task is dropped.
    pub async fn run_presence(self: Arc<Self>) {
        let told = Arc::new(Told::default());
        loop {
            let changed = self.hub.presence_changes().take().await;
            for user in changed {
                if self.hub.is_online(&user) {
                    self.tell_presence(&told, &user).await;
                } else {
                    let (chat, told) = (Arc::clone(&self), Arc::clone(&told));
                    tokio::spawn(async move {
                        tokio::time::sleep(OFFLINE_GRACE).await;
                        // Back again meanwhile: that change was told, or needs no telling.
                        if !chat.hub.is_online(&user) {
                            chat.tell_presence(&told, &user).await;
                        }
                    });
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
                tracing::warn!(user.id = %user, %error, "presence was not told: the store did not say to whom");
                return;
            }
        };
        let presence = Presence {
            user_id: user.clone(),
            online,
            last_seen,
        };
        for socket in self.hub.sockets_of_all(peers.iter()).iter().flatten() {
            if !socket.is_opening() {
                self.fanout.say(socket, name::PRESENCE, &presence);
            }
        }
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
