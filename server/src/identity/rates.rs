//! How often a user sends, and how often an address connects or tries a password.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chat_core::UserId;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::limits::{RATE_KEYS_MAX, RATE_KEYS_SWEEP_EVERY};
use crate::settings::{Rate, Rates};

/// Come back after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too often; try again in {} ms", .0.as_millis())]
pub struct RetryAfter(pub Duration);

/// The three rates, each kept per key. Clone-free: share it in an `Arc`.
#[derive(Debug)]
pub struct RateLimits {
    messages: Limit<UserId>,
    connects: Limit<IpAddr>,
    logins: Limit<IpAddr>,
}

impl RateLimits {
    /// As set.
    pub fn new(rates: &Rates) -> Self {
        Self {
            messages: Limit::new(rates.messages),
            connects: Limit::new(rates.connects),
            logins: Limit::new(rates.logins),
        }
    }

    /// May this user send one more message now?
    pub fn check_message(&self, user: &UserId) -> Result<(), RetryAfter> {
        self.messages.check(user)
    }

    /// May this address connect once more now?
    pub fn check_connect(&self, address: IpAddr) -> Result<(), RetryAfter> {
        self.connects.check(&network(address))
    }

    /// May this address try to sign in or register once more now?
    pub fn check_login(&self, address: IpAddr) -> Result<(), RetryAfter> {
        self.logins.check(&network(address))
    }

    /// Forgets the keys that have been quiet long enough to have their whole allowance again. Each limit does this by
    /// itself while it is used; this is for the time after.
    pub fn sweep(&self) {
        self.messages.sweep();
        self.connects.sweep();
        self.logins.sweep();
    }
}

/// An IPv6 customer has a whole /64, and with it 2^64 addresses to knock from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Tokio's clock, so that tests can pause it. Measured from the limit's making.
#[derive(Debug, Clone, Copy)]
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    type Instant = Duration;
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Keyed<K> = RateLimiter<K, DashMapStateStore<K>, TokioClock, NoOpMiddleware<Duration>>;

/// One rate, kept for each key. `None` is lifted.
struct Limit<K: Hash + Eq + Clone>(Option<Box<Buckets<K>>>);

struct Buckets<K: Hash + Eq + Clone> {
    clock: TokioClock,
    keyed: Keyed<K>,
    /// One bucket for all, used while more keys than fit into memory knock at once.
    crowd: Keyed<()>,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(rate: Rate) -> Self {
        let Rate::Limited { count, per } = rate else {
            return Self(None);
        };
        let between = per.duration() / count.get();
        let quota = Quota::with_period(between).map(|quota| quota.allow_burst(count));
        let clock = TokioClock(tokio::time::Instant::now());
        Self(quota.map(|quota| {
            Box::new(Buckets {
                clock,
                keyed: RateLimiter::new(quota, DashMapStateStore::default(), clock),
                crowd: RateLimiter::new(quota, DashMapStateStore::default(), clock),
                checks: AtomicU32::new(0),
            })
        }))
    }

    fn check(&self, key: &K) -> Result<(), RetryAfter> {
        let Some(buckets) = &self.0 else { return Ok(()) };
        let crowded = buckets.make_room();
        let outcome = if crowded {
            buckets.crowd.check_key(&())
        } else {
            buckets.keyed.check_key(key)
        };
        outcome.map_err(|not_until| RetryAfter(not_until.wait_time_from(buckets.clock.now())))
    }

    fn sweep(&self) {
        if let Some(buckets) = &self.0 {
            buckets.keyed.retain_recent();
        }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Looks after the number of keys now and then; true while there are too many of them even so.
    fn make_room(&self) -> bool {
        let checks = self.checks.fetch_add(1, Ordering::Relaxed);
        if checks % RATE_KEYS_SWEEP_EVERY == RATE_KEYS_SWEEP_EVERY - 1 {
            self.keyed.retain_recent();
        }
        self.keyed.len() > RATE_KEYS_MAX
    }
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for Limit<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(buckets) => write!(f, "Limit({} keys)", buckets.keyed.len()),
            None => f.write_str("Limit(off)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rate: &str) -> RateLimits {
        let rate = Rate::parse(rate).unwrap();
        RateLimits::new(&Rates {
            messages: rate,
            connects: rate,
            logins: rate,
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_one_at_a_time() {
        let limits = limits("2/s");
        let (alice, bob) = (UserId::parse("alice").unwrap(), UserId::parse("bob").unwrap());
        assert!(limits.check_message(&alice).is_ok());
        assert!(limits.check_message(&alice).is_ok());
        assert_eq!(
            limits.check_message(&alice),
            Err(RetryAfter(Duration::from_millis(500)))
        );
        assert!(limits.check_message(&bob).is_ok(), "each has their own");
        tokio::time::advance(Duration::from_millis(499)).await;
        assert!(limits.check_message(&alice).is_err());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(limits.check_message(&alice).is_ok());
        assert!(limits.check_message(&alice).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn off_is_off() {
        let limits = limits("off");
        for _ in 0..100_000 {
            assert!(limits.check_login(address("1.2.3.4")).is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_customer_is_one_key() {
        let limits = limits("1/m");
        assert!(limits.check_login(address("2001:db8::1")).is_ok());
        assert!(limits.check_login(address("2001:db8::2")).is_err());
        assert!(limits.check_login(address("2001:db8:0:1::1")).is_ok());
        assert!(limits.check_login(address("1.2.3.4")).is_ok());
        assert!(limits.check_login(address("::ffff:1.2.3.4")).is_err());
        assert!(limits.check_connect(address("1.2.3.4")).is_ok(), "another limit");
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_keys_are_forgotten() {
        let limits = limits("1/s");
        for n in 0..1000_u32 {
            assert!(limits.check_connect(IpAddr::from(n.to_be_bytes())).is_ok());
        }
        let keys = || limits.connects.0.as_ref().unwrap().keyed.len();
        assert_eq!(keys(), 1000);
        tokio::time::advance(Duration::from_secs(3)).await;
        limits.sweep();
        assert_eq!(keys(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_shares_one_bucket_instead_of_all_memory() {
        let limits = limits("2/h");
        let most = u32::try_from(RATE_KEYS_MAX).unwrap();
        for n in 0..=most {
            assert!(limits.check_connect(IpAddr::from(n.to_be_bytes())).is_ok());
        }
        let stranger = |n: u32| limits.check_connect(IpAddr::from((most + n).to_be_bytes()));
        assert!(stranger(1).is_ok() && stranger(2).is_ok());
        assert!(stranger(3).is_err());
        assert!(limits.connects.0.as_ref().unwrap().keyed.len() <= RATE_KEYS_MAX + 1);
    }
}
