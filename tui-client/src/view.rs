//! Draws the model. Changes nothing.

use ratatui::Frame;
use ratatui::widgets::{Paragraph, Wrap};

use crate::layout::{self, HEIGHT_MIN, WIDTH_MIN};
use crate::model::{Model, Size};
use crate::theme::Theme;

mod composer;
mod conversations;
mod help;
mod info;
mod status;
mod timeline;

/// Draws everything.
pub(crate) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let size = Size {
        width: area.width,
        height: area.height,
    };
    let Some(panes) = layout::panes(model, size) else {
        let words = format!(
            "Rollcall needs {WIDTH_MIN} x {HEIGHT_MIN} cells; this terminal has {} x {}.",
            area.width, area.height
        );
        let words = Paragraph::new(words).style(theme.strong).wrap(Wrap { trim: true });
        frame.render_widget(words, area);
        return;
    };
    status::draw(model, theme, frame, panes.status);
    conversations::draw(model, theme, frame, panes.list);
    timeline::draw(model, theme, frame, &panes);
    info::draw(model, theme, frame, panes.info);
    composer::draw(model, theme, frame, panes.composer);
    if model.help {
        help::draw(theme, frame, area);
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
