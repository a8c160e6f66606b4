//! Connections of a user that ended with the server: it was gone before it could write that down.

use std::cmp::Reverse;

use chat_core::delivery::ConnectionEvent;
use chat_core::explain::{EndReason, NodeLoss};
use chat_core::{ConversationId, Sid, Timestamp};

use super::UserDetail;
use super::rows::{HistoryRow, Named, history_row};
use crate::admin::inspect::NodeView;
use crate::admin::scene::Scene;
use crate::admin::words::{Id, Status};
use crate::delivery::remembered;

/// A connection that nobody saw ending: the server was gone first.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(super) sid: Sid,
    pub(super) at: Timestamp,
    /// The time is when the process was last heard of; else the next one's start, before which it must have been.
    pub(super) last_heard: bool,
}

/// Of a history, the newest first, the connections that have a beginning and no end, and whose process is not there any more.
pub(super) fn lost(history: &[ConnectionEvent], losses: &[NodeLoss], nodes: &[NodeView]) -> Vec<Lost> {
    let Some(here) = nodes.first() else { return Vec::new() };
    let lives = remembered::lives(history, (&here.node_id, here.started_at), losses);
    let connections = lives.into_iter().map(|life| life.connection);
    connections
        .filter_map(|connection| {
            let end = connection.disconnected?;
            (end.reason == EndReason::NodeLost).then(|| Lost {
                sid: connection.sid,
                at: end.at,
                last_heard: losses.iter().any(|loss| loss.node_id == connection.node_id),
            })
        })
        .collect()
}

/// The newest first, each lost connection's end among the rest.
pub(super) fn history_rows(
    scene: &Scene,
    detail: &UserDetail,
    titled: &impl Fn(&ConversationId) -> Named,
) -> Vec<HistoryRow> {
    let noted = detail
        .history
        .iter()
        .map(|event| (event.at, history_row(scene, event, titled)));
    let lost = detail.lost.iter().map(|lost| (lost.at, lost_row(scene, lost)));
    let mut rows: Vec<_> = lost.chain(noted).collect();
    rows.sort_by_key(|(at, _)| Reverse(*at));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn lost_row(scene: &Scene, lost: &Lost) -> HistoryRow {
    let when = if lost.last_heard {
        "the server stopped without farewell, and was last heard of then"
    } else {
        "the server stopped without farewell, some time before it was started again"
    };
    HistoryRow {
        key: format!("{} lost {}", lost.at.as_millis(), lost.sid),
        at: scene.stamp(lost.at),
        what: (Status::Offline, "ended with the server"),
        sid: Some(Id::new(&lost.sid)),
        detail: when.to_owned(),
    }
}
