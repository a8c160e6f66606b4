//! The Overview: is everybody getting their messages?

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::Timestamp;
use serde::Serialize;

use super::{audit, nodes};
use crate::admin::AdminDeps;
use crate::admin::audit::AuditEntry;
use crate::admin::chart::{Chart, growth, per_second};
use crate::admin::history::Sample;
use crate::admin::inspect::{NodeView, NotReached, OverviewFigures, Vital};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Sentence, Stamp, Status, count, counted, millis, share, span, visible};

/// Audit entries on the Overview, by contract.
const AUDIT_SHOWN: usize = 20;
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
    since: Stamp,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    status: Status,
    words: String,
}

#[derive(Debug)]
struct Figure {
    label: &'static str,
    value: String,
    /// What it is when it is not zero, and should be.
    bad: Option<Status>,
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

async fn gather(deps: &AdminDeps, now: Timestamp) -> Result<Gathered, Refusal> {
    let figures = deps.inspect.overview();
    let mut samples = deps.history.samples();
    // Up to this moment, not up to the last step.
    samples.push(Sample::of(&figures, now));
    let (audit, _) = deps.audit.newest(0, AUDIT_SHOWN).await?;
    Ok(Gathered {
        figures,
        nodes: deps.inspect.nodes(),
        samples,
        audit,
    })
}

fn compose(scene: &Scene, gathered: Gathered) -> OverviewPage {
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
        charts: charts(&samples),
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
        href: super::sockets_href(&person.username),
        summary: visible(&person.summary).into_owned(),
        cause: person.cause,
        messages: count(person.messages),
        since: scene.stamp(person.since),
    }
}

/// The first line: the worst thing that is true.
fn sentence(figures: &OverviewFigures, nodes: &[NodeView], samples: &[Sample]) -> Sentence {
    let confirmed = confirmed_words(figures, samples);
    let ill = nodes.iter().filter(|node| !node.healthy).count();
    if let Vital::Down(why) = &figures.store {
        return Sentence::new(Status::Failed, "Nothing can be saved, so nothing is sent.")
            .and(format!("The database: {}", visible(why)));
    }
    if figures.not_reached_total > 0 {
        let (lead, verb) = (
            figures.not_reached_total,
            if figures.not_reached_total == 1 { "is" } else { "are" },
        );
        return Sentence::new(
            Status::Late,
            format!(
                "{} of {} online {verb} not getting messages.",
                count(lead),
                counted(figures.users_online, "person", "people")
            ),
        )
        .and(if confirmed.is_empty() {
            confirmed
        } else {
            format!("Of all: {confirmed}.")
        });
    }
    if let Vital::Down(why) = &figures.bus {
        return Sentence::new(Status::Late, "The nodes do not hear each other.").and(format!(
            "Messages take the slow way through the database. The bus: {}",
            visible(why)
        ));
    }
    if ill > 0 {
        return Sentence::new(
            Status::Failed,
            format!(
                "{} of {} not healthy.",
                count(ill),
                counted(nodes.len(), "node", "nodes")
            ),
        )
        .and(confirmed);
    }
    if figures.lagging > 0 {
        return Sentence::new(
            Status::Late,
            format!(
                "{} lagging and fed from the store.",
                counted(figures.lagging, "socket is", "sockets are")
            ),
        )
        .and(confirmed);
    }
    healthy(figures, &confirmed)
}

fn healthy(figures: &OverviewFigures, confirmed: &str) -> Sentence {
    let who = format!(
        "{} of {}",
        counted(figures.connections, "socket", "sockets"),
        counted(figures.users_online, "person", "people")
    );
    match (figures.connections, confirmed.is_empty()) {
        (0, true) => Sentence::new(Status::Offline, "Nobody is connected.").and("Everything is ready for them."),
        (0, false) => Sentence::new(Status::Offline, "Nobody is connected.").and(format!("Before that: {confirmed}.")),
        (_, true) => {
            Sentence::new(Status::Healthy, format!("{who} connected.")).and("Nothing was sent yet in this time.")
        }
        (_, false) => Sentence::new(Status::Healthy, format!("Delivery is healthy: {confirmed}.")),
    }
}

/// `99.98 % of 48 210 hand-overs confirmed in 10 min, p99 84 ms`; empty when there was none.
fn confirmed_words(figures: &OverviewFigures, samples: &[Sample]) -> String {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return String::new();
    };
    let grown = |counter: fn(&Sample) -> u64| counter(last).saturating_sub(counter(first));
    let time = span(last.at.millis_since(first.at));
    let (due, handed_over, failed) = (grown(|s| s.receipts_due), grown(|s| s.handed_over), grown(|s| s.failed));
    if handed_over == 0 {
        return String::new();
    }
    if due == 0 {
        let failed = if failed == 0 {
            "none failed".to_owned()
        } else {
            format!("{} failed", count(failed))
        };
        return format!("{} hand-overs in {time}, {failed}", count(handed_over));
    }
    let p99 = figures
        .confirm_p99_ms
        .map(|ms| format!(", p99 {}", millis(ms)))
        .unwrap_or_default();
    format!(
        "{} of {} hand-overs confirmed in {time}{p99}",
        share(grown(|s| s.confirmed), due),
        count(due)
    )
}

