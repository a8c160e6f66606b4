//! The one contract suite: what every adapter guarantees, run against each of them.
//!
//! A test is a function over [`Place`], listed in [`hold_all_to_the_contract`]; there it becomes one test per adapter.

mod accounts;
mod announced;
mod conversations;
mod delivery;
mod edits;
mod messages;
mod moderation;
mod operators;
mod participants;
mod same;
mod search;
mod upkeep;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chat_core::ids::ClientMessageId;
use chat_core::ports::{Appended, Created, MessageLog, NewConversation, NewUser, Store};
use chat_core::{
    Conversation, ConversationId, ConversationKind, Draft, Message, MessageId, Role, Timestamp, User, UserId,
};

use super::memory::MemoryStore;
use super::{SqliteStore, StoreMetrics};
use crate::clock::{SystemClock, UuidSource};

/// Where a store lives, empty at first.
pub(super) trait Place: Sized + Send + Sync {
    type Store: Store + 'static;

    async fn new() -> Self;

    fn store(&self) -> &Arc<Self::Store>;

    /// The same store after a restart of the process.
    async fn reopen(self) -> Self;
}

pub(super) struct Sqlite {
    pub(super) folder: tempfile::TempDir,
    store: Arc<SqliteStore>,
}

pub(super) async fn open_in(folder: &std::path::Path) -> SqliteStore {
    let path = folder.join("rollcall.db");
    SqliteStore::open(&path, &SystemClock, &UuidSource, StoreMetrics::noop())
        .await
        .unwrap()
}

impl Place for Sqlite {
    type Store = SqliteStore;

    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(open_in(folder.path()).await);
        Self { folder, store }
    }

    fn store(&self) -> &Arc<SqliteStore> {
        &self.store
    }

    async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        let store = Arc::new(open_in(self.folder.path()).await);
        Self { store, ..self }
    }
}

pub(super) struct Memory(Arc<MemoryStore>);

impl Place for Memory {
    type Store = MemoryStore;

    async fn new() -> Self {
        Self(Arc::new(MemoryStore::new()))
    }

    fn store(&self) -> &Arc<MemoryStore> {
        &self.0
    }

    /// It has no process to restart.
    async fn reopen(self) -> Self {
        self
    }
}

macro_rules! hold_all_to_the_contract {
    ($($group:ident :: { $($test:ident),* $(,)? }),* $(,)?) => {
        mod memory {
            $(mod $group { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::super::$group::$test::<super::super::Memory>().await;
                }
            )* })*
        }
        mod sqlite {
            $(mod $group { $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    super::super::$group::$test::<super::super::Sqlite>().await;
                }
            )* })*
        }
    };
}

hold_all_to_the_contract! {
    announced::{
        what_lies_above_the_marks_was_never_announced,
        what_may_have_been_announced_is_not_called_missed,
    },
    accounts::{
        created_accounts_are_found,
        taken_names_and_ids_are_refused,
        one_name_raced_for_is_given_once,
        provisioning_finds_the_first_free_suffix,
        provisioning_returns_an_existing_account_as_it_is,
        of_several_who_provision_at_once_one_makes_the_account,
        passwords_and_disabling,
        a_hash_is_replaced_only_where_it_still_stands,
        the_dearest_bcrypt_hash_is_known,
        search_takes_wildcards_as_text,
        search_is_bounded_and_sorted,
        last_seen_never_moves_back,
        unknown_accounts,
        the_store_is_healthy_and_keeps_its_epoch,
    },
    conversations::{
        a_group_is_made_with_its_owner,
        a_direct_conversation_exists_once_per_pair,
        a_raced_direct_conversation_is_made_once,
        an_existing_id_changes_nothing,
        unknown_users_are_named,
        unknown_conversations,
        the_list_has_the_newest_message_first,
        unread_counts_the_messages_of_others,
        unread_is_counted_up_to_a_bound,
        conversation_ids_are_named_once,
    },
    delivery::{
        cursors_only_move_forward,
        a_batch_of_cursors_skips_those_of_strangers,
        an_exception_comes_back_as_it_was,
        exceptions_are_found_by_any_message_of_their_run,
        a_connections_history_comes_back_as_it_was,
        a_connections_history_is_read_by_time,
        old_evidence_is_forgotten_in_bites,
    },
    edits::{
        an_edit_replaces_the_content_only,
        a_deleted_message_keeps_its_place,
        unknown_messages_are_not_changed,
    },
    messages::{
        seqs_have_no_gaps_under_concurrency,
        one_caller_gets_rising_seqs,
        a_repeat_returns_the_first_message,
        concurrent_repeats_store_one_message,
        a_client_id_is_per_sender_and_conversation,
        a_repeat_is_known_after_a_restart,
        content_comes_back_byte_for_byte,
        a_reply_names_a_message_of_the_conversation,
        a_bad_draft_fails_alone,
        pages_in_every_direction,
        pages_of_nothing,
        the_senders_name_is_the_present_one,
        a_caller_that_goes_away_leaves_all_or_nothing,
    },
    moderation::{
        mentions_are_counted_until_they_are_read,
        mentions_follow_what_a_message_says_now,
        mentions_are_counted_up_to_a_bound,
        muting_is_per_user_and_stays,
        who_is_banned_is_out_and_stays_out,
        bans_are_checked_and_bounded,
    },
    operators::{
        users_are_listed_searched_and_sorted,
        conversations_are_listed_searched_and_sorted,
        messages_are_found_by_each_of_their_parts,
        messages_are_listed_by_time_whatever_their_ids,
        a_users_exceptions_come_newest_first,
        a_closed_socket_is_found_by_its_sid,
        messages_are_found_by_words_and_within_them,
        the_audit_log_keeps_everything,
    },
    participants::{
        adding_notes_the_seq_of_joining,
        adding_twice_changes_nothing,
        unknown_users_are_not_added,
        a_removed_participant_sees_nothing,
        joining_again_begins_anew,
        everyone_may_leave,
        who_was_in_when_a_message_came,
        a_membership_that_ended_keeps_its_cursors,
        a_user_has_a_bounded_number_of_conversations,
        a_group_has_a_bounded_number_of_participants,
    },
    search::{
        every_word_must_occur,
        nobody_finds_what_they_may_not_read,
        edits_and_deletions_are_kept_in_step,
        the_newest_come_first_and_pages_are_bounded,
        hostile_texts_are_words_like_any_other,
        what_was_found_before_a_restart_is_found_after_it,
    },
    upkeep::{
        old_messages_are_emptied_and_keep_their_numbers,
        tokens_are_kept_until_they_are_taken_back,
        of_tokens_the_newest_come_first_and_what_ended_is_forgotten,
        disabled_accounts_are_told_apart,
        a_change_of_standing_shows_in_a_number,
    },
}

