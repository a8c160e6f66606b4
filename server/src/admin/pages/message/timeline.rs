//! A message's way through time, drawn: one line per socket, from the commit to the last receipt.

use chat_core::Timestamp;

use crate::admin::words::{Id, millis, visible};
use crate::chat::explain::DeliveryReport;

/// The drawing's width for the time itself, and where it begins, in its own units.
const WIDTH: f64 = 640.0;
const LEFT: f64 = 180.0;
/// One line.
const LINE: f64 = 22.0;
/// Room above the first line, for the axis.
const TOP: f64 = 26.0;
/// Lines at most: beyond it the table says it better.
const LINES_MAX: usize = 24;

/// The drawing.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// For those who do not see it.
    pub(crate) words: String,
    pub(crate) height: String,
    pub(crate) bottom: String,
    pub(crate) ticks: Vec<Tick>,
    pub(crate) lines: Vec<Line>,
}

/// A mark of the axis.
#[derive(Debug)]
pub(crate) struct Tick {
    pub(crate) x: String,
    pub(crate) label: String,
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) whole: String,
    pub(crate) y: String,
    pub(crate) text_y: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Where a receipt came; a line without one ends open.
    pub(crate) confirmed: Option<String>,
    /// One came, and when is not remembered.
    pub(crate) earlier: bool,
}

impl Timeline {
    /// `None` when nothing was handed to anybody, as far as is known.
    pub(crate) fn of(report: &DeliveryReport) -> Option<Self> {
        let saved = report.message.created_at;
        let sockets = || {
            let all = report
                .participants
                .iter()
                .flat_map(|who| who.sockets.iter().map(move |socket| (who, socket)));
            all.filter(|(_, socket)| socket.handed_off_at.is_some()).take(LINES_MAX)
        };
        let times = sockets()
            .flat_map(|(_, socket)| [socket.handed_off_at, socket.confirmed_at])
            .flatten();
        let span = times.map(|at| after(at, saved)).fold(0.0, f64::max);
        let count = sockets().count();
        if count == 0 {
            return None;
        }
        // A little air behind the last mark; a message that took no time at all still has an axis.
        let span = (span * 1.05).max(1.0);
        let x = |at: Timestamp| LEFT + WIDTH * (after(at, saved) / span).min(1.0);
        let lines = sockets().enumerate().map(|(at, (who, socket))| {
            #[expect(clippy::cast_precision_loss, reason = "at most LINES_MAX")]
            let y = TOP + LINE * at as f64 + LINE / 2.0;
            let handed = socket.handed_off_at.map_or(LEFT, x);
            let name = visible(&who.username);
            Line {
                label: format!("{} {}", shortened(&name), shortened_sid(&socket.sid)),
                whole: format!("{name}, socket {}", socket.sid),
                y: format!("{y:.1}"),
                text_y: format!("{:.1}", y + 4.0),
                from: format!("{handed:.1}"),
                to: format!("{:.1}", socket.confirmed_at.map_or(LEFT + WIDTH, x).max(handed)),
                confirmed: socket.confirmed_at.map(|at| format!("{:.1}", x(at))),
                earlier: socket.confirmed_earlier,
            }
        });
        let lines: Vec<Line> = lines.collect();
        #[expect(clippy::cast_precision_loss, reason = "at most LINES_MAX")]
        let bottom = TOP + LINE * count as f64;
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| Tick {
            x: format!("{:.1}", LEFT + WIDTH * share),
            label: if share == 0.0 {
                "saved".to_owned()
            } else {
                format!("+{}", millis(span * share))
            },
        });
        Some(Self {
            words: format!(
                "From the commit to the last receipt: {count} sockets over {}. The table below has every time.",
                millis(span)
            ),
            height: format!("{:.0}", bottom + 6.0),
            bottom: format!("{bottom:.1}"),
            ticks: ticks.into(),
            lines,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds on a drawing of 640 units")]
fn after(at: Timestamp, saved: Timestamp) -> f64 {
    at.millis_since(saved) as f64
}

fn shortened(name: &str) -> String {
    if name.chars().count() > 14 {
        name.chars().take(13).chain(['…']).collect()
    } else {
        name.to_owned()
    }
}

fn shortened_sid(sid: &chat_core::Sid) -> String {
    let whole = Id::new(sid).short;
    let kept: String = whole.chars().take(6).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_receipt_ends_a_line_and_a_missing_one_leaves_it_open() {
        let timeline = Timeline::of(&report()).unwrap();
        assert_eq!(timeline.lines.len(), 3, "somebody offline has no line");
        assert!(timeline.lines[0].confirmed.is_some());
        let open = &timeline.lines[2];
        assert_eq!((open.confirmed.as_ref(), open.to.as_str()), (None, "820.0"));
        let x = |text: &str| text.parse::<f64>().unwrap();
        assert!(x(&timeline.lines[0].to) < x(&timeline.lines[1].to), "9 ms before 71 ms");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let mut report = report();
        report.participants.clear();
        assert!(Timeline::of(&report).is_none());
    }
}
