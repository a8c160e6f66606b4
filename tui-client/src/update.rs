//! The one place where the model changes: an event comes in, effects go out. Pure.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rollcall_client::ClientEvent;

use crate::effect::{Effect, Reply};
use crate::model::{Millis, Mode, Model, Size};

mod command;
mod list;
mod opening;
mod reply;
mod scroll;
mod server;
mod write;

/// What happens to the program.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Key(KeyEvent),
    Paste(String),
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
        KeyCode::Char('r') if ctrl => return opening::retry(model),
        KeyCode::PageUp => return scroll::up(model, scroll::page(model)),
        KeyCode::PageDown => return scroll::down(model, scroll::page(model)),
        _ => {
            return match model.mode {
                Mode::List => list::key(model, key),
                Mode::Write => write::key(model, key),
                Mode::Command => command::key(model, key),
            };
        }
    }
    Vec::new()
}

fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    if model.help || model.open.is_none() {
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
    if model.room_stale_at.is_some_and(|at| at <= now) {
        model.room_stale_at = None;
        return model.open.clone().map(Effect::Join).into_iter().collect();
    }
    Vec::new()
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
