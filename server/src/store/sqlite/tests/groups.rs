use std::sync::Arc;

use chat_core::ports::{
    Accounts as _, AppendError, Appended, Conversations as _, MessageLog as _, PageFrom, StoreTrouble, Vitals as _,
};
use chat_core::{Draft, Message, MessageId, Seq};
use futures_util::future::join_all;
use futures_util::poll;
use metrics::{CounterFn, GaugeFn, HistogramFn};
use parking_lot::Mutex;
use tokio::task::unconstrained;

use super::{Place, Sql, hold_the_writer};
use crate::store::StoreMetrics;
use crate::store::contract::{assert_gapless, at, cid, draft, is_new, is_repeat, say, uid, with_client_id};

#[derive(Default)]
struct Recorded {
    values: Mutex<Vec<f64>>,
    depth: Mutex<f64>,
}

impl HistogramFn for Recorded {
    fn record(&self, value: f64) {
        self.values.lock().push(value);
    }
}

impl GaugeFn for Recorded {
    fn increment(&self, value: f64) {
        *self.depth.lock() += value;
    }

    fn decrement(&self, value: f64) {
        *self.depth.lock() -= value;
    }

    fn set(&self, value: f64) {
        *self.depth.lock() = value;
    }
}

impl CounterFn for Recorded {
    fn increment(&self, _value: u64) {
        self.values.lock().push(1.0);
    }

    fn absolute(&self, _value: u64) {}
}

/// Appends that are queued while the writer is held, carried out as one group.
async fn as_one_group(place: &Place, drafts: Vec<Draft>) -> Vec<Result<Appended, AppendError>> {
    let release = hold_the_writer(&place.store).await;
    // Without tokio's budget, which would make the 128th wait for its turn.
    let queue = |draft| unconstrained(place.store.append(draft));
    let mut waiting: Vec<_> = drafts.into_iter().map(queue).collect();
    for append in &mut waiting {
        assert!(poll!(append).is_pending());
    }
    release.notify_one();
    join_all(waiting).await
}

async fn all_messages(place: &Place) -> Vec<Message> {
    place
        .store
        .page(&cid("a"), PageFrom::After(Seq::ZERO), 10_000)
        .await
        .unwrap()
        .items
}

#[tokio::test]
async fn a_question_to_the_writer_is_not_counted_among_the_writes() {
    let sizes = Arc::new(Recorded::default());
    let metrics = StoreMetrics {
        batch_size: metrics::Histogram::from_arc(sizes.clone()),
        ..StoreMetrics::noop()
    };
    let place = Place::with_metrics(metrics).await;
    let before = sizes.values.lock().len();
    place.store.standing().await.unwrap();
    assert_eq!(sizes.values.lock().len(), before);
    place.store.check().await.unwrap();
    assert_eq!(sizes.values.lock()[before..], [1.0]);
}

#[tokio::test]
async fn what_queues_during_a_commit_is_committed_together() {
    let (sizes, depth) = (Arc::new(Recorded::default()), Arc::new(Recorded::default()));
    let metrics = StoreMetrics {
        queue_depth: metrics::Gauge::from_arc(depth.clone()),
        batch_size: metrics::Histogram::from_arc(sizes.clone()),
        ..StoreMetrics::noop()
    };
    let place = Place::with_metrics(metrics).await;
    sizes.values.lock().clear();
    let drafts: Vec<_> = (0..700).map(|n| draft("a", "alice", &format!("{n}"))).collect();
    let made: Vec<Message> = as_one_group(&place, drafts)
        .await
        .into_iter()
        .map(|a| is_new(a.unwrap()))
        .collect();
    // The gate alone, then as many as fit, then the rest.
    assert_eq!(*sizes.values.lock(), [1.0, 512.0, 188.0]);
    assert!(depth.depth.lock().abs() < 0.5);
    for (n, message) in made.iter().enumerate() {
        assert_eq!((message.seq.0, &*message.content), (n as u64 + 1, &*n.to_string()));
    }
    assert_eq!(all_messages(&place).await, made);
}

#[tokio::test]
async fn a_repeat_within_a_group_returns_its_first() {
    let place = Place::new().await;
    let drafts = (0..4)
        .map(|n| with_client_id(draft("a", "alice", &format!("{n}")), &format!("k{}", n % 2)))
        .collect();
    let mut outcomes = as_one_group(&place, drafts).await.into_iter().map(Result::unwrap);
    let (first, second) = (is_new(outcomes.next().unwrap()), is_new(outcomes.next().unwrap()));
    assert_eq!(is_repeat(outcomes.next().unwrap()), first);
    assert_eq!(is_repeat(outcomes.next().unwrap()), second);
    assert_eq!(all_messages(&place).await, [first, second]);
}

#[tokio::test]
async fn very_long_messages_share_a_commit_but_not_a_statement() {
    let place = Place::new().await;
    let drafts: Vec<_> = ["a", "b", "c"]
        .map(|text| draft("a", "alice", &text.repeat(9 << 20)))
        .to_vec();
    let outcomes = as_one_group(&place, drafts.clone()).await;
    for (n, (outcome, draft)) in outcomes.into_iter().zip(drafts).enumerate() {
        let message = is_new(outcome.unwrap());
        assert_eq!(message.seq.0, n as u64 + 1);
        assert!(place.store.message(&message.id).await.unwrap().unwrap().content == draft.content);
    }
}

