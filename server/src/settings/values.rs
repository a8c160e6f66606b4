//! Settings that are words and numbers.

use std::num::NonZeroU32;
use std::time::Duration;

use super::NotAllowed;
use crate::telemetry::logs::{LogFormat, parse_filter};

/// Yes or no, in the words that configuration files use.
pub(super) fn switch(text: &str) -> Result<bool, NotAllowed> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(NotAllowed::new("write on or off (or true, false, yes, no, 1, 0)")),
    }
}

/// A packet is at most 1 MiB, and JSON may write a byte of text as six (`\u0000`): beyond this a message that keeps the
/// limit might still not fit the wire.
const MESSAGE_BYTES_MAX: usize = 160 * 1024;

pub(super) fn message_bytes(text: &str) -> Result<usize, NotAllowed> {
    text.parse()
        .ok()
        .filter(|bytes| (1..=MESSAGE_BYTES_MAX).contains(bytes))
        .ok_or_else(|| NotAllowed::new(format!("write a number of bytes, 1 to {MESSAGE_BYTES_MAX}")))
}

/// A time to keep something: whole days.
pub(super) fn days(text: &str) -> Result<Duration, NotAllowed> {
    let days: Option<u64> = text.parse().ok().filter(|days| (1..=36_500).contains(days));
    days.map(|days| Duration::from_hours(days * 24))
        .ok_or_else(|| NotAllowed::new("write a number of days, 1 to 36500; leave it out to keep messages for ever"))
}

pub(super) fn log_filter(text: &str) -> Result<String, NotAllowed> {
    parse_filter(text).map(|_| text.to_owned()).map_err(|_| {
        NotAllowed::new(
            "write off, error, warn, info, debug or trace, or target=level pairs, as in rollcall_server=debug,info",
        )
    })
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, NotAllowed> {
    text.to_ascii_lowercase()
        .parse()
        .map_err(|_| NotAllowed::new("write pretty or json"))
}

/// Who may make accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Everybody.
    Open,
    /// Only the operator and provisioning.
    Closed,
}

impl Registration {
    /// Reads the setting.
    pub fn parse(text: &str) -> Result<Self, NotAllowed> {
        match text.to_ascii_lowercase().as_str() {
            "open" => Ok(Registration::Open),
            "closed" => Ok(Registration::Closed),
            _ => Err(NotAllowed::new("write open or closed")),
        }
    }
}

/// The official Admin UI's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminUi {
    /// How much it is told.
    pub mode: AdminUiMode,
    /// Accept no command.
    pub readonly: bool,
}

/// How much the official Admin UI is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminUiMode {
    /// Nothing: its namespace is not there.
    Off,
    /// Totals and what is asked for.
    Production,
    /// Every event as well.
    Development,
}

impl AdminUi {
    /// Reads the setting.
    pub fn parse(text: &str) -> Result<Self, NotAllowed> {
        let refused = || NotAllowed::new("write off, production or development, the latter two also with ,readonly");
        let (mode, readonly) = match text.split_once(',') {
            None => (text, false),
            Some((mode, flag)) if flag.trim().eq_ignore_ascii_case("readonly") => (mode, true),
            Some(_) => return Err(refused()),
        };
        let mode = match mode.trim().to_ascii_lowercase().as_str() {
            "off" => AdminUiMode::Off,
            "production" => AdminUiMode::Production,
            "development" => AdminUiMode::Development,
            _ => return Err(refused()),
        };
        Ok(Self { mode, readonly })
    }
}

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// As often as one likes.
    Off,
    /// At most so many in any such span, and so many at once.
    Limited {
        /// How many.
        count: NonZeroU32,
        /// In which span.
        per: Per,
    },
}

/// The span of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// `/s`
    Second,
    /// `/m`
    Minute,
    /// `/h`
    Hour,
}

impl Per {
    /// How long it is.
    pub fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Per::Second => 1,
            Per::Minute => 60,
            Per::Hour => 3600,
        })
    }
}

/// More per second than this is no limit; `off` says it better.
const RATE_COUNT_MAX: u32 = 1_000_000;

impl Rate {
    /// Reads the setting.
    pub fn parse(text: &str) -> Result<Self, NotAllowed> {
        let refused = || {
            NotAllowed::new(format!(
                "write a count of 1 to {RATE_COUNT_MAX} per s, m or h, as in 20/s or 10/m, or off"
            ))
        };
        if text.eq_ignore_ascii_case("off") {
            return Ok(Rate::Off);
        }
        let (count, per) = text.split_once('/').ok_or_else(refused)?;
        let count: u32 = count.trim().parse().map_err(|_| refused())?;
        let count = NonZeroU32::new(count)
            .filter(|count| count.get() <= RATE_COUNT_MAX)
            .ok_or_else(refused)?;
        let per = match per.trim().to_ascii_lowercase().as_str() {
            "s" => Per::Second,
            "m" => Per::Minute,
            "h" => Per::Hour,
            _ => return Err(refused()),
        };
        Ok(Rate::Limited { count, per })
    }
}

/// The three rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Messages per user.
    pub messages: Rate,
    /// Connects per address.
    pub connects: Rate,
    /// Sign-ins and registrations per address.
    pub logins: Rate,
}

impl Rates {
    /// Nothing is limited: for what is not reached from outside.
    pub const OFF: Self = Self {
        messages: Rate::Off,
        connects: Rate::Off,
        logins: Rate::Off,
    };
}