fn parts(figures: &OverviewFigures) -> Vec<Part> {
    let mut parts = vec![part("Database", &figures.store), part("Bus", &figures.bus)];
    parts.extend(figures.canary_ms.map(|ms| Part {
        name: "Canary",
        status: Status::Healthy,
        words: millis(ms),
    }));
    parts
}

fn part(name: &'static str, vital: &Vital) -> Part {
    let (status, words) = match vital {
        Vital::Up => (Status::Healthy, "works".to_owned()),
        Vital::Down(why) => (Status::Failed, visible(why).into_owned()),
        Vital::Unused => (Status::Offline, "not used: one node".to_owned()),
    };
    Part { name, status, words }
}

#[expect(clippy::cast_precision_loss, reason = "figures on a small chart")]
fn charts(samples: &[Sample]) -> Vec<Chart> {
    let whole: fn(f64) -> String = |value| format!("{value:.0}");
    let rate: fn(f64) -> String = |value| {
        if value < 10.0 {
            format!("{value:.1}")
        } else {
            format!("{value:.0}")
        }
    };
    let sockets: Vec<Option<f64>> = samples.iter().map(|sample| Some(sample.connections as f64)).collect();
    let p99: Vec<Option<f64>> = samples.iter().map(|sample| sample.p99_ms).collect();
    vec![
        Chart::new("Sockets", samples, &sockets, whole),
        Chart::new(
            "Messages per second",
            samples,
            &per_second(samples, |sample| sample.messages),
            rate,
        ),
        Chart::new(
            "Hand-overs per second",
            samples,
            &per_second(samples, |sample| sample.handed_over),
            rate,
        ),
        Chart::new("Time to confirm, p99", samples, &p99, millis),
        Chart::new(
            "Broadcasts to nobody",
            samples,
            &growth(samples, |sample| sample.empty),
            whole,
        ),
        Chart::new(
            "Rejected connections",
            samples,
            &growth(samples, |sample| sample.rejected),
            whole,
        ),
    ]
}

fn figure_list(figures: &OverviewFigures) -> Vec<Figure> {
    let good = |label, value: u64| Figure {
        label,
        value: count(value),
        bad: None,
    };
    let bad = |label, value: u64, status| Figure {
        label,
        value: count(value),
        bad: (value > 0).then_some(status),
    };
    vec![
        good("People online", figures.users_online as u64),
        good("Rooms in use", figures.rooms as u64),
        good("Messages saved", figures.messages_total),
        good("Handed over", figures.handed_over_total),
        good("Confirmed", figures.confirmed_total),
        good("Repaired", figures.repaired_total),
        good("Sent again", figures.retried_total),
        bad("Failed", figures.failed_total, Status::Failed),
        bad("Unconfirmed now", figures.unconfirmed as u64, Status::Failed),
        bad("Lagging now", figures.lagging as u64, Status::Late),
    ]
}

/// `GET /admin`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    html(&compose(&scene, gather(&deps, scene.now).await?))
}

/// `GET /admin/api/overview`
pub(crate) async fn api(State(deps): State<AdminDeps>) -> Result<Json<OverviewJson>, Refusal> {
    let now = deps.clock.now();
    let gathered = gather(&deps, now).await?;
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
    compose(&Scene::sample("/admin", role), tests::gathered())
}

#[cfg(test)]
mod tests {
    use chat_core::UserId;

    use super::super::tests::HOSTILE;
    use super::*;
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
            canary_ms: Some(9.0),
            store: Vital::Up,
            bus: Vital::Unused,
            not_reached: vec![NotReached {
                user_id: UserId::parse("bob").unwrap(),
                username: HOSTILE.to_owned(),
                cause: "no_receipt",
                summary: "handed over, never confirmed (no listener?)".to_owned(),
                messages: 41,
                since: sample_time(127),
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

    fn line(change: impl FnOnce(&mut Gathered)) -> Sentence {
        let mut gathered = gathered();
        gathered.nodes.truncate(1);
        gathered.figures.not_reached_total = 0;
        change(&mut gathered);
        sentence(&gathered.figures, &gathered.nodes, &gathered.samples)
    }

    #[test]
    fn the_first_line_says_the_worst_thing_that_is_true() {
        let healthy = line(|_| ());
        assert_eq!(healthy.status, Status::Healthy);
        assert_eq!(
            healthy.lead,
            "Delivery is healthy: 99.98 % of 48\u{202f}000 hand-overs confirmed in 10 min, p99 84 ms."
        );
        let missed = line(|now| now.figures.not_reached_total = 2);
        assert_eq!(missed.lead, "2 of 318 people online are not getting messages.");
        let down = line(|now| {
            now.figures.store = Vital::Down("no space left".to_owned());
            now.figures.not_reached_total = 2;
        });
        assert_eq!(
            (down.status, down.rest.as_str()),
            (Status::Failed, "The database: no space left")
        );
        let nobody = line(|now| {
            now.figures.connections = 0;
            now.samples.truncate(1);
        });
        assert_eq!(nobody.lead, "Nobody is connected.");
        let lagging = line(|now| now.figures.lagging = 1);
        assert_eq!(lagging.lead, "1 socket is lagging and fed from the store.");
    }
}
