//! The first rows: who, where, how the connection is, and the truth about the open conversation's room.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::model::looking::FaultsOn;
use crate::model::{Link, Millis, Model};
use crate::text::{cut, harmless_line, short_id, width};
use crate::theme::Theme;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let cells = usize::from(area.width);
    let mut first = vec![
        (" Rollcall".to_owned(), theme.strong),
        (format!("{}@{}", harmless_line(&model.name), model.server), theme.plain),
    ];
    // What matters more comes first: what does not fit is left out from the end.
    let mut link = link(model, theme).into_iter();
    first.extend(link.next());
    if model.faults != FaultsOn::default() {
        first.push(("■ fault on".to_owned(), theme.failed));
    }
    if let (at, count @ 2..) = model.seat {
        first.push((format!("{} of {count}", at + 1), theme.accent));
    }
    first.extend(link);
    let second = room(model, theme);
    let rows = if area.height == 1 {
        first.extend(second);
        vec![first]
    } else {
        let indented = second.into_iter().enumerate().map(|(at, (text, style))| {
            let text = if at == 0 { format!(" {text}") } else { text };
            (text, style)
        });
        vec![first, indented.collect()]
    };
    let hint = "F1 help ";
    for (row, segments) in (area.y..).zip(rows) {
        let is_first = row == area.y;
        let room = if is_first {
            cells.saturating_sub(width(hint) + 2)
        } else {
            cells
        };
        let spans = joined(segments, room);
        let used: usize = spans.iter().map(Span::width).sum();
        let mut line = Line::from(spans);
        if is_first {
            line.push_span(Span::raw(" ".repeat(cells.saturating_sub(used + width(hint)))));
            line.push_span(Span::styled(hint, theme.faint));
        }
        frame.render_widget(
            line,
            Rect {
                y: row,
                height: 1,
                ..area
            },
        );
    }
}

/// As many segments as fit, two spaces apart. Half a segment says nothing, so only a row's first one is cut.
fn joined(segments: Vec<(String, Style)>, cells: usize) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut left = cells;
    for (text, style) in segments {
        let gap = if spans.is_empty() { 0 } else { 2 };
        if left < gap + width(&text) && !spans.is_empty() {
            break;
        }
        let text = cut(&text, left.saturating_sub(gap));
        left = left.saturating_sub(gap + width(&text));
        spans.push(Span::raw(" ".repeat(gap)));
        spans.push(Span::styled(text, style));
    }
    spans
}

fn link(model: &Model, theme: &Theme) -> Vec<(String, Style)> {
    match &model.link {
        Link::Connecting => vec![("◌ connecting".into(), theme.late)],
        Link::Connected(sid) => vec![
            ("● connected".into(), theme.good),
            (format!("SID {}", short_id(sid.as_str())), theme.plain),
        ],
        Link::Reconnecting { attempt, retry_at, .. } => {
            let words = match seconds_until(*retry_at, model.now) {
                0 => format!("▲ reconnecting (attempt {attempt})"),
                seconds => format!("▲ reconnecting in {seconds} s (attempt {attempt})"),
            };
            vec![(words, theme.late)]
        }
        Link::Closed(_) => vec![("■ closed".into(), theme.failed)],
    }
}

/// Rounded up: it never says 0 before it is.
fn seconds_until(at: Millis, now: Millis) -> u64 {
    at.0.saturating_sub(now.0).div_ceil(1_000)
}

fn room(model: &Model, theme: &Theme) -> Vec<(String, Style)> {
    match &model.link {
        Link::Reconnecting { reason, .. } | Link::Closed(reason) => {
            return vec![(harmless_line(&reason.to_string()), theme.plain)];
        }
        Link::Connecting => return vec![("waiting for the server".into(), theme.faint)],
        Link::Connected(_) => {}
    }
    if model.open.is_none() {
        return vec![
            ("ns /".into(), theme.plain),
            ("no conversation open".into(), theme.faint),
        ];
    }
    let Some(room) = &model.room else {
        return vec![
            ("ns /".into(), theme.plain),
            ("◌ entering the room".into(), theme.faint),
        ];
    };
    let name = match room.name.split_once(':') {
        Some((kind, id)) => format!("{}:{}", harmless_line(kind), short_id(id)),
        None => harmless_line(&room.name),
    };
    let verified = if room.verified {
        ("✓ verified".to_owned(), theme.good)
    } else {
        ("■ not verified".to_owned(), theme.failed)
    };
    let sockets = match room.sockets {
        1 => "1 socket".to_owned(),
        count => format!("{count} sockets"),
    };
    vec![
        (format!("ns {}", harmless_line(&room.namespace)), theme.plain),
        (format!("room {name}"), theme.plain),
        verified,
        (sockets, theme.plain),
    ]
}
