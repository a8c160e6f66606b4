//! Who got a message, over which socket, when; and who did not, and why: from the server's ledger.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use serde_json::Value;

use crate::headless::cause_beside;
use crate::model::Model;
use crate::out::shown;
use crate::text::{client_name, cut, fit, harmless_line, short_id};
use crate::theme::Theme;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let block = Block::bordered()
        .border_style(theme.focused_frame)
        .title(Span::styled(" delivery ", theme.strong));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let lines = match &model.looking.delivery {
        None => vec![Line::styled(
            " No message of yours is here yet. :delivery NUMBER asks about another.",
            theme.faint,
        )],
        Some((_, None)) => vec![Line::styled(" ◌ asking the ledger", theme.faint)],
        Some((_, Some(Err(why)))) => vec![
            Line::styled(format!(" ■ {}", harmless_line(why)), theme.failed),
            Line::styled(
                " Only its sender and admins may ask (--as admin, --admin-token).",
                theme.faint,
            ),
        ],
        Some((_, Some(Ok(told)))) => lines(told, theme, usize::from(inside.width)),
    };
    let scrolled = u16::try_from(model.looking.scrolled.min(lines.len().saturating_sub(1))).unwrap_or(0);
    frame.render_widget(Paragraph::new(lines).scroll((scrolled, 0)), inside);
}

fn lines(told: &Value, theme: &Theme, cells: usize) -> Vec<Line<'static>> {
    let (message, broadcast) = (&told["message"], &told["broadcast"]);
    let line = |field: &Value| harmless_line(&shown(field));
    let mut lines = vec![
        Line::from(vec![
            Span::styled(format!(" #{} ", line(&message["seq"])), theme.strong),
            Span::raw(cut(&line(&message["content"]), cells.saturating_sub(10))),
        ]),
        Line::styled(
            cut(
                &format!(
                    " from {} at {} · room {} ({} nodes)",
                    line(&message["sender_name"]),
                    line(&message["created_at"]),
                    line(&broadcast["room"]),
                    line(&broadcast["nodes"])
                ),
                cells,
            ),
            theme.faint,
        ),
        Line::default(),
    ];
    for participant in told["participants"].as_array().into_iter().flatten() {
        let status = line(&participant["status"]);
        let (shape, style) = match status.as_str() {
            "read" | "delivered" => ("●", theme.good),
            "sent" => ("◌", theme.late),
            "offline" => ("○", theme.faint),
            _ => ("■", theme.failed),
        };
        let cause = cause_beside(&status, &participant["cause"])
            .map(|cause| format!("  {}", harmless_line(cause)))
            .unwrap_or_default();
        lines.push(Line::from(vec![
            Span::styled(format!(" {}", fit(&line(&participant["username"]), 14)), theme.strong),
            Span::styled(format!("{shape} {status}{cause}"), style),
        ]));
        for socket in participant["sockets"].as_array().into_iter().flatten() {
            let sid = socket["sid"].as_str().map(short_id).unwrap_or_default();
            let confirmed = match socket["latency_ms"].as_f64() {
                Some(ms) => format!("confirmed +{ms:.1} ms"),
                None if socket["confirmed_at"].is_string() => "confirmed".into(),
                None => "not confirmed".into(),
            };
            let error = socket["error"]
                .as_str()
                .map(|error| format!("  {}", harmless_line(error)))
                .unwrap_or_default();
            let client = socket["client"].as_str().map(client_name).unwrap_or_default();
            let words = format!(
                "     {}  {}  {}  attempts {}  {confirmed}{error}",
                fit(&harmless_line(&sid), 10),
                fit(&client, 8),
                fit(&line(&socket["path"]), 7),
                line(&socket["attempts"])
            );
            lines.push(Line::styled(cut(&words, cells), theme.plain));
        }
    }
    lines
}
