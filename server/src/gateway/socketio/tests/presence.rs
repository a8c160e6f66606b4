//! Who came and who went: told to whom it concerns, once, and never wrongly.

use std::collections::BTreeSet;

use chat_core::ports::Accounts as _;

use super::*;
use crate::delivery::notices::NoticeKind;
use crate::limits::{OFFLINE_GRACE, PRESENCE_AT_A_TIME};

impl Here {
    fn tell_presence(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(Arc::clone(&self.chat).run_presence())
    }

    async fn is_gone(&self, who: &Somebody) {
        eventually("the last connection ended", || !self.hub.is_online(&who.id())).await;
    }
}

fn came(who: &Somebody) -> serde_json::Value {
    json!({"user_id": who.id(), "online": true, "last_seen": null})
}

#[tokio::test]
async fn the_last_word_about_somebody_who_came_back_is_that_they_are_here() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    here.group(&alice, &[&bob]).await;
    let presence = here.tell_presence();
    let mut watcher = here.connected(&alice).await;
    let there = here.connected(&bob).await;
    while watcher.hears("presence").await != came(&bob) {}
    here.stored.gates.conversation_ids_of.shut();
    drop(there);
    // It is about to be told that bob went.
    here.stored.gates.conversation_ids_of.reached().await;
    let mut back = here.connected(&bob).await;
    // Whoever tells things side by side has told by now that bob came.
    tokio::time::sleep(Duration::from_millis(50)).await;
    here.stored.gates.conversation_ids_of.open();
    let went = watcher.hears("presence").await;
    assert_eq!(went["online"], json!(false));
    assert_eq!(watcher.hears("presence").await, came(&bob));
    let of_themself =
        |(event, data): &(String, serde_json::Value)| event == "presence" && data["user_id"] == json!(bob.id());
    assert!(
        !back.all_so_far().await.iter().any(of_themself),
        "nobody is told of themself"
    );
    let stored = here.stored.store.user(&bob.id()).await.unwrap().unwrap();
    assert_eq!(json!(stored.last_seen), went["last_seen"], "what is told is kept");
    presence.abort();
}

#[tokio::test]
async fn who_was_here_before_a_session_was_made_is_in_it_and_not_told_again() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let carol = here.somebody("carol").await;
    here.group(&alice, &[&bob, &carol]).await;
    let mut first = here.connected(&alice).await;
    let mut second = here.connected(&bob).await;
    // Only now are they told of.
    let presence = here.tell_presence();
    assert_eq!(first.hears("presence").await, came(&bob));
    let _third = here.connected(&carol).await;
    assert_eq!(first.hears("presence").await, came(&carol));
    assert_eq!(
        second.hears("presence").await,
        came(&carol),
        "alice stood in bob's session"
    );
    presence.abort();
}

#[tokio::test]
async fn who_came_while_somebody_was_away_for_a_moment_hears_that_they_are_back() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let carol = here.somebody("carol").await;
    here.group(&alice, &[&bob, &carol]).await;
    let presence = here.tell_presence();
    let mut old = here.connected(&alice).await;
    let there = here.connected(&bob).await;
    assert_eq!(old.hears("presence").await, came(&bob));
    drop(there);
    here.is_gone(&bob).await;
    // Told with everything before it: by then it is known that bob went, and waited whether he comes back.
    let _carol = here.connected(&carol).await;
    while old.hears("presence").await != came(&carol) {}
    let mut new = here.connected(&alice).await;
    let _back = here.connected(&bob).await;
    // Should it have taken longer than a moment, they heard that bob went as well.
    while new.hears("presence").await != came(&bob) {}
    presence.abort();
}

#[tokio::test]
async fn who_reloads_a_page_was_never_away() {
    for _ in 0..10 {
        if a_reload_is_not_told().await {
            return;
        }
    }
    panic!("no reload was as quick as a page's");
}

/// False when the machine was so busy that they were away.
async fn a_reload_is_not_told() -> bool {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let carol = here.somebody("carol").await;
    here.group(&alice, &[&bob, &carol]).await;
    let notices = &here.roll_call.notices;
    let mut notices = notices.listen(vec![NoticeKind::Presence]).unwrap().arriving;
    let mut watcher = here.connected(&alice).await;
    let page = here.connected(&bob).await;
    let presence = here.tell_presence();
    assert_eq!(watcher.hears("presence").await, came(&bob));
    let began = Instant::now();
    drop(page);
    here.is_gone(&bob).await;
    // Told with everything before it: by then it is known that bob went.
    let other = here.connected(&carol).await;
    assert_eq!(watcher.hears("presence").await, came(&carol));
    let _reloaded = here.connected(&bob).await;
    if began.elapsed() >= OFFLINE_GRACE {
        return false;
    }
    // Told later than bob's going would have been.
    drop(other);
    let next = watcher.hears("presence").await;
    assert_eq!((&next["user_id"], &next["online"]), (&json!(carol.id()), &json!(false)));
    let mut noticed = Vec::new();
    while noticed.last() != Some(&(json!(carol.id()), json!(false))) {
        let noted = in_time("a notice", notices.recv()).await.unwrap();
        let told = serde_json::to_value(noted.notice).unwrap();
        noticed.push((told["data"]["user_id"].clone(), told["data"]["online"].clone()));
    }
    let of_bob: Vec<_> = noticed.iter().filter(|(who, _)| *who == json!(bob.id())).collect();
    assert_eq!(
        of_bob,
        [&(json!(bob.id()), json!(true))],
        "the webhook hears of a reload as little"
    );
    presence.abort();
    true
}

#[tokio::test]
async fn a_crowd_that_comes_at_once_is_told_whole() {
    let here = Here::open().await;
    let alice = here.somebody("alice").await;
    let mut crowd = Vec::new();
    for number in 0..PRESENCE_AT_A_TIME + 6 {
        crowd.push(here.somebody(&format!("of-the-crowd-{number}")).await);
    }
    here.group(&alice, &crowd.iter().collect::<Vec<_>>()).await;
    let mut watcher = here.connected(&alice).await;
    let mut connections = Vec::new();
    for one in &crowd {
        connections.push(Peer::connect(here.address, &one.token).await);
    }
    let presence = here.tell_presence();
    let mut heard = BTreeSet::new();
    for _ in &crowd {
        heard.insert(watcher.hears("presence").await["user_id"].to_string());
    }
    let all: BTreeSet<String> = crowd.iter().map(|one| json!(one.id()).to_string()).collect();
    assert_eq!(heard, all, "each once");
    presence.abort();
}

#[tokio::test]
async fn what_the_store_kept_from_being_told_is_told_later() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    here.group(&alice, &[&bob]).await;
    let mut watcher = here.connected(&alice).await;
    let there = here.connected(&bob).await;
    here.stored.gates.receivers_unknown.store(1, Ordering::SeqCst);
    let presence = here.tell_presence();
    assert_eq!(watcher.hears("presence").await, came(&bob));
    here.stored.gates.receivers_unknown.store(1, Ordering::SeqCst);
    drop(there);
    assert_eq!(watcher.hears("presence").await["online"], json!(false));
    presence.abort();
}
