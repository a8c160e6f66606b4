use chat_core::delivery::ConnectionEventKind;
use chat_core::explain::{Cause, NodeLoss, Status as Delivery};
use chat_core::{MessageId, NodeId, Sid};

use super::super::sockets::tests::socket;
use super::super::tests::HOSTILE;
use super::super::users::tests::user;
use super::*;
use crate::admin::inspect::NodeView;
use crate::admin::scene::sample_time;

fn conversation() -> ConversationId {
    ConversationId::parse("42").unwrap()
}

pub(super) fn detail() -> UserDetail {
    let sid = Sid::parse("8JxAbCdEfGhIjKlMnOpQ").unwrap();
    let event = |kind, detail: &str, seconds| ConnectionEvent {
        user_id: UserId::parse("alice").unwrap(),
        at: sample_time(seconds),
        kind,
        sid: Some(sid.clone()),
        node_id: NodeId::parse("node").unwrap(),
        detail: detail.to_owned(),
    };
    UserDetail {
        user: UserRow::new(user("alice", HOSTILE), 1),
        sockets: vec![socket("8JxAbCdEfGhIjKlMnOpQ", "alice", 722)],
        conversations: vec![Place {
            id: conversation(),
            kind: ConversationKind::Group,
            title: Some(HOSTILE.to_owned()),
            room: "conversation:42".to_owned(),
            participants: 3,
            last_seq: Seq(812),
            received_seq: Seq(771),
            read_seq: Seq(770),
            unread: 42,
            sockets_in_room: 0,
            with: vec!["bob".to_owned()],
        }],
        history: vec![
            event(ConnectionEventKind::Joined, "42", 721),
            event(ConnectionEventKind::Connected, HOSTILE, 722),
            event(ConnectionEventKind::Disconnected, "transport_close", 900),
        ],
        lost: vec![Lost {
            sid: Sid::parse("before-8JxAbCdEfGhIjKlM").unwrap(),
            at: sample_time(800),
            last_heard: true,
        }],
        rejected: Vec::new(),
        missed: vec![Missed {
            conversation_id: conversation(),
            title: Some(HOSTILE.to_owned()),
            message_id: MessageId::parse("m772").unwrap(),
            first_seq: Seq(772),
            last_seq: Seq(812),
            messages: 41,
            since: sample_time(600),
            status: Delivery::Unconfirmed,
            cause: Some(Cause::NoReceipt),
            summary: "alice was handed the message and never confirmed it.".to_owned(),
        }],
        late: vec![Late {
            at: sample_time(590),
            kind: ExceptionKind::Retried,
            conversation_id: conversation(),
            first_seq: Seq(772),
            last_seq: Seq(774),
            sid: sid.clone(),
            detail: String::new(),
        }],
    }
}

fn lead(change: impl FnOnce(&mut UserDetail)) -> Sentence {
    let mut detail = detail();
    change(&mut detail);
    sentence(&Scene::sample("/", chat_core::Role::Admin), &detail)
}

#[test]
fn the_first_line_says_what_is_wrong_with_this_user() {
    assert_eq!(
        lead(|_| ()).lead,
        "alice is online on 1 socket and is not getting everything."
    );
    assert_eq!(lead(|_| ()).rest, "41 messages have not arrived.");
    assert_eq!(lead(|all| all.missed.clear()).status, Status::Healthy);
    let offline = lead(|all| all.user.sockets = 0);
    assert_eq!(
        (offline.status, offline.lead.as_str()),
        (Status::Offline, "alice is offline for 1 min.")
    );
    assert!(
        lead(|all| all.user.disabled_at = Some(sample_time(1)))
            .lead
            .contains("disabled")
    );
}

#[test]
fn a_socket_outside_a_room_is_red() {
    let detail = detail();
    let row = place_row(&detail.user, &detail.conversations[0]);
    assert_eq!(row.room, (Status::Failed, "0 of 1 in the room".to_owned()));
    assert_eq!(row.behind.as_deref(), Some("41 behind"));
}

#[test]
fn a_connection_whose_server_was_killed_has_an_end() {
    let event = |kind, sid: &str, node: &str, seconds| ConnectionEvent {
        user_id: UserId::parse("alice").unwrap(),
        at: sample_time(seconds),
        kind,
        sid: Some(Sid::parse(sid).unwrap()),
        node_id: NodeId::parse(node).unwrap(),
        detail: String::new(),
    };
    let history = [
        event(ConnectionEventKind::Connected, "open", "here", 10),
        event(ConnectionEventKind::Connected, "unknown", "older", 500),
        event(ConnectionEventKind::Connected, "killed", "before", 700),
        event(ConnectionEventKind::Disconnected, "closed", "before", 800),
        event(ConnectionEventKind::Connected, "closed", "before", 900),
    ];
    let here = NodeView {
        node_id: NodeId::parse("here").unwrap(),
        started_at: sample_time(100),
        version: String::new(),
        sockets: 1,
        rooms: 0,
        healthy: true,
    };
    let losses = [NodeLoss {
        node_id: NodeId::parse("before").unwrap(),
        at: sample_time(600),
    }];
    let lost: Vec<_> = lost(&history, &losses, &[here])
        .into_iter()
        .map(|lost| (lost.sid.to_string(), lost.at, lost.last_heard))
        .collect();
    assert_eq!(
        lost,
        [
            ("unknown".to_owned(), sample_time(100), false),
            ("killed".to_owned(), sample_time(600), true)
        ]
    );
    let rows = history_rows(&Scene::sample("/", chat_core::Role::Admin), &detail(), &|id| {
        Named::new(id, None, &[])
    });
    let what: Vec<_> = rows.iter().map(|row| row.what.1).collect();
    assert_eq!(what, ["joined", "connected", "ended with the server", "disconnected"]);
}
