//! A socket that is closed: what is on record of it, and whether a message would reach its user now.

use chat_core::Sid;
use chat_core::delivery::{ConnectionEvent, ConnectionEventKind};

use super::super::user;
use super::super::user::rows::history_words;
use super::{ExplainPage, Link, choices, page_of, user_link};
use crate::admin::AdminDeps;
use crate::admin::refusal::Refusal;
use crate::admin::scene::Scene;
use crate::admin::words::{Id, Sentence, Stamp, Status, span, visible};

/// Entries of one socket's history that are shown, the newest first.
const SHOWN: u32 = 50;

/// Something that happened to it.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) key: String,
    pub(crate) at: Stamp,
    pub(crate) what: (Status, &'static str),
    pub(crate) detail: String,
}

/// What is on record of the socket of this SID, the newest first; nothing, if it is none.
pub(crate) async fn past_of(deps: &AdminDeps, text: &str) -> Result<Vec<ConnectionEvent>, Refusal> {
    match Sid::parse(text) {
        Ok(sid) => Ok(deps.reads.connections_of_socket(&sid, SHOWN).await?),
        Err(_) => Ok(Vec::new()),
    }
}

/// Whose it was, how long it lived and why it ended, in a sentence. `past` is the newest first.
pub(crate) fn words_about(past: &[ConnectionEvent], username: &str) -> String {
    let of_kind = |kind| past.iter().find(|event| event.kind == kind);
    let (began, ended) = (
        of_kind(ConnectionEventKind::Connected),
        of_kind(ConnectionEventKind::Disconnected),
    );
    let lived = began
        .zip(ended)
        .map(|(began, ended)| span(ended.at.millis_since(began.at)));
    let lived = lived.map(|lived| format!(" after {lived}")).unwrap_or_default();
    match ended {
        Some(ended) => format!(
            "This socket of {} closed at {}{lived}: {}.",
            visible(username),
            ended.at,
            visible(&ended.detail)
        ),
        None => format!(
            "This socket of {} is not connected any more; how it ended is not written down (yet).",
            visible(username)
        ),
    }
}

/// The answer: what happened to it, and what its user would get now.
pub(super) async fn answer(deps: &AdminDeps, scene: &Scene, past: &[ConnectionEvent]) -> Result<ExplainPage, Refusal> {
    let Some(newest) = past.first() else {
        return Ok(super::nothing_asked(scene));
    };
    let account = user::find(deps, newest.user_id.as_str()).await?;
    let (now, choices) = choices::of_user(deps, &account.id).await?;
    let status = match now.status {
        Status::Healthy => Status::Offline,
        other => other,
    };
    let sentence =
        Sentence::new(status, words_about(past, &account.username)).and(format!("{} {}", now.lead, now.rest));
    let socket = Link {
        kind: "socket",
        name: scene.asked.get("q").map(|sid| Id::new(sid).short).unwrap_or_default(),
        href: super::super::user_href(&account.id),
    };
    Ok(ExplainPage {
        subject: vec![socket, user_link(deps, &account.id).await?],
        past: past.iter().map(|event| row(scene, event)).collect(),
        choices: Some(choices),
        ..page_of(scene, sentence)
    })
}

fn row(scene: &Scene, event: &ConnectionEvent) -> Past {
    Past {
        key: format!("{} {} {}", event.at.as_millis(), event.kind.as_str(), event.detail),
        at: scene.stamp(event.at),
        what: history_words(event.kind),
        detail: visible(&event.detail).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chat_core::{NodeId, Timestamp, UserId};

    use super::*;

    #[test]
    fn its_end_is_told_with_its_reason() {
        let event = |kind, at, detail: &str| ConnectionEvent {
            user_id: UserId::parse("bob").unwrap(),
            at: Timestamp::from_millis(at),
            kind,
            sid: Some(Sid::parse("sid-1").unwrap()),
            node_id: NodeId::parse("node").unwrap(),
            detail: detail.to_owned(),
        };
        let past = [
            event(ConnectionEventKind::Disconnected, 1_764_000_065_000, "ping_timeout"),
            event(ConnectionEventKind::Connected, 1_764_000_000_000, ""),
        ];
        assert_eq!(
            words_about(&past, "bob"),
            "This socket of bob closed at 2025-11-24T16:01:05.000Z after 1 min: ping_timeout."
        );
        assert!(words_about(&past[1..], "bob").contains("not written down"));
    }
}
