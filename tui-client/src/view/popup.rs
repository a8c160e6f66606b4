//! Over everything else: the faults, and why a cell is as it is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};
use serde_json::Value;

use crate::model::Model;
use crate::model::looking::Popup;
use crate::out::shown;
use crate::text::{harmless_line, wrap};
use crate::theme::Theme;
use crate::update::popup::listed;

const FAULTS_WIDTH: u16 = 52;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, body: Rect) {
    match &model.popup {
        None => {}
        Some(Popup::Faults) => faults(model, theme, frame, body),
        Some(Popup::Why { seen, server }) => why(seen, server.as_ref(), theme, frame, body),
    }
}

fn faults(model: &Model, theme: &Theme, frame: &mut Frame<'_>, body: Rect) {
    let listed = listed(model);
    let height = u16::try_from(listed.len() + 2).unwrap_or(u16::MAX).min(body.height);
    let width = FAULTS_WIDTH.min(body.width);
    let place = Rect {
        x: body.x + (body.width - width) / 2,
        y: body.y + (body.height - height) / 2,
        width,
        height,
    };
    let lines = listed
        .map(|(key, words, _)| Line::from(format!(" {key}  {words}")))
        .to_vec();
    let block = Block::bordered()
        .border_style(theme.failed)
        .title(" Faults · Esc: none ");
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block), place);
}

/// Both sides of a cell, beside each other.
fn why(seen: &[String], server: Option<&Result<Box<Value>, String>>, theme: &Theme, frame: &mut Frame<'_>, body: Rect) {
    let height = body.height.saturating_sub(2).min(18);
    let place = Rect {
        y: body.bottom().saturating_sub(height),
        height,
        ..body
    };
    frame.render_widget(Clear, place);
    let half = place.width * 2 / 5;
    let (left, right) = (
        Rect { width: half, ..place },
        Rect {
            x: place.x + half,
            width: place.width - half,
            ..place
        },
    );
    let block = |title: &'static str| Block::bordered().border_style(theme.focused_frame).title(title);
    let cells = |area: Rect| usize::from(area.width).saturating_sub(4);
    let here = seen.iter().flat_map(|line| wrap(&harmless_line(line), cells(left)));
    let here: Vec<Line<'_>> = here.map(|line| Line::raw(format!(" {line}"))).collect();
    frame.render_widget(Paragraph::new(here).block(block(" seen here ")), left);
    let there = said(server, theme, cells(right));
    frame.render_widget(
        Paragraph::new(there).block(block(" the server: why? · any key closes ")),
        right,
    );
}

fn said(server: Option<&Result<Box<Value>, String>>, theme: &Theme, cells: usize) -> Vec<Line<'static>> {
    let wrapped = |text: &str| {
        wrap(&harmless_line(text), cells)
            .into_iter()
            .map(|row| format!(" {row}"))
            .collect::<Vec<_>>()
    };
    let answer = match server {
        None => return vec![Line::styled(" ◌ asking", theme.faint)],
        Some(Err(why)) => {
            return wrapped(why)
                .into_iter()
                .map(|row| Line::styled(row, theme.late))
                .collect();
        }
        Some(Ok(answer)) => answer,
    };
    let verdict = shown(&answer["verdict"]);
    let style = match verdict.as_str() {
        "read" | "delivered" => theme.good,
        "sent" | "offline" => theme.late,
        _ => theme.failed,
    };
    let cause = answer["cause"]
        .as_str()
        .map(|cause| format!(" ({cause})"))
        .unwrap_or_default();
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut add = |text: String, style| lines.extend(wrapped(&text).into_iter().map(|row| Line::styled(row, style)));
    add(format!("{verdict}{cause}"), style);
    add(shown(&answer["summary"]), theme.plain);
    if let Some(remedy) = answer["remedy"].as_str() {
        add(format!("→ {remedy}"), theme.accent);
    }
    for step in answer["steps"].as_array().into_iter().flatten() {
        let (shape, style) = match step["status"].as_str() {
            Some("ok") => ("●", theme.good),
            Some("failed") => ("■", theme.failed),
            Some("skipped") => ("○", theme.faint),
            _ => ("◌", theme.late),
        };
        add(
            format!("{shape} {}: {}", shown(&step["step"]), shown(&step["detail"])),
            style,
        );
    }
    lines
}
