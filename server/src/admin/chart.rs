//! Small charts, drawn on the server: one question each, all over the same span.

use super::history::{Sample, Span};

/// The drawing's width and height, in its own units.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 36.0;
/// Room above and below the line, so that its stroke is not cut.
const INSET: f64 = 2.0;

/// A chart of one figure.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// The question that it answers.
    pub(crate) label: &'static str,
    /// The span that it covers.
    pub(crate) span: &'static str,
    /// The value now, written out.
    pub(crate) last: String,
    /// The highest value in the span, written out.
    pub(crate) peak: String,
    /// The line, as an SVG polyline's points; empty while there is too little to draw.
    pub(crate) points: String,
    /// Where the process started within the span, as an x.
    pub(crate) started: Option<String>,
}

/// Writes a value out.
pub(crate) type Words = fn(f64) -> String;

impl Chart {
    /// Draws `values`, one for each sample that has one.
    pub(crate) fn new(
        label: &'static str,
        samples: &[Sample],
        span: Span,
        values: &[Option<f64>],
        words: Words,
    ) -> Self {
        let peak = values.iter().flatten().copied().fold(0.0, f64::max);
        let now = samples.last().map_or(0, |sample| sample.at.as_millis());
        let points: Vec<String> = samples
            .iter()
            .zip(values)
            .filter_map(|(sample, value)| Some((x(span, now, sample.at.as_millis()), y((*value)?, peak))))
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let first = samples.first().map(|sample| x(span, now, sample.at.as_millis()));
        Self {
            label,
            span: span.words(),
            last: values.last().copied().flatten().map_or_else(|| "–".to_owned(), words),
            peak: if points.is_empty() {
                "–".to_owned()
            } else {
                words(peak)
            },
            points: if points.len() < 2 {
                String::new()
            } else {
                points.join(" ")
            },
            started: first
                .filter(|x| *x > 1.0 && samples.len() > 1)
                .map(|x| format!("{x:.1}")),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "minutes on a chart of 240 units")]
fn x(span: Span, now: i64, at: i64) -> f64 {
    let span = span.length().as_millis() as f64;
    (WIDTH * (1.0 - (now - at) as f64 / span)).clamp(0.0, WIDTH)
}

fn y(value: f64, peak: f64) -> f64 {
    let share = if peak > 0.0 { value / peak } else { 0.0 };
    HEIGHT - INSET - share * (HEIGHT - 2.0 * INSET)
}

/// What a counter grew by per second, from sample to sample.
#[expect(clippy::cast_precision_loss, reason = "a rate with one decimal")]
pub(crate) fn per_second(samples: &[Sample], counter: fn(&Sample) -> u64) -> Vec<Option<f64>> {
    let growth = samples.windows(2).map(|pair| {
        let seconds = pair[1].at.millis_since(pair[0].at) as f64 / 1_000.0;
        // A counter that went back belongs to another start.
        let grown = counter(&pair[1]).checked_sub(counter(&pair[0]))?;
        (seconds > 0.0).then(|| grown as f64 / seconds)
    });
    std::iter::once(None).chain(growth).take(samples.len()).collect()
}

/// What a counter grew by, from sample to sample.
#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
pub(crate) fn growth(samples: &[Sample], counter: fn(&Sample) -> u64) -> Vec<Option<f64>> {
    let growth = samples
        .windows(2)
        .map(|pair| Some(counter(&pair[1]).checked_sub(counter(&pair[0]))? as f64));
    std::iter::once(None).chain(growth).take(samples.len()).collect()
}

#[cfg(test)]
mod tests {
    use chat_core::Timestamp;

    use super::*;

    fn samples(messages: &[u64]) -> Vec<Sample> {
        let sample = |(at, messages): (usize, &u64)| Sample {
            at: Timestamp::from_millis(i64::try_from(at).unwrap() * 5_000),
            connections: 0,
            messages: *messages,
            handed_over: 0,
            receipts_due: 0,
            confirmed: 0,
            failed: 0,
            empty: 0,
            rejected: 0,
            p99_ms: None,
        };
        messages.iter().enumerate().map(sample).collect()
    }

    #[test]
    fn rates_are_per_second_and_survive_a_restart() {
        let samples = samples(&[0, 10, 10, 3]);
        assert_eq!(
            per_second(&samples, |sample| sample.messages),
            [None, Some(2.0), Some(0.0), None]
        );
        assert_eq!(per_second(&[], |sample| sample.messages), []);
    }

    #[test]
    fn the_newest_value_is_at_the_right_and_the_peak_at_the_top() {
        let samples = samples(&[0, 10, 30]);
        let values = per_second(&samples, |sample| sample.messages);
        let chart = Chart::new("x", &samples, Span::TenMinutes, &values, |value| format!("{value:.0}"));
        assert_eq!(chart.points, "238.0,18.0 240.0,2.0");
        assert_eq!((chart.last.as_str(), chart.peak.as_str()), ("4", "4"));
        assert_eq!(chart.started.as_deref(), Some("236.0"));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let chart = Chart::new("x", &[], Span::TenMinutes, &[], |value| value.to_string());
        assert_eq!((chart.points.as_str(), chart.last.as_str()), ("", "–"));
    }
}
