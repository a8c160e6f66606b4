//! Keys while writing a command or a search, and the commands.

use crossterm::event::{KeyCode, KeyEvent};
use rollcall_client::protocol::chat_core::{MessageId, Seq};

use super::{drafts, look, opening, popup, search, write};
use crate::effect::Effect;
use crate::model::looking::{Fault, Screen};
use crate::model::{Link, Mode, Model};
use crate::theme::ThemeName;

/// A command is a word or two.
const COMMAND_BYTES_MAX: usize = 200;

/// Every command, for completion.
pub(crate) const COMMANDS: [&str; 24] = [
    "chat",
    "delete",
    "delivery",
    "edit",
    "fault",
    "filter",
    "heartbeats",
    "help",
    "mouse off",
    "mouse on",
    "mute",
    "probe",
    "quit",
    "reconnect",
    "reply",
    "retry",
    "roll",
    "search",
    "theme day",
    "theme night",
    "theme none",
    "theme terminal",
    "unmute",
    "wire",
];
/// The rest of them: what stands behind `fault`.
const FAULTS: [(&str, Fault); 9] = [
    ("drop", Fault::Cut),
    ("stop-reading", Fault::Reading(false)),
    ("read", Fault::Reading(true)),
    ("stop-confirming", Fault::Confirming(false)),
    ("confirm", Fault::Confirming(true)),
    ("leave", Fault::Leave),
    ("wrong-path", Fault::WrongPath),
    ("wrong-namespace", Fault::WrongNamespace),
    ("numeric-id", Fault::NumericId),
];

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let searching = model.mode == Mode::Search;
    match key.code {
        KeyCode::Esc => leave(model),
        KeyCode::Backspace if model.command.is_empty() => leave(model),
        KeyCode::Tab if !searching => complete(model),
        KeyCode::Enter => {
            let command = model.command.take();
            leave(model);
            if searching {
                find(model, &command);
                return Vec::new();
            }
            return run(model, command.trim());
        }
        _ => {
            if let Some(text) = write::edit(&mut model.command, key) {
                model.command.insert(&text, COMMAND_BYTES_MAX);
            }
            if searching && model.screen == Screen::Wire {
                model.wire.filter = model.command.text().to_owned();
            }
        }
    }
    Vec::new()
}

fn leave(model: &mut Model) {
    model.command.take();
    model.mode = Mode::List;
}

fn find(model: &mut Model, text: &str) {
    if model.screen == Screen::Wire {
        text.clone_into(&mut model.wire.filter);
        model.wire.scrolled = 0;
    } else {
        model.screen = Screen::Chat;
        search::begin(model, text);
    }
}

/// What could stand there.
fn candidates(text: &str) -> Vec<String> {
    let faults = FAULTS.iter().map(|(name, _)| format!("fault {name}"));
    let all = COMMANDS
        .iter()
        .map(ToString::to_string)
        .chain(["whoami".into()])
        .chain(faults);
    let mut fitting: Vec<String> = all.filter(|command| command.starts_with(text)).collect();
    if !text.contains(' ') {
        // First words only; what stands behind one is offered when it stands there.
        for command in &mut fitting {
            if let Some((first, _)) = command.split_once(' ') {
                *command = first.to_owned();
            }
        }
        fitting.sort();
        fitting.dedup();
    }
    fitting
}

/// Goes on as far as there is no choice, and names the choices.
fn complete(model: &mut Model) {
    let text = model.command.text().to_owned();
    let fitting = candidates(&text);
    let Some(first) = fitting.first() else {
        model.say(format!("no command begins with {text:?}"));
        return;
    };
    let shared = fitting.iter().fold(first.len(), |shared, other| {
        first
            .bytes()
            .zip(other.bytes())
            .take(shared)
            .take_while(|(a, b)| a == b)
            .count()
    });
    let mut completed = first[..shared].to_owned();
    if fitting.len() == 1 {
        completed.push(' ');
    } else if completed == text {
        model.say(fitting.join("  "));
    }
    model.command.take();
    model.command.insert(&completed, COMMAND_BYTES_MAX);
}

/// Carries a command out.
pub(super) fn run(model: &mut Model, command: &str) -> Vec<Effect> {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let rest = rest.trim();
    let seq = rest.trim_start_matches('#').parse().ok().map(Seq);
    match name {
        "" => {}
        "q" | "quit" => model.quit = true,
        "h" | "help" => model.help = true,
        "reconnect" if matches!(model.link, Link::Closed(_)) => {
            model.say("this connection is closed for good: start anew");
        }
        "reconnect" => return vec![Effect::Reconnect],
        "retry" => return opening::retry(model),
        "chat" => model.screen = Screen::Chat,
        "roll" | "wire" | "whoami" => {
            let screen = Screen::ALL
                .into_iter()
                .find(|screen| screen.name() == name)
                .unwrap_or_default();
            model.screen = Screen::Chat;
            return look::show(model, screen);
        }
        "delivery" => return delivery(model, seq),
        "reply" => return drafts::reply(model, seq),
        "edit" => return drafts::edit(model, seq),
        "delete" => return drafts::delete(model, seq),
        "search" => find(model, rest),
        "filter" => rest.clone_into(&mut model.wire.filter),
        "heartbeats" => model.wire.heartbeats = !model.wire.heartbeats,
        "probe" => {
            let room = model.room.as_ref().map(|room| room.name.clone());
            return room.map(Effect::Probe).into_iter().collect();
        }
        "mute" => return mute(model, true),
        "unmute" => return mute(model, false),
        "fault" => return fault(model, rest),
        "theme" => theme(model, rest),
        "mouse" => return mouse(model, rest),
        // For the test that the terminal is given back then, too. Not in a release build.
        "panic" if cfg!(debug_assertions) => panic!("asked to panic"),
        _ => model.say(format!("there is no command {command:?}; Tab completes, F1 helps")),
    }
    Vec::new()
}

fn delivery(model: &mut Model, seq: Option<Seq>) -> Vec<Effect> {
    let Some(seq) = seq else {
        model.screen = Screen::Chat;
        return look::show(model, Screen::Delivery);
    };
    let message: Option<MessageId> = model
        .open_timeline()
        .and_then(|(_, timeline)| timeline.of_seq(seq))
        .map(|message| message.id.clone());
    if message.is_none() {
        model.say(format!("#{} is not loaded here", seq.0));
        return Vec::new();
    }
    look::delivery(model, message)
}

/// For all devices of this user; the answer shows in the list.
fn mute(model: &mut Model, muted: bool) -> Vec<Effect> {
    let Some(id) = model.open.clone() else {
        model.say("no conversation is open");
        return Vec::new();
    };
    vec![Effect::Mute(id, muted)]
}

fn fault(model: &mut Model, name: &str) -> Vec<Effect> {
    match FAULTS.iter().find(|(known, _)| *known == name) {
        Some((_, fault)) => return vec![popup::make(model, *fault)],
        None => popup::faults(model),
    }
    Vec::new()
}

fn theme(model: &mut Model, name: &str) {
    match ThemeName::read(name) {
        Some(theme) => model.theme = theme,
        None => model.say(format!("themes are {}", ThemeName::NAMES.join(", "))),
    }
}

fn mouse(model: &mut Model, rest: &str) -> Vec<Effect> {
    model.mouse = match rest {
        "on" => true,
        "off" => false,
        _ => !model.mouse,
    };
    model.say(if model.mouse {
        "the mouse is used here"
    } else {
        "the mouse is left to the terminal"
    });
    vec![Effect::Mouse(model.mouse)]
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
