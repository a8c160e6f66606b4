//! The one place where the model changes: an event comes in, effects go out. Pure.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use rollcall_client::ClientEvent;

use crate::effect::{Effect, Reply};
use crate::model::looking::Screen;
use crate::model::{Millis, Mode, Model, Size};

pub(crate) mod command;
mod drafts;
mod list;
mod look;
mod mouse;
mod opening;
pub(crate) mod popup;
mod reply;
mod scroll;
mod search;
mod server;
mod write;

/// What happens to the program.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    Resize(Size),
    Tick(Millis),
    Client(ClientEvent),
    Reply(Reply),
}

/// Changes the model and says what is to be done.
pub(crate) fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) => key_pressed(model, key),
        Event::Paste(text) => pasted(model, &text),
        Event::Mouse(event) => mouse::update(model, event),
        Event::Resize(size) => {
            model.size = size;
            scroll::settle(model);
            Vec::new()
        }
        Event::Tick(now) => tick(model, now),
        Event::Client(event) => server::update(model, event),
        Event::Reply(reply) => reply::update(model, reply),
    }
}

fn key_pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if ctrl => model.quit = true,
        _ if model.help => model.help = false,
        KeyCode::F(1) => model.help = true,
        _ if model.popup.is_some() => return popup::key(model, key),
        KeyCode::F(2) => return look::show(model, Screen::Roll),
        KeyCode::F(3) => return look::show(model, Screen::Wire),
        KeyCode::F(4) => return look::show(model, Screen::Whoami),
        KeyCode::F(5) => return look::show(model, Screen::Delivery),
        KeyCode::F(6) => popup::faults(model),
        _ if model.screen != Screen::Chat && model.mode == Mode::List => return look::key(model, key),
        KeyCode::Char('r') if ctrl => return opening::retry(model),
        KeyCode::PageUp => return scroll::up(model, scroll::page(model)),
        KeyCode::PageDown => return scroll::down(model, scroll::page(model)),
        _ => {
            return match model.mode {
                Mode::List => list::key(model, key),
                Mode::Write => write::key(model, key),
                Mode::Command | Mode::Search => command::key(model, key),
            };
        }
    }
    Vec::new()
}

fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    if model.help || model.open.is_none() || model.screen != Screen::Chat {
        return Vec::new();
    }
    model.mode = Mode::Write;
    write::insert(model, text)
}

fn tick(model: &mut Model, now: Millis) -> Vec<Effect> {
    model.now = now;
    model.typing.retain(|_, until| *until > now);
    if model.notice.as_ref().is_some_and(|notice| notice.until <= now) {
        model.notice = None;
    }
    let mut effects = look::due(model);
    if model.room_stale_at.is_some_and(|at| at <= now) {
        model.room_stale_at = None;
        effects.extend(model.open.clone().map(Effect::Join));
    }
    effects
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
