//! What a lane, live or remembered, says of a message.

use chat_core::delivery::{DeliveryException, ExceptionKind};
use chat_core::explain::{Confirmed, LaneRange, Path};
use chat_core::{Seq, Timestamp};

use crate::hub::lane::{self, Lane};

/// The lane that holds the message: the one that there is, or one that ended by a leave or a removal since.
pub(super) fn lane_about<'a>(
    former: &'a [Lane],
    current: Option<&'a Lane>,
    about: Option<(Seq, Timestamp)>,
) -> Option<&'a Lane> {
    let Some((seq, _)) = about else { return current };
    let holds = |lane: &&Lane| seq > lane.begins && seq <= lane.handed;
    current.filter(holds).or(former.iter().rev().find(holds)).or(current)
}

/// When the client last left by its own wish before the message came; or now, for one that would be sent now.
pub(super) fn left_at(former: &[Lane], current: Option<&Lane>, about: Option<(Seq, Timestamp)>) -> Option<Timestamp> {
    let now = current
        .filter(|lane| lane.mode == lane::Mode::Left)
        .and_then(|lane| lane.left_at);
    let Some((_, at)) = about else { return now };
    let lanes = former.iter().chain(current);
    let before = lanes.filter_map(|lane| lane.left_at).filter(|left| *left <= at).max();
    before.or(now)
}

pub(super) fn range(lane: &Lane) -> LaneRange {
    LaneRange {
        begin: lane.begins,
        handed: lane.handed,
    }
}

pub(super) fn path_of(path: lane::Path) -> Path {
    match path {
        lane::Path::Room => Path::Room,
        lane::Path::Repair => Path::Repair,
        lane::Path::Resume => Path::Resume,
    }
}

/// Whether the room held the socket when the message was announced, as far as that is known.
pub(super) fn in_room_then(
    about: Option<(Seq, Timestamp)>,
    lane: Option<&Lane>,
    own: &[&DeliveryException],
) -> Option<bool> {
    let (seq, _) = about?;
    let outside = [ExceptionKind::Repaired, ExceptionKind::NotJoined];
    if own.iter().any(|exception| outside.contains(&exception.kind)) {
        return Some(false);
    }
    lane.filter(|lane| seq > lane.begins && seq <= lane.handed)
        .map(|_| true)
}

pub(super) fn confirmed(lane: &Lane, about: Option<(Seq, Timestamp)>) -> Option<Confirmed> {
    let newest = lane.confirmations.back()?;
    let at = match about {
        // Of an older receipt than are remembered only the cursor tells; the newest one's time would be a false latency.
        Some((seq, _)) if seq <= lane.confirmed => lane.confirmed_at(seq),
        _ => Some(newest.at),
    };
    Some(Confirmed {
        seq: lane.confirmed,
        at,
    })
}
