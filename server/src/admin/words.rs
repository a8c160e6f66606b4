//! How values are written for people: figures, times, ids, states.

use std::borrow::Cow;

use chat_core::Timestamp;

/// What is true of something: a shape, a word and a colour, never a colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Healthy,
    /// Late, lagging, to be looked at.
    Late,
    /// Not working.
    Failed,
    /// Nobody there, nothing wrong.
    Offline,
    /// Cannot be known.
    Unknown,
}

impl Status {
    /// The shape before the word.
    pub(crate) fn shape(self) -> &'static str {
        match self {
            Status::Healthy => "●",
            Status::Late => "▲",
            Status::Failed => "■",
            Status::Offline => "○",
            Status::Unknown => "◌",
        }
    }

    /// The word, as read aloud and as the class of its colour.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Healthy => "healthy",
            Status::Late => "late",
            Status::Failed => "failed",
            Status::Offline => "offline",
            Status::Unknown => "unknown",
        }
    }
}

impl From<chat_core::explain::Status> for Status {
    fn from(status: chat_core::explain::Status) -> Self {
        use chat_core::explain::Status as Delivery;
        match status {
            Delivery::Delivered | Delivery::Read => Status::Healthy,
            Delivery::Sent => Status::Unknown,
            Delivery::Unconfirmed | Delivery::Missed => Status::Failed,
            Delivery::Offline => Status::Offline,
        }
    }
}

/// What is true now, in words: the first line of every page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) status: Status,
    /// The news.
    pub(crate) lead: String,
    /// What goes with it; may be empty.
    pub(crate) rest: String,
}

impl Sentence {
    pub(crate) fn new(status: Status, lead: impl Into<String>) -> Self {
        Self {
            status,
            lead: lead.into(),
            rest: String::new(),
        }
    }

    pub(crate) fn and(mut self, rest: impl Into<String>) -> Self {
        self.rest = rest.into();
        self
    }
}

/// An id or a name of any length: the whole of it, and what there is room for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) whole: String,
    pub(crate) short: String,
}

impl Id {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        let whole = visible(text.as_ref()).into_owned();
        Self {
            short: shortened(&whole),
            whole,
        }
    }
}

/// The longest name that is shown whole: a SID is, a UUID is not.
const SHOWN_WHOLE: usize = 20;
const HEAD: usize = 4;
const TAIL: usize = 4;

/// `0197…c31f`; what stands before the last colon is kept (`conversation:0197…c31f`), since it says what it is.
fn shortened(text: &str) -> String {
    let (prefix, id) = match text.rfind(':') {
        Some(colon) if colon < 24 && colon + 1 < text.len() => text.split_at(colon + 1),
        _ => ("", text),
    };
    let length = id.chars().count();
    if length <= SHOWN_WHOLE {
        return text.to_owned();
    }
    let head: String = id.chars().take(HEAD).collect();
    let tail: String = id.chars().skip(length - TAIL).collect();
    format!("{prefix}{head}…{tail}")
}

/// Control characters and those that turn the direction of text are written out: a room's name is whatever a client says,
/// and must not repaint the line that it stands on.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().map(|c| {
        if hidden(c) {
            format!("⟨U+{:04X}⟩", u32::from(c))
        } else {
            c.to_string()
        }
    });
    Cow::Owned(shown.collect())
}

/// At most so many characters of it, made visible.
pub(crate) fn excerpt(text: &str, chars: usize) -> String {
    let mut kept: String = text.chars().take(chars).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    visible(&kept).into_owned()
}

/// With a thin space between thousands.
pub(crate) fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `1 socket`, `2 sockets`.
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `99.98 %`, never rounded up to 100: one that is missing is news.
#[expect(clippy::cast_precision_loss, reason = "two decimals of a share")]
pub(crate) fn share(part: u64, whole: u64) -> String {
    if part >= whole {
        return "100 %".to_owned();
    }
    let hundredths = (part as f64 / whole as f64 * 10_000.0).floor();
    format!("{:.2} %", hundredths / 100.0)
}

/// `84 ms`, `1.2 s`.
pub(crate) fn millis(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1_000.0)
    }
}

