//! The demo data of `rollcall serve --demo`: three people, a group, two direct conversations, a few words.

use std::sync::Arc;

use chat_core::ports::{
    Accounts, AppendError, ConversationError, Conversations, Created, MessageLog, NewConversation, StoreError,
};
use chat_core::{ConversationId, ConversationKind, Draft, Role, User, UserId};

use crate::app::Parts;
use crate::identity::{ADMIN_USERNAME, AccountError, NewAccount, NewPassword};

/// The people of the demo.
pub const DEMO_USERS: [&str; 3] = ["alice", "bob", "carol"];
/// Their password; shorter than any that one may choose.
pub const DEMO_PASSWORD: &str = "demo";

/// The group's title.
const GROUP_TITLE: &str = "Ops night shift";

/// What became of the wish for demo data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filled {
    /// Nobody wished for it.
    NotAsked,
    /// The database held accounts already; nothing was changed.
    WasThere,
    /// It is there now.
    Now {
        /// The group's id, for the commands to try.
        group: ConversationId,
    },
}

/// Why the demo data could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// An account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A conversation.
    #[error(transparent)]
    Conversation(#[from] ConversationError),
    /// A message.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Fills a database that holds no account but the admin's.
pub async fn fill(parts: &Parts) -> Result<Filled, DemoError> {
    let present = parts.store.search_users("", 10).await?;
    if let Some(group) = group_of_before(parts, &present.items).await? {
        return Ok(Filled::Now { group });
    }
    if present.items.iter().any(|user| user.username != ADMIN_USERNAME) {
        return Ok(Filled::WasThere);
    }
    let mut people = Vec::new();
    for username in DEMO_USERS {
        let mut display_name = username.to_owned();
        display_name[..1].make_ascii_uppercase();
        let new = NewAccount {
            username: username.to_owned(),
            display_name: Some(display_name),
            password: NewPassword::of_the_demo(DEMO_PASSWORD).into(),
            role: Role::User,
        };
        people.push(parts.authority.add(new).await?.id);
    }
    let (alice, bob, carol) = (&people[0], &people[1], &people[2]);
    let group = converse(parts, ConversationKind::Group, &people).await?;
    say(parts, &group, alice, "Night shift starts. Who is on?").await?;
    say(parts, &group, bob, "Here. The pager is quiet so far.").await?;
    say(parts, &group, carol, "Here too. ☕").await?;
    let direct = converse(parts, ConversationKind::Direct, &[alice.clone(), bob.clone()]).await?;
    say(parts, &direct, bob, "Did you see my message in the group?").await?;
    converse(parts, ConversationKind::Direct, &[alice.clone(), carol.clone()]).await?;
    Ok(Filled::Now { group })
}

/// The demo's group, when this database was filled by an earlier start.
async fn group_of_before(parts: &Parts, present: &[User]) -> Result<Option<ConversationId>, StoreError> {
    let Some(alice) = present.iter().find(|user| user.username == DEMO_USERS[0]) else {
        return Ok(None);
    };
    let conversations = parts.store.conversations_of(&alice.id).await?;
    let group = conversations
        .iter()
        .find(|seen| seen.conversation.title.as_deref() == Some(GROUP_TITLE));
    Ok(group.map(|seen| seen.conversation.id.clone()))
}

async fn converse(
    parts: &Parts,
    kind: ConversationKind,
    people: &[UserId],
) -> Result<ConversationId, ConversationError> {
    let new = NewConversation {
        id: parts.ids.conversation_id(),
        kind,
        title: (kind == ConversationKind::Group).then(|| GROUP_TITLE.to_owned()),
        owner: people.first().cloned(),
        created_by: people.first().cloned(),
        participant_ids: people.to_vec(),
        at: parts.clock.now(),
    };
    let (Created::New(made) | Created::Existing(made)) = parts.store.create_conversation(new).await?;
    Ok(made.id)
}

async fn say(parts: &Parts, to: &ConversationId, sender: &UserId, content: &str) -> Result<(), AppendError> {
    let draft = Draft {
        id: parts.ids.message_id(),
        conversation_id: to.clone(),
        sender_id: sender.clone(),
        content: Arc::from(content),
        client_message_id: None,
        reply_to: None,
        at: parts.clock.now(),
    };
    parts.store.append(draft).await.map(|_| ())
}
