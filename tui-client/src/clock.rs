//! The time of day, as it stands beside what happened.

use jiff::Zoned;
use jiff::tz::TimeZone;

/// RFC 3339 in UTC with milliseconds, as everywhere in JSON.
pub(crate) fn now() -> String {
    let now = Zoned::now().with_time_zone(TimeZone::UTC);
    now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `09:14:07.113`, where one is.
pub(crate) fn of_day() -> String {
    Zoned::now().strftime("%H:%M:%S.%3f").to_string()
}
