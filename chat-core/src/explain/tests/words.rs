//! What people read, and what programs read: sentences, remedies and the names of the wire.

use super::scene::*;
use crate::explain::EndReason::{Client, PingTimeout, TransportClose};
use crate::explain::Path::{Repair, Resume, Retry, Room};
use crate::explain::*;

fn summary(evidence: &Evidence) -> String {
    explain(evidence).summary
}

/// One line for each finding.
macro_rules! says {
    ($(|$scene:ident| $made:expr => $words:literal;)*) => {
        $({
            let $scene = evidence();
            assert_eq!(summary(&$made), $words);
        })*
    };
}

#[test]
fn the_sentences_of_what_went_well() {
    says! {
        |e| e.cursors(815, 813) => "bob has read message #812: their read receipt covers everything up to #813.";
        |e| e.cursors(815, 0) => "bob has message #812: their receipt covers everything up to #815.";
        |e| e.sockets([socket("Zt9_1").handed(8, Resume).confirms(90)]) =>
            "bob has message #812: socket Zt9_1 (web/1.2) confirmed it at 14:03:07.210 UTC (path resume, attempts: 1).";
        |e| e.asked(9_000).sockets([socket("Zt9_1").handed(8, Room)]) =>
            "Message #812 was handed to bob's socket Zt9_1 (web/1.2) at 14:03:07.128 UTC; its receipt has not come yet and is due \
             by 14:03:52.128 UTC.";
        |e| e.sockets([socket("Zt9_1").without_receipts().handed(8, Room)]) =>
            "Message #812 was handed to bob's socket Zt9_1 (web/1.2) at 14:03:07.128 UTC; that client gives no receipts, so nobody \
             can know whether it was seen.";
        |e| e.removed(9_000, 812).sockets([socket("Zt9_1").handed(8, Room)]) =>
            "Message #812 was handed to bob's socket Zt9_1 (web/1.2) at 14:03:07.128 UTC, and bob left the conversation at \
             14:03:16.120 UTC, before a receipt was due.";
        |e| e.asked(10).sockets([socket("Zt9_1")]) =>
            "Message #812 was just saved and is on its way to bob's socket Zt9_1 (web/1.2).";
        |e| e.hypothetical().sockets([socket("Zt9_1"), socket("Qx2_7").outside()]) =>
            "A message sent now would be handed to 2 of bob's sockets (Zt9_1, Qx2_7); those that are not in the room are joined to \
             it first.";
    }
}

#[test]
fn the_sentences_of_who_it_was_for() {
    says! {
        |e| e.memberships([]) => "bob is not and never was a participant of conversation 42, so message #812 is not for them.";
        |e| e.removed(-60_000, 811).again(member_since(30_000, 900)) =>
            "bob left conversation 42, or was removed from it, at 14:02:07.120 UTC (after message #811), so message #812 is not for \
             them; they joined again at 14:03:37.120 UTC.";
        |e| e.asked(DAY).removed(1, 812).sockets([socket("Zt9_1")]) =>
            "bob left conversation 42, or was removed from it, at 2026-11-21 14:03:07.121 UTC (after message #812), before message \
             #812 could be handed to them.";
        |e| e.memberships([member_since(30_000, 812)]) =>
            "bob joined conversation 42 at 14:03:37.120 UTC, when message #812 (saved at 14:03:07.120 UTC) was history already.";
    }
}

#[test]
fn the_sentences_of_what_the_server_failed_at() {
    says! {
        |e| Evidence { subject: Subject::Refused(refusal()), ..e } =>
            "A message of alice was not saved at 14:03:07.120 UTC: storage_unavailable, the store takes no writes; nothing was sent \
             to anyone.";
        |e| e.not_broadcast(Some(1)) =>
            "Message #812 was saved at 14:03:07.120 UTC, and the server stopped at 14:03:07.121 UTC before it was broadcast.";
        |e| e.sockets([socket("Zt9_1").outside().failed(Repair, HandOverError::NotJoined)]) =>
            "bob was connected with socket Zt9_1 (web/1.2), which was not in room conversation:42, and joining it to the room \
             failed.";
        |e| e.sockets([socket("Zt9_1").handed(3, Room).alive(0)]).loses("n1", 20) =>
            "bob's connection was lost with node n1, which died (last heard of at 14:03:07.140 UTC), and they have not come \
             back and confirmed since.";
        |e| e.sockets([socket("Zt9_1").handed(3, Room).alive(0).ends(20, EndReason::NodeLost)]) =>
            "bob's connection was lost with node n1, which died before the next one started at 14:03:07.140 UTC, and they have not \
             come back and confirmed since.";
        |e| e.sockets([socket("Zt9_1")]) =>
            "bob was connected with socket Zt9_1 (web/1.2) and should have got message #812, and nothing on record says why it did \
             not.";
        |e| e.complete_since(None) =>
            "Nothing on record says whether bob was connected at 14:03:07.120 UTC, and no receipt covers message #812.";
    }
}