/// `0 bytes`, `812 bytes`, `68.8 KiB`, `1.2 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal of a size")]
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0 | 2..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// `4 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match () {
        () if minutes == 0 => format!("{seconds} s"),
        () if hours == 0 => format!("{minutes} min"),
        () if days == 0 && minutes % 60 == 0 => format!("{hours} h"),
        () if days == 0 => format!("{hours} h {} min", minutes % 60),
        () if hours % 24 == 0 => format!("{days} d"),
        () => format!("{days} d {} h", hours % 24),
    }
}

/// A point in time, three ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// RFC 3339, for machines and on hover.
    pub(crate) whole: String,
    /// `03:12:44`; with its date when that is not today's.
    pub(crate) short: String,
    /// `12 min`.
    pub(crate) ago: String,
}

impl Stamp {
    pub(crate) fn new(at: Timestamp, now: Timestamp) -> Self {
        let whole = at.to_string();
        let today = now.to_string();
        let same_day = whole.get(..10) == today.get(..10);
        let time = whole.get(11..19).unwrap_or_default();
        let short = if same_day {
            time.to_owned()
        } else {
            format!("{} {time}", whole.get(..10).unwrap_or_default())
        };
        Self {
            short,
            ago: span(now.millis_since(at)),
            whole,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shortened_in_the_middle() {
        let of = |text: &str| Id::new(text).short;
        assert_eq!(of("0197c31f-0000-7000-8000-00000000c31f"), "0197…c31f");
        assert_eq!(
            of("conversation:0197c31f-0000-7000-8000-00000000c31f"),
            "conversation:0197…c31f"
        );
        assert_eq!(of("conversation:42"), "conversation:42");
        assert_eq!(of("lobby"), "lobby");
        assert_eq!(of(""), "");
        assert_eq!(of("ends with:"), "ends with:");
        assert_eq!(of("日本語日本語日本語日本語日本語日本語日本語"), "日本語日…語日本語");
    }

    #[test]
    fn hostile_characters_are_written_out() {
        assert_eq!(visible("plain <b>"), "plain <b>");
        assert_eq!(visible("a\u{202e}b\0c\n"), "a⟨U+202E⟩b⟨U+0000⟩c⟨U+000A⟩");
    }

    #[test]
    fn figures_read_easily() {
        assert_eq!(count(0_u64), "0");
        assert_eq!(count(999_u64), "999");
        assert_eq!(count(48_210_u64), "48\u{202f}210");
        assert_eq!(count(1_000_000_usize), "1\u{202f}000\u{202f}000");
        assert_eq!(counted(1, "socket", "sockets"), "1 socket");
        assert_eq!(share(48_200, 48_210), "99.97 %");
        assert_eq!(
            share(999_999, 1_000_000),
            "99.99 %",
            "one that is missing is not rounded away"
        );
        assert_eq!(share(3, 3), "100 %");
        assert_eq!(
            [bytes(0), bytes(1), bytes(70_400), bytes(3 << 20)],
            ["0 bytes", "1 byte", "68.8 KiB", "3.0 MiB"]
        );
        assert_eq!(millis(1.23), "1.2 ms");
        assert_eq!(millis(84.4), "84 ms");
        assert_eq!(millis(1_234.0), "1.2 s");
    }

    #[test]
    fn spans_have_two_parts_at_most() {
        let of = |seconds: u64| span(seconds * 1_000);
        assert_eq!(of(4), "4 s");
        assert_eq!(of(60), "1 min");
        assert_eq!(of(3_600), "1 h");
        assert_eq!(of(11_100), "3 h 5 min");
        assert_eq!(of(86_400 * 2 + 3_600 * 4 + 59), "2 d 4 h");
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let now: Timestamp = "2026-11-21T03:14:07.113Z".parse().unwrap();
        let today = Stamp::new(now.plus_millis(-83_000), now);
        assert_eq!((today.short.as_str(), today.ago.as_str()), ("03:12:44", "1 min"));
        assert_eq!(
            Stamp::new(now.plus_millis(-86_400_000), now).short,
            "2026-11-20 03:14:07"
        );
    }
}
