//! The table of cases: at least one for every cause, and the combinations that are easily got wrong. Each line is a name, what
//! makes it different from the scene, and the verdict with its cause.

use super::scene::*;
use crate::explain::EndReason::{Client, PingTimeout, Slow, TransportClose, TransportError};
use crate::explain::HandOverError::{Closed, Failed, NotJoined};
use crate::explain::Path::{Repair, Resume, Retry, Room};
use crate::explain::RejectedReason::{Namespace, Origin, Protocol, Rate, Token};
use crate::explain::*;

use Cause::{
    BufferFull, DisconnectedDuring, HandshakeRejected, JoinedLater, LeftBefore, NoReceipt, NodeLost, NotBroadcast,
    NotInRoom, NotParticipant, NotSaved, ReconnectLoop, Unknown, WrongNamespace,
};
use Status::{Delivered, Missed, Offline, Read, Sent, Unconfirmed};

fn check(name: &str, evidence: &Evidence, status: Status, cause: Option<Cause>) {
    let explained = explain(evidence);
    let summary = &explained.summary;
    assert_eq!(
        (explained.verdict, explained.cause),
        (status, cause),
        "{name}: {summary}"
    );
    let delivery = status_of(evidence);
    assert_eq!((delivery.status, delivery.cause), (status, cause), "status_of: {name}");
}

macro_rules! cases {
    ($($name:literal, |$scene:ident| $made:expr => $status:expr $(, $cause:expr)?;)*) => {
        $({
            let $scene = evidence();
            let cause: &[Cause] = &[$($cause)?];
            check($name, &$made, $status, cause.first().copied());
        })*
    };
}

#[test]
fn what_arrived() {
    cases! {
        "a receipt of the socket covers it", |e| e.sockets([socket("a").handed(3, Room).confirms(90)]) => Delivered;
        "the cursor covers it, and no socket is known any more", |e| e.cursors(900, 0).complete_since(None) => Delivered;
        "exactly up to it", |e| e.cursors(812, 811) => Delivered;
        "read implies received", |e| e.cursors(811, 812) => Read;
        "read", |e| e.cursors(812, 812).sockets([socket("a").handed(3, Room).confirms(90)]) => Read;
        "one socket of two is enough",
            |e| e.sockets([socket("a").handed(3, Room), socket("b").handed(3, Room).confirms(90)]) => Delivered;
        "by a repair", |e| e.sockets([socket("a").outside().handed(3, Repair).confirms(90)]) => Delivered;
        "by resume after a cut", |e| e.sockets([
            socket("a").handed(3, Room).ends(500, TransportClose),
            socket("b").came(8_000, 811).handed(8_010, Resume).confirms(8_050),
        ]) => Delivered;
        "by resume after a full buffer", |e| e.sockets([
            socket("a").lagging(-5_000).ends(30_000, Slow),
            socket("b").came(31_000, 811).handed(31_010, Resume).confirms(31_050),
        ]) => Delivered;
        "by itself after a full buffer",
            |e| e.cursors(812, 0).sockets([socket("a").lagging(-9_000).handed(20_000, Room)]) => Delivered;
        "a receipt wins over a broadcast that was not made", |e| e.cursors(812, 0).not_broadcast(Some(1)) => Delivered;
        "a receipt wins where the membership is not known",
            |e| e.membership_unknown().sockets([socket("a").handed(3, Room).confirms(90)]) => Delivered;
        "left by itself, and heard of it by heads",
            |e| e.cursors(812, 0).sockets([socket("a").leaves(-60_000)]) => Delivered;
        "confirmed within a reconnect loop", |e| e.connects(6, -50_000, 10_000, 5_000).sockets([
            socket("loop5").came(0, 811).handed(3, Room).confirms(40).ends(4_000, TransportClose),
        ]) => Delivered;
        "the sender's own sockets count like any", |e| Evidence { user: person("alice"), ..e }
            .sockets([socket("a").handed(3, Room).confirms(90)]) => Delivered;
    }
}

