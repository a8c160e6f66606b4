//! The words of refusals that several use cases share.

use chat_core::conversation::ChangeRefused;
use chat_core::ports::{AppendError, ConversationError};
use chat_core::{ConversationId, UserId};
use rollcall_protocol::{ErrorCode, WireError};

pub use crate::identity::store_refusal as from_store;

/// There is no such conversation.
pub fn no_conversation(id: &ConversationId) -> WireError {
    WireError::new(
        ErrorCode::NotFound,
        format!("conversation_id: there is no conversation {id}"),
    )
}

/// It is somebody else's.
pub fn not_participant(id: &ConversationId) -> WireError {
    WireError::new(
        ErrorCode::NotParticipant,
        format!("conversation_id: you are not a participant of {id}"),
    )
    .with_hint("ask a participant to add you")
}

/// There are no such users.
pub fn no_users(field: &str, ids: &[UserId]) -> WireError {
    let ids = ids.iter().map(UserId::as_str).collect::<Vec<_>>().join(", ");
    WireError::new(ErrorCode::NotFound, format!("{field}: there is no user {ids}"))
        .with_hint("users register themselves, or are made with `rollcall user add`")
}

/// A change of participants that is not allowed.
pub fn change_refused(refused: ChangeRefused, id: &ConversationId) -> WireError {
    match refused {
        ChangeRefused::NotParticipant => not_participant(id),
        ChangeRefused::DirectIsFixed => WireError::new(ErrorCode::Conflict, refused.to_string())
            .with_hint("create a group with everybody who should be in it"),
        ChangeRefused::NotOwner | ChangeRefused::NotOwnerOfBans => {
            WireError::new(ErrorCode::Forbidden, refused.to_string())
        }
        ChangeRefused::Oneself => WireError::new(ErrorCode::Conflict, refused.to_string()),
    }
}

/// A conversation could not be made or changed; `field` holds the users that were named.
pub fn from_conversation(error: &ConversationError, id: &ConversationId, field: &str) -> WireError {
    match error {
        ConversationError::NotFound => no_conversation(id),
        ConversationError::UnknownUsers(users) => no_users(field, users),
        ConversationError::Banned(users) => {
            let users = users.iter().map(UserId::as_str).collect::<Vec<_>>().join(", ");
            WireError::new(ErrorCode::Forbidden, format!("{field}: banned from {id}: {users}"))
                .with_hint("an owner of the conversation can lift the ban")
        }
        ConversationError::TooMany(what) => WireError::new(ErrorCode::Conflict, *what),
        ConversationError::Store(error) => from_store(error),
    }
}

/// A message could not be appended.
pub fn from_append(error: &AppendError, id: &ConversationId) -> WireError {
    match error {
        AppendError::NotFound => no_conversation(id),
        AppendError::BadReply => WireError::new(
            ErrorCode::BadRequest,
            format!("reply_to: expected a message of conversation {id}"),
        ),
        AppendError::Store(error) => from_store(error),
    }
}