// === What the tests are told with ===

static NEXT: AtomicU32 = AtomicU32::new(1);

fn unique(prefix: &str) -> String {
    format!("{prefix}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn uid(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

pub(super) fn cid(text: &str) -> ConversationId {
    ConversationId::parse(text).unwrap()
}

pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

pub(super) fn new_user(name: &str) -> NewUser {
    NewUser {
        id: uid(name),
        username: name.to_owned(),
        display_name: format!("{name} Doe"),
        role: Role::User,
        password_hash: None,
        at: at(0),
    }
}

pub(super) async fn make_users(store: &impl Store, names: &[&str]) -> Vec<User> {
    let mut users = Vec::new();
    for name in names {
        users.push(store.create_user(new_user(name)).await.unwrap());
    }
    users
}

pub(super) fn new_group(id: &str, names: &[&str]) -> NewConversation {
    NewConversation {
        id: cid(id),
        kind: ConversationKind::Group,
        title: Some(format!("Group {id}")),
        owner: names.first().map(|name| uid(name)),
        created_by: names.first().map(|name| uid(name)),
        participant_ids: names.iter().map(|name| uid(name)).collect(),
        at: at(0),
    }
}

pub(super) fn new_direct(id: &str, pair: [&str; 2]) -> NewConversation {
    NewConversation {
        kind: ConversationKind::Direct,
        title: None,
        ..new_group(id, &pair)
    }
}

pub(super) async fn make_group(store: &impl Store, id: &str, names: &[&str]) -> Conversation {
    match store.create_conversation(new_group(id, names)).await.unwrap() {
        Created::New(conversation) => conversation,
        Created::Existing(_) => panic!("{id} was there before"),
    }
}

pub(super) fn draft(conversation: &str, sender: &str, content: &str) -> Draft {
    Draft {
        id: MessageId::parse(unique("m")).unwrap(),
        conversation_id: cid(conversation),
        sender_id: uid(sender),
        content: Arc::from(content),
        client_message_id: None,
        reply_to: None,
        at: at(1),
    }
}

pub(super) fn with_client_id(draft: Draft, client_message_id: &str) -> Draft {
    Draft {
        client_message_id: Some(ClientMessageId::parse(client_message_id).unwrap()),
        ..draft
    }
}

pub(super) async fn say(store: &impl MessageLog, conversation: &str, sender: &str, content: &str) -> Message {
    is_new(store.append(draft(conversation, sender, content)).await.unwrap())
}

pub(super) fn is_new(appended: Appended) -> Message {
    match appended {
        Appended::New(message) => message,
        Appended::Repeat(message) => panic!("{message:?} was there before"),
    }
}

pub(super) fn is_repeat(appended: Appended) -> Message {
    match appended {
        Appended::Repeat(message) => message,
        Appended::New(message) => panic!("{message:?} is new"),
    }
}

/// Fails unless these are the seqs 1 to n, each once.
pub(super) fn assert_gapless(messages: &[Message]) {
    let mut count: HashMap<u64, u32> = HashMap::new();
    for message in messages {
        *count.entry(message.seq.0).or_default() += 1;
    }
    for seq in 1..=messages.len() as u64 {
        assert_eq!(count.get(&seq), Some(&1), "seq {seq} of {}", messages.len());
    }
}
