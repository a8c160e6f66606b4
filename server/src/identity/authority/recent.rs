//! Accounts and kept tokens that were looked up a moment ago: a server that posts a thousand messages a second is the same one
//! each time.
//!
//! Guarantees: what this process changes is seen at once; what another process changes (the command line), after
//! [`ACCOUNT_REMEMBERED`] at the latest. Nothing of a token is kept but the id that it can be taken back by.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::{User, UserId};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::limits::{ACCOUNT_REMEMBERED, ACCOUNTS_REMEMBERED_MAX};

/// What was looked up lately.
#[derive(Debug, Default)]
pub(super) struct Recent {
    accounts: Mutex<HashMap<UserId, (Instant, User)>>,
    good_tokens: Mutex<HashMap<String, (Instant, ())>>,
    /// How often something changed: what was read before a change is not remembered after it.
    changes: AtomicU64,
}

/// The moment before something is read from the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before(u64);

impl Recent {
    /// To be asked for before the store is.
    pub(super) fn before(&self) -> Before {
        Before(self.changes.load(Ordering::Acquire))
    }

    /// The account as it was read a moment ago.
    pub(super) fn account(&self, id: &UserId) -> Option<User> {
        fresh(&self.accounts, id)
    }

    /// Was this token good a moment ago?
    pub(super) fn is_good(&self, token: &String) -> bool {
        fresh(&self.good_tokens, token).is_some()
    }

    /// Remembers an account that was read. Not a disabled one: whoever is enabled again by another process may come in at once.
    pub(super) fn read(&self, before: Before, user: &User) {
        if user.disabled_at.is_some() {
            return;
        }
        self.remember(before, &self.accounts, user.id.clone(), user.clone());
    }

    /// Remembers that a token is good.
    pub(super) fn good(&self, before: Before, token: String) {
        self.remember(before, &self.good_tokens, token, ());
    }

    /// Something was changed in the store: everything is read anew.
    pub(super) fn changed(&self) {
        // First the count, so that whoever holds an older reading and comes after the clearing does not put it back.
        let (mut accounts, mut good_tokens) = (self.accounts.lock(), self.good_tokens.lock());
        self.changes.fetch_add(1, Ordering::AcqRel);
        accounts.clear();
        good_tokens.clear();
    }

    fn remember<K: Eq + Hash, V>(&self, before: Before, kept: &Mutex<HashMap<K, (Instant, V)>>, key: K, value: V) {
        let now = Instant::now();
        let mut kept = kept.lock();
        if self.changes.load(Ordering::Acquire) != before.0 {
            return;
        }
        if kept.len() >= ACCOUNTS_REMEMBERED_MAX {
            kept.retain(|_, (since, _)| now.duration_since(*since) < ACCOUNT_REMEMBERED);
        }
        if kept.len() < ACCOUNTS_REMEMBERED_MAX {
            kept.insert(key, (now, value));
        }
    }
}

fn fresh<K: Eq + Hash, V: Clone>(kept: &Mutex<HashMap<K, (Instant, V)>>, key: &K) -> Option<V> {
    let kept = kept.lock();
    let (since, value) = kept.get(key)?;
    (since.elapsed() < ACCOUNT_REMEMBERED).then(|| value.clone())
}

#[cfg(test)]
mod tests {
    use chat_core::{Role, Timestamp};

    use super::*;

    fn alice() -> User {
        User {
            id: UserId::parse("alice").unwrap(),
            username: "alice".into(),
            display_name: "Alice".into(),
            role: Role::User,
            created_at: Timestamp::from_millis(0),
            disabled_at: None,
            last_seen: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_remembered_for_a_moment_only() {
        let recent = Recent::default();
        recent.read(recent.before(), &alice());
        recent.good(recent.before(), "jti".into());
        tokio::time::advance(ACCOUNT_REMEMBERED / 2).await;
        assert_eq!(recent.account(&alice().id), Some(alice()));
        assert!(recent.is_good(&"jti".into()));
        tokio::time::advance(ACCOUNT_REMEMBERED / 2).await;
        assert_eq!(recent.account(&alice().id), None);
        assert!(!recent.is_good(&"jti".into()));
    }

    #[tokio::test]
    async fn who_is_disabled_is_asked_for_each_time() {
        let recent = Recent::default();
        let disabled = User {
            disabled_at: Some(Timestamp::from_millis(1)),
            ..alice()
        };
        recent.read(recent.before(), &disabled);
        assert_eq!(recent.account(&alice().id), None);
    }

    #[tokio::test]
    async fn a_change_is_seen_at_once_also_by_whoever_was_reading() {
        let recent = Recent::default();
        recent.read(recent.before(), &alice());
        let reading = recent.before();
        recent.changed();
        assert_eq!(recent.account(&alice().id), None);
        recent.read(reading, &alice());
        recent.good(reading, "jti".into());
        assert_eq!(recent.account(&alice().id), None, "it was read before the change");
        assert!(!recent.is_good(&"jti".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn it_holds_no_more_than_it_may() {
        let recent = Recent::default();
        let user = |n: usize| User {
            id: UserId::parse(format!("u{n}")).unwrap(),
            ..alice()
        };
        for n in 0..=ACCOUNTS_REMEMBERED_MAX {
            recent.read(recent.before(), &user(n));
        }
        assert_eq!(recent.accounts.lock().len(), ACCOUNTS_REMEMBERED_MAX);
        tokio::time::advance(ACCOUNT_REMEMBERED).await;
        recent.read(recent.before(), &alice());
        assert_eq!(recent.accounts.lock().len(), 1, "what is old made room");
    }
}
