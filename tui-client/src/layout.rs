//! Which pane is where. Pure, so that scrolling can ask the same question as drawing.

use ratatui::layout::{Offset, Rect};

use crate::model::looking::Screen;
use crate::model::{Mode, Model, Size};

/// Below this nothing can be laid out that a person could use.
pub(crate) const WIDTH_MIN: u16 = 60;
/// Below this nothing can be laid out that a person could use.
pub(crate) const HEIGHT_MIN: u16 = 15;

/// From here on the status fits into one row.
const ONE_ROW_STATUS_WIDTH: u16 = 132;
/// From here on the list stays beside the tables.
const LIST_BESIDE_TABLES: u16 = 110;
/// Longer drafts scroll inside.
const COMPOSER_ROWS_MAX: usize = 5;
/// ` > ` before what is written, one empty cell behind.
pub(crate) const PROMPT: &str = " > ";

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panes {
    pub(crate) status: Rect,
    pub(crate) list: Rect,
    pub(crate) timeline: Rect,
    pub(crate) info: Rect,
    pub(crate) composer: Rect,
}

impl Panes {
    /// The same somewhere else on the screen.
    pub(crate) fn at(self, x: u16, y: u16) -> Self {
        let offset = Offset {
            x: i32::from(x),
            y: i32::from(y),
        };
        Self {
            status: self.status.offset(offset),
            list: self.list.offset(offset),
            timeline: self.timeline.offset(offset),
            info: self.info.offset(offset),
            composer: self.composer.offset(offset),
        }
    }

    /// Everything between the status and the information.
    pub(crate) fn body(&self) -> Rect {
        self.list.union(self.timeline)
    }

    /// The inside of the timeline's frame.
    pub(crate) fn timeline_inside(&self) -> Rect {
        Rect {
            x: self.timeline.x + 2,
            y: self.timeline.y + 1,
            width: self.timeline.width.saturating_sub(4),
            height: self.timeline.height.saturating_sub(2),
        }
    }
}

/// Lays the panes out; `None` when the terminal is too small.
pub(crate) fn panes(model: &Model, size: Size) -> Option<Panes> {
    let Size { width, height } = size;
    if width < WIDTH_MIN || height < HEIGHT_MIN {
        return None;
    }
    let status_rows = if width >= ONE_ROW_STATUS_WIDTH { 1 } else { 2 };
    let composer_rows = composer_rows(model, width);
    let body_rows = height - status_rows - composer_rows - 1;
    let list_width = match width {
        // The tables want the room; the list is one key away.
        ..LIST_BESIDE_TABLES if model.screen != Screen::Chat => 0,
        ..80 => 18,
        80..110 => 24,
        _ => 30,
    };
    Some(Panes {
        status: Rect::new(0, 0, width, status_rows),
        list: Rect::new(0, status_rows, list_width, body_rows),
        timeline: Rect::new(list_width, status_rows, width - list_width, body_rows),
        info: Rect::new(0, status_rows + body_rows, width, 1),
        composer: Rect::new(0, height - composer_rows, width, composer_rows),
    })
}

/// Cells for what is written.
pub(crate) fn composer_cells(width: u16) -> usize {
    usize::from(width).saturating_sub(PROMPT.len() + 1)
}

fn composer_rows(model: &Model, width: u16) -> u16 {
    if matches!(model.mode, Mode::Command | Mode::Search) || model.screen != Screen::Chat {
        return 1;
    }
    let rows = model.composer.rows(composer_cells(width)).0.len();
    u16::try_from(rows.clamp(1, COMPOSER_ROWS_MAX)).unwrap_or(1)
}
