//! Answering and changing a message: what the composer's text will become.

use rollcall_client::protocol::chat_core::{Message, Seq};

use super::write;
use crate::effect::Effect;
use crate::model::looking::{Draft, Screen};
use crate::model::{Mode, Model};

/// The message of that number, or the newest one that fits.
fn chosen(model: &Model, seq: Option<Seq>, fits: impl Fn(&Message) -> bool) -> Option<Message> {
    let (_, timeline) = model.open_timeline()?;
    match seq {
        Some(seq) => timeline.of_seq(seq).cloned(),
        None => timeline.messages().rev().find(|message| fits(message)).cloned(),
    }
}

/// The composer's text will answer a message: that one, or the newest of somebody else.
pub(super) fn reply(model: &mut Model, seq: Option<Seq>) -> Vec<Effect> {
    let found = chosen(model, seq, |message| {
        !model.is_me(&message.sender_id) && message.deleted_at.is_none()
    });
    match found {
        None => model.say("there is no message here to answer"),
        Some(message) => {
            model.draft = Draft::Reply(message.seq, message.id);
            begin(model);
        }
    }
    Vec::new()
}

/// The composer's text will take the place of a message of one's own: that one, or the newest.
pub(super) fn edit(model: &mut Model, seq: Option<Seq>) -> Vec<Effect> {
    let found = chosen(model, seq, |message| {
        model.is_me(&message.sender_id) && message.deleted_at.is_none()
    });
    match found {
        Some(message) if model.is_me(&message.sender_id) => {
            model.draft = Draft::Edit(message.seq, message.id);
            begin(model);
            model.composer.take();
            return write::insert(model, &message.content);
        }
        Some(_) => model.say("only its sender changes a message"),
        None => model.say("there is no message of yours here"),
    }
    Vec::new()
}

/// Deletes that message, or says why not.
pub(super) fn delete(model: &mut Model, seq: Option<Seq>) -> Vec<Effect> {
    match seq.and_then(|seq| chosen(model, Some(seq), |_| true)) {
        Some(message) => return vec![Effect::Delete(message.id)],
        None => model.say("which one? :delete NUMBER"),
    }
    Vec::new()
}

fn begin(model: &mut Model) {
    model.screen = Screen::Chat;
    model.mode = Mode::Write;
}

/// Back to a new message.
pub(super) fn forget(model: &mut Model) {
    if matches!(model.draft, Draft::Edit(..)) {
        model.composer.take();
    }
    model.draft = Draft::New;
}
