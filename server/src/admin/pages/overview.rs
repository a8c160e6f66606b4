//! The Overview: is everybody getting their messages?

mod figures;
mod problems;
mod sentence;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::Timestamp;
use chat_core::ports::operators::{AuditEntry, Slice};
use serde::Serialize;

use self::figures::{Figure, Part, charts, figure_list, parts};
use self::problems::{Problem, problems};
use self::sentence::sentence;
use super::{audit, nodes};
use crate::admin::AdminDeps;
use crate::admin::asked::Asked;
use crate::admin::chart::Chart;
use crate::admin::history::{Sample, Span};
use crate::admin::inspect::{NodeView, NotReached, OverviewFigures};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Sentence, Stamp, Status, count, counted, visible};

/// Audit entries on the Overview, by contract.
const AUDIT_SHOWN: u32 = 20;
/// Audit entries on the page, which leads to the rest.
const AUDIT_ON_PAGE: usize = 5;

/// The page.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub(crate) struct OverviewPage {
    chrome: Chrome,
    sentence: Sentence,
    not_reached: Vec<Person>,
    not_reached_more: Option<String>,
    parts: Vec<Part>,
    problems: Vec<Problem>,
    spans: Vec<SpanLink>,
    charts: Vec<Chart>,
    figures: Vec<Figure>,
    nodes: Vec<nodes::Row>,
    audit: Vec<audit::Row>,
}

#[derive(Debug)]
struct Person {
    username: String,
    href: String,
    summary: String,
    cause: &'static str,
    messages: String,
    since: Option<Stamp>,
    explain: String,
}

/// A choice of the charts' span.
#[derive(Debug)]
struct SpanLink {
    words: &'static str,
    href: String,
    current: bool,
}

/// The JSON.
#[derive(Debug, Serialize)]
pub(crate) struct OverviewJson {
    at: Timestamp,
    status: Status,
    sentence: String,
    #[serde(flatten)]
    figures: OverviewFigures,
    nodes: Vec<NodeView>,
    audit: Vec<AuditEntry>,
}

/// What is gathered for either.
struct Gathered {
    figures: OverviewFigures,
    nodes: Vec<NodeView>,
    samples: Vec<Sample>,
    audit: Vec<AuditEntry>,
}

/// The span of the charts: `?minutes=60`.
fn span(asked: &Asked) -> Result<Span, Refusal> {
    match asked.get("minutes") {
        None | Some("10") => Ok(Span::TenMinutes),
        Some("60") => Ok(Span::Hour),
        Some(_) => Err(Refusal::BadRequest("`minutes` is one of 10, 60".to_owned())),
    }
}

async fn gather(deps: &AdminDeps, now: Timestamp, span: Span) -> Result<Gathered, Refusal> {
    let figures = deps.inspect.overview();
    let mut samples = deps.history.samples(span);
    // Up to this moment, not up to the last step.
    samples.push(Sample::of(&figures, now));
    let newest = Slice {
        skip: 0,
        limit: AUDIT_SHOWN,
    };
    let audit = deps.audit.audit(None, newest).await?.items;
    Ok(Gathered {
        figures,
        nodes: deps.inspect.nodes(),
        samples,
        audit,
    })
}

fn compose(scene: &Scene, gathered: Gathered, span: Span) -> OverviewPage {
    let Gathered {
        figures,
        nodes,
        samples,
        audit,
    } = gathered;
    let more = figures.not_reached_total.saturating_sub(figures.not_reached.len());
    OverviewPage {
        chrome: scene.chrome(Some(Tab::Overview), "Overview"),
        sentence: sentence(&figures, &nodes, &samples),
        not_reached: figures
            .not_reached
            .iter()
            .map(|person| self::person(scene, person))
            .collect(),
        not_reached_more: (more > 0).then(|| format!("and {}", counted(more, "other", "others"))),
        parts: parts(&figures),
        problems: problems(&figures, &nodes, &samples),
        spans: [Span::TenMinutes, Span::Hour]
            .map(|choice| span_link(scene, choice, span))
            .into(),
        charts: charts(&samples, span),
        figures: figure_list(&figures),
        nodes: nodes.iter().map(|node| nodes::row(scene, node)).collect(),
        audit: audit
            .iter()
            .take(AUDIT_ON_PAGE)
            .map(|entry| audit::row(scene, entry))
            .collect(),
    }
}

fn person(scene: &Scene, person: &NotReached) -> Person {
    Person {
        username: visible(&person.username).into_owned(),
        href: super::user_href(&person.user_id),
        explain: format!("/admin/explain?user_id={}", person.user_id),
        summary: visible(&person.summary).into_owned(),
        cause: person.cause,
        messages: count(person.messages),
        since: person.since.map(|at| scene.stamp(at)),
    }
}

fn span_link(scene: &Scene, choice: Span, chosen: Span) -> SpanLink {
    let minutes = if choice == Span::TenMinutes { "" } else { "60" };
    SpanLink {
        words: choice.words(),
        href: scene.asked.link(&[("minutes", minutes), ("done", "")]),
        current: choice == chosen,
    }
}

/// `GET /admin`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    let span = span(&scene.asked)?;
    html(&compose(&scene, gather(&deps, scene.now, span).await?, span))
}

/// `GET /admin/api/overview`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<OverviewJson>, Refusal> {
    let now = deps.clock.now();
    let gathered = gather(&deps, now, span(&asked)?).await?;
    let sentence = sentence(&gathered.figures, &gathered.nodes, &gathered.samples);
    Ok(Json(OverviewJson {
        at: now,
        status: sentence.status,
        sentence: format!("{} {}", sentence.lead, sentence.rest).trim_end().to_owned(),
        figures: gathered.figures,
        nodes: gathered.nodes,
        audit: gathered.audit,
    }))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> OverviewPage {
    compose(&Scene::sample("/admin", role), tests::gathered(), Span::TenMinutes)
}

#[cfg(test)]
pub(super) mod tests {
    use chat_core::UserId;

    use super::super::tests::HOSTILE;
    use super::*;
    use crate::admin::inspect::Vital;
    use crate::admin::scene::sample_time;

    fn figures(at: u64) -> OverviewFigures {
        OverviewFigures {
            connections: 402,
            users_online: 318,
            rooms: 96,
            messages_total: at * 12,
            handed_over_total: at * 48,
            receipts_due_total: at * 40,
            confirmed_total: at * 40 - u64::from(at > 0) * 9,
            failed_total: 0,
            repaired_total: 3,
            retried_total: 41,
            broadcasts_empty_total: 0,
            rejected_total: at / 60,
            unconfirmed: 2,
            lagging: 0,
            confirm_p50_ms: Some(11.0),
            confirm_p99_ms: Some(84.0),
            canary: Vital::Up,
            canary_ms: Some(9.0),
            store: Vital::Up,
            bus: Vital::Unused,
            not_reached: vec![NotReached {
                user_id: UserId::parse("bob").unwrap(),
                username: HOSTILE.to_owned(),
                cause: "no_receipt",
                summary: "handed over, never confirmed (no listener?)".to_owned(),
                messages: 41,
                since: Some(sample_time(127)),
            }],
            not_reached_total: 2,
        }
    }

    pub(super) fn gathered() -> Gathered {
        let samples =
            (0..=120).map(|step| Sample::of(&figures(step * 10), sample_time(600 - i64::try_from(step).unwrap() * 5)));
        Gathered {
            figures: figures(1_200),
            nodes: nodes::tests::nodes(),
            samples: samples.collect(),
            audit: audit::tests::entries(),
        }
    }
}
