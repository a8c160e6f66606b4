//! Every colour. Status is always a shape and a word as well, so that nothing is lost without them.

use ratatui::style::{Color, Modifier, Style};

use crate::rows::Mark;

/// How things look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Theme {
    pub(crate) plain: Style,
    pub(crate) faint: Style,
    pub(crate) strong: Style,
    pub(crate) accent: Style,
    pub(crate) good: Style,
    pub(crate) late: Style,
    pub(crate) failed: Style,
    pub(crate) selected: Style,
    pub(crate) frame: Style,
    pub(crate) focused_frame: Style,
}

impl Theme {
    /// The terminal's own sixteen colours, so that light and dark are the terminal's choice.
    pub(crate) fn colours() -> Self {
        let of = |colour| Style::new().fg(colour);
        Self {
            accent: of(Color::Cyan),
            good: of(Color::Green),
            late: of(Color::Yellow),
            failed: of(Color::Red),
            focused_frame: of(Color::Cyan),
            ..Self::without_colours()
        }
    }

    /// For `NO_COLOR`.
    pub(crate) fn without_colours() -> Self {
        let plain = Style::new();
        let faint = plain.add_modifier(Modifier::DIM);
        let strong = plain.add_modifier(Modifier::BOLD);
        Self {
            plain,
            faint,
            strong,
            accent: strong,
            good: plain,
            late: strong,
            failed: strong,
            selected: plain.add_modifier(Modifier::REVERSED),
            frame: faint,
            focused_frame: strong,
        }
    }

    /// `NO_COLOR` with any value but an empty one means none (<https://no-color.org>).
    pub(crate) fn from_environment() -> Self {
        if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            Self::without_colours()
        } else {
            Self::colours()
        }
    }

    pub(crate) fn mark(&self, mark: Mark) -> Style {
        match mark {
            Mark::Underway => self.faint,
            Mark::Good => self.good,
            Mark::Partial => self.late,
            Mark::Failed => self.failed,
        }
    }
}
