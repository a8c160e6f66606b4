//! Keys while writing a command, and the commands.

use crossterm::event::{KeyCode, KeyEvent};

use super::{opening, write};
use crate::effect::Effect;
use crate::model::{Link, Mode, Model};

/// A command is a word or two.
const COMMAND_BYTES_MAX: usize = 200;

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc => leave(model),
        KeyCode::Backspace if model.command.is_empty() => leave(model),
        KeyCode::Enter => {
            let command = model.command.take();
            leave(model);
            return run(model, command.trim());
        }
        _ => {
            if let Some(text) = write::edit(&mut model.command, key) {
                model.command.insert(&text, COMMAND_BYTES_MAX);
            }
        }
    }
    Vec::new()
}

fn leave(model: &mut Model) {
    model.command.take();
    model.mode = Mode::List;
}

/// Carries a command out.
pub(super) fn run(model: &mut Model, command: &str) -> Vec<Effect> {
    match command {
        "" => {}
        "q" | "quit" => model.quit = true,
        "h" | "help" => model.help = true,
        "reconnect" if matches!(model.link, Link::Closed(_)) => {
            model.say("this connection is closed for good: start anew");
        }
        "reconnect" => return vec![Effect::Reconnect],
        "retry" => return opening::retry(model),
        other => model.say(format!("there is no command {other:?}: quit, help, reconnect, retry")),
    }
    Vec::new()
}