#[tokio::test]
async fn a_reply_may_follow_its_question_within_a_group() {
    let place = Place::new().await;
    let question = draft("a", "alice", "who?");
    let reply = Draft {
        reply_to: Some(question.id.clone()),
        ..draft("a", "bob", "me")
    };
    let too_early = Draft {
        reply_to: Some(reply.id.clone()),
        ..draft("a", "bob", "early")
    };
    let outcomes = as_one_group(&place, vec![too_early, question, reply]).await;
    assert!(matches!(outcomes[0], Err(AppendError::BadReply)));
    assert!(
        outcomes[1..]
            .iter()
            .all(|outcome| matches!(outcome, Ok(Appended::New(_))))
    );
    assert_gapless(&all_messages(&place).await);
}

#[tokio::test]
async fn a_draft_that_breaks_a_constraint_fails_alone() {
    let errors: [_; 6] = std::array::from_fn(|_| Arc::new(Recorded::default()));
    let metrics = StoreMetrics {
        errors: errors.clone().map(metrics::Counter::from_arc),
        ..StoreMetrics::noop()
    };
    let place = Place::with_metrics(metrics).await;
    let id = MessageId::parse("twice").unwrap();
    let drafts = (0..10)
        .map(|n| match n {
            3 | 6 => Draft {
                id: id.clone(),
                ..draft("a", "alice", "twice")
            },
            _ => draft("a", "alice", "once"),
        })
        .collect();
    let outcomes = as_one_group(&place, drafts).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Err(AppendError::Store(error)) if n == 6 => assert_eq!(error.trouble(), StoreTrouble::Constraint),
            Ok(Appended::New(_)) if n != 6 => {}
            other => panic!("draft {n}: {other:?}"),
        }
    }
    let stored = all_messages(&place).await;
    assert_eq!(stored.len(), 9);
    assert_gapless(&stored);
    let counted = errors.map(|counter| counter.values.lock().len());
    assert_eq!(counted, [0, 0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn another_write_that_fails_does_not_fail_its_neighbours() {
    let place = Place::new().await;
    let release = hold_the_writer(&place.store).await;
    let wrong = "INSERT INTO past_memberships VALUES (NULL, 99, 99, 0, 0, 0, 0, 0, 0)";
    let mut before = Box::pin(place.store.append(draft("a", "alice", "before")));
    let mut bad = Box::pin(place.store.writer.change(Sql(wrong)));
    let (id, nobody) = (cid("a"), [uid("nobody")]);
    let mut refused = place.store.add_participants(&id, &nobody, at(1));
    let mut after = Box::pin(place.store.append(draft("a", "alice", "after")));
    assert!(poll!(&mut before).is_pending() && poll!(&mut bad).is_pending());
    assert!(poll!(&mut refused).is_pending() && poll!(&mut after).is_pending());
    release.notify_one();
    let (before, bad, refused, after) = tokio::join!(before, bad, refused, after);
    assert_eq!(
        (is_new(before.unwrap()).seq, is_new(after.unwrap()).seq),
        (Seq(1), Seq(2))
    );
    assert_eq!(bad.unwrap_err().trouble(), StoreTrouble::Constraint);
    assert!(matches!(
        refused,
        Err(chat_core::ports::ConversationError::UnknownUsers(_))
    ));
}

#[tokio::test]
async fn a_commit_that_fails_stores_nothing_and_tells_everybody() {
    let place = Place::new().await;
    say(&place.store, "a", "alice", "first").await;
    let release = hold_the_writer(&place.store).await;
    // A reference that is checked by the commit, and not before it.
    let mut appends: Vec<_> = (0..5)
        .map(|_| place.store.append(draft("a", "alice", "lost")))
        .collect();
    let mut defer = Box::pin(place.sql("PRAGMA defer_foreign_keys = ON"));
    let mut wrong = Box::pin(place.sql("INSERT INTO past_memberships VALUES (NULL, 99, 99, 0, 0, 0, 0, 0, 0)"));
    for append in &mut appends {
        assert!(poll!(append).is_pending());
    }
    assert!(poll!(&mut defer).is_pending() && poll!(&mut wrong).is_pending());
    release.notify_one();
    for outcome in join_all(appends).await {
        match outcome {
            Err(AppendError::Store(error)) => assert_eq!(error.trouble(), StoreTrouble::Constraint),
            other => panic!("{other:?}"),
        }
    }
    assert!(defer.await.is_err() && wrong.await.is_err());
    assert_eq!(all_messages(&place).await.len(), 1);
    place.store.check().await.unwrap();
    assert_eq!(say(&place.store, "a", "alice", "second").await.seq, Seq(2));
}

#[tokio::test]
async fn a_caller_that_went_away_while_queued_changes_nothing_for_others() {
    let place = Place::new().await;
    let release = hold_the_writer(&place.store).await;
    let mut gone = place.store.append(draft("a", "alice", "gone"));
    let mut stays = place.store.append(draft("a", "alice", "stays"));
    assert!(poll!(&mut gone).is_pending() && poll!(&mut stays).is_pending());
    drop(gone);
    release.notify_one();
    assert_eq!(is_new(stays.await.unwrap()).seq, Seq(2));
    assert_eq!(all_messages(&place).await.len(), 2);
}
