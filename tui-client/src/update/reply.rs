//! What came of effects.

use rollcall_client::CallError;
use rollcall_client::protocol::chat_core::ConversationId;
use rollcall_client::protocol::chat_core::ids::ClientMessageId;
use rollcall_client::protocol::reply::{Joined, Sent, Synced};

use super::{look, opening, scroll};
use crate::effect::{Effect, Reply};
use crate::model::looking::Popup;
use crate::model::timeline::Loading;
use crate::model::{Model, Room};

pub(super) fn update(model: &mut Model, reply: Reply) -> Vec<Effect> {
    match reply {
        Reply::Joined(id, joined) => {
            entered(model, &id, joined);
            Vec::new()
        }
        Reply::Fetched(id, page) => fetched(model, &id, page),
        Reply::Edited(edited) => {
            match edited {
                Ok(message) => {
                    if let Some(timeline) = model.timelines.get_mut(&message.conversation_id) {
                        timeline.replace(*message);
                    }
                }
                Err(error) => model.say(format!("not changed: {error}")),
            }
            Vec::new()
        }
        Reply::Whoami(whoami) => {
            model.looking.whoami = Some(whoami.map_err(|error| error.to_string()));
            Vec::new()
        }
        Reply::Delivery(id, told) => {
            look::told(model, &id, told);
            Vec::new()
        }
        Reply::Explained(told) => {
            if let Some(Popup::Why { server, .. }) = &mut model.popup {
                *server = Some(told);
            }
            Vec::new()
        }
        Reply::Did(words) => {
            model.say(words);
            Vec::new()
        }
        Reply::Sent(id, message, sent) => {
            answered(model, &id, &message, sent);
            Vec::new()
        }
    }
}

fn entered(model: &mut Model, id: &ConversationId, joined: Result<Joined, CallError>) {
    if model.open.as_ref() != Some(id) {
        return;
    }
    match joined {
        Ok(joined) => {
            model.room = Some(Room {
                name: joined.room,
                namespace: joined.namespace,
                verified: joined.verified,
                sockets: joined.sockets_in_room,
            });
        }
        // Without a connection the status line says so, and the next session enters again.
        Err(CallError::Disconnected) => {}
        Err(error) => model.say(format!("could not enter the room: {error}")),
    }
}

fn fetched(model: &mut Model, id: &ConversationId, page: Result<Synced, CallError>) -> Vec<Effect> {
    let Some(timeline) = model.timelines.get_mut(id) else {
        return Vec::new();
    };
    let was = std::mem::take(&mut timeline.loading);
    match page {
        // Older ones come in above, and `scrolled` counts from below: what is shown stays.
        Ok(page) => {
            timeline.loaded |= was == Loading::Newest;
            timeline.nothing_older |= was == Loading::Older && page.messages.is_empty();
            for message in page.messages {
                timeline.add(message);
            }
        }
        Err(CallError::Disconnected) => {}
        Err(error) => model.say(format!("could not load messages: {error}")),
    }
    scroll::settle(model);
    opening::read(model).into_iter().collect()
}

fn answered(model: &mut Model, id: &ConversationId, own: &ClientMessageId, sent: Result<Box<Sent>, CallError>) {
    scroll::held_still(model, |model| {
        let Some(timeline) = model.timelines.get_mut(id) else {
            return;
        };
        match sent {
            Ok(sent) => {
                timeline.saved(sent.message.seq, sent.delivery);
                timeline.add(sent.message);
            }
            Err(error) => timeline.failed(own, error.to_string()),
        }
    });
}
