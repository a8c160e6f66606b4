//! Finding text in the open conversation.

use super::scroll;
use crate::layout;
use crate::model::Model;
use crate::rows::{Row, rows, scroll_max};

/// Which rows hold what is searched for.
fn found(model: &Model) -> (Vec<usize>, usize) {
    let wanted = model.search.to_lowercase();
    let Some(panes) = layout::panes(model, model.size) else {
        return (Vec::new(), 0);
    };
    let all = rows(model, usize::from(panes.timeline_inside().width));
    let holds = |row: &Row| match row {
        Row::Said { lead, text, .. } => text.to_lowercase().contains(&wanted) || lead.to_lowercase().contains(&wanted),
        Row::Rule(_) | Row::Fate { .. } => false,
    };
    let found = all.iter().enumerate().filter(|(_, row)| holds(row)).map(|(at, _)| at);
    (found.collect(), all.len())
}

/// Begins: the newest one is shown.
pub(super) fn begin(model: &mut Model, text: &str) {
    text.clone_into(&mut model.search);
    model.scrolled = 0;
    if text.is_empty() {
        return;
    }
    let (found, all) = found(model);
    match found.last() {
        Some(at) => show(model, *at, all, found.len()),
        None => model.say(format!("{text:?} is not in what is loaded here")),
    }
}

fn show(model: &mut Model, at: usize, all: usize, found: usize) {
    let height = super::scroll::page(model) + 1;
    // Some rows after it stay in sight.
    let below = all.saturating_sub(at + 1).saturating_sub(height / 3);
    model.scrolled = below.min(scroll_max(model));
    model.searched_at = Some(at);
    let rows = if found == 1 { "row holds" } else { "rows hold" };
    model.say(format!("{found} {rows} {:?}: n older, N newer", model.search));
}

pub(super) fn older(model: &mut Model) {
    step(model, |found, at| found.iter().rev().find(|row| **row < at).copied());
}

pub(super) fn newer(model: &mut Model) {
    step(model, |found, at| found.iter().find(|row| **row > at).copied());
}

fn step(model: &mut Model, next: impl Fn(&[usize], usize) -> Option<usize>) {
    if model.search.is_empty() {
        model.say("search with / first");
        return;
    }
    let (found, all) = found(model);
    let from = model.searched_at.unwrap_or(all);
    match next(&found, from) {
        Some(at) => show(model, at, all, found.len()),
        None => model.say("no further one is loaded; Page Up loads older ones"),
    }
    scroll::settle(model);
}