#[test]
fn what_is_under_way() {
    cases! {
        "between hand-over and receipt", |e| e.asked(10_000).sockets([socket("a").handed(3, Room)]) => Sent;
        "a millisecond before 45 s", |e| e.asked(45_002).sockets([socket("a").handed(3, Room)]) => Sent;
        "45 s after the hand-over",
            |e| e.asked(45_003).sockets([socket("a").handed(3, Room)]) => Unconfirmed, NoReceipt;
        "counted from the hand-over, not from the message", |e| e.sockets([socket("a").handed(30_000, Room)]) => Sent;
        "a socket that gives no receipts is never unconfirmed",
            |e| e.asked(DAY).sockets([socket("a").without_receipts().handed(3, Room)]) => Sent;
        "… also after it closed",
            |e| e.sockets([socket("a").without_receipts().handed(3, Room).ends(50_000, Client)]) => Sent;
        "one without receipts besides one that is unconfirmed",
            |e| e.sockets([socket("a").handed(3, Room), socket("b").without_receipts().handed(3, Room)]) => Sent;
        "when it was handed over is not on record", |e| e.asked(DAY).sockets([socket("a").lane(0, 812)]) => Sent;
        "saved a moment ago", |e| e.asked(40).not_broadcast(None).sockets([socket("a")]) => Sent;
        "resumed and not confirmed yet", |e| e.asked(90_000).sockets([
            socket("a").handed(3, Room).ends(500, PingTimeout),
            socket("b").came(80_000, 811).handed(80_010, Resume),
        ]) => Sent;
        "back a moment ago, and being handed what it missed", |e| e.sockets([socket("b").came(58_000, 811)]) => Sent;
        "on coming back, with the time of the broadcast",
            |e| e.sockets([socket("b").came(20_000, 811).handed(3, Resume)]) => Sent;
        "the client closed it long after the last attempt, and nothing else was noted", |e| e.asked(DAY).sockets([
            socket("a").handed(3, Room).ends(3_600_000, Client).alive(0),
        ]) => Unconfirmed, NoReceipt;
        "no receipt, and closed long after the last attempt",
            |e| e.asked(DAY).sockets([socket("a").handed(3, Retry).ends(3_600_000, Client)]) => Unconfirmed, NoReceipt;
    }
}

#[test]
fn who_it_was_for() {
    cases! {
        "never a participant", |e| e.memberships([]) => Missed, NotParticipant;
        "removed before", |e| e.removed(-60_000, 811) => Missed, NotParticipant;
        "removed before, and a socket got it all the same", |e| e.removed(-60_000, 811)
            .sockets([socket("a").handed(3, Room).confirms(90)]) => Missed, NotParticipant;
        "removed before and back later",
            |e| e.removed(-60_000, 811).again(member_since(30_000, 900)) => Missed, NotParticipant;
        "joined after it", |e| e.memberships([member_since(30_000, 812)]) => Missed, JoinedLater;
        "joined after it, and received everything since",
            |e| e.memberships([member_since(30_000, 812)]).cursors(900, 900) => Missed, JoinedLater;
        "joined just before it", |e| e.memberships([member_since(-1, 811)]) => Offline, Cause::Offline;
        "the memberships could not be read", |e| e.membership_unknown() => Missed, Unknown;
    }
}

#[test]
fn who_was_removed_after_it_keeps_what_happened() {
    cases! {
        "confirmed",
            |e| e.removed(20_000, 820).sockets([socket("a").handed(3, Room).confirms(90)]) => Delivered;
        "by the cursor", |e| e.cursors(815, 0).removed(20_000, 820) => Delivered;
        "also after joining again",
            |e| e.cursors(815, 0).removed(20_000, 820).again(member_since(30_000, 900)) => Delivered;
        "the receipts of the second membership do not speak for the first", |e| e.asked(DAY).removed(20_000, 820)
            .again(member_since(30_000, 900).cursors(950, 950))
            .sockets([socket("b").came(31_000, 900).confirms(32_000)]) => Offline, Cause::Offline;
        "before a receipt was due: never unconfirmed",
            |e| e.asked(DAY).removed(20_000, 820).sockets([socket("a").handed(3, Room)]) => Sent;
        "… nor disconnected during", |e| e.asked(DAY).removed(20_000, 820)
            .sockets([socket("a").handed(3, Room).ends(25_000, TransportClose)]) => Sent;
        "long after: unconfirmed stays", |e| e.asked(DAY).removed(50_000, 820)
            .sockets([socket("a").handed(3, Room)]) => Unconfirmed, NoReceipt;
        "before it could be handed over",
            |e| e.asked(DAY).removed(1, 812).sockets([socket("a")]) => Missed, NotParticipant;
    }
}

