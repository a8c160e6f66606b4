//! Whatever is done to SQLite and to the fake, both come to the same.

mod evidence;

use std::fmt::Debug;

use chat_core::ids::ClientMessageId;
use chat_core::ports::moderation::NewBan;
use chat_core::ports::{Accounts as _, AppendError, ConversationError, CreateUserError, NewUser, PageFrom, StoreError};
use chat_core::{Draft, MessageId, Role, Seq};
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::{Memory, Place, Sqlite, at, cid, new_direct, new_group, new_user, uid};
use chat_core::ports::Store;

const USERS: [&str; 5] = ["alice", "bob", "carol", "dave", "eve"];
const CONVERSATIONS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Debug, Clone)]
enum Operation {
    Create(usize, usize),
    Provision(usize, usize),
    Disable(usize, bool),
    Seen(Vec<(usize, i64)>),
    Group(usize, Vec<usize>),
    Direct(usize, usize, usize),
    Add(usize, Vec<usize>),
    Remove(usize, usize),
    /// Conversation, user, muted.
    Mute(usize, usize, bool),
    /// Conversation, user, banned.
    Ban(usize, usize, bool),
    /// Together, so that SQLite may take them as one group.
    Append(Vec<Wanted>),
    /// The message, and what it says from now on; `None` deletes it.
    Change(u8, Option<String>),
    /// Conversation, user, received, read.
    Cursors(Vec<(usize, usize, u64, u64)>),
    /// Conversation, user, first, last, time.
    Exceptions(Vec<(usize, usize, u64, u64, i64)>),
    /// User, time, detail.
    Connections(Vec<(usize, i64, String)>),
    Prune(i64),
}

#[derive(Debug, Clone)]
struct Wanted {
    id: Option<u8>,
    conversation: usize,
    sender: usize,
    content: String,
    client_id: Option<u8>,
    reply_to: Option<u8>,
    millis: i64,
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,8}|[\0'\"\\\\]{1,4}|(@(alice|Bob|carol|dave)[ .]){1,3}"
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let rarely = |most: u8| prop::option::weighted(0.2, 0..most);
    (
        rarely(30),
        0..4_usize,
        0..5_usize,
        text(),
        rarely(3),
        rarely(30),
        0..5_i64,
    )
        .prop_map(
            |(id, conversation, sender, content, client_id, reply_to, millis)| Wanted {
                id,
                conversation,
                sender,
                content,
                client_id,
                reply_to,
                millis,
            },
        )
}

fn operation() -> impl Strategy<Value = Operation> {
    let (user, conversation) = (0..5_usize, 0..4_usize);
    let users = || vec(0..5_usize, 0..4);
    prop_oneof![
        2 => (user.clone(), user.clone()).prop_map(|(id, name)| Operation::Create(id, name)),
        2 => (user.clone(), user.clone()).prop_map(|(id, name)| Operation::Provision(id, name)),
        1 => (user.clone(), any::<bool>()).prop_map(|(id, on)| Operation::Disable(id, on)),
        1 => vec((user.clone(), 0..9_i64), 0..4).prop_map(Operation::Seen),
        2 => (conversation.clone(), users()).prop_map(|(id, users)| Operation::Group(id, users)),
        1 => (conversation.clone(), user.clone(), user.clone()).prop_map(|(id, a, b)| Operation::Direct(id, a, b)),
        2 => (conversation.clone(), users()).prop_map(|(id, users)| Operation::Add(id, users)),
        1 => (conversation.clone(), user.clone()).prop_map(|(id, user)| Operation::Remove(id, user)),
        1 => (conversation.clone(), user.clone(), any::<bool>()).prop_map(|(id, user, on)| Operation::Mute(id, user, on)),
        1 => (conversation.clone(), user.clone(), any::<bool>()).prop_map(|(id, user, on)| Operation::Ban(id, user, on)),
        6 => vec(wanted(), 1..8).prop_map(Operation::Append),
        2 => (0..30_u8, prop::option::of(text())).prop_map(|(id, content)| Operation::Change(id, content)),
        2 => vec((conversation.clone(), user.clone(), 0..9_u64, 0..9_u64), 0..6).prop_map(Operation::Cursors),
        2 => vec((conversation, user.clone(), 0..9_u64, 0..70_u64, 0..9_i64), 0..6).prop_map(Operation::Exceptions),
        1 => vec((user, 0..9_i64, text()), 0..6).prop_map(Operation::Connections),
        1 => (0..9_i64).prop_map(Operation::Prune),
    ]
}

