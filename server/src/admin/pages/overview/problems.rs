//! What is wrong right now, each with the page that shows it.

use crate::admin::history::Sample;
use crate::admin::inspect::{NodeView, OverviewFigures, Vital};
use crate::admin::words::{Status, count, counted, span, visible};

/// Something that is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: Status,
    pub(crate) words: String,
    pub(crate) href: &'static str,
    /// What the page behind the link shows.
    pub(crate) link: &'static str,
}

fn problem(status: Status, words: String, href: &'static str, link: &'static str) -> Problem {
    Problem {
        status,
        words,
        href,
        link,
    }
}

/// The worst first; who is online and gets nothing has a table of its own.
pub(super) fn problems(figures: &OverviewFigures, nodes: &[NodeView], samples: &[Sample]) -> Vec<Problem> {
    let mut all = broken(figures, nodes);
    if figures.unconfirmed > 0 {
        let words = format!(
            "{} without a receipt after the last retry.",
            counted(figures.unconfirmed, "hand-over is", "hand-overs are")
        );
        all.push(problem(
            Status::Failed,
            words,
            "/admin/sockets?state=unconfirmed",
            "whose sockets",
        ));
    }
    if figures.lagging > 0 {
        let words = format!(
            "{} lagging: the buffer was full, the store feeds what is missing.",
            counted(figures.lagging, "socket is", "sockets are")
        );
        all.push(problem(
            Status::Late,
            words,
            "/admin/sockets?state=lagging",
            "which ones",
        ));
    }
    all.extend(lately(samples));
    all
}

fn broken(figures: &OverviewFigures, nodes: &[NodeView]) -> Vec<Problem> {
    let mut all = Vec::new();
    if let Vital::Down(why) = &figures.store {
        let words = format!("Nothing can be saved: {}", visible(why));
        all.push(problem(Status::Failed, words, "/health/ready", "what fails"));
    }
    let ill = nodes.iter().filter(|node| !node.healthy).count();
    if ill > 0 {
        let words = format!("{} not healthy.", counted(ill, "node is", "nodes are"));
        all.push(problem(Status::Failed, words, "/admin/nodes", "which one"));
    }
    if let Vital::Down(why) = &figures.bus {
        let words = format!("The nodes do not hear each other: {}", visible(why));
        all.push(problem(Status::Late, words, "/admin/nodes", "the nodes"));
    }
    if let Vital::Down(why) = &figures.canary {
        let words = format!("The canary’s own messages do not arrive: {}", visible(why));
        all.push(problem(Status::Late, words, "/admin/messages", "newest messages"));
    }
    all
}

/// What happened in the span of the charts.
fn lately(samples: &[Sample]) -> Vec<Problem> {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return Vec::new();
    };
    let time = span(last.at.millis_since(first.at));
    let grown = |counter: fn(&Sample) -> u64| counter(last).saturating_sub(counter(first));
    let mut all = Vec::new();
    let failed = grown(|sample| sample.failed);
    if failed > 0 {
        let words = format!("{} failed in {time}: the connections were gone.", count(failed));
        all.push(problem(
            Status::Late,
            format!("Hand-overs: {words}"),
            "/admin/messages",
            "newest messages",
        ));
    }
    let rejected = grown(|sample| sample.rejected);
    if rejected > 0 {
        let words = format!("{} refused in {time}.", count(rejected));
        all.push(problem(
            Status::Late,
            format!("Connections: {words}"),
            "/admin/rejected",
            "why, and what to do",
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::tests::gathered;
    use super::*;

    #[test]
    fn each_trouble_is_named_once_with_where_to_look() {
        let mut now = gathered();
        now.nodes.truncate(1);
        now.figures.unconfirmed = 0;
        now.samples.clear();
        assert_eq!(problems(&now.figures, &now.nodes, &now.samples), []);
        now.figures.store = Vital::Down("full".to_owned());
        now.figures.canary = Vital::Down("late".to_owned());
        now.figures.unconfirmed = 2;
        now.figures.lagging = 1;
        let links: Vec<&str> = problems(&now.figures, &now.nodes, &now.samples)
            .iter()
            .map(|one| one.href)
            .collect();
        assert_eq!(
            links,
            [
                "/health/ready",
                "/admin/messages",
                "/admin/sockets?state=unconfirmed",
                "/admin/sockets?state=lagging"
            ]
        );
    }

    #[test]
    fn what_grew_in_the_span_is_said_with_its_span() {
        let now = gathered();
        let words: Vec<String> = lately(&now.samples).into_iter().map(|one| one.words).collect();
        assert_eq!(words, ["Connections: 20 refused in 10 min."]);
    }
}
