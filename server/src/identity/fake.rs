//! What tests of sign-ins need: a clock that stands still until it is told to move, and an authority with a known key.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chat_core::Timestamp;
use chat_core::ports::Clock;

use super::{AccountPolicy, Authority, PasswordCost, Passwords, Tokens};
use crate::clock::UuidSource;
use crate::settings::{Registration, Secret};
use crate::store::memory::MemoryStore;

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

/// An authority over `store` with our usual key.
pub(crate) fn authority(store: &Arc<MemoryStore>, clock: &Arc<HandClock>, policy: AccountPolicy) -> Authority {
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let tokens = Tokens::new(&Secret::new(SECRET), Arc::clone(&clock));
    let passwords = Passwords::new(PasswordCost::FOR_TESTS);
    Authority::new(
        Arc::clone(store) as _,
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
