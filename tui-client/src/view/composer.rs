//! What is being written, and the cursor.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use crate::layout::{PROMPT, composer_cells};
use crate::model::{Mode, Model};
use crate::theme::Theme;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (prompt, composer) = match model.mode {
        Mode::Command => (" : ", &model.command),
        Mode::Search => (" / ", &model.command),
        Mode::List | Mode::Write => (PROMPT, &model.composer),
    };
    let (rows, spot) = composer.rows(composer_cells(area.width));
    let height = usize::from(area.height);
    // The cursor's row is the last one shown of a draft that is longer than the pane.
    let first = (spot.row + 1).saturating_sub(height);
    for (at, (y, row)) in (area.y..area.bottom()).zip(rows.into_iter().skip(first)).enumerate() {
        let lead = if at == 0 { prompt } else { "   " };
        let line = Line::from(vec![Span::styled(lead, theme.accent), Span::styled(row, theme.plain)]);
        frame.render_widget(line, Rect { y, height: 1, ..area });
    }
    if model.mode != Mode::List && !model.help {
        let cell = |value: usize| u16::try_from(value).unwrap_or(u16::MAX);
        let x = area
            .x
            .saturating_add(cell(prompt.len() + spot.column))
            .min(area.right().saturating_sub(1));
        let y = area.y.saturating_add(cell(spot.row - first));
        frame.set_cursor_position(Position { x, y });
    }
}
