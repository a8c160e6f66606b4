//! An import takes a batch of lines in as a whole, or nothing of it.

use chat_core::delivery::LeftBehind;
use chat_core::ids::ClientMessageId;
use chat_core::ports::{Conversations as _, DeliveryLog as _, MessageLog as _};
use chat_core::{ConversationId, Message, MessageId, Seq, Timestamp, UserId};

use super::*;
use crate::store::contract::draft;
use crate::store::sqlite::archive::{BanLine, ImportError, Line, Participant};

fn user(id: &str) -> Line {
    Line::User {
        id: UserId::parse(id).unwrap(),
        username: id.to_owned(),
        display_name: id.to_owned(),
        role: "user".to_owned(),
        created_at: 1,
        disabled_at: None,
        password_hash: None,
    }
}

fn conversation(id: &str, with: &str) -> Line {
    Line::Conversation {
        id: ConversationId::parse(id).unwrap(),
        kind: "group".to_owned(),
        title: None,
        direct_key: None,
        created_at: 1,
        created_by: None,
        participants: vec![Participant {
            user_id: UserId::parse(with).unwrap(),
            role: "owner".to_owned(),
            joined_at: 1,
            joined_seq: 0,
            received_seq: 0,
            read_seq: 0,
            muted_at: None,
        }],
        bans: vec![BanLine {
            user_id: UserId::parse("bob").unwrap(),
            by: UserId::parse(with).unwrap(),
            at: 1,
            reason: None,
        }],
    }
}

fn message(conversation: &str, seq: u64, sender: &str) -> Line {
    Line::Message(Message {
        id: MessageId::parse(format!("{conversation}-{seq}")).unwrap(),
        conversation_id: ConversationId::parse(conversation).unwrap(),
        seq: Seq(seq),
        sender_id: UserId::parse(sender).unwrap(),
        sender_name: sender.into(),
        content: "for @carol".into(),
        created_at: Timestamp::from_millis(1),
        client_message_id: Some(ClientMessageId::parse(format!("k{seq}")).unwrap()),
        reply_to: None,
        edited_at: None,
        deleted_at: None,
    })
}

/// How many rows everything has that an import writes.
async fn counted(place: &Place) -> Vec<i64> {
    let mut db = place.store.reader().await.unwrap();
    let counts = [
        "SELECT count(*) FROM users",
        "SELECT count(*) FROM conversations",
        "SELECT count(*) FROM participants",
        "SELECT count(*) FROM bans",
        "SELECT count(*) FROM messages",
        "SELECT count(*) FROM mentions",
    ];
    let mut rows = Vec::new();
    for count in counts {
        rows.push(sqlx::query_scalar(count).fetch_one(&mut *db).await.unwrap());
    }
    rows
}

/// A person, a conversation of theirs, and messages of which the last does not follow.
fn with_a_gap() -> Vec<Line> {
    let mut lines = vec![user("carol"), conversation("moved", "carol")];
    lines.extend([1, 2, 4].map(|seq| message("moved", seq, "bob")));
    lines
}

#[tokio::test]
async fn of_lines_that_are_refused_nothing_is_taken_in() {
    let place = Place::new().await;
    let before = counted(&place).await;
    let refused = place.store.import(with_a_gap()).await.unwrap_err();
    assert!(
        matches!(&refused, ImportError::Refused(why) if why.contains("does not follow")),
        "{refused}"
    );
    assert_eq!(counted(&place).await, before);
    // The same lines, repaired, are not "there already".
    let mut repaired = with_a_gap();
    repaired.pop();
    place.store.import(repaired).await.unwrap();
    assert_eq!(
        counted(&place).await,
        [
            before[0] + 1,
            before[1] + 1,
            before[2] + 1,
            before[3] + 1,
            before[4] + 2,
            before[5] + 2
        ]
    );
}

#[tokio::test]
async fn lines_that_are_refused_cost_their_neighbours_in_the_transaction_nothing() {
    let place = Place::new().await;
    let before = counted(&place).await;
    let release = hold_the_writer(&place.store).await;
    let store = &place.store;
    let (refused, said, broken, ()) = tokio::join!(
        store.import(with_a_gap()),
        store.append(draft("a", "alice", "beside it")),
        // Fails, so that each is carried out again within a savepoint of its own.
        place.sql("INSERT INTO conversations (id) VALUES (NULL)"),
        async {
            tokio::task::yield_now().await;
            release.notify_one();
        },
    );
    assert!(refused.is_err() && broken.is_err());
    said.unwrap();
    let mut expected = before;
    expected[4] += 1;
    assert_eq!(counted(&place).await, expected);
}

#[tokio::test]
async fn what_arrived_is_told_until_it_is_welcomed_and_again_when_more_came() {
    let place = Place::new().await;
    let upto = |seq| [(ConversationId::parse("a").unwrap(), Seq(seq))].into();
    place.store.imported(&upto(2)).await.unwrap();
    let [first] = &place.store.arrivals().await.unwrap()[..] else {
        panic!("one")
    };
    assert_eq!((first.conversation_id.as_str(), first.upto), ("a", Seq(2)));
    place.store.imported(&upto(5)).await.unwrap();
    place.store.imported(&upto(3)).await.unwrap();
    place.store.welcomed(first).await.unwrap();
    let more = place.store.arrivals().await.unwrap();
    assert_eq!(more[0].upto, Seq(5), "it came after the first was read");
    place.store.welcomed(&more[0]).await.unwrap();
    assert_eq!(place.store.arrivals().await.unwrap(), []);
}

#[tokio::test]
async fn what_was_imported_after_a_crash_is_not_called_missed() {
    let place = Place::new().await;
    // One message was saved and never sent, and the process died; then an operator imports, and starts the next one.
    place.store.append(draft("a", "alice", "never sent")).await.unwrap();
    let lines = vec![
        user("carol"),
        conversation("moved", "carol"),
        message("moved", 1, "carol"),
        message("moved", 2, "bob"),
    ];
    place.store.import(lines).await.unwrap();
    let left = LeftBehind {
        complete: true,
        ..LeftBehind::default()
    };
    assert_eq!(place.store.make_up(&left).await.unwrap(), 1);
    let missed = async |conversation: &str, seq| {
        let id = ConversationId::parse(conversation).unwrap();
        let missed = place.store.missed_broadcast(&id, Seq(seq)).await.unwrap();
        missed.is_some()
    };
    assert!(missed("a", 1).await);
    assert!(!missed("moved", 1).await && !missed("moved", 2).await);
}
