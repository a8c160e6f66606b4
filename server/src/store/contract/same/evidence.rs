//! What is written down about deliveries.

use chat_core::Seq;
use chat_core::delivery::{ConnectionEvent, ConnectionEventKind, Cursor, DeliveryException, ExceptionKind};
use chat_core::ids::{NodeId, Sid};
use chat_core::ports::Store;

use super::super::{at, cid, uid};
use super::{CONVERSATIONS, Operation, USERS, outcome};

fn exception(&(conversation, user, first, last, millis): &(usize, usize, u64, u64, i64)) -> DeliveryException {
    DeliveryException {
        conversation_id: cid(CONVERSATIONS[conversation]),
        first_seq: Seq(first),
        last_seq: Seq(last),
        user_id: uid(USERS[user]),
        sid: Sid::parse("s").unwrap(),
        node_id: NodeId::parse("n").unwrap(),
        kind: ExceptionKind::Resumed,
        at: at(millis),
        detail: String::new(),
    }
}

fn connected((user, millis, detail): &(usize, i64, String)) -> ConnectionEvent {
    ConnectionEvent {
        user_id: uid(USERS[*user]),
        at: at(*millis),
        kind: ConnectionEventKind::Connected,
        sid: None,
        node_id: NodeId::parse("n").unwrap(),
        detail: detail.clone(),
    }
}

pub(super) async fn write_down(store: &impl Store, operation: &Operation) -> String {
    match operation {
        Operation::Cursors(all) => {
            let cursors: Vec<_> = all
                .iter()
                .map(|(conversation, user, received, read)| Cursor {
                    conversation_id: cid(CONVERSATIONS[*conversation]),
                    user_id: uid(USERS[*user]),
                    received: Seq(*received),
                    read: Seq(*read),
                })
                .collect();
            outcome(store.advance_cursors(&cursors).await)
        }
        Operation::Exceptions(all) => {
            let exceptions: Vec<_> = all.iter().map(exception).collect();
            outcome(store.note_exceptions(&exceptions).await)
        }
        Operation::Connections(all) => {
            let events: Vec<_> = all.iter().map(connected).collect();
            outcome(store.note_connections(&events).await)
        }
        Operation::Prune(millis) => outcome(store.prune_evidence(at(*millis)).await),
        other => panic!("{other:?} is about something else"),
    }
}

pub(super) async fn all(store: &impl Store) -> Vec<String> {
    let mut seen = Vec::new();
    for conversation in CONVERSATIONS.map(cid) {
        seen.push(outcome(store.cursors(&conversation).await));
        for seq in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 40, 69, 70].map(Seq) {
            seen.push(outcome(store.exceptions(&conversation, seq, None).await));
            seen.push(outcome(store.participants_at(&conversation, seq).await));
        }
        for user in USERS.map(uid) {
            seen.push(outcome(store.memberships(&conversation, &user).await));
            seen.push(outcome(store.exceptions(&conversation, Seq(4), Some(&user)).await));
        }
    }
    for user in USERS.map(uid) {
        seen.push(outcome(store.connections(&user, at(1), at(7), 4).await));
    }
    seen
}
