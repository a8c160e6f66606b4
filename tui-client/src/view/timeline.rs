//! The open conversation's messages.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Wrap};

use crate::layout::Panes;
use crate::model::Model;
use crate::rows::{Row, rows, rule};
use crate::text::{cut, harmless_line};
use crate::theme::Theme;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, panes: &Panes) {
    let cells = usize::from(panes.timeline.width);
    let title = match model.open_timeline() {
        Some((view, _)) => format!(" {} ", cut(&harmless_line(&model.title(view)), cells.saturating_sub(8))),
        None => " Rollcall ".into(),
    };
    let block = Block::bordered()
        .border_type(BorderType::Plain)
        .border_style(theme.frame)
        .title(Span::styled(title, theme.strong));
    frame.render_widget(block, panes.timeline);
    let inside = panes.timeline_inside();
    if model.open.is_none() {
        let words = "Choose a conversation with ↑ ↓ and open it with Enter.";
        let words = Paragraph::new(words).style(theme.faint).wrap(Wrap { trim: true });
        frame.render_widget(words, inside);
        return;
    }
    let all = rows(model, usize::from(inside.width));
    let height = usize::from(inside.height);
    let end = all
        .len()
        .saturating_sub(model.scrolled.min(all.len().saturating_sub(height)));
    let shown = &all[end.saturating_sub(height)..end];
    for (y, row) in (inside.y..).zip(shown) {
        let area = Rect { y, height: 1, ..inside };
        let line = line(row, theme, usize::from(inside.width));
        let line = if holds(row, &model.search) {
            line.patch_style(theme.selected)
        } else {
            line
        };
        frame.render_widget(line, area);
    }
    if end < all.len() {
        let words = format!(" ▼ {} more rows below · End ", all.len() - end);
        let area = Rect {
            y: panes.timeline.bottom() - 1,
            height: 1,
            ..inside
        };
        frame.render_widget(Line::styled(words, theme.accent), area);
    }
}

/// Is it what was searched for?
fn holds(row: &Row, search: &str) -> bool {
    let found = |text: &str| text.to_lowercase().contains(&search.to_lowercase());
    !search.is_empty() && matches!(row, Row::Said { lead, text, .. } if found(text) || found(lead))
}

fn line<'a>(row: &'a Row, theme: &Theme, cells: usize) -> Line<'a> {
    match row {
        Row::Rule(words) => Line::styled(rule(words, cells), theme.faint),
        Row::Said { lead, own, text, faint } => {
            let name = if *own { theme.accent } else { theme.strong };
            // The clock stands in the first five cells of a lead, which are ASCII.
            let (clock, name_text) = lead.split_at(5.min(lead.len()));
            Line::from(vec![
                Span::styled(clock, theme.faint),
                Span::styled(name_text, name),
                Span::styled(text.as_str(), if *faint { theme.faint } else { theme.plain }),
            ])
        }
        Row::Fate { indent, fate } => Line::from(vec![
            Span::raw(" ".repeat(*indent)),
            Span::styled(format!("{} ", fate.mark.shape()), theme.mark(fate.mark)),
            Span::styled(fate.words.as_str(), theme.faint),
        ]),
    }
}