#[test]
fn what_the_server_failed_at() {
    cases! {
        "refused", |e| Evidence { subject: Subject::Refused(refusal()), ..e } => Missed, NotSaved;
        "the server stopped before the broadcast", |e| e.not_broadcast(Some(1)) => Missed, NotBroadcast;
        "… and the socket died with it",
            |e| e.not_broadcast(Some(1)).sockets([socket("a").ends(1, EndReason::NodeLost)]) => Missed, NotBroadcast;
        "… a moment ago, and a socket is open", |e| e.asked(40).not_broadcast(Some(1))
            .sockets([socket("a")]) => Missed, NotBroadcast;
        "… and made up for at the start, and cut then", |e| e.not_broadcast(Some(1)).sockets([
            socket("b").came(9_000, 811).handed(9_010, Resume).ends(9_500, TransportClose),
        ]) => Missed, DisconnectedDuring;
        "… and made up for at the start", |e| e.asked(20_000).not_broadcast(Some(1))
            .sockets([socket("b").came(9_000, 811).handed(9_010, Resume)]) => Sent;
        "not in the room, and the repair failed",
            |e| e.sockets([socket("a").outside().failed(Repair, NotJoined)]) => Missed, NotInRoom;
        "not in the room, and nobody tried to repair", |e| e.sockets([socket("a").outside()]) => Missed, NotInRoom;
        "a repair that failed is told before a full buffer", |e| e.sockets([
            socket("a").lagging(-9_000), socket("b").failed(Repair, NotJoined),
        ]) => Missed, NotInRoom;
        "in the room, and nothing happened", |e| e.sockets([socket("a")]) => Missed, Unknown;
        "some other failure",
            |e| e.sockets([socket("a").failed(Room, Failed("it could not be encoded".to_owned()))]) => Missed, Unknown;
        "long connected, and its record begins after the message",
            |e| e.sockets([socket("a").lane(820, 821)]) => Missed, Unknown;
        "a node died with the socket",
            |e| e.sockets([socket("a").handed(3, Room).alive(0)]).loses("n1", 20) => Missed, NodeLost;
        "another node died", |e| e.asked(9_000).sockets([socket("a").handed(3, Room)]).loses("n2", 20) => Sent;
        "the node died before the socket came",
            |e| e.asked(9_000).sockets([socket("a").handed(3, Room)]).loses("n1", -700_000) => Sent;
        "the node died shortly before, and they are not back yet",
            |e| e.sockets([socket("a")]).loses("n1", -20_000) => Missed, NodeLost;
        "the node died long before", |e| e.sockets([socket("a")]).loses("n1", -120_000) => Offline, Cause::Offline;
    }
}

#[test]
fn what_happened_to_the_client() {
    cases! {
        "the connection ended before the receipt",
            |e| e.sockets([socket("a").handed(3, Room).ends(500, TransportError)]) => Missed, DisconnectedDuring;
        "… found by the heartbeat after 45 s", |e| e.sockets([
            socket("a").handed(3, Room).ends(46_000, PingTimeout).alive(-9_000),
        ]) => Missed, DisconnectedDuring;
        "… before it could be handed over", |e| e.sockets([socket("a").ends(1, Client)]) => Missed, DisconnectedDuring;
        "… the hand-over found it gone",
            |e| e.sockets([socket("a").failed(Room, Closed)]) => Missed, DisconnectedDuring;
        "… back without resume", |e| e.sockets([
            socket("a").handed(3, Room).ends(500, TransportError), socket("b").came(2_000, 812),
        ]) => Missed, DisconnectedDuring;
        "dead at the hand-over, as the heartbeat found, and without receipts", |e| e.sockets([
            socket("a").without_receipts().handed(3, Room).ends(40_000, PingTimeout).alive(-4_000),
        ]) => Missed, DisconnectedDuring;
        "the buffer is full", |e| e.sockets([socket("a").lagging(-9_000)]) => Missed, BufferFull;
        "… and it was closed for it", |e| e.sockets([socket("a").ends(30_000, Slow)]) => Missed, BufferFull;
        "… and the client closed it",
            |e| e.sockets([socket("a").lagging(-9_000).ends(30_000, Client)]) => Missed, BufferFull;
        "left by itself", |e| e.sockets([socket("a").leaves(-60_000)]) => Missed, LeftBefore;
        "… after the message, before it could be handed over",
            |e| e.sockets([socket("a").leaves(10_000)]) => Missed, LeftBefore;
        "… and joined again afterwards",
            |e| e.sockets([socket("a").leaves(-60_000).rejoins(20_000, 812)]) => Missed, LeftBefore;
        "… and joined again before", |e| e.asked(9_000)
            .sockets([socket("a").leaves(-60_000).rejoins(-30_000, 811).handed(3, Room)]) => Sent;
        "one left by itself, another was cut", |e| e.sockets([
            socket("a").leaves(-60_000), socket("b").ends(1, TransportClose),
        ]) => Missed, DisconnectedDuring;
    }
}

