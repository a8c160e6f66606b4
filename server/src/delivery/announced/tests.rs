use std::sync::atomic::{AtomicI64, Ordering};

use chat_core::Timestamp;
use chat_core::delivery::LeftBehind;
use chat_core::ports::{Conversations as _, NewConversation, StoreTrouble};

use super::*;
use crate::store::memory::MemoryStore;

struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

fn id(name: &str) -> ConversationId {
    ConversationId::parse(name).unwrap()
}

fn epoch(name: &str) -> Epoch {
    Epoch::parse(name).unwrap()
}

/// A process that marks announcements in `dir`.
fn process(dir: &Path) -> Announcements {
    let announcements = Announcements::default();
    let clock = Arc::new(HandClock(AtomicI64::new(5_000)));
    let node = NodeId::parse("n1").unwrap();
    announcements.keep_in(dir, &epoch("e"), &node, clock).unwrap();
    announcements
}

/// Dies in this moment: nothing is written, stored or removed any more. (The journal is what the kernel holds, so a copy of it is
/// what it would find.)
fn found_after_a_crash(dir: &Path, expected: &[(&str, u64)]) -> LeftBehind {
    let found = left_behind(dir, &epoch("e"));
    let mut last = std::collections::BTreeMap::new();
    for (conversation, seq) in &found.announced {
        let mark = last.entry(conversation.to_string()).or_insert(0);
        *mark = seq.0.max(*mark);
    }
    let last: Vec<_> = last.iter().map(|(name, seq)| (name.as_str(), *seq)).collect();
    assert_eq!(last, expected);
    found
}

#[tokio::test]
async fn marks_that_were_not_stored_are_found_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        left_behind(dir.path(), &epoch("e")),
        LeftBehind::default(),
        "a first start"
    );
    let announcements = process(dir.path());
    for (name, seq) in [("a", 1), ("b", 7), ("a", 3), ("a", 2)] {
        announcements.mark(&id(name), Seq(seq), Timestamp::from_millis(6_000));
    }
    let left = found_after_a_crash(dir.path(), &[("a", 3), ("b", 7)]);
    let loss = left.ended.unwrap();
    assert_eq!((loss.node_id.as_str(), loss.at), ("n1", Timestamp::from_millis(6_000)));
    assert!(left.complete);
    let other = left_behind(dir.path(), &epoch("restored-from-a-backup"));
    assert_eq!(other, LeftBehind::default(), "of another database it says nothing");
}

#[tokio::test]
async fn a_stop_in_order_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let announcements = process(dir.path());
    announcements.mark(&id("a"), Seq(1), Timestamp::from_millis(6_000));
    announcements
        .save(&MemoryStore::new(), Timestamp::from_millis(7_000))
        .await;
    announcements.close();
    assert_eq!(left_behind(dir.path(), &epoch("e")), LeftBehind::default());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // Whoever comes too late is kept waiting by nobody.
    announcements.mark(&id("a"), Seq(2), Timestamp::from_millis(6_000));
    announcements
        .save(&MemoryStore::new(), Timestamp::from_millis(7_000))
        .await;
}

#[tokio::test]
async fn what_is_on_its_way_to_the_database_is_still_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    let new = NewConversation {
        id: id("a"),
        kind: chat_core::ConversationKind::Group,
        title: None,
        owner: None,
        created_by: None,
        participant_ids: Vec::new(),
        at: Timestamp::from_millis(0),
    };
    store.create_conversation(new).await.unwrap();
    let announcements = process(dir.path());
    announcements.mark(&id("a"), Seq(1), Timestamp::from_millis(6_000));
    store.fail_with(Some(StoreTrouble::Busy));
    for _ in 0..3 {
        announcements.save(&store, Timestamp::from_millis(7_000)).await;
        found_after_a_crash(dir.path(), &[("a", 1)]);
    }
    announcements.mark(&id("b"), Seq(1), Timestamp::from_millis(6_000));
    store.fail_with(None);
    announcements.save(&store, Timestamp::from_millis(7_000)).await;
    found_after_a_crash(dir.path(), &[("a", 1), ("b", 1)]);
    // Stored and stored again: the journal forgets what the database has.
    for seq in 2..5 {
        announcements.mark(&id("c"), Seq(seq), Timestamp::from_millis(6_000));
        announcements.save(&store, Timestamp::from_millis(7_000)).await;
    }
    found_after_a_crash(dir.path(), &[("c", 4)]);
}

#[test]
fn a_line_that_was_cut_off_is_no_mark_and_rubbish_tells_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let announcements = process(dir.path());
    announcements.mark(&id("a"), Seq(12), Timestamp::from_millis(6_000));
    found_after_a_crash(dir.path(), &[("a", 12)]);
    let path = dir.path().join("announced-a");
    let text = std::fs::read_to_string(&path).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("announced-a");
    std::fs::write(&file, format!("{text}13")).unwrap();
    found_after_a_crash(copy.path(), &[("a", 12)]);
    for rubbish in [
        "",
        "\n",
        "rollcall",
        &format!("{text}\u{0}\u{0}\n"),
        &text.replace("rollcall", "other"),
    ] {
        std::fs::write(&file, rubbish).unwrap();
        assert_eq!(
            left_behind(copy.path(), &epoch("e")),
            LeftBehind::default(),
            "{rubbish:?}"
        );
    }
    // After another start of the machine what is missing may only be lost.
    let boot = text.split_whitespace().nth(3).unwrap();
    std::fs::write(&file, text.replace(boot, "another-boot")).unwrap();
    let left = left_behind(copy.path(), &epoch("e"));
    assert!(!left.complete && left.announced.len() == 1 && left.ended.is_some());
}
