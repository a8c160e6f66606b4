//! The least that the tests of sign-ins need: accounts in memory, a clock that stands still until it is told to move.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use chat_core::ports::{
    Accounts, Clock, CreateUserError, Credentials, NewUser, Page, StoreError, StoreTrouble, Vitals,
};
use chat_core::{Epoch, Timestamp, User, UserId};
use parking_lot::Mutex;

use super::{AccountPolicy, Authority, PasswordCost, Passwords, Tokens};
use crate::clock::UuidSource;
use crate::settings::{Registration, Secret};

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

#[derive(Debug, Default)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn at(secs: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(secs * 1000)))
    }
    pub(crate) fn advance_secs(&self, secs: i64) {
        self.0.fetch_add(secs * 1000, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
pub(crate) struct People {
    rows: Mutex<Vec<Credentials>>,
    broken: AtomicBool,
    epoch: Epoch,
}

impl People {
    pub(crate) fn nobody() -> Arc<Self> {
        let epoch = Epoch::parse("e").unwrap();
        Arc::new(Self {
            rows: Mutex::default(),
            broken: AtomicBool::new(false),
            epoch,
        })
    }
    /// From now on nothing works.
    pub(crate) fn break_down(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
    fn working(&self) -> Result<(), StoreError> {
        let (trouble, detail) = (StoreTrouble::Full, "disk I/O error at /var/lib/secret-path".to_owned());
        if self.broken.load(Ordering::Relaxed) {
            Err(StoreError::Unavailable { trouble, detail })
        } else {
            Ok(())
        }
    }
    fn change(&self, id: &UserId, change: impl FnOnce(&mut Credentials)) -> Result<bool, StoreError> {
        self.working()?;
        Ok(self
            .rows
            .lock()
            .iter_mut()
            .find(|row| row.user.id == *id)
            .map(change)
            .is_some())
    }
}

/// An authority over `people` with our usual key.
pub(crate) fn authority(people: &Arc<People>, clock: &Arc<HandClock>, policy: AccountPolicy) -> Authority {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let tokens = Tokens::new(&Secret::new(SECRET), Arc::clone(&clock));
    let passwords = Passwords::new(PasswordCost::FOR_TESTS);
    Authority::new(
        Arc::clone(people) as _,
        clock,
        Arc::new(UuidSource),
        passwords,
        tokens,
        policy,
    )
}

pub(crate) const OPEN: AccountPolicy = AccountPolicy {
    registration: Registration::Open,
    auto_provision: false,
};

#[async_trait]
impl Accounts for People {
    async fn create_user(&self, new: NewUser) -> Result<User, CreateUserError> {
        self.working()?;
        let mut rows = self.rows.lock();
        if rows
            .iter()
            .any(|row| row.user.username == new.username || row.user.id == new.id)
        {
            return Err(CreateUserError::Taken);
        }
        let user = User {
            id: new.id,
            username: new.username,
            display_name: new.display_name,
            role: new.role,
            created_at: new.at,
            disabled_at: None,
            last_seen: None,
        };
        rows.push(Credentials {
            user: user.clone(),
            password_hash: new.password_hash,
        });
        Ok(user)
    }
    async fn provision_user(&self, new: NewUser) -> Result<User, StoreError> {
        match self.create_user(new).await {
            Ok(user) => Ok(user),
            Err(CreateUserError::Store(error)) => Err(error),
            Err(CreateUserError::Taken) => panic!("not needed here"),
        }
    }
    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.working()?;
        Ok(self
            .rows
            .lock()
            .iter()
            .find(|row| row.user.id == *id)
            .map(|row| row.user.clone()))
    }
    async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError> {
        self.working()?;
        Ok(self
            .rows
            .lock()
            .iter()
            .find(|row| row.user.username == username)
            .cloned())
    }
    async fn set_password(&self, id: &UserId, hash: &str) -> Result<bool, StoreError> {
        self.change(id, |row| row.password_hash = Some(hash.to_owned()))
    }
    async fn set_disabled(&self, id: &UserId, at: Option<Timestamp>) -> Result<bool, StoreError> {
        self.change(id, |row| row.user.disabled_at = at)
    }
    async fn search_users(&self, query: &str, limit: u32) -> Result<Page<User>, StoreError> {
        self.working()?;
        let rows = self.rows.lock();
        let found = rows
            .iter()
            .map(|row| &row.user)
            .filter(|user| user.username.contains(query));
        let mut items: Vec<User> = found.cloned().collect();
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        Ok(Page { items, more })
    }
    async fn note_last_seen(&self, _: &[(UserId, Timestamp)]) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Vitals for People {
    async fn check(&self) -> Result<(), StoreError> {
        self.working()
    }
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }
}
