//! The list of conversations: who is there, what is unread.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType};
use rollcall_client::protocol::ConversationView;

use crate::model::{Link, Mode, Model};
use crate::text::{fit, harmless_line, width};
use crate::theme::Theme;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let focused = model.mode == Mode::List;
    let block = Block::bordered()
        .border_type(BorderType::Plain)
        .border_style(if focused { theme.focused_frame } else { theme.frame })
        .title(Span::styled(" Conversations ", theme.plain));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    if model.conversations.is_empty() {
        frame.render_widget(Line::styled(" none yet", theme.faint), Rect { height: 1, ..inside });
        return;
    }
    let rows = usize::from(inside.height);
    // The cursor is always among what is shown.
    let first = (model.selected + 1).saturating_sub(rows);
    for (row, (at, view)) in (inside.y..inside.bottom()).zip(model.conversations.iter().enumerate().skip(first)) {
        let line = entry(
            model,
            theme,
            view,
            usize::from(inside.width),
            focused && at == model.selected,
        );
        frame.render_widget(
            line,
            Rect {
                y: row,
                height: 1,
                ..inside
            },
        );
    }
}

fn entry(model: &Model, theme: &Theme, view: &ConversationView, cells: usize, selected: bool) -> Line<'static> {
    // Who is there is only known while somebody tells.
    let presence = match &model.link {
        Link::Connected(_) if model.is_online(view) => Span::styled("● ", theme.good),
        Link::Connected(_) => Span::styled("○ ", theme.faint),
        _ => Span::styled("◌ ", theme.faint),
    };
    let counted = |count: u64| match count {
        0 => String::new(),
        // The server counts no further.
        1..1_000 => count.to_string(),
        _ => "999+".into(),
    };
    let unread = match view.mentions {
        0 => counted(view.unread),
        mentions => format!("@{} {}", counted(mentions), counted(view.unread)),
    };
    let unread = if view.muted { format!("muted {unread}") } else { unread };
    let unread = unread.trim_end();
    let title = harmless_line(&model.title(view));
    let title = fit(&title, cells.saturating_sub(5 + width(unread)));
    let is_open = model.open.as_ref() == Some(&view.id);
    // A muted one calls only where one is named.
    let calls = view.mentions > 0 || (view.unread > 0 && !view.muted);
    let style = if calls { theme.strong } else { theme.plain };
    let line = Line::from(vec![
        Span::styled(if is_open { "▸" } else { " " }, theme.accent),
        presence,
        Span::styled(title, style),
        Span::styled(
            format!(" {unread} "),
            if view.muted && !calls {
                theme.faint
            } else {
                theme.accent
            },
        ),
    ]);
    if selected { line.style(theme.selected) } else { line }
}
