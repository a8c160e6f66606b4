//! Whom a push service should tell of a message.

use chat_core::{Conversation, Message};

use crate::delivery::notices::Notify;
use crate::hub::Hub;

/// Participants without a live socket, other than its sender, who have not muted the conversation or are named in it.
pub(super) fn to_notify(hub: &Hub, conversation: &Conversation, message: &Message) -> Box<[Notify]> {
    let named = chat_core::mention::named_in(&message.content);
    let offline = hub.offline_of(conversation).into_iter();
    offline
        .filter(|p| p.user_id != message.sender_id)
        .map(|p| (p, named.binary_search(&p.username).is_ok()))
        .filter(|(p, mentioned)| *mentioned || !p.muted)
        .map(|(p, mentioned)| Notify {
            user_id: p.user_id.clone(),
            mentioned,
        })
        .collect()
}