#[test]
fn the_sentences_of_what_happened_to_the_client() {
    says! {
        |e| e.sockets([socket("Zt9_1").handed(8, Retry)]) =>
            "bob was handed message #812 over socket Zt9_1 (web/1.2) at 14:03:07.128 UTC (attempts: 1) and never confirmed; the \
             connection is alive (last heard at 14:04:02.120 UTC).";
        |e| e.sockets([socket("Zt9_1").handed(8, Room).alive(-1)]) =>
            "bob was handed message #812 over socket Zt9_1 (web/1.2) at 14:03:07.128 UTC (attempts: 1) and never confirmed; nothing \
             was heard from the connection since 14:03:07.119 UTC, and the heartbeat has not closed it yet.";
        |e| e.sockets([socket("Zt9_1").lagging(-9_000)]) =>
            "bob's socket Zt9_1 (web/1.2) takes too slowly what it is sent, its buffer is full since 14:02:58.120 UTC (handed over \
             up to #811); message #812 waits in the store for its turn.";
        |e| e.connects(5, -50_000, 12_000, 3_000) =>
            "bob connected 5 times between 14:02:17.120 UTC and 14:03:08.120 UTC, and no connection lasted 10 s (the last one: the \
             transport was closed (transport_close)).";
        |e| e.sockets([socket("Zt9_1").handed(8, Room).ends(500, PingTimeout)]) =>
            "bob was handed message #812 over socket Zt9_1 (web/1.2) at 14:03:07.128 UTC, and that connection ended at 14:03:07.620 \
             UTC: no answer to the heartbeat (ping_timeout), before any receipt.";
        |e| e.sockets([socket("Zt9_1").leaves(-60_000)]) =>
            "bob's socket Zt9_1 (web/1.2) had left the conversation by its own leave_conversation at 14:02:07.120 UTC, so it gets \
             nothing live.";
    }
}

#[test]
fn the_sentences_of_who_was_not_there() {
    says! {
        |e| e.rejected(-30_000, RejectedReason::Namespace) =>
            "bob has no socket in namespace / and asked for another one (once, last at 14:02:37.120 UTC): refused for namespace.";
        |e| e.rejected(-30_000, RejectedReason::Token).rejected(-60_000, RejectedReason::Token) =>
            "bob tried to connect and was refused (twice for token, last at 14:02:37.120 UTC): refused for token.";
        |e| e.history([connection("a", -DAY, Some((-3_600_000, Client)))]).sockets([socket("b").came(5_000, 812)]) =>
            "bob had no connection when message #812 was saved at 14:03:07.120 UTC; the last connection ended at 13:03:07.120 UTC: \
             closed by the client (client); they connected again at 14:03:12.120 UTC and have not confirmed it.";
        |e| e.hypothetical() => "bob is not connected.";
    }
}

#[test]
fn remedies_name_what_is_to_be_done() {
    let cases = [
        (
            evidence().sockets([socket("a").handed(8, Room)]),
            "Does the page listen to new_message and send receipt?",
        ),
        // Nothing was heard from the line: the page is not suspected.
        (
            evidence().sockets([socket("a").handed(8, Room).alive(-1)]),
            "The line is probably dead",
        ),
        (evidence().sockets([socket("a").outside()]), "conversation:421"),
        (evidence().rejected(-30_000, RejectedReason::Origin), "mend origin"),
        (
            evidence().sockets([socket("a").ends(500, TransportClose)]),
            "proxy's idle timeout",
        ),
        (
            evidence().sockets([socket("b").came(5_000, 812)]),
            "Connect with auth.resume",
        ),
        (evidence().memberships([]), "/api/v1/conversations/42/participants"),
    ];
    for (evidence, words) in cases {
        let remedy = explain(&evidence).remedy.unwrap();
        assert!(remedy.contains(words), "{words:?} is not in {remedy:?}");
    }
}

