//! Every packet of this connection, the newest at the bottom.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;
use rollcall_client::Direction;

use crate::model::Model;
use crate::model::wire::Passed;
use crate::text::{cut, harmless_line, width, wrap};
use crate::theme::Theme;

/// Rows for the whole of the packet that is looked at.
const WHOLE: u16 = 4;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let log = &model.wire;
    let mut title = " wire".to_owned();
    if !log.filter.is_empty() {
        title.push_str(&format_filter(&log.filter));
    }
    if log.held {
        title.push_str(" ─ ▲ held: new ones are left out");
    }
    let title = cut(&format!("{title} "), usize::from(area.width).saturating_sub(4));
    let block = Block::bordered()
        .border_style(theme.focused_frame)
        .title(Span::styled(title, theme.strong));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let cells = usize::from(inside.width);
    let whole = if log.scrolled > 0 { WHOLE } else { 0 };
    let rows = usize::from(inside.height.saturating_sub(whole));
    let mut packets: Vec<&Passed> = log.shown().skip(log.scrolled).take(rows).collect();
    let chosen = packets.first().copied();
    packets.reverse();
    if packets.is_empty() {
        let words = if log.filter.is_empty() {
            " no packet yet"
        } else {
            " no packet holds this; / changes it"
        };
        frame.render_widget(
            Line::styled(words, theme.faint),
            Rect {
                height: 1.min(inside.height),
                ..inside
            },
        );
    }
    for (y, packet) in (inside.y..).zip(packets) {
        frame.render_widget(line(packet, theme, cells), Rect { y, height: 1, ..inside });
    }
    if let Some(packet) = chosen.filter(|_| whole > 0) {
        let text = harmless_line(&packet.data);
        for (y, row) in (inside.bottom() - whole..inside.bottom()).zip(wrap(&text, cells.saturating_sub(2))) {
            let style = theme.plain;
            frame.render_widget(Line::styled(format!(" {row}"), style), Rect { y, height: 1, ..inside });
        }
    }
}

fn format_filter(filter: &str) -> String {
    format!(" ─ only {:?}", harmless_line(filter))
}

fn line(packet: &Passed, theme: &Theme, cells: usize) -> Line<'static> {
    let at = format!("{:>9.3} ", packet.at.as_secs_f64());
    let (arrow, style) = match packet.direction {
        Direction::In => ("← ", theme.good),
        Direction::Out => ("→ ", theme.accent),
    };
    let kind = harmless_line(&packet.kind);
    let kind_style = match packet.kind.as_str() {
        "connect_error" | "unknown" => theme.failed,
        _ if packet.is_heartbeat => theme.faint,
        _ => theme.strong,
    };
    let left = cells.saturating_sub(width(&at) + 2 + width(&kind) + 2);
    Line::from(vec![
        Span::styled(at, theme.faint),
        Span::styled(arrow, style),
        Span::styled(kind, kind_style),
        Span::raw("  "),
        Span::styled(cut(&harmless_line(&packet.data), left), theme.plain),
    ])
}
