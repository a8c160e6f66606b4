//! The roll call: rows are messages, columns are recipients and their sockets.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use crate::model::Model;
use crate::model::call::{Call, Place};
use crate::roll::brief;
use crate::text::{cut, fit, harmless_line};
use crate::theme::Theme;

/// `▲ 12 ms retried`, and a space.
const COLUMN: usize = 17;
/// Where not all of them fit: `■ no_receipt`, and a space.
const NARROW: usize = 13;
/// `  812 alice    `
const LEAD: usize = 15;
/// Rows under the matrix: p50, p95 and p99, and bars.
const FIGURES: u16 = 2;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let title = model
        .open
        .as_ref()
        .and_then(|open| model.conversation(open))
        .map(|view| model.title(view));
    let title = title.map_or_else(
        || " roll call ".into(),
        |title| format!(" {} ─ roll call ", harmless_line(&title)),
    );
    let title = cut(&title, usize::from(area.width).saturating_sub(4));
    let block = Block::bordered()
        .border_style(theme.focused_frame)
        .title(Span::styled(title, theme.strong));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let Some(call) = model.call().filter(|call| !call.roll().rows().is_empty()) else {
        let words = if model.open.is_none() {
            " Open a conversation first: Esc, then Enter on one."
        } else {
            " Nothing was sent since this began. Write something, and watch who gets it."
        };
        frame.render_widget(
            Line::styled(words, theme.faint),
            Rect {
                height: 1.min(inside.height),
                ..inside
            },
        );
        return;
    };
    let cells = usize::from(inside.width);
    let room = cells.saturating_sub(LEAD);
    let wide = if call.places().len() * COLUMN <= room {
        COLUMN
    } else {
        NARROW
    };
    let columns = (room / wide).max(1);
    let first = (call.cursor.1 + 1).saturating_sub(columns);
    let shown = Columns {
        places: (first..call.places().len()).take(columns).collect(),
        cells: wide,
    };
    let row = |y: u16, line: Line<'_>, frame: &mut Frame<'_>| {
        if y < inside.bottom() {
            frame.render_widget(line, Rect { y, height: 1, ..inside });
        }
    };
    row(inside.y, head(call, theme, &shown), frame);
    let height = usize::from(inside.height.saturating_sub(1 + FIGURES));
    let all = call.roll().rows().len();
    // The newest is at the bottom; the cursor's row is always there.
    let below = (call.cursor.0 + 1).saturating_sub(height);
    let last = all.saturating_sub(below);
    let places = last.saturating_sub(height)..last;
    for (y, at) in (inside.y + 1..).zip(places) {
        row(y, message(model, call, theme, at, &shown), frame);
    }
    let bottom = inside.bottom().saturating_sub(FIGURES);
    row(bottom, figures(call, theme, &shown), frame);
    row(bottom + 1, bars(call, theme, &shown), frame);
}

/// The columns that are shown, and how wide each is.
struct Columns {
    places: Vec<usize>,
    cells: usize,
}

impl Columns {
    /// Cut or filled up, with a space behind.
    fn cell(&self, words: &str) -> String {
        fit(&cut(words, self.cells - 1), self.cells)
    }
}

fn head(call: &Call, theme: &Theme, shown: &Columns) -> Line<'static> {
    let mut spans = vec![Span::styled(fit("    # from", LEAD), theme.faint)];
    for at in &shown.places {
        let Some(column) = call.roll().columns().get(*at) else {
            continue;
        };
        let ours = matches!(call.places().get(*at), Some(Place::Seat(_)));
        let name = format!("{}/{}", harmless_line(&column.who), column.socket);
        let style = if ours { theme.accent } else { theme.strong };
        spans.push(Span::styled(shown.cell(&name), style));
    }
    Line::from(spans)
}

fn message(model: &Model, call: &Call, theme: &Theme, at: usize, shown: &Columns) -> Line<'static> {
    let Some(row) = call.roll().rows().get(at) else {
        return Line::default();
    };
    let is_chosen = call.chosen() == Some(at);
    let seq = row.seq.map_or_else(|| "–".into(), |seq| seq.to_string());
    let lead = format!("{seq:>5} {}", harmless_line(&row.sender));
    let mut spans = vec![Span::styled(fit(&cut(&lead, LEAD - 1), LEAD), theme.plain)];
    for column in &shown.places {
        let cell = call.cell(at, *column, model.elapsed());
        let words = shown.cell(&cell.words);
        let style = theme.tone(cell.tone);
        let style = if is_chosen && call.cursor.1 == *column {
            style.patch(theme.selected)
        } else {
            style
        };
        spans.push(Span::styled(words, style));
    }
    Line::from(spans)
}

/// Milliseconds without the unit, which stands in the lead.
fn number(latency: std::time::Duration) -> String {
    brief(latency).replace(" ms", "").replace(".0", "").replace(" s", "s")
}

fn figures(call: &Call, theme: &Theme, shown: &Columns) -> Line<'static> {
    let mut spans = vec![Span::styled(fit("p50/p95/p99 ms", LEAD), theme.faint)];
    for column in &shown.places {
        let words = call.figures(*column).map_or_else(
            || "–".into(),
            |told| format!("{}/{}/{}", number(told.p50), number(told.p95), number(told.p99)),
        );
        spans.push(Span::styled(shown.cell(&words), theme.plain));
    }
    Line::from(spans)
}

fn bars(call: &Call, theme: &Theme, shown: &Columns) -> Line<'static> {
    let mut spans = vec![Span::raw(" ".repeat(LEAD))];
    for column in &shown.places {
        spans.push(Span::styled(
            shown.cell(&call.sparks(*column, shown.cells - 2)),
            theme.accent,
        ));
    }
    Line::from(spans)
}
