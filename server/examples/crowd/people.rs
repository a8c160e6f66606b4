//! People, and groups of all of them, in an empty database: what the examples measure with.

use chat_core::ports::{Accounts as _, Clock as _, Conversations as _, IdSource as _, NewConversation, NewUser};
use chat_core::{ConversationId, ConversationKind, Role, UserId};
use rollcall_server::clock::{SystemClock, UuidSource};
use rollcall_server::store::SqliteStore;

/// Makes `count` people, and `groups` groups that each of them is in.
pub(crate) async fn people(
    store: &SqliteStore,
    count: usize,
    groups: usize,
) -> anyhow::Result<(Vec<UserId>, Vec<ConversationId>)> {
    let mut users = Vec::new();
    for n in 0..count {
        let new = NewUser {
            id: UuidSource.user_id(),
            username: format!("user-{n}"),
            display_name: format!("User {n}"),
            role: Role::User,
            password_hash: None,
            at: SystemClock.now(),
        };
        users.push(store.create_user(new).await?.id);
    }
    let mut conversations = Vec::new();
    for _ in 0..groups {
        conversations.push(group(store, &users).await?);
    }
    Ok((users, conversations))
}

/// A group of these people.
pub(crate) async fn group(store: &SqliteStore, participants: &[UserId]) -> anyhow::Result<ConversationId> {
    let id = UuidSource.conversation_id();
    let new = NewConversation {
        id: id.clone(),
        kind: ConversationKind::Group,
        title: None,
        owner: None,
        created_by: None,
        participant_ids: participants.to_vec(),
        at: SystemClock.now(),
    };
    store.create_conversation(new).await?;
    Ok(id)
}
