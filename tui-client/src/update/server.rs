//! What the server says, and what becomes of the connection.

use rollcall_client::protocol::chat_core::{ConversationId, Message};
use rollcall_client::protocol::event::{
    ConversationRemoved, Cursor, Presence, Receipts, RemovedReason, Session, TypingNotice,
};
use rollcall_client::protocol::{ConversationView, ServerEvent};
use rollcall_client::{ClientEvent, Gap, GapOutcome, State};

use super::{opening, scroll};
use crate::effect::Effect;
use crate::model::timeline::Loading;
use crate::model::{Mode, Model};
use crate::text::harmless_line;

/// A join is asked for once for all that come and go within this time.
const ROOM_STALE_AFTER_MILLIS: u64 = 400;
/// The server ends it after 6 s; a lost end must not stay.
const TYPING_MILLIS: u64 = 7_000;

pub(super) fn update(model: &mut Model, event: ClientEvent) -> Vec<Effect> {
    match event {
        ClientEvent::State(state) => {
            changed(model, state);
            Vec::new()
        }
        ClientEvent::Server(event) => said(model, event),
        ClientEvent::Gap(gap) => missed(model, &gap),
        // The client dropped it; nothing is missing.
        ClientEvent::Duplicate { .. } => Vec::new(),
        ClientEvent::Undecodable { event, why, .. } => {
            let event = event.unwrap_or_else(|| "a packet".into());
            model.say(format!("{event} cannot be read: {why}"));
            Vec::new()
        }
    }
}

fn changed(model: &mut Model, state: State) {
    if !state.is_connected() {
        model.room = None;
        model.typing.clear();
        model.typing_told = None;
    }
    model.set_link(state);
}

fn said(model: &mut Model, event: ServerEvent) -> Vec<Effect> {
    match event {
        ServerEvent::Session(session) => return began(model, *session),
        ServerEvent::NewMessage(message) => return arrived(model, message),
        ServerEvent::MessageUpdated(message) => {
            if let Some(timeline) = model.timelines.get_mut(&message.conversation_id) {
                timeline.replace(message);
            }
        }
        ServerEvent::Receipts(receipts) => confirmed(model, receipts),
        ServerEvent::Typing(notice) => typing(model, notice),
        ServerEvent::Presence(presence) => came_or_went(model, &presence),
        ServerEvent::ConversationUpdated(view) => {
            place(model, *view);
            touch_room(model);
        }
        ServerEvent::ConversationRemoved(removed) => removed_from(model, &removed),
        ServerEvent::Error(refused) => model.say(refused.error.to_string()),
        ServerEvent::ServerShutdown(_) => model.say("the server is going down; this comes back by itself"),
        ServerEvent::Heads(_) | ServerEvent::Probe(_) | ServerEvent::TokenExpiring(_) | ServerEvent::Other { .. } => {}
    }
    Vec::new()
}

fn began(model: &mut Model, session: Session) -> Vec<Effect> {
    model.name.clone_from(&session.user.username);
    model.session = Some(Box::new(session.clone()));
    model.me = Some(session.user);
    let selected = model.conversations.get(model.selected).map(|view| view.id.clone());
    model.conversations = session.conversations;
    sort(model);
    select(model, selected.as_ref());
    model
        .timelines
        .retain(|id, _| model.conversations.iter().any(|view| view.id == *id));
    for timeline in model.timelines.values_mut() {
        // Whatever was being loaded over the old connection is not coming any more.
        timeline.loading = Loading::default();
    }
    let Some(open) = model.open.clone() else {
        return Vec::new();
    };
    if model.conversation(&open).is_none() {
        gone(model, &open);
        return Vec::new();
    }
    let mut effects = vec![Effect::Join(open.clone())];
    effects.extend(opening::load_newest(model, &open));
    effects.extend(opening::read(model));
    effects
}

fn arrived(model: &mut Model, message: Message) -> Vec<Effect> {
    let id = message.conversation_id.clone();
    model.typing.remove(&(id.clone(), message.sender_id.clone()));
    let own = model.is_me(&message.sender_id);
    let names_me = model.is_named_in(&message);
    if let Some(view) = model.conversation_mut(&id) {
        if message.seq > view.last_seq {
            view.last_seq = message.seq;
            view.last_message = Some(message.clone());
        }
        view.unread += u64::from(!own && message.seq > view.read_seq);
        view.mentions += u64::from(names_me && message.seq > view.read_seq);
        let selected = model.conversations.get(model.selected).map(|view| view.id.clone());
        sort(model);
        select(model, selected.as_ref());
    }
    let is_open = model.open.as_ref() == Some(&id);
    if model.timelines.contains_key(&id) {
        let add = |model: &mut Model| {
            let Some(timeline) = model.timelines.get_mut(&id) else {
                return;
            };
            timeline.add(message);
        };
        if is_open {
            scroll::held_still(model, add);
        } else {
            add(model);
        }
        if let Some(timeline) = model.timelines.get_mut(&id).filter(|_| model.scrolled == 0) {
            timeline.trim();
        }
    }
    opening::read(model).into_iter().collect()
}

