//! Which way a message takes to a socket's connection. The order is the same either way; this is about what it costs.

use futures_util::future::join_all;
use futures_util::poll;
use tokio::task::yield_now;

use super::*;
use crate::chat::send::Queued;
use crate::limits::RUN_BYTES_MAX;

/// Until everything that was said to it is out.
async fn quiet(socket: &LiveSocket) {
    eventually("all that was said is out", || socket.nothing_waits()).await;
}

/// Two in a group, of whom Bob is connected.
async fn alice_and_bob() -> (Here, Somebody, Somebody, ConversationId, Peer) {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let peer = here.connected(&bob).await;
    (here, alice, bob, group, peer)
}

#[tokio::test]
async fn a_message_that_comes_alone_is_written_at_once_whatever_was_said_before() {
    let (here, alice, _bob, group, mut peer) = alice_and_bob().await;
    let socket = here.live(&peer);
    quiet(&socket).await;
    let given = socket.given_to_library();
    here.say(&alice, &group).await;
    assert_eq!(socket.given_to_library(), given, "at once");
    assert_eq!(peer.seqs(1).await, [1]);

    // Answered, not answered, refused; said to it without having asked.
    peer.emit("whoami", &json!({})).await;
    peer.answer().await;
    peer.tell("receipt", &json!({"conversation_id": group, "received": 1}))
        .await;
    peer.tell("no_such_event", &json!({})).await;
    peer.emit("get_messages", &json!({"conversation_id": "none"})).await;
    assert_eq!(peer.answer().await["ok"], json!(false));
    let carol = here.somebody("carol").await;
    here.add(&alice, &group, &carol).await;
    peer.hears("conversation_updated").await;
    quiet(&socket).await;
    let given = socket.given_to_library();
    here.say(&alice, &group).await;
    assert_eq!(socket.given_to_library(), given, "at once again");
    assert_eq!(peer.seqs(1).await, [2]);
}

/// Queues messages with the store, next to each other.
async fn queue(here: &Here, who: &Somebody, group: &ConversationId, contents: &[&str]) -> Vec<Queued> {
    let mut queued = Vec::new();
    for content in contents {
        let prepared = here.chat.prepare(&who.actor, saying(group, content), Way::default());
        queued.push(here.chat.queue(prepared.await.unwrap()).await);
    }
    queued
}

/// The same, saved and announced.
async fn say_together(here: &Here, who: &Somebody, group: &ConversationId, contents: &[&str]) {
    let queued = queue(here, who, group, contents).await;
    let settled = join_all(queued.into_iter().map(|queued| here.chat.settle(queued))).await;
    for sent in settled {
        assert_eq!(sent.unwrap().delivery.handed_off, 1);
    }
}

#[tokio::test]
async fn messages_on_each_others_heels_are_written_at_once_too() {
    const MESSAGES: usize = 40;
    let (here, alice, _bob, group, mut peer) = alice_and_bob().await;
    let socket = here.live(&peer);
    quiet(&socket).await;
    let given = socket.given_to_library();
    say_together(&here, &alice, &group, &["x"; MESSAGES]).await;
    assert_eq!(socket.given_to_library(), given);
    let seqs: Vec<u64> = (1..=MESSAGES as u64).collect();
    assert_eq!(peer.seqs(MESSAGES).await, seqs);
}

#[tokio::test]
async fn however_much_it_is_they_come_in_order() {
    let (here, alice, _bob, group, mut peer) = alice_and_bob().await;
    let large = "x".repeat(RUN_BYTES_MAX / 5);
    let contents: Vec<&str> = std::iter::repeat_n(["a", &large, "b", &large], 8).flatten().collect();
    say_together(&here, &alice, &group, &contents).await;
    let seqs: Vec<u64> = (1..=contents.len() as u64).collect();
    assert_eq!(peer.seqs(contents.len()).await, seqs);
}

/// Until a message is in its conversation's sequencer, where it waits for others.
async fn until_it_waits(here: &Here, group: &ConversationId, mut settling: impl Future + Unpin) {
    let entry = here.chat.entry_in_use(group).unwrap();
    in_time("it waits for others", async {
        while entry.sequencer.lock().gap().is_none() {
            assert!(poll!(&mut settling).is_pending());
            if entry.sequencer.lock().gap().is_none() {
                yield_now().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_sender_is_gone_is_announced_all_the_same() {
    let (here, alice, _bob, group, mut peer) = alice_and_bob().await;
    let [first, second] = queue(&here, &alice, &group, &["x"; 2]).await.try_into().ok().unwrap();
    let mut settling = Box::pin(here.chat.settle(first));
    until_it_waits(&here, &group, &mut settling).await;
    drop(settling);
    assert_eq!(peer.seqs(1).await, [1]);
    here.chat.settle(second).await.unwrap();
    assert_eq!(peer.seqs(1).await, [2]);
}

/// Its sender's task may be busy with that client's next event.
#[tokio::test]
async fn a_message_whose_sender_does_not_go_on_holds_up_nobody() {
    let (here, alice, _bob, group, mut peer) = alice_and_bob().await;
    let [first, second] = queue(&here, &alice, &group, &["x"; 2]).await.try_into().ok().unwrap();
    let mut settling = Box::pin(here.chat.settle(first));
    until_it_waits(&here, &group, &mut settling).await;
    in_time("the second", here.chat.settle(second)).await.unwrap();
    assert_eq!(peer.seqs(2).await, [1, 2]);
}

#[tokio::test]
async fn those_that_wait_for_one_that_never_comes_are_announced_in_the_end() {
    let (here, alice, _bob, group, mut peer) = alice_and_bob().await;
    let [first, second, third] = queue(&here, &alice, &group, &["x"; 3]).await.try_into().ok().unwrap();
    let first = Box::pin(here.chat.settle(first));
    let mut settling = Box::pin(here.chat.settle(second));
    until_it_waits(&here, &group, &mut settling).await;
    drop(settling);
    // Saved, and its task gone before it was brought.
    drop(first);
    in_time("the third", here.chat.settle(third)).await.unwrap();
    assert_eq!(peer.seqs(3).await, [1, 2, 3]);
}

/// Messages of one client to two conversations, one of which is announced with others and the other by itself.
#[tokio::test]
async fn answers_come_in_the_order_of_what_was_sent() {
    const MESSAGES: usize = 60;
    let here = Here::open().await;
    let alice = here.somebody("alice").await;
    let groups = [here.group(&alice, &[]).await, here.group(&alice, &[]).await];
    let mut peer = here.connected(&alice).await;
    here.stored.gates.uneven.store(true, Ordering::SeqCst);
    for number in 0..MESSAGES {
        let to = &groups[usize::from(number % 3 == 2)];
        let say = json!({"conversation_id": to, "content": number.to_string()});
        peer.emit("send_message", &say).await;
    }
    for number in 0..MESSAGES {
        assert_eq!(peer.answer().await["message"]["content"], number.to_string());
    }
}

/// What was said in the first life of a connection is counted there, and must not be taken for what the second was told.
#[tokio::test]
async fn whoever_enters_again_is_told_everything_in_order() {
    let (here, alice, bob, group, mut peer) = alice_and_bob().await;
    quiet(&here.live(&peer)).await;
    peer.enters_again(&bob.token).await;
    peer.hears("session").await;
    let socket = here.live(&peer);
    for seq in 1..=20 {
        let given = socket.given_to_library();
        here.say(&alice, &group).await;
        assert_eq!(socket.given_to_library(), given + 1, "message {seq} by the library");
    }
    assert_eq!(peer.seqs(20).await, (1..=20).collect::<Vec<u64>>());
}