/// The accusation "no receipt came" must not fall on somebody whose receipt is only too old to have its time remembered.
#[test]
fn a_receipt_whose_time_is_forgotten_is_a_receipt() {
    let evidence = evidence().sockets([socket("Zt9_1").handed(8, Room).confirmed_once()]);
    let delivery = status_of(&evidence);
    assert_eq!((delivery.status, delivery.cause), (Status::Delivered, None));
    let socket = &delivery.sockets[0];
    assert_eq!(
        (socket.confirmed_earlier, socket.confirmed_at, socket.error.as_deref()),
        (true, None, None)
    );
    let summary = explain(&evidence).summary;
    assert!(
        summary.contains("confirmed it (when is no longer on record)"),
        "{summary}"
    );
}

/// A message that the scene's only socket confirmed, as both answers stand on the wire.
#[test]
fn both_answers_stand_on_the_wire_as_the_contract_says() {
    let evidence = evidence().sockets([socket("Zt9_1").outside().handed(8, Repair).confirms(92)]);
    let delivery = serde_json::to_value(status_of(&evidence)).unwrap();
    let expected = serde_json::json!({
        "status": "delivered",
        "sockets": [{
            "sid": "Zt9_1",
            "node_id": "n1",
            "client": "web/1.2",
            "path": "repair",
            "handed_off_at": "2026-11-21T14:03:07.128Z",
            "attempts": 1,
            "confirmed_at": "2026-11-21T14:03:07.212Z",
            "latency_ms": 84,
        }],
    });
    assert_eq!(delivery, expected);

    let explained = serde_json::to_value(explain(&evidence)).unwrap();
    assert_eq!(explained["verdict"], "delivered");
    assert_eq!(explained["cause"], serde_json::Value::Null);
    assert_eq!(explained["remedy"], serde_json::Value::Null);
    let steps: Vec<(&str, &str)> = explained["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["status"].as_str().unwrap()))
        .collect();
    let expected = [
        ("saved", "ok"),
        ("participant", "ok"),
        ("connected", "ok"),
        ("in_room", "ok"),
        ("broadcast", "ok"),
        ("handed_over", "ok"),
        ("confirmed", "ok"),
        ("read", "skipped"),
    ];
    assert_eq!(steps, expected);
    assert_eq!(explained["steps"][3]["detail"], "was not in conversation:42; repaired");
}

/// What a socket that did not get it shows to the sender.
#[test]
fn a_socket_says_why_it_did_not_get_it() {
    let evidence = evidence().sockets([
        socket("a").lagging(-9_000),
        socket("b").outside().failed(Repair, HandOverError::NotJoined),
        socket("c").handed(3, Room).ends(500, PingTimeout),
        socket("d").came(5_000, 812),
    ]);
    let told: Vec<(String, Option<Path>, Option<String>)> = status_of(&evidence)
        .sockets
        .into_iter()
        .map(|socket| (socket.sid.to_string(), socket.path, socket.error))
        .collect();
    let expected = [
        ("a", None, "its buffer is full"),
        ("b", None, "it is not in the room and could not be joined to it"),
        (
            "c",
            Some(Room),
            "the connection ended at 2026-11-21T14:03:07.620Z (ping_timeout)",
        ),
    ];
    let expected = expected.map(|(sid, path, error)| (sid.to_owned(), path, Some(error.to_owned())));
    assert_eq!(told, expected, "and nothing of one that came later");
}

/// The words of the wire and the words in the code are the same.
#[test]
fn every_name_is_written_one_way() {
    fn wire<T: serde::Serialize>(value: T) -> String {
        serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
    }
    for cause in Cause::ALL {
        assert_eq!(wire(cause), cause.as_str());
    }
    for status in Status::ALL {
        assert_eq!(wire(status), status.as_str());
    }
    for step in StepName::ALL {
        assert_eq!(wire(step), step.as_str());
    }
    for path in [Room, Repair, Retry, Resume] {
        assert_eq!(wire(path), path.as_str());
    }
    let causes: Vec<&str> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    let contract = [
        "not_participant",
        "offline",
        "wrong_namespace",
        "not_in_room",
        "joined_later",
        "left_before",
        "disconnected_during",
        "no_receipt",
        "buffer_full",
        "handshake_rejected",
        "node_lost",
        "not_saved",
        "not_broadcast",
        "reconnect_loop",
        "unknown",
    ];
    assert_eq!(causes, contract);
}
