use chat_core::Seq;
use chat_core::delivery::LeftBehind;
use chat_core::explain::NodeLoss;
use chat_core::ids::NodeId;
use chat_core::ports::DeliveryLog;

use super::{Place, at, cid, make_group, make_users, say};

async fn place_with_messages<P: Place>() -> P {
    let place = P::new().await;
    let store = &**place.store();
    make_users(store, &["alice"]).await;
    for (conversation, count) in [("a", 5), ("b", 3), ("quiet", 0)] {
        make_group(store, conversation, &["alice"]).await;
        for _ in 0..count {
            say(store, conversation, "alice", "hello").await;
        }
    }
    place
}

fn loss(node: &str, millis: i64) -> NodeLoss {
    NodeLoss {
        node_id: NodeId::parse(node).unwrap(),
        at: at(millis),
    }
}

async fn missed(store: &impl DeliveryLog, conversation: &str) -> Vec<u64> {
    let mut found = Vec::new();
    for seq in 0..9 {
        if store
            .missed_broadcast(&cid(conversation), Seq(seq))
            .await
            .unwrap()
            .is_some()
        {
            found.push(seq);
        }
    }
    found
}

pub(super) async fn what_lies_above_the_marks_was_never_announced<P: Place>() {
    let place: P = place_with_messages().await;
    let store = &**place.store();
    let marks = |a, b| {
        [
            (cid("a"), Seq(a)),
            (cid("nowhere"), Seq(9)),
            (cid("b"), Seq(b)),
            (cid("a"), Seq(1)),
        ]
    };
    store.note_announced(&[]).await.unwrap();
    store.note_announced(&marks(3, 99)).await.unwrap();
    store.note_announced(&marks(2, 1)).await.unwrap(); // never back
    let left = LeftBehind {
        ended: Some(loss("died", 7_000)),
        announced: vec![(cid("a"), Seq(4))],
        complete: true,
    };
    assert_eq!(store.make_up(&left).await.unwrap(), 1);
    let place = place.reopen().await;
    let store = &**place.store();
    assert_eq!((missed(store, "a").await, missed(store, "b").await), (vec![5], vec![]));
    assert_eq!(
        store.missed_broadcast(&cid("a"), Seq(5)).await.unwrap(),
        Some(at(7_000))
    );
    assert_eq!(store.node_losses(at(0)).await.unwrap(), [loss("died", 7_000)]);
    assert_eq!(store.node_losses(at(7_001)).await.unwrap(), []);
    // Made up for: the next process finds nothing, and what is said later is its own.
    assert_eq!(store.make_up(&left).await.unwrap(), 0);
    say(store, "a", "alice", "later").await;
    say(store, "a", "alice", "and later").await;
    assert_eq!(store.make_up(&left).await.unwrap(), 2);
    assert_eq!(missed(store, "a").await, [5, 6, 7]);
    assert_eq!(store.node_losses(at(0)).await.unwrap().len(), 1, "a node dies once");
    assert!(!store.prune_evidence(at(7_001)).await.unwrap());
    assert_eq!(
        (missed(store, "a").await, store.node_losses(at(0)).await.unwrap()),
        (vec![], vec![])
    );
}

pub(super) async fn what_may_have_been_announced_is_not_called_missed<P: Place>() {
    let place: P = place_with_messages().await;
    let store = &**place.store();
    let unknown = LeftBehind {
        ended: Some(loss("died", -5)),
        ..LeftBehind::default()
    };
    assert_eq!(store.make_up(&unknown).await.unwrap(), 8);
    assert_eq!((missed(store, "a").await, missed(store, "b").await), (vec![], vec![]));
    let [loss] = &store.node_losses(at(-9)).await.unwrap()[..] else {
        panic!("one node")
    };
    assert_eq!(loss.at, at(2), "it was there when it saved the newest message");
    let nothing = LeftBehind {
        complete: true,
        ..LeftBehind::default()
    };
    assert_eq!(store.make_up(&nothing).await.unwrap(), 0);
}
