//! The row above the input: a notice if there is one, else who types.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::model::{Mode, Model};
use crate::text::{cut, harmless_line};
use crate::theme::Theme;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (words, style) = match &model.notice {
        Some(notice) => (notice.text.clone(), theme.late),
        None => (typing(model).unwrap_or_else(|| keys(model.mode).into()), theme.faint),
    };
    let words = cut(&harmless_line(&words), usize::from(area.width).saturating_sub(2));
    frame.render_widget(Line::styled(format!(" {words}"), style), area);
}

fn typing(model: &Model) -> Option<String> {
    let (view, _) = model.open_timeline()?;
    let writers = model.typing.keys().filter(|(conversation, _)| *conversation == view.id);
    let names: Vec<&str> = writers
        .filter_map(|(_, user)| view.participants.iter().find(|participant| participant.id == *user))
        .map(|participant| participant.display_name.as_str())
        .collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("{one} is typing …")),
        [one, two] => Some(format!("{one} and {two} are typing …")),
        many => Some(format!("{} people are typing …", many.len())),
    }
}

fn keys(mode: Mode) -> &'static str {
    match mode {
        Mode::List => "↑ ↓ choose · Enter open · r retry · : command · q quit",
        Mode::Write => "Enter send · Alt-Enter new line · Esc conversations · PgUp older",
        Mode::Command => "quit · help · reconnect · Esc back",
    }
}
