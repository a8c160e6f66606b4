//! The mouse: the wheel scrolls, a click chooses.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{look, opening};
use crate::effect::Effect;
use crate::layout;
use crate::model::looking::Screen;
use crate::model::{Mode, Model};

pub(super) fn update(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    match event.kind {
        MouseEventKind::ScrollUp => look::wheel(model, true),
        MouseEventKind::ScrollDown => look::wheel(model, false),
        MouseEventKind::Down(MouseButton::Left) => click(model, event.column, event.row),
        _ => Vec::new(),
    }
}

fn click(model: &mut Model, x: u16, y: u16) -> Vec<Effect> {
    if model.help || model.popup.is_some() {
        model.help = false;
        model.popup = None;
        return Vec::new();
    }
    let Some(panes) = layout::panes(model, model.size) else {
        return Vec::new();
    };
    let at = ratatui::layout::Position { x, y };
    if panes.list.contains(at) {
        let rows = usize::from(panes.list.height.saturating_sub(2));
        let first = (model.selected + 1).saturating_sub(rows);
        let chosen = first + usize::from(y.saturating_sub(panes.list.y + 1));
        let id = model.conversations.get(chosen).map(|view| view.id.clone());
        if let Some(id) = id.filter(|_| y > panes.list.y) {
            model.selected = chosen;
            return opening::open(model, &id);
        }
    } else if panes.composer.contains(at) && model.open.is_some() && model.screen == Screen::Chat {
        model.mode = Mode::Write;
    }
    Vec::new()
}
