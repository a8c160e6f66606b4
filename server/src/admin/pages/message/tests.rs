use std::collections::BTreeMap;

use chat_core::explain::{BroadcastRecord, Cause, Path};
use chat_core::ids::TraceId;
use chat_core::{NodeId, Sid, UserId};

use super::super::conversation::tests::message;
use super::super::tests::HOSTILE;
use super::*;
use crate::admin::scene::sample_time;

pub(crate) fn report() -> DeliveryReport {
    let saved = sample_time(5);
    let socket = |sid: &str, path, handed: i64, confirmed: Option<i64>| SocketDelivery {
        sid: Sid::parse(sid).unwrap(),
        node_id: NodeId::parse("node").unwrap(),
        client: None,
        path: Some(path),
        handed_off_at: Some(saved.plus_millis(handed)),
        attempts: if confirmed.is_some() { 1 } else { 4 },
        confirmed_at: confirmed.map(|ms| saved.plus_millis(ms)),
        confirmed_earlier: false,
        latency_ms: confirmed.map(i64::unsigned_abs),
        error: confirmed.is_none().then(|| HOSTILE.to_owned()),
    };
    let participant = |name: &str, status, cause, sockets| ParticipantReport {
        user_id: UserId::parse(name).unwrap(),
        username: name.to_owned(),
        status,
        cause,
        sockets,
    };
    let mut totals: BTreeMap<&'static str, usize> = Delivery::ALL.map(|status| (status.as_str(), 0)).into();
    for status in ["read", "unconfirmed", "offline"] {
        totals.insert(status, 1);
    }
    DeliveryReport {
        message: message(812, HOSTILE),
        broadcast: Some(BroadcastRecord {
            at: saved.plus_millis(2),
            room: "conversation:42".to_owned(),
            namespace: "/".to_owned(),
            room_existed: true,
            rooms_in_namespace: 4,
            similar_rooms: Vec::new(),
            nodes: 1,
            trace_id: TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").ok(),
        }),
        totals,
        participants: vec![
            participant(
                "alice",
                Delivery::Read,
                None,
                vec![
                    socket("8JxAbCdEfGhIjKlMnOpQ", Path::Room, 2, Some(9)),
                    socket("kP2xxxxxxxxxxxxxxxxa", Path::Repair, 3, Some(71)),
                ],
            ),
            participant(
                "bob",
                Delivery::Unconfirmed,
                Some(Cause::NoReceipt),
                vec![socket("Zt9xxxxxxxxxxxxxxxx1", Path::Room, 2, None)],
            ),
            participant("dave", Delivery::Offline, Some(Cause::Offline), Vec::new()),
        ],
    }
}

#[test]
fn the_first_line_says_who_did_not_get_it() {
    let mut report = report();
    let line = sentence(&report);
    assert_eq!(
        (line.status, line.lead.as_str()),
        (Status::Failed, "1 participant never confirmed it.")
    );
    assert_eq!(
        line.rest,
        "1 of 3 participants, the sender included, confirmed it. 1 offline: it comes on return."
    );
    report.totals.insert("unconfirmed", 0);
    report.totals.insert("offline", 0);
    report.participants.truncate(1);
    assert_eq!(
        sentence(&report).lead,
        "Everybody has it: 1 participant, the sender included."
    );
}

#[test]
fn each_socket_has_a_row_and_the_name_stands_once() {
    let report = report();
    let all: Vec<Row> = report.participants.iter().flat_map(|one| rows(&report, one)).collect();
    let named: Vec<bool> = all.iter().map(|row| row.who.is_some()).collect();
    assert_eq!(named, [true, false, true, true]);
    assert_eq!((all[1].handed.as_str(), all[1].confirmed.as_str()), ("+3 ms", "+71 ms"));
    assert_eq!(all[2].attempts, "4 attempts");
}
