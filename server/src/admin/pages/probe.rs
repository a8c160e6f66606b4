//! Probe: a test broadcast to a room. The page is a form; `probe.js` sends it and shows who answered. Without scripts the form leads to this
//! page with the answers on it.

use askama::Template;
use axum::response::Response;

use crate::admin::instruments::probe::{Outcome, Report};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Status, count, counted, millis, visible};

/// The page.
#[derive(Debug, Template)]
#[template(path = "probe.html")]
pub(crate) struct ProbePage {
    chrome: Chrome,
    sentence: Sentence,
    room: String,
    namespace: String,
    rows: Vec<Row>,
}

/// What one socket did.
#[derive(Debug)]
struct Row {
    result: (Status, &'static str),
    sid: Id,
    href: String,
    username: String,
    user_href: String,
    ms: String,
}

fn compose(scene: &Scene) -> ProbePage {
    ProbePage {
        chrome: scene.chrome(Some(Tab::Probe), "Probe"),
        sentence: Sentence::new(Status::Unknown, "Who in a room can be reached at this moment?")
            .and("A test broadcast asks every socket in it for an answer, and says who gave one and in how many ms."),
        room: scene.asked.shown("room"),
        namespace: scene.asked.get("namespace").unwrap_or("/").to_owned(),
        rows: Vec::new(),
    }
}

/// The page with the answers on it: first those who gave none, then the slowest.
pub(crate) fn answered(scene: &Scene, report: &Report) -> ProbePage {
    let mut results: Vec<&Outcome> = report.results.iter().collect();
    let place = |outcome: &Outcome| match outcome.result {
        "failed" => 0,
        "no_answer" => 1,
        _ => 2,
    };
    results.sort_by(|a, b| {
        let (slow, quick) = (b.ms.unwrap_or_default(), a.ms.unwrap_or_default());
        place(a).cmp(&place(b)).then(slow.total_cmp(&quick))
    });
    ProbePage {
        sentence: sentence(report),
        room: report.room.clone(),
        namespace: report.namespace.clone(),
        rows: results.into_iter().map(row).collect(),
        ..compose(scene)
    }
}

fn row(outcome: &Outcome) -> Row {
    Row {
        result: match outcome.result {
            "answered" => (Status::Healthy, "answered"),
            "no_answer" => (Status::Late, "no answer"),
            _ => (Status::Failed, "could not be sent"),
        },
        sid: Id::new(&outcome.sid),
        href: super::socket_href(outcome.sid.as_str()),
        username: visible(&outcome.username).into_owned(),
        user_href: super::user_href(&outcome.user_id),
        ms: outcome.ms.map(millis).unwrap_or_default(),
    }
}

fn sentence(report: &Report) -> Sentence {
    let answers: Vec<f64> = report.results.iter().filter_map(|outcome| outcome.ms).collect();
    let all = report.results.len();
    if all == 0 {
        return Sentence::new(Status::Offline, "Nobody is in this room: the probe reached nobody.");
    }
    let slowest = answers.iter().copied().fold(0.0, f64::max);
    let slowest = match answers.len() {
        0 => String::new(),
        _ => format!(", the slowest after {}", millis(slowest)),
    };
    let lead = format!(
        "{} of {} answered{slowest}.",
        count(answers.len()),
        counted(all, "socket", "sockets")
    );
    let (status, rest) = if answers.len() < all {
        (
            Status::Late,
            "A client that does not answer has no listener for probe, or did not read it in time.",
        )
    } else {
        (Status::Healthy, "")
    };
    let left = match report.not_asked {
        0 => String::new(),
        more => format!(" {} more were not asked.", count(more)),
    };
    Sentence::new(status, lead).and(format!("{rest}{left}"))
}

/// `GET /admin/probe`
pub(crate) async fn page(scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> ProbePage {
    compose(&Scene::sample("/admin/probe?room=conversation:42", role))
}

#[cfg(test)]
pub(crate) fn sample_answered(role: chat_core::Role) -> ProbePage {
    let outcome = |sid: &str, result, ms| Outcome {
        sid: chat_core::Sid::parse(sid).unwrap(),
        user_id: chat_core::UserId::parse("alice").unwrap(),
        username: super::tests::HOSTILE.to_owned(),
        result,
        ms,
    };
    let report = Report {
        probe_id: "5b1f0c2a9d3e4f60".to_owned(),
        room: "conversation:42".to_owned(),
        namespace: "/".to_owned(),
        results: vec![
            outcome("8JxAbCdEfGhIjKlMnOpQ", "answered", Some(3.1)),
            outcome("kP2xxxxxxxxxxxxxxxxa", "no_answer", None),
            outcome("Zt9xxxxxxxxxxxxxxxx1", "answered", Some(71.0)),
        ],
        not_asked: 0,
    };
    answered(&Scene::sample("/admin/probe", role), &report)
}
