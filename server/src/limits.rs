//! Every bound of the server, with its reason.

use std::time::Duration;

/// How long a token of our own is good. A day: a phone that was off over night signs in once in the morning.
pub const TOKEN_LIFETIME: Duration = Duration::from_hours(24);
/// The longest token that is looked at, in bytes. Headers hold 8 KiB in most proxies, so no client has a longer one.
pub const TOKEN_BYTES_MAX: usize = 8_192;
/// How far in the future a token's `nbf` may lie: two machines' clocks differ.
pub const NOT_BEFORE_LEEWAY: Duration = Duration::from_mins(1);

/// Sign-ins that wait for a core. At some 30 ms each the last of them waits about a second on two cores; a client that
/// is told to come back is better off than one that waits longer.
pub const PASSWORDS_WAITING_MAX: usize = 64;

/// Keys that one rate limit remembers: some 10 MB. Beyond it all newcomers share one allowance.
pub const RATE_KEYS_MAX: usize = 100_000;
/// Every so many checks a rate limit forgets the keys that have been quiet.
pub const RATE_KEYS_SWEEP_EVERY: u32 = 16_384;
