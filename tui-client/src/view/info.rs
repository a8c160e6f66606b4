//! The row above the input: a notice if there is one, else who types.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::model::looking::{Draft, Screen};
use crate::model::{Mode, Model};
use crate::text::{cut, harmless_line};
use crate::theme::Theme;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (words, style) = match (&model.notice, draft(model)) {
        (Some(notice), _) => (notice.text.clone(), theme.late),
        (None, Some(draft)) => (draft, theme.accent),
        (None, None) => (typing(model).unwrap_or_else(|| keys(model).into()), theme.faint),
    };
    let words = cut(&harmless_line(&words), usize::from(area.width).saturating_sub(2));
    frame.render_widget(Line::styled(format!(" {words}"), style), area);
}

fn draft(model: &Model) -> Option<String> {
    match &model.draft {
        Draft::New => None,
        Draft::Reply(seq, _) => Some(format!("answering #{} · Esc: a new message instead", seq.0)),
        Draft::Edit(seq, _) => Some(format!("changing #{} · Esc: a new message instead", seq.0)),
    }
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

fn keys(model: &Model) -> &'static str {
    match (model.mode, model.screen) {
        (Mode::Write, _) => "Enter send · Alt-Enter new line · Esc list · F2 roll call · F1 help",
        (Mode::Command, _) => "Tab completes · Esc back · quit help roll wire whoami fault …",
        (Mode::Search, _) => "Enter finds · Esc back",
        (Mode::List, Screen::Chat) => "↑ ↓ Enter open · / search · : command · c roll call · w wire · q quit",
        (Mode::List, Screen::Roll) => "Enter: why? · r probe · d delivery · w wire · i whoami · x faults · Esc",
        (Mode::List, Screen::Wire) => "/ filter · b heartbeats · h hold · ↑ ↓ PgUp PgDn · Esc back",
        (Mode::List, Screen::Whoami | Screen::Delivery) => "r ask again · ↑ ↓ scroll · c roll call · w wire · Esc back",
    }
}