#[test]
fn who_was_not_there() {
    cases! {
        "offline", |e| e => Offline, Cause::Offline;
        "the last connection ended an hour before", |e| e
            .history([connection("a", -7_200_000, Some((-3_600_000, Client)))]) => Offline, Cause::Offline;
        "connected afterwards, without resume", |e| e.sockets([socket("b").came(5_000, 812)]) => Offline, Cause::Offline;
        "connected at the very moment", |e| e.sockets([socket("b").came(-2, 812)]) => Offline, Cause::Offline;
        "no records of that time", |e| e.complete_since(Some(1)) => Missed, Unknown;
        "no records at all", |e| e.complete_since(None) => Missed, Unknown;
        "the history knows of a connection, and nothing else does",
            |e| e.history([connection("a", -60_000, None)]) => Missed, Unknown;
    }
}

#[test]
fn who_was_refused() {
    cases! {
        "before", |e| e.rejected(-30_000, Token) => Missed, HandshakeRejected;
        "afterwards", |e| e.rejected(30_000, Origin) => Missed, HandshakeRejected;
        "a good connection ends it",
            |e| e.rejected(-30_000, Token).sockets([socket("b").came(5_000, 812)]) => Offline, Cause::Offline;
        "a good connection before the refusal does not", |e| e.rejected(-30_000, Token)
            .history([connection("a", -90_000, Some((-60_000, TransportClose)))]) => Missed, HandshakeRejected;
        "back after the message, refused later: that is not why", |e| e.rejected(30_000, Token)
            .history([connection("a", 5_000, Some((10_000, Client)))]) => Offline, Cause::Offline;
        "a second tab was refused while the first was there", |e| e.rejected(-60_000, Token)
            .history([connection("a", -90_000, Some((-30_000, Client)))]) => Offline, Cause::Offline;
        "came back and was refused before the heartbeat found the old connection dead", |e| e.rejected(-60_000, Token)
            .history([connection("a", -90_000, Some((-30_000, PingTimeout)))]) => Missed, HandshakeRejected;
        "no records before it",
            |e| e.complete_since(Some(10_000)).rejected(30_000, RejectedReason::Path) => Missed, HandshakeRejected;
        "no records after it",
            |e| e.complete_since(Some(40_000)).rejected(30_000, RejectedReason::Path) => Missed, Unknown;
        "for another namespace", |e| e.rejected(-30_000, Namespace) => Missed, WrongNamespace;
        "for another namespace, and a good connection since", |e| e.asked(9_000).rejected(-30_000, Namespace)
            .sockets([socket("a").came(-20_000, 811).handed(3, Room)]) => Sent;
        "the newest refusal counts",
            |e| e.rejected(-10_000, Token).rejected(-30_000, Namespace) => Missed, HandshakeRejected;
    }
}

