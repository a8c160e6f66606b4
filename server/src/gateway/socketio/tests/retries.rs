//! What a client that promised receipts does not confirm, and when it is looked at again.

use super::*;

/// Lets so many seconds pass, with a look at every one of them.
async fn pass(here: &Here, seconds: usize) {
    for _ in 0..seconds {
        here.clock.advance_secs(1);
        here.fanout.retry_what_is_due(here.clock.now()).await;
    }
}

/// Alice, and Bob's connection that promised receipts, in a group.
async fn alice_and_one_who_promised() -> (Here, Somebody, ConversationId, Peer) {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let peer = here.promising(&bob).await;
    (here, alice, group, peer)
}

#[tokio::test]
async fn each_message_is_handed_over_again_in_its_time() {
    let (here, alice, group, mut peer) = alice_and_one_who_promised().await;

    // Looked at while nothing waits: the next look is some seconds away.
    pass(&here, 1).await;
    here.say(&alice, &group).await;
    pass(&here, 2).await;
    here.say(&alice, &group).await;
    assert_eq!(peer.seqs(2).await, [1, 2]);
    let unconfirmed = |expected: usize| assert_eq!(here.roll_call.figures().unconfirmed, expected);
    // Seconds that pass, and what they bring: 5, 15 and 35 s after 1, which is 2 s older than 2.
    for (seconds, again) in [
        (2, vec![]),
        (1, vec![1]),
        (2, vec![2]),
        (8, vec![1]),
        (2, vec![2]),
        (18, vec![1]),
        (2, vec![2]),
    ] {
        pass(&here, seconds).await;
        assert_eq!(peer.seqs_so_far().await, again, "after {seconds} s more");
    }
    unconfirmed(0);
    pass(&here, 8).await;
    unconfirmed(1);
    pass(&here, 2).await;
    unconfirmed(2);

    // Late is better than never; and what comes next is looked at in its time, too.
    peer.emit("receipt", &json!({"conversation_id": group, "received": 2}))
        .await;
    peer.answer().await;
    pass(&here, 1).await;
    unconfirmed(0);
    here.say(&alice, &group).await;
    pass(&here, 4).await;
    assert_eq!(peer.seqs_so_far().await, [3]);
    pass(&here, 1).await;
    assert_eq!(peer.seqs_so_far().await, [3]);
}

#[tokio::test]
async fn a_clock_that_is_set_back_puts_nothing_off() {
    let (here, alice, group, mut peer) = alice_and_one_who_promised().await;
    pass(&here, 1).await;
    here.clock.advance_secs(-3_600);
    here.say(&alice, &group).await;
    assert_eq!(peer.seqs(1).await, [1]);
    pass(&here, 5).await;
    assert_eq!(peer.seqs_so_far().await, [1]);
}
