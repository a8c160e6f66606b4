//! How often one address may try to sign in.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock as _;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Addresses that are remembered before those at rest are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// Bounds the attempts to sign in, per address.
pub trait LoginThrottle: Send + Sync {
    /// One attempt from `address`; the error says how long to wait.
    fn admit(&self, address: IpAddr) -> Result<(), Duration>;
}

/// A bucket per address that refills over a minute; `None` admits everybody.
pub struct PerMinute {
    buckets: Option<DefaultKeyedRateLimiter<IpAddr>>,
}

impl PerMinute {
    /// So many attempts a minute, or no limit.
    pub fn new(attempts: Option<NonZeroU32>) -> Self {
        Self {
            buckets: attempts.map(|attempts| RateLimiter::keyed(Quota::per_minute(attempts))),
        }
    }
}

impl LoginThrottle for PerMinute {
    fn admit(&self, address: IpAddr) -> Result<(), Duration> {
        let Some(buckets) = &self.buckets else { return Ok(()) };
        if buckets.len() > ADDRESSES_MAX {
            buckets.retain_recent();
        }
        buckets
            .check_key(&network_of(address))
            .map_err(|until| until.wait_time_from(governor::clock::DefaultClock::default().now()))
    }
}

/// One IPv6 subscriber owns a /64: counted per address, they would have no limit at all.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_own_attempts() {
        let throttle = PerMinute::new(NonZeroU32::new(3));
        let one: IpAddr = "1.1.1.1".parse().unwrap();
        for _ in 0..3 {
            assert!(throttle.admit(one).is_ok());
        }
        let wait = throttle.admit(one).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(20), "{wait:?}");
        assert!(throttle.admit("1.1.1.2".parse().unwrap()).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let throttle = PerMinute::new(NonZeroU32::new(1));
        assert!(throttle.admit("2001:db8::1".parse().unwrap()).is_ok());
        assert!(throttle.admit("2001:db8::2".parse().unwrap()).is_err());
        assert!(throttle.admit("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }

    #[test]
    fn off_is_off() {
        let throttle = PerMinute::new(None);
        assert!((0..100).all(|_| throttle.admit("1.1.1.1".parse().unwrap()).is_ok()));
    }
}
