//! Keys while writing.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rollcall_client::Client;
use rollcall_client::protocol::chat_core::limits::MESSAGE_BYTES_DEFAULT;

use super::{command, drafts, scroll};
use crate::effect::Effect;
use crate::model::composer::Composer;
use crate::model::looking::Draft;
use crate::model::timeline::Outgoing;
use crate::model::{Mode, Model};

/// Others are told again that one types while one does: the server forgets it after 6 s.
const TYPING_TOLD_EVERY_MILLIS: u64 = 3_000;

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let multi_line = model.composer.text().contains('\n');
    match key.code {
        KeyCode::Esc if model.draft != Draft::New => {
            drafts::forget(model);
            Vec::new()
        }
        KeyCode::Char('r') if key.modifiers.contains(KeyModifiers::ALT) => drafts::reply(model, None),
        KeyCode::Char('e') if key.modifiers.contains(KeyModifiers::ALT) => drafts::edit(model, None),
        KeyCode::Esc | KeyCode::Tab => {
            model.mode = Mode::List;
            Vec::new()
        }
        KeyCode::Enter if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT) => insert(model, "\n"),
        KeyCode::Char('j') if key.modifiers.contains(KeyModifiers::CONTROL) => insert(model, "\n"),
        KeyCode::Enter => send(model),
        KeyCode::Up if !multi_line => scroll::up(model, 1),
        KeyCode::Down if !multi_line => scroll::down(model, 1),
        KeyCode::End if model.composer.is_empty() => scroll::to_end(model),
        _ => match edit(&mut model.composer, key) {
            Some(text) => insert(model, &text),
            None => typing(model),
        },
    }
}

/// Moves the cursor or deletes; gives back what is to be inserted.
pub(super) fn edit(composer: &mut Composer, key: KeyEvent) -> Option<String> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    match key.code {
        KeyCode::Char('a') if ctrl => composer.home(),
        KeyCode::Char('e') if ctrl => composer.end(),
        KeyCode::Char('w') if ctrl => composer.delete_word(),
        KeyCode::Char('u') if ctrl => composer.delete_to_start(),
        KeyCode::Char('k') if ctrl => composer.delete_to_end(),
        KeyCode::Char('b') if alt => composer.word_left(),
        KeyCode::Char('f') if alt => composer.word_right(),
        KeyCode::Left if ctrl || alt => composer.word_left(),
        KeyCode::Right if ctrl || alt => composer.word_right(),
        KeyCode::Left => composer.left(),
        KeyCode::Right => composer.right(),
        KeyCode::Home => composer.home(),
        KeyCode::End => composer.end(),
        KeyCode::Backspace if alt => composer.delete_word(),
        KeyCode::Backspace => composer.backspace(),
        KeyCode::Delete => composer.delete(),
        KeyCode::Char(c) if !ctrl => return Some(c.to_string()),
        _ => {}
    }
    None
}

/// Inserts what was typed or pasted.
pub(super) fn insert(model: &mut Model, text: &str) -> Vec<Effect> {
    if !model.composer.insert(text, MESSAGE_BYTES_DEFAULT) {
        model.say(format!(
            "a message is at most {MESSAGE_BYTES_DEFAULT} bytes long; the rest was left out"
        ));
    }
    typing(model)
}

/// Tells others that one types, or has stopped, where that is news.
fn typing(model: &mut Model) -> Vec<Effect> {
    let Some(conversation) = model.open.clone() else {
        return Vec::new();
    };
    if model.composer.is_empty() {
        return stopped(model);
    }
    let known = model
        .typing_told
        .is_some_and(|at| model.now < at.plus(TYPING_TOLD_EVERY_MILLIS));
    if known {
        return Vec::new();
    }
    model.typing_told = Some(model.now);
    vec![Effect::Typing(conversation, true)]
}

/// Tells others that one has stopped, if they believe otherwise.
pub(super) fn stopped(model: &mut Model) -> Vec<Effect> {
    let told = model.typing_told.take();
    let conversation = model.open.clone().filter(|_| told.is_some());
    conversation
        .map(|conversation| Effect::Typing(conversation, false))
        .into_iter()
        .collect()
}

fn send(model: &mut Model) -> Vec<Effect> {
    let Some(conversation) = model.open.clone() else {
        return Vec::new();
    };
    if model.composer.text().trim().is_empty() {
        return Vec::new();
    }
    let content = model.composer.take();
    if let Some(name) = content
        .strip_prefix(':')
        .filter(|name| matches!(*name, "q" | "quit" | "help"))
    {
        return command::run(model, name);
    }
    // The server ends "is typing" itself when a message comes.
    model.typing_told = None;
    model.scrolled = 0;
    let reply_to = match std::mem::take(&mut model.draft) {
        Draft::Edit(_, message) => return vec![Effect::Edit(message, content)],
        Draft::Reply(_, message) => Some(message),
        Draft::New => None,
    };
    let id = Client::new_message_id();
    let timeline = model.timelines.entry(conversation.clone()).or_default();
    timeline.outgoing.push(Outgoing {
        id: id.clone(),
        content: content.clone(),
        reply_to: reply_to.clone(),
        failed: None,
    });
    vec![Effect::Send {
        conversation,
        id,
        content,
        reply_to,
    }]
}
