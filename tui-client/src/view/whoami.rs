//! What the server believes of this socket, against what the client believes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use rollcall_client::protocol::event::Session;
use rollcall_client::protocol::reply::Whoami;

use crate::headless::{called, differences, room_name};
use crate::model::Model;
use crate::text::{fit, harmless_line};
use crate::theme::Theme;

const NAME: usize = 16;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let block = Block::bordered()
        .border_style(theme.focused_frame)
        .title(Span::styled(" whoami ", theme.strong));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let lines = match (&model.looking.whoami, &model.session) {
        (Some(Ok(whoami)), Some(session)) => compared(session, whoami, theme, usize::from(inside.width)),
        (Some(Err(why)), _) => vec![Line::styled(
            format!(" ■ no answer: {}", harmless_line(why)),
            theme.failed,
        )],
        _ => vec![Line::styled(" ◌ asking the server", theme.faint)],
    };
    let scrolled = u16::try_from(model.looking.scrolled.min(lines.len().saturating_sub(1))).unwrap_or(0);
    frame.render_widget(Paragraph::new(lines).scroll((scrolled, 0)), inside);
}

fn compared(session: &Session, whoami: &Whoami, theme: &Theme, cells: usize) -> Vec<Line<'static>> {
    let differences = differences(session, whoami);
    let mut lines = vec![match differences.len() {
        0 => Line::styled(" ● client and server agree", theme.good),
        count => Line::styled(
            format!(" ■ client and server disagree about {count} things"),
            theme.failed,
        ),
    }];
    lines.extend(
        differences
            .iter()
            .map(|words| Line::styled(format!("   ■ {}", harmless_line(words)), theme.failed)),
    );
    let half = cells.saturating_sub(NAME + 3) / 2;
    let row = |name: &str, client: &str, server: &str, style: Style| {
        Line::from(vec![
            Span::styled(format!(" {}", fit(name, NAME)), theme.faint),
            Span::styled(fit(&harmless_line(client), half), style),
            Span::raw(" "),
            Span::styled(fit(&harmless_line(server), half), style),
        ])
    };
    lines.push(row("", "the client", "the server", theme.faint));
    let mut same = |name: &str, client: &str, server: &str| {
        let style = if client == server { theme.plain } else { theme.failed };
        lines.push(row(name, client, server, style));
    };
    same("SID", session.sid.as_str(), whoami.sid.as_str());
    same("namespace", &session.namespace, &whoami.namespace);
    same("node", session.node_id.as_str(), whoami.node_id.as_str());
    same("user", &session.user.username, &whoami.user.username);
    same("user id", session.user.id.as_str(), whoami.user.id.as_str());
    same("transport", "websocket", &whoami.transport);
    lines.push(Line::styled(format!(" rooms: {}", whoami.rooms.len()), theme.strong));
    lines.extend(whoami.rooms.iter().map(|room| room_line(session, room, theme)));
    lines.push(Line::styled(
        format!(" conversations: {}", whoami.conversations.len()),
        theme.strong,
    ));
    for conversation in &whoami.conversations {
        let view = session.conversations.iter().find(|view| view.id == conversation.id);
        let title = view.map_or_else(|| conversation.id.to_string(), |view| called(session, view));
        let (mark, style) = if conversation.in_room {
            ("✓ in room", theme.good)
        } else {
            ("■ not in room", theme.failed)
        };
        lines.push(Line::from(vec![
            Span::styled(format!("   {mark}  "), style),
            Span::raw(harmless_line(&title)),
            Span::styled(
                format!(
                    "  last #{}, received #{}",
                    conversation.last_seq.0, conversation.received_seq.0
                ),
                theme.faint,
            ),
        ]));
    }
    lines
}

/// The name first, where there is one: ids are for looking up.
fn room_line(session: &Session, room: &str, theme: &Theme) -> Line<'static> {
    let id = harmless_line(room);
    match room_name(session, room) {
        Some(name) => Line::from(vec![
            Span::raw(format!("   {}  ", harmless_line(&name))),
            Span::styled(id, theme.faint),
        ]),
        None => Line::raw(format!("   {id}")),
    }
}
