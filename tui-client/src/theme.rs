//! Every colour. Status is always a shape and a word as well, so that nothing is lost without them.

use ratatui::style::{Color, Modifier, Style};

use crate::out::Tone;
use crate::rows::Mark;

/// Which colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ThemeName {
    /// The terminal's own sixteen, so that light and dark are the terminal's choice.
    #[default]
    Terminal,
    /// For dark terminals that can show any colour.
    Night,
    /// For light ones.
    Day,
    None,
}

impl ThemeName {
    pub(crate) const NAMES: [&str; 4] = ["terminal", "night", "day", "none"];

    pub(crate) fn read(name: &str) -> Option<Self> {
        match name {
            "terminal" => Some(Self::Terminal),
            "night" => Some(Self::Night),
            "day" => Some(Self::Day),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// What was asked for. `NO_COLOR` with any value but an empty one means none (<https://no-color.org>), and a terminal that
    /// knows sixteen colours gets those.
    pub(crate) fn from_environment(asked: Option<&str>) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if set("NO_COLOR").is_some() {
            return Self::None;
        }
        let every_colour = set("COLORTERM").is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit"));
        match asked.and_then(Self::read) {
            Some(Self::Night | Self::Day) if !every_colour => Self::Terminal,
            Some(theme) => theme,
            None => Self::default(),
        }
    }
}

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
    pub(crate) fn named(name: ThemeName) -> Self {
        match name {
            ThemeName::Terminal => Self::of(Color::Cyan, Color::Green, Color::Yellow, Color::Red),
            ThemeName::Night => Self::of(
                Color::Rgb(122, 192, 255),
                Color::Rgb(126, 211, 133),
                Color::Rgb(238, 190, 97),
                Color::Rgb(255, 125, 117),
            ),
            ThemeName::Day => Self::of(
                Color::Rgb(0, 90, 170),
                Color::Rgb(15, 115, 45),
                Color::Rgb(145, 90, 0),
                Color::Rgb(180, 25, 25),
            ),
            ThemeName::None => Self::without_colours(),
        }
    }

    #[cfg(test)]
    pub(crate) fn colours() -> Self {
        Self::named(ThemeName::Terminal)
    }

    fn of(accent: Color, good: Color, late: Color, failed: Color) -> Self {
        let of = |colour| Style::new().fg(colour);
        Self {
            accent: of(accent),
            good: of(good),
            late: of(late),
            failed: of(failed),
            focused_frame: of(accent),
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

    pub(crate) fn mark(&self, mark: Mark) -> Style {
        match mark {
            Mark::Underway => self.faint,
            Mark::Good => self.good,
            Mark::Partial => self.late,
            Mark::Failed => self.failed,
        }
    }

    pub(crate) fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Good => self.good,
            Tone::Late => self.late,
            Tone::Failed => self.failed,
            Tone::Faint => self.faint,
            Tone::Strong => self.strong,
            Tone::Plain => self.plain,
        }
    }
}
