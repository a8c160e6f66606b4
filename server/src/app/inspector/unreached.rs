//! Who is online and is not getting messages, read from the live sockets.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chat_core::explain::Cause;
use chat_core::ids::conversation_room;
use chat_core::{ConversationId, Seq, Timestamp, UserId};

use crate::admin::inspect::NotReached;
use crate::hub::{Hub, LiveSocket};

/// A full buffer drains in a moment; only one that stays full keeps messages from somebody.
const LAGGING_MATTERS_AFTER_MS: u64 = 5_000;
/// Those that are named, the worst first.
const NAMED_MAX: usize = 20;

/// What is known against one user.
#[derive(Debug, Clone, Copy)]
struct Finding {
    cause: Cause,
    messages: u64,
    since: Option<Timestamp>,
}

/// Who they are, the worst first and at most [`NAMED_MAX`] of them, and how many there are.
pub(super) fn unreached(hub: &Hub, now: Timestamp) -> (Vec<NotReached>, usize) {
    let mut by_user: HashMap<UserId, Vec<Arc<LiveSocket>>> = HashMap::new();
    for socket in hub.sockets() {
        by_user.entry(socket.user_id().clone()).or_default().push(socket);
    }
    let mut found: Vec<NotReached> = by_user
        .values()
        .filter_map(|sockets| Some(named(sockets.first()?, finding(sockets, now)?)))
        .collect();
    found.sort_by(|a, b| b.messages.cmp(&a.messages).then_with(|| a.username.cmp(&b.username)));
    let total = found.len();
    found.truncate(NAMED_MAX);
    (found, total)
}

fn named(socket: &LiveSocket, finding: Finding) -> NotReached {
    NotReached {
        user_id: socket.user_id().clone(),
        username: socket.user().username.clone(),
        cause: finding.cause.as_str(),
        summary: words(finding.cause).to_owned(),
        messages: finding.messages,
        since: finding.since,
    }
}

fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::NoReceipt => "handed over, never confirmed (no listener?)",
        Cause::BufferFull => "takes too slowly what it is sent; the rest waits in the store",
        _ => "online, and not in the room of a conversation",
    }
}

/// The gravest thing that keeps messages from this user; one socket that gets them is enough.
fn finding(sockets: &[Arc<LiveSocket>], now: Timestamp) -> Option<Finding> {
    silent(sockets)
        .or_else(|| slow(sockets, now))
        .or_else(|| outside(sockets))
}

/// Messages that were given up and that no socket of the user has confirmed.
fn silent(sockets: &[Arc<LiveSocket>]) -> Option<Finding> {
    let mut given_up: BTreeMap<(ConversationId, Seq), Timestamp> = BTreeMap::new();
    for socket in sockets {
        socket.with_waiting_lanes(|id, lane| {
            for waits in lane.outstanding.iter().filter(|waits| waits.given_up) {
                given_up.insert((id.clone(), waits.seq), waits.first_at);
            }
        });
    }
    given_up.retain(|(id, seq), _| {
        let has = |socket: &Arc<LiveSocket>| socket.lane(id).is_some_and(|lane| lane.confirmed >= *seq);
        !sockets.iter().any(has)
    });
    Some(Finding {
        cause: Cause::NoReceipt,
        since: Some(*given_up.values().min()?),
        messages: given_up.len() as u64,
    })
}

/// Every socket has been full for a while.
fn slow(sockets: &[Arc<LiveSocket>], now: Timestamp) -> Option<Finding> {
    let since = sockets.iter().map(|socket| socket.lagging_since());
    let since: Vec<Timestamp> = since.collect::<Option<_>>()?;
    let youngest = since.into_iter().max()?;
    let waiting = |socket: &Arc<LiveSocket>| -> u64 {
        let lanes = socket.hears();
        lanes
            .iter()
            .map(|(_, handed, head)| head.0.saturating_sub(handed.0))
            .sum()
    };
    (now.millis_since(youngest) >= LAGGING_MATTERS_AFTER_MS).then(|| Finding {
        cause: Cause::BufferFull,
        since: Some(youngest),
        messages: sockets.iter().map(waiting).min().unwrap_or(0),
    })
}

/// A conversation whose room holds none of the user's sockets though one should be in it.
fn outside(sockets: &[Arc<LiveSocket>]) -> Option<Finding> {
    let rooms: Vec<Vec<String>> = sockets.iter().map(|socket| socket.rooms()).collect();
    let inside = |id: &ConversationId| {
        let room = conversation_room(id);
        rooms.iter().any(|rooms| rooms.binary_search(&room).is_ok())
    };
    let mut lost = sockets
        .iter()
        .filter(|socket| !socket.is_opening())
        .flat_map(|socket| socket.hears())
        .filter(|(id, _, _)| !inside(id))
        .peekable();
    lost.peek()?;
    Some(Finding {
        cause: Cause::NotInRoom,
        since: None,
        messages: lost.map(|(_, handed, head)| head.0.saturating_sub(handed.0)).sum(),
    })
}
