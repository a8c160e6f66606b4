//! Opening a conversation, loading its history, reading it, and sending again what failed.

use rollcall_client::protocol::chat_core::{ConversationId, Seq};

use super::write;
use crate::effect::Effect;
use crate::model::looking::Draft;
use crate::model::timeline::{Loading, Timeline};
use crate::model::{Mode, Model};

/// Messages in a page of history: two screens.
const PAGE: u32 = 50;

pub(super) fn open(model: &mut Model, id: &ConversationId) -> Vec<Effect> {
    let mut effects = Vec::new();
    model.mode = Mode::Write;
    if model.open.as_ref() != Some(id) {
        effects.extend(write::stopped(model));
        model.open = Some(id.clone());
        model.room = None;
        model.scrolled = 0;
        model.draft = Draft::New;
        let (seat, _) = model.seat;
        let who = model.name.clone();
        model.calls.entry(id.clone()).or_default().seat(seat, &who);
        effects.push(Effect::Join(id.clone()));
    }
    effects.extend(load_newest(model, id));
    effects.extend(read(model));
    effects
}

/// Loads the newest page unless it is here or on its way.
pub(super) fn load_newest(model: &mut Model, id: &ConversationId) -> Option<Effect> {
    let head = model.conversation(id)?.last_seq;
    let timeline = model.timelines.entry(id.clone()).or_default();
    if timeline.loaded || timeline.loading != Loading::Nothing {
        return None;
    }
    if head == Seq::ZERO {
        timeline.loaded = true;
        return None;
    }
    timeline.loading = Loading::Newest;
    Some(Effect::Fetch {
        conversation: id.clone(),
        after: Seq(head.0.saturating_sub(u64::from(PAGE))),
        limit: PAGE,
    })
}

/// Loads the page before what is here, if there is one and nothing is being loaded.
pub(super) fn load_older(model: &mut Model) -> Option<Effect> {
    let id = model.open.clone()?;
    let timeline = model.timelines.get_mut(&id)?;
    if timeline.loading != Loading::Nothing || !timeline.has_older() {
        return None;
    }
    let before = timeline.first_seq()?.0 - 1;
    timeline.loading = Loading::Older;
    let after = before.saturating_sub(u64::from(PAGE));
    Some(Effect::Fetch {
        conversation: id,
        after: Seq(after),
        // Seqs have no gaps, so this is exactly what lies between.
        limit: u32::try_from(before - after).unwrap_or(PAGE),
    })
}

/// What is on screen down to its newest row was read.
pub(super) fn read(model: &mut Model) -> Option<Effect> {
    if model.scrolled > 0 {
        return None;
    }
    let id = model.open.clone()?;
    let seen = model.timelines.get(&id)?.last_seq()?;
    let view = model.conversation_mut(&id)?;
    if view.read_seq >= seen && view.unread == 0 {
        return None;
    }
    view.unread = 0;
    view.mentions = 0;
    view.read_seq = seen;
    Some(Effect::Read(id, seen))
}

/// Sends again what failed in the open conversation, under the same ids.
pub(super) fn retry(model: &mut Model) -> Vec<Effect> {
    let Some(conversation) = model.open.clone() else {
        return Vec::new();
    };
    let failed = model
        .timelines
        .get_mut(&conversation)
        .map(Timeline::retry)
        .unwrap_or_default();
    if failed.is_empty() {
        model.say("nothing has failed here");
    }
    let send = |(id, content, reply_to)| Effect::Send {
        conversation: conversation.clone(),
        id,
        content,
        reply_to,
    };
    failed.into_iter().map(send).collect()
}