#[test]
fn who_comes_again_and_again() {
    cases! {
        "5 within 60 s, none living 10 s", |e| e.connects(5, -50_000, 12_000, 3_000) => Missed, ReconnectLoop;
        "4 connects", |e| e.connects(4, -50_000, 12_000, 3_000) => Offline, Cause::Offline;
        "5 within 64 s", |e| e.connects(5, -70_000, 16_000, 3_000) => Offline, Cause::Offline;
        "exactly 60 s", |e| e.connects(5, -63_000, 15_000, 1_000) => Missed, ReconnectLoop;
        "each living 10 s", |e| e.connects(5, -60_000, 11_000, 10_000) => Offline, Cause::Offline;
        "long over", |e| e.connects(5, -300_000, 12_000, 3_000) => Offline, Cause::Offline;
        "began afterwards, and nothing steady came", |e| e.connects(6, 5_000, 5_000, 1_000) => Missed, ReconnectLoop;
        "began afterwards, and they were back before", |e| e.connects(6, 30_000, 5_000, 1_000)
            .history([connection("good", 2_000, Some((20_000, Client)))]) => Offline, Cause::Offline;
        "handed over within the loop", |e| e.connects(6, -50_000, 10_000, 5_000).sockets([
            socket("loop5").came(0, 811).handed(3, Room).ends(4_000, TransportClose),
        ]) => Missed, ReconnectLoop;
        "young tabs that the server closed as it stopped", |e| e.history([0, 1, 2, 3, 4].map(|n| {
            connection(&format!("tab{n}"), -8_000 + n, Some((-2_000, EndReason::Shutdown)))
        })) => Offline, Cause::Offline;
        "so often that it is refused for it",
            |e| e.connects(5, -50_000, 5_000, 1_000).rejected(-5_000, Rate) => Missed, ReconnectLoop;
        "refused for the rate alone", |e| e.rejected(-5_000, Rate) => Missed, HandshakeRejected;
        "the token ended within the loop",
            |e| e.connects(5, -50_000, 5_000, 1_000).rejected(-5_000, Token) => Missed, HandshakeRejected;
    }
}

#[test]
fn a_message_sent_now() {
    cases! {
        "would be handed over", |e| e.hypothetical().sockets([socket("a")]) => Sent;
        "… without receipts", |e| e.hypothetical().sockets([socket("a").without_receipts()]) => Sent;
        "… not in the room: the message repairs it", |e| e.hypothetical().sockets([socket("a").outside()]) => Sent;
        "not in the room, and the last repair failed", |e| e.hypothetical()
            .sockets([socket("a").outside().failed(Repair, NotJoined)]) => Missed, NotInRoom;
        "left by itself", |e| e.hypothetical().sockets([socket("a").leaves(1_000)]) => Missed, LeftBefore;
        "left by itself and back",
            |e| e.hypothetical().sockets([socket("a").leaves(1_000).rejoins(2_000, 812)]) => Sent;
        "one left by itself, another would get it",
            |e| e.hypothetical().sockets([socket("a").leaves(1_000), socket("b")]) => Sent;
        "the buffer is full", |e| e.hypothetical().sockets([socket("a").lagging(50_000)]) => Missed, BufferFull;
        "never confirmed what it was handed",
            |e| e.hypothetical().sockets([socket("a").handed(3, Room)]) => Unconfirmed, NoReceipt;
        "never confirmed, but another socket did",
            |e| e.hypothetical().cursors(812, 0).sockets([socket("a").handed(3, Room)]) => Sent;
        "no socket", |e| e.hypothetical() => Offline, Cause::Offline;
        "only one that ended", |e| e.hypothetical().sockets([socket("a").ends(50_000, Client)]) => Offline, Cause::Offline;
        "its node just died", |e| e.hypothetical().sockets([socket("a")]).loses("n1", 50_000) => Missed, NodeLost;
        "refused", |e| e.hypothetical().rejected(30_000, Protocol) => Missed, HandshakeRejected;
        "another namespace", |e| e.hypothetical().rejected(30_000, Namespace) => Missed, WrongNamespace;
        "a reconnect loop", |e| e.hypothetical().connects(5, 10_000, 8_000, 2_000) => Missed, ReconnectLoop;
        "a node does not answer", |e| e.hypothetical().complete_since(None) => Missed, Unknown;
        "no participant", |e| e.hypothetical().memberships([]).sockets([socket("a")]) => Missed, NotParticipant;
        "removed", |e| e.hypothetical().removed(5_000, 812).sockets([socket("a")]) => Missed, NotParticipant;
        "removed and back", |e| e.hypothetical().removed(5_000, 812).again(member_since(6_000, 812))
            .sockets([socket("a")]) => Sent;
        "the memberships could not be read",
            |e| e.hypothetical().membership_unknown().sockets([socket("a")]) => Missed, Unknown;
    }
}
