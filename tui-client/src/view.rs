//! Draws the model. Changes nothing.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use crate::desk::Desk;
use crate::layout::{self, HEIGHT_MIN, WIDTH_MIN};
use crate::model::looking::Screen;
use crate::model::{Model, Size};
use crate::theme::Theme;

mod composer;
mod conversations;
mod delivery;
mod help;
mod info;
mod popup;
mod roll;
mod status;
mod timeline;
mod whoami;
mod wire;

/// Draws everybody who is to be seen.
pub(crate) fn draw_desk(desk: &Desk, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let shown = desk.shown();
    let [left, right] = shown.as_slice() else {
        draw(desk.active(), theme, frame, area);
        return;
    };
    let half = (area.width - 1) / 2;
    let halves = [
        (*left, Rect { width: half, ..area }),
        (
            *right,
            Rect {
                x: area.x + half + 1,
                width: half,
                ..area
            },
        ),
    ];
    for y in area.y..area.bottom() {
        frame.render_widget(Line::styled("│", theme.frame), Rect::new(area.x + half, y, 1, 1));
    }
    // The one whom the keys are for comes last: the cursor is theirs.
    for (seat, part) in halves.into_iter().filter(|(seat, _)| *seat != desk.active) {
        draw(&desk.seats[seat], theme, frame, part);
    }
    for (seat, part) in halves.into_iter().filter(|(seat, _)| *seat == desk.active) {
        draw(&desk.seats[seat], theme, frame, part);
    }
}

/// Draws one identity's part.
pub(crate) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
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
    let panes = panes.at(area.x, area.y);
    status::draw(model, theme, frame, panes.status);
    if panes.list.width > 0 {
        conversations::draw(model, theme, frame, panes.list);
    }
    match model.screen {
        Screen::Chat => timeline::draw(model, theme, frame, &panes),
        Screen::Roll => roll::draw(model, theme, frame, panes.timeline),
        Screen::Wire => wire::draw(model, theme, frame, panes.timeline),
        Screen::Whoami => whoami::draw(model, theme, frame, panes.timeline),
        Screen::Delivery => delivery::draw(model, theme, frame, panes.timeline),
    }
    info::draw(model, theme, frame, panes.info);
    composer::draw(model, theme, frame, panes.composer);
    popup::draw(model, theme, frame, panes.body());
    if model.help {
        help::draw(theme, frame, area);
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
