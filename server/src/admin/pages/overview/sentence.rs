//! The Overview's first line: the worst thing that is true.

use crate::admin::history::Sample;
use crate::admin::inspect::{NodeView, OverviewFigures, Vital};
use crate::admin::words::{Sentence, Status, count, counted, millis, share, span, visible};

/// The first line: the worst thing that is true.
pub(super) fn sentence(figures: &OverviewFigures, nodes: &[NodeView], samples: &[Sample]) -> Sentence {
    let confirmed = confirmed_words(figures, samples);
    let ill = nodes.iter().filter(|node| !node.healthy).count();
    if let Vital::Down(why) = &figures.store {
        return Sentence::new(Status::Failed, "Nothing can be saved, so nothing is sent.")
            .and(format!("The database: {}", visible(why)));
    }
    if figures.not_reached_total > 0 {
        return missing(figures, &confirmed);
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
    if let Vital::Down(why) = &figures.canary {
        return Sentence::new(
            Status::Late,
            format!("The canary’s own messages do not arrive: {}", visible(why)),
        )
        .and(confirmed);
    }
    healthy(figures, &confirmed)
}

fn missing(figures: &OverviewFigures, confirmed: &str) -> Sentence {
    let all = figures.not_reached_total;
    let verb = if all == 1 { "is" } else { "are" };
    let lead = format!(
        "{} of {} online {verb} not getting messages.",
        count(all),
        counted(figures.users_online, "person", "people")
    );
    let rest = if confirmed.is_empty() {
        String::new()
    } else {
        format!("Of all: {confirmed}.")
    };
    Sentence::new(Status::Late, lead).and(rest)
}

fn healthy(figures: &OverviewFigures, confirmed: &str) -> Sentence {
    let who = format!(
        "{} of {}",
        counted(figures.connections, "socket", "sockets"),
        counted(figures.users_online, "person", "people")
    );
    match (figures.connections, confirmed.is_empty()) {
        (0, true) => Sentence::new(Status::Offline, "Nobody is connected.").and(
            "Everything is ready for them: whoever signs in on the chat page, or connects with a Socket.IO client and a token, \
             is counted here at once, and so is every message and who has confirmed it.",
        ),
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

#[cfg(test)]
mod tests {
    use super::super::Gathered;
    use super::super::tests::gathered;
    use super::*;

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
        assert!(nobody.rest.contains("signs in on the chat page"), "{}", nobody.rest);
        let lagging = line(|now| now.figures.lagging = 1);
        assert_eq!(lagging.lead, "1 socket is lagging and fed from the store.");
    }
}
