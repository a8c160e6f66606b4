//! Who is signed in by cookie. In memory: a restart signs everybody out, and nothing that signs in is ever on disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chat_core::{Role, User, UserId};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::settings::hex;

/// Somebody who looks, as far as pages and the audit log need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user_id: UserId,
    /// The audit log's `actor`.
    pub(crate) username: String,
    pub(crate) role: Role,
}

impl Account {
    pub(crate) fn new(user: User, role: Role) -> Self {
        Self {
            user_id: user.id,
            username: user.username,
            role,
        }
    }
}

/// Sessions at once. Beyond it the one that was used longest ago goes: an admin who signs in must always get in.
pub const SESSIONS_MAX: usize = 1_000;
/// A session that nobody uses ends. An open page is use: it asks again every few seconds.
pub const SESSION_IDLE: Duration = Duration::from_hours(1);
/// A session ends after this time whatever happens: a working day.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(12);
/// How long a role is believed before the account is asked again, so that a disabled admin is out in seconds.
const STANDING_FRESH: Duration = Duration::from_secs(10);

/// A secret of 256 bits in lower-case hex.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Secret(Arc<str>);

impl Secret {
    fn new() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(hex(&bytes).into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the first difference is.
    pub(crate) fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

struct Session {
    account: Account,
    csrf: Secret,
    created: Instant,
    used: Instant,
    role_checked: Instant,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now - self.created >= SESSION_LIFETIME || now - self.used >= SESSION_IDLE
    }
}

/// A session as it is used by one request.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) account: Account,
    pub(crate) csrf: Secret,
    /// The role was read too long ago to be believed.
    pub(crate) stale: bool,
}

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    by_id: Mutex<HashMap<Secret, Session>>,
}

impl Sessions {
    /// Begins a session; the id goes into the cookie.
    pub(crate) fn begin(&self, account: Account) -> Secret {
        let now = Instant::now();
        let id = Secret::new();
        let session = Session {
            account,
            csrf: Secret::new(),
            created: now,
            used: now,
            role_checked: now,
        };
        let mut sessions = self.by_id.lock();
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, session| !session.is_over(now));
        }
        if sessions.len() >= SESSIONS_MAX {
            let oldest = sessions
                .iter()
                .min_by_key(|(_, session)| session.used)
                .map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                sessions.remove(&oldest);
            }
        }
        sessions.insert(id.clone(), session);
        id
    }

    /// The session of this id, marked as used now.
    pub(crate) fn touch(&self, id: &str) -> Option<Signed> {
        let now = Instant::now();
        let id = Secret(id.into());
        let mut sessions = self.by_id.lock();
        if sessions.get(&id)?.is_over(now) {
            sessions.remove(&id);
            return None;
        }
        let session = sessions.get_mut(&id)?;
        session.used = now;
        Some(Signed {
            account: session.account.clone(),
            csrf: session.csrf.clone(),
            stale: now - session.role_checked >= STANDING_FRESH,
        })
    }

    /// Notes the role that the account was found to have now.
    pub(crate) fn confirm(&self, id: &str, role: Role) {
        if let Some(session) = self.by_id.lock().get_mut(&Secret(id.into())) {
            session.account.role = role;
            session.role_checked = Instant::now();
        }
    }

    /// Ends one session.
    pub(crate) fn end(&self, id: &str) {
        self.by_id.lock().remove(&Secret(id.into()));
    }

    /// Ends every session of a user, as after a change of password.
    pub fn end_all_of(&self, user_id: &UserId) {
        self.by_id
            .lock()
            .retain(|_, session| session.account.user_id != *user_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> Account {
        Account {
            user_id: UserId::parse(name).unwrap(),
            username: name.to_owned(),
            role: Role::Admin,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ends_when_it_is_not_used() {
        let sessions = Sessions::default();
        let id = sessions.begin(account("admin"));
        tokio::time::advance(SESSION_IDLE.saturating_sub(Duration::from_secs(1))).await;
        assert!(sessions.touch(id.as_str()).is_some());
        tokio::time::advance(SESSION_IDLE).await;
        assert!(sessions.touch(id.as_str()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn ends_in_the_end_however_much_it_is_used() {
        let sessions = Sessions::default();
        let id = sessions.begin(account("admin"));
        let mut hours = 0;
        while sessions.touch(id.as_str()).is_some() {
            tokio::time::advance(Duration::from_mins(30)).await;
            hours += 1;
            assert!(hours <= 24, "it never ends");
        }
        assert_eq!(hours, 24);
    }

    #[tokio::test(start_paused = true)]
    async fn is_bounded_and_the_least_used_goes_first() {
        let sessions = Sessions::default();
        let first = sessions.begin(account("first"));
        let second = sessions.begin(account("second"));
        for _ in 2..SESSIONS_MAX {
            sessions.begin(account("crowd"));
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sessions.touch(first.as_str()).is_some(), "full, not over");
        // The crowd and `second` were used at the same time; sign out the crowd's share of the tie.
        sessions.end_all_of(&UserId::parse("crowd").unwrap());
        for _ in 2..=SESSIONS_MAX {
            sessions.begin(account("new"));
        }
        assert!(sessions.touch(first.as_str()).is_some());
        assert!(sessions.touch(second.as_str()).is_none());
        assert!(sessions.by_id.lock().len() <= SESSIONS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_goes_stale_and_is_confirmed() {
        let sessions = Sessions::default();
        let id = sessions.begin(account("admin"));
        assert!(!sessions.touch(id.as_str()).unwrap().stale);
        tokio::time::advance(STANDING_FRESH).await;
        assert!(sessions.touch(id.as_str()).unwrap().stale);
        sessions.confirm(id.as_str(), Role::Observer);
        let signed = sessions.touch(id.as_str()).unwrap();
        assert!(!signed.stale);
        assert_eq!(signed.account.role, Role::Observer);
    }

    #[test]
    fn ids_are_long_different_and_never_printed() {
        let (one, two) = (Secret::new(), Secret::new());
        assert_eq!(one.as_str().len(), 64);
        assert_ne!(one, two);
        assert!(one.is(one.as_str()) && !one.is(two.as_str()) && !one.is(""));
        assert!(!format!("{one:?}").contains(&one.as_str()[..4]));
    }
}
