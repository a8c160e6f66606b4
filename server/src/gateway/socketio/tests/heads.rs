//! How far the conversations are, told to everybody who is in them.

use super::*;

/// What a peer is told of the heads, as often as it was.
async fn heads_of(peer: &mut Peer) -> Vec<serde_json::Value> {
    let so_far = peer.all_so_far().await;
    let heads = so_far.into_iter().filter(|(event, _)| event == "heads");
    heads.map(|(_, data)| data).collect()
}

#[tokio::test]
async fn each_is_told_of_their_own_conversations_that_moved_and_once() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let (carol, dave) = (here.somebody("carol").await, here.somebody("dave").await);
    let everybody = here.group(&alice, &[&bob, &carol]).await;
    let pair = here.group(&alice, &[&bob]).await;
    let quiet = here.group(&alice, &[&dave]).await;
    let mut peers = Vec::new();
    for who in [&alice, &bob, &carol, &dave] {
        peers.push(here.connected(who).await);
    }
    here.chat.say_heads().await;
    for peer in &mut peers {
        heads_of(peer).await;
    }

    here.say(&bob, &everybody).await;
    here.say(&bob, &everybody).await;
    here.say(&alice, &pair).await;
    here.chat.say_heads().await;
    let both = json!({ everybody.as_str(): 2, pair.as_str(): 1 });
    let expected = [
        vec![both.clone()],
        vec![both],
        vec![json!({ everybody.as_str(): 2 })],
        vec![],
    ];
    for (peer, expected) in peers.iter_mut().zip(expected) {
        assert_eq!(heads_of(peer).await, expected);
    }

    here.say(&alice, &quiet).await;
    here.chat.say_heads().await;
    assert_eq!(heads_of(&mut peers[3]).await, [json!({ quiet.as_str(): 1 })]);
    assert_eq!(
        heads_of(&mut peers[1]).await,
        [json!(null); 0],
        "what did not move is not repeated"
    );
}

#[tokio::test]
async fn they_come_in_their_place_behind_what_was_said_before() {
    let here = Here::open().await;
    let (alice, bob) = (here.somebody("alice").await, here.somebody("bob").await);
    let group = here.group(&alice, &[&bob]).await;
    let mut peer = here.connected(&bob).await;
    here.chat.say_heads().await;
    peer.all_so_far().await;
    for seq in 1..=20 {
        here.say(&alice, &group).await;
        // Whichever way the message went, the heads do not overtake it.
        here.fanout.say(&here.live(&peer), "probe", &json!({ "n": seq }));
        here.chat.say_heads().await;
        assert_eq!(peer.event().await.0, "new_message");
        assert_eq!(peer.event().await.0, "probe");
        assert_eq!(peer.event().await, ("heads".to_owned(), json!({ group.as_str(): seq })));
    }
}
