//! Durations as people write them: `250ms`, `1.5s`, `2m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// What was written is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as 250ms, 1.5s or 2m")]
pub(crate) struct NoDuration;

impl FromStr for Span {
    type Err = NoDuration;

    fn from_str(text: &str) -> Result<Self, NoDuration> {
        let text = text.trim();
        let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.');
        let (number, unit) = text.split_at(digits.count());
        let number: f64 = number.parse().map_err(|_| NoDuration)?;
        let seconds = match unit.trim() {
            "ms" => number / 1e3,
            "" | "s" => number,
            "m" | "min" => number * 60.0,
            "h" => number * 3600.0,
            _ => return Err(NoDuration),
        };
        // A year is longer than anybody waits, and far from what a timer can hold.
        if seconds > 365.0 * 86_400.0 {
            return Err(NoDuration);
        }
        Duration::try_from_secs_f64(seconds).map(Span).map_err(|_| NoDuration)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(self.0))
    }
}

/// `0.4 ms`, `12 ms`, `1.50 s`
pub(crate) fn in_words(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    match millis {
        ..1.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.2} s", millis / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let millis = |text: &str| text.parse::<Span>().map(|span| span.0.as_millis());
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("1.5s"), Ok(1_500));
        assert_eq!(millis(" 2 m"), Ok(120_000));
        assert_eq!(millis("3"), Ok(3_000));
        for bad in ["", "ms", "-1s", "1d", "1..2s", "nan", "1e9h", "9999999h"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_are_told() {
        assert_eq!(in_words(Duration::from_micros(420)), "0.4 ms");
        assert_eq!(in_words(Duration::from_micros(11_600)), "12 ms");
        assert_eq!(in_words(Duration::from_millis(1_500)), "1.50 s");
    }
}
