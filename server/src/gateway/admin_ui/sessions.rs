//! Who need not type the password again: the official UI sends its session's id after each reload.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::limits::{ADMIN_UI_SESSION_LIFETIME, ADMIN_UI_SESSIONS_MAX};
use crate::settings::hex;

/// What a session stands for.
#[derive(Clone, PartialEq, Eq)]
struct Session {
    username: String,
    /// The stored hash that the password was checked against: another one ends the session.
    password_hash: Option<String>,
    began: Instant,
}

/// All sessions, in memory: a restart asks everybody for the password.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// Begins a session and gives its id, a secret of 128 bits.
    pub(super) fn begin(&self, username: String, password_hash: Option<String>) -> String {
        let id = hex(&rand::random::<[u8; 16]>());
        let session = Session {
            username,
            password_hash,
            began: Instant::now(),
        };
        let mut sessions = self.0.lock();
        if sessions.len() >= ADMIN_UI_SESSIONS_MAX {
            sessions.retain(|_, session| !session.is_over());
        }
        if sessions.len() >= ADMIN_UI_SESSIONS_MAX {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.began);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(id.clone(), session);
        id
    }

    /// Whose session this is, and which password began it.
    pub(super) fn find(&self, id: &str) -> Option<(String, Option<String>)> {
        let mut sessions = self.0.lock();
        let session = sessions.get(id)?;
        if session.is_over() {
            sessions.remove(id);
            return None;
        }
        Some((session.username.clone(), session.password_hash.clone()))
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        self.0.lock().remove(id);
    }
}

impl Session {
    fn is_over(&self) -> bool {
        self.began.elapsed() >= ADMIN_UI_SESSION_LIFETIME
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_lasts_a_day() {
        let sessions = Sessions::default();
        let id = sessions.begin("admin".to_owned(), Some("hash".to_owned()));
        assert_eq!(id.len(), 32);
        tokio::time::advance(ADMIN_UI_SESSION_LIFETIME.saturating_sub(Duration::from_secs(1))).await;
        assert_eq!(sessions.find(&id), Some(("admin".to_owned(), Some("hash".to_owned()))));
        assert_eq!(sessions.find("another"), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sessions.find(&id), None);
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_bounded_and_the_oldest_goes_first() {
        let sessions = Sessions::default();
        let first = sessions.begin("first".to_owned(), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        let second = sessions.begin("second".to_owned(), None);
        for _ in 2..=ADMIN_UI_SESSIONS_MAX {
            sessions.begin("crowd".to_owned(), None);
        }
        assert_eq!(sessions.0.lock().len(), ADMIN_UI_SESSIONS_MAX);
        assert!(sessions.find(&first).is_none() && sessions.find(&second).is_some());
        sessions.end(&second);
        assert!(sessions.find(&second).is_none());
    }
}