fn confirmed(model: &mut Model, receipts: Receipts) {
    let id = receipts.conversation_id;
    for cursor in receipts.users {
        if model.is_me(&cursor.user_id) {
            read_elsewhere(model, &id, &cursor);
        } else if let Some(timeline) = model.timelines.get_mut(&id) {
            timeline.moved(cursor);
        }
    }
}

/// One's own cursor moved, perhaps on another device.
fn read_elsewhere(model: &mut Model, id: &ConversationId, cursor: &Cursor) {
    if let Some(view) = model.conversation_mut(id) {
        view.read_seq = view.read_seq.max(cursor.read);
        if view.read_seq >= view.last_seq {
            view.unread = 0;
            view.mentions = 0;
        }
    }
}

fn typing(model: &mut Model, notice: TypingNotice) {
    if model.is_me(&notice.user_id) {
        return;
    }
    let key = (notice.conversation_id, notice.user_id);
    if notice.typing {
        model.typing.insert(key, model.now.plus(TYPING_MILLIS));
    } else {
        model.typing.remove(&key);
    }
}

fn came_or_went(model: &mut Model, presence: &Presence) {
    for view in &mut model.conversations {
        for participant in &mut view.participants {
            if participant.id == presence.user_id {
                participant.online = presence.online;
            }
        }
    }
    if !presence.online {
        model.typing.retain(|(_, user), _| *user != presence.user_id);
    }
    touch_room(model);
}

/// The room's figures may have changed.
fn touch_room(model: &mut Model) {
    if model.open.is_some() && model.room_stale_at.is_none() {
        model.room_stale_at = Some(model.now.plus(ROOM_STALE_AFTER_MILLIS));
    }
}

/// A conversation that is new, or has changed. What is known of its newest message stays.
fn place(model: &mut Model, view: ConversationView) {
    let selected = model.conversations.get(model.selected).map(|view| view.id.clone());
    match model.conversation_mut(&view.id) {
        Some(known) => {
            let last_message = view.last_message.clone().or_else(|| known.last_message.take());
            *known = ConversationView { last_message, ..view };
        }
        None => model.conversations.push(view),
    }
    sort(model);
    select(model, selected.as_ref());
}

/// Somebody took this user out of a conversation, or they left it on another device.
fn removed_from(model: &mut Model, removed: &ConversationRemoved) {
    let was_open = model.open.as_ref() == Some(&removed.conversation_id);
    gone(model, &removed.conversation_id);
    if was_open && removed.reason == RemovedReason::Banned {
        let why = removed.note.as_deref().map(|note| format!(": {}", harmless_line(note)));
        model.say(format!(
            "you are banned from this conversation{}",
            why.unwrap_or_default()
        ));
    }
}

fn gone(model: &mut Model, id: &ConversationId) {
    let title = model.conversation(id).map(|view| model.title(view));
    let selected = model.conversations.get(model.selected).map(|view| view.id.clone());
    model.conversations.retain(|view| view.id != *id);
    model.timelines.remove(id);
    select(model, selected.as_ref());
    if model.open.as_ref() == Some(id) {
        model.open = None;
        model.room = None;
        model.scrolled = 0;
        model.mode = Mode::List;
        model.say(format!(
            "you are no longer in {}",
            title.unwrap_or_else(|| "this conversation".into())
        ));
    }
}

fn missed(model: &mut Model, gap: &Gap) -> Vec<Effect> {
    let count = gap.until.0.saturating_sub(gap.after.0);
    match &gap.outcome {
        GapOutcome::Filling => model.say(format!("fetching {count} missed messages")),
        GapOutcome::Filled { .. } => {}
        GapOutcome::Lost(_) => {
            // Too much, or another database: what is here may not be true any more.
            let Some(timeline) = model.timelines.get_mut(&gap.conversation_id) else {
                return Vec::new();
            };
            timeline.reset();
            model.scrolled = 0;
            if model.open.as_ref() == Some(&gap.conversation_id) {
                return opening::load_newest(model, &gap.conversation_id).into_iter().collect();
            }
        }
    }
    Vec::new()
}

/// Newest activity first; those without any by title.
fn sort(model: &mut Model) {
    let mut views = std::mem::take(&mut model.conversations);
    views.sort_by_cached_key(|view| {
        let newest = view
            .last_message
            .as_ref()
            .map_or(i64::MIN, |message| message.created_at.as_millis());
        (std::cmp::Reverse(newest), model.title(view))
    });
    model.conversations = views;
}

/// Keeps the list's cursor on the same conversation.
fn select(model: &mut Model, id: Option<&ConversationId>) {
    let at = id.and_then(|id| model.conversations.iter().position(|view| view.id == *id));
    let last = model.conversations.len().saturating_sub(1);
    model.selected = at.unwrap_or(model.selected).min(last);
}
