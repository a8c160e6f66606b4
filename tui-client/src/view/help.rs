//! Keys and marks, over everything else.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::theme::Theme;

/// A frame and a space on both sides around the longest line.
const WIDTH: u16 = 60;

/// Fits into the smallest terminal.
const HELP: [&str; 13] = [
    "Esc Tab      list and input; ↑ ↓ j k Enter choose, open",
    "Enter        send; Alt-Enter line; Alt-R answer, -E edit",
    "PgUp PgDn    scroll, older ones load; / search, n N next",
    "F2 F3 F4 F5  roll call, wire, whoami, delivery (c w I d)",
    "F6 x         faults: drop, stop reading, wrong path …",
    "Ctrl-N F9    next identity, side by side (--as a --as b)",
    "Ctrl-R       send again what failed",
    ":            commands, Tab completes; :q Ctrl-C quit",
    "",
    "● good  ▲ late  ■ failed  ○ offline  ◌ not known yet",
    "✓ arrived  ↺ replayed or repaired  · from before",
    "handed over n of m: given to n of the m sockets there",
    "✓ verified: the live room holds this socket",
];

pub(super) fn draw(theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let height = u16::try_from(HELP.len() + 2).unwrap_or(area.height).min(area.height);
    let width = WIDTH.min(area.width);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered()
        .border_style(theme.focused_frame)
        .title(" Help · any key closes ");
    let text = Text::from(HELP.map(|line| Line::from(format!(" {line}"))).to_vec());
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).block(block), place);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_fits() {
        for line in HELP {
            assert!(crate::text::width(line) + 3 <= usize::from(WIDTH), "{line}");
        }
    }
}
