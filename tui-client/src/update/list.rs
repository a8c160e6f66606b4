//! Keys while choosing a conversation.

use crossterm::event::{KeyCode, KeyEvent};

use super::{look, opening, popup, scroll, search};
use crate::effect::Effect;
use crate::model::looking::Screen;
use crate::model::{Mode, Model};

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let last = model.conversations.len().saturating_sub(1);
    match key.code {
        KeyCode::Char('q') => model.quit = true,
        KeyCode::Char('?') => model.help = true,
        KeyCode::Char(':') => model.mode = Mode::Command,
        KeyCode::Char('/') => model.mode = Mode::Search,
        KeyCode::Char('n') => search::older(model),
        KeyCode::Char('N') => search::newer(model),
        KeyCode::Char('c') => return look::show(model, Screen::Roll),
        KeyCode::Char('w') => return look::show(model, Screen::Wire),
        KeyCode::Char('I') => return look::show(model, Screen::Whoami),
        KeyCode::Char('d') => return look::show(model, Screen::Delivery),
        KeyCode::Char('x') => popup::faults(model),
        KeyCode::Char('r') => return opening::retry(model),
        KeyCode::Up | KeyCode::Char('k') => model.selected = model.selected.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => model.selected = (model.selected + 1).min(last),
        KeyCode::Home | KeyCode::Char('g') => model.selected = 0,
        KeyCode::Char('G') => model.selected = last,
        KeyCode::End => return scroll::to_end(model),
        KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => {
            let chosen = model.conversations.get(model.selected).map(|view| view.id.clone());
            return chosen.map(|id| opening::open(model, &id)).unwrap_or_default();
        }
        KeyCode::Tab | KeyCode::Char('i') if model.open.is_some() => model.mode = Mode::Write,
        _ => {}
    }
    Vec::new()
}
