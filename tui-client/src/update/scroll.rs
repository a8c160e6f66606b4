//! Moving through a timeline.

use super::opening;
use crate::effect::Effect;
use crate::layout;
use crate::model::Model;
use crate::rows::scroll_max;

/// A screenful, less a row to hold on to.
pub(super) fn page(model: &Model) -> usize {
    let panes = layout::panes(model, model.size);
    panes.map_or(1, |panes| {
        usize::from(panes.timeline_inside().height).saturating_sub(1).max(1)
    })
}

pub(super) fn up(model: &mut Model, rows: usize) -> Vec<Effect> {
    let most = scroll_max(model);
    model.scrolled = (model.scrolled + rows).min(most);
    if model.scrolled == most {
        return opening::load_older(model).into_iter().collect();
    }
    Vec::new()
}

pub(super) fn down(model: &mut Model, rows: usize) -> Vec<Effect> {
    model.scrolled = model.scrolled.saturating_sub(rows);
    opening::read(model).into_iter().collect()
}

pub(super) fn to_end(model: &mut Model) -> Vec<Effect> {
    down(model, usize::MAX)
}

/// Another size, or another content: what is shown stays inside.
pub(super) fn settle(model: &mut Model) {
    if model.scrolled > 0 {
        model.scrolled = model.scrolled.min(scroll_max(model));
    }
}

/// Lets `change` happen; who has scrolled back keeps looking at the same rows.
pub(super) fn held_still<T>(model: &mut Model, change: impl FnOnce(&mut Model) -> T) -> T {
    if model.scrolled == 0 {
        return change(model);
    }
    let before = scroll_max(model);
    let result = change(model);
    let after = scroll_max(model);
    model.scrolled = (model.scrolled + after.saturating_sub(before)).min(after);
    result
}
