//! A world without any fault, seen at any moment: sockets come and go by their clients' wish, whoever is in the room is handed
//! the message at once, whoever promised receipts gives them before going.

use proptest::collection::vec;
use proptest::prelude::*;

use super::scene::{at, end, evidence, member_since, socket};
use crate::Seq;
use crate::explain::*;

/// One socket's life, in milliseconds from the message.
#[derive(Debug, Clone)]
struct Life {
    from: i64,
    /// When the message was put into its buffer; `None` when it was not meant for this socket.
    handed: Option<i64>,
    /// From the hand-over to the receipt; `None` when it gives none.
    confirms_after: Option<i64>,
    /// From the last of these to its end; `None` when it stays.
    ends_after: Option<i64>,
}

fn life() -> impl Strategy<Value = Life> {
    let resumed = (1_i64..400_000, 0_i64..2_000).prop_map(|(from, delay)| (from, Some(from + delay)));
    let meant = prop_oneof![
        // There when it came; without resume afterwards; with it.
        (-600_000_i64..=0, 0_i64..2_000).prop_map(|(from, delay)| (from, Some(delay))),
        (1_i64..400_000).prop_map(|from| (from, None)),
        resumed,
    ];
    let confirms_after = proptest::option::of(0_i64..20_000);
    let ends_after = proptest::option::of(1_i64..100_000);
    (meant, confirms_after, ends_after).prop_map(|((from, handed), confirms_after, ends_after)| Life {
        from,
        handed,
        confirms_after,
        ends_after,
    })
}

/// A socket that was gone when the message came.
fn earlier() -> impl Strategy<Value = SocketEvidence> {
    (-600_000_i64..-100_000, 1_i64..90_000, any::<bool>()).prop_map(|(from, life, receipts)| SocketEvidence {
        receipts,
        disconnected: Some(end(from + life, EndReason::Client)),
        ..socket("early").came(from, 700).alive(from + life)
    })
}

/// What is known of it at `now`: nothing that comes later.
fn seen(name: &str, life: &Life, now: i64) -> Option<SocketEvidence> {
    let known = |millis: &i64| *millis <= now;
    let confirmed = life
        .handed
        .zip(life.confirms_after)
        .map(|(handed, after)| handed + after);
    let last = confirmed.or(life.handed).unwrap_or(life.from);
    let ended = life.ends_after.map(|after| last + after).filter(known);
    let begin = if life.handed.is_some() { 811 } else { 812 };
    let mut seen = socket(name).came(life.from, begin).alive(ended.unwrap_or(now));
    seen.receipts = life.confirms_after.is_some();
    seen.disconnected = ended.map(|millis| end(millis, EndReason::Client));
    if let Some(millis) = life.handed.filter(known) {
        let path = if life.from > 0 { Path::Resume } else { Path::Room };
        seen = seen.handed(millis, path);
    }
    if let Some(millis) = confirmed.filter(known) {
        seen = seen.confirms(millis);
    }
    (life.from <= now).then_some(seen)
}

prop_compose! {
    /// At most four sockets, so that there is no loop.
    pub(super) fn world()(
        now in prop_oneof![0_i64..10_000, 0_i64..600_000], lives in vec(life(), 0..4), before in proptest::option::of(earlier()),
        reads: bool, in_time in prop::bool::weighted(0.8),
    ) -> Evidence {
        let mut sockets: Vec<SocketEvidence> =
            lives.iter().enumerate().filter_map(|(n, life)| seen(&format!("s{n}"), life, now)).collect();
        let received = sockets.iter().filter_map(|socket| socket.confirmed).map(|receipt| receipt.seq).max();
        let received = received.unwrap_or(Seq(811)).0;
        sockets.extend(before);
        let mut membership = member_since(-1_000_000, 0).cursors(received, if reads { received } else { 0 });
        if !in_time {
            membership = member_since(now, 812);
            sockets.retain(|socket| socket.hand_over.is_none());
        }
        Evidence { now: at(now), sockets, ..evidence().memberships([membership]) }
    }
}