/// What happened, without the words of the database.
fn outcome<T: Debug, E: Debug + Trouble>(result: Result<T, E>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error
            .store()
            .map_or_else(|| format!("{error:?}"), |store| format!("{:?}", store.trouble())),
    }
}

trait Trouble {
    fn store(&self) -> Option<&StoreError>;
}

macro_rules! trouble {
    ($($error:ident),*) => { $(
        impl Trouble for $error {
            fn store(&self) -> Option<&StoreError> {
                match self {
                    $error::Store(error) => Some(error),
                    _ => None,
                }
            }
        }
    )* };
}
trouble!(AppendError, CreateUserError, ConversationError);

impl Trouble for StoreError {
    fn store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

fn draft(wanted: &Wanted, fresh: usize) -> Draft {
    let message_id = |n: u8| MessageId::parse(format!("m{n}")).unwrap();
    Draft {
        id: wanted
            .id
            .map_or_else(|| MessageId::parse(format!("m{fresh}")).unwrap(), message_id),
        conversation_id: cid(CONVERSATIONS[wanted.conversation]),
        sender_id: uid(USERS[wanted.sender]),
        content: wanted.content.as_str().into(),
        client_message_id: wanted
            .client_id
            .map(|n| ClientMessageId::parse(format!("k{n}")).unwrap()),
        reply_to: wanted.reply_to.map(message_id),
        at: at(wanted.millis),
    }
}

async fn moderate(store: &impl Store, operation: &Operation) -> String {
    match operation {
        Operation::Mute(id, user, on) => {
            let (id, user) = (cid(CONVERSATIONS[*id]), uid(USERS[*user]));
            outcome(store.set_muted(&id, &user, on.then(|| at(4))).await)
        }
        Operation::Ban(id, user, true) => {
            let ban = NewBan {
                conversation_id: cid(CONVERSATIONS[*id]),
                user_id: uid(USERS[*user]),
                by: uid(USERS[0]),
                reason: None,
                at: at(5),
            };
            outcome(store.ban(ban).await)
        }
        Operation::Ban(id, user, false) => outcome(store.unban(&cid(CONVERSATIONS[*id]), &uid(USERS[*user])).await),
        _ => String::new(),
    }
}

async fn carry_out(store: &impl Store, operation: &Operation, fresh: usize) -> Vec<String> {
    let account = |id: usize, name: usize| NewUser {
        id: uid(USERS[id]),
        role: Role::User,
        ..new_user(USERS[name])
    };
    let names = |users: &[usize]| users.iter().map(|user| USERS[*user]).collect::<Vec<_>>();
    let one = |text: String| vec![text];
    match operation {
        Operation::Create(id, name) => one(outcome(store.create_user(account(*id, *name)).await)),
        Operation::Provision(id, name) => one(outcome(store.provision_user(account(*id, *name)).await)),
        Operation::Disable(id, on) => one(outcome(store.set_disabled(&uid(USERS[*id]), on.then(|| at(1))).await)),
        Operation::Seen(seen) => {
            let seen: Vec<_> = seen
                .iter()
                .map(|(user, millis)| (uid(USERS[*user]), at(*millis)))
                .collect();
            one(outcome(store.note_last_seen(&seen).await))
        }
        Operation::Group(id, users) => {
            let mut users = users.clone();
            users.sort_unstable();
            users.dedup();
            one(outcome(
                store
                    .create_conversation(new_group(CONVERSATIONS[*id], &names(&users)))
                    .await,
            ))
        }
        Operation::Direct(_, a, b) if a == b => Vec::new(),
        Operation::Direct(id, a, b) => {
            let new = new_direct(CONVERSATIONS[*id], [USERS[*a], USERS[*b]]);
            one(outcome(store.create_conversation(new).await))
        }
        Operation::Add(id, users) => {
            let users: Vec<_> = names(users).into_iter().map(uid).collect();
            one(outcome(
                store.add_participants(&cid(CONVERSATIONS[*id]), &users, at(2)).await,
            ))
        }
        Operation::Remove(id, user) => one(outcome(
            store
                .remove_participant(&cid(CONVERSATIONS[*id]), &uid(USERS[*user]), at(3))
                .await,
        )),
        Operation::Mute(..) | Operation::Ban(..) => one(moderate(store, operation).await),
        Operation::Append(all) => {
            let appends = all
                .iter()
                .enumerate()
                .map(|(n, wanted)| store.append(draft(wanted, fresh + n)));
            join_all(appends).await.into_iter().map(outcome).collect()
        }
        Operation::Change(id, content) => {
            let id = MessageId::parse(format!("m{id}")).unwrap();
            one(match content {
                Some(content) => outcome(store.edit(&id, content, at(7)).await),
                None => outcome(store.delete(&id, at(8)).await),
            })
        }
        Operation::Cursors(_) | Operation::Exceptions(_) | Operation::Connections(_) | Operation::Prune(_) => {
            one(evidence::write_down(store, operation).await)
        }
    }
}

async fn everything(store: &impl Store) -> Vec<String> {
    let mut seen = vec![
        outcome(store.search_users("", 3).await),
        outcome(store.search_users("O", 9).await),
    ];
    for user in USERS.map(uid) {
        seen.push(outcome(store.user(&user).await));
        seen.push(outcome(store.conversations_of(&user).await));
        let mut ids = store.conversation_ids_of(std::slice::from_ref(&user)).await.unwrap();
        ids.sort();
        seen.push(format!("{ids:?}"));
    }
    for conversation in CONVERSATIONS.map(cid) {
        seen.push(outcome(store.conversation(&conversation).await));
        seen.push(outcome(store.bans(&conversation).await));
        for user in USERS.map(uid) {
            seen.push(outcome(store.conversation_of(&conversation, &user).await));
            let client_id = ClientMessageId::parse("k1").unwrap();
            seen.push(outcome(
                store.message_by_client_id(&conversation, &user, &client_id).await,
            ));
        }
        for from in [
            PageFrom::After(Seq::ZERO),
            PageFrom::After(Seq(3)),
            PageFrom::Before(Seq(4)),
            PageFrom::Newest,
        ] {
            seen.push(outcome(store.page(&conversation, from, 4).await));
        }
    }
    seen.extend(evidence::all(store).await);
    for n in 0..30 {
        seen.push(outcome(
            store.message(&MessageId::parse(format!("m{n}")).unwrap()).await,
        ));
    }
    seen
}

async fn compare(operations: Vec<Operation>) {
    let (sqlite, memory) = (Sqlite::new().await, Memory::new().await);
    let (sqlite, memory) = (sqlite.store(), memory.store());
    // Otherwise most operations only find out that nobody exists.
    for name in &USERS[..3] {
        for store in [
            outcome(sqlite.create_user(new_user(name)).await),
            outcome(memory.create_user(new_user(name)).await),
        ] {
            assert!(store.starts_with("User"), "{store}");
        }
    }
    let mut fresh = 0;
    for operation in &operations {
        let real = carry_out(&**sqlite, operation, fresh).await;
        assert_eq!(real, carry_out(&**memory, operation, fresh).await, "{operation:?}");
        fresh += real.len();
    }
    assert_eq!(everything(&**sqlite).await, everything(&**memory).await);
}

proptest! {
    // Each case is a database of its own, with a sync for every write.
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn sqlite_and_the_fake_come_to_the_same(operations in vec(operation(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(operations));
    }
}
