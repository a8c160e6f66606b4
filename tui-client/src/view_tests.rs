use std::time::Duration;

use crossterm::event::KeyCode;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rollcall_client::{CallError, ClientEvent, DownReason, State};
use serde_json::json;

use super::*;
use crate::effect::{Effect, Reply};
use crate::fixtures::*;
use crate::model::Millis;
use crate::update::{Event, update};

fn drawn(model: &Model) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(model.size.width, model.size.height)).unwrap();
    terminal
        .draw(|frame| draw(model, &Theme::colours(), frame, frame.area()))
        .unwrap();
    terminal.backend().clone()
}

fn chatting(width: u16, height: u16) -> Model {
    let mut model = opened(width, height, 3);
    update(
        &mut model,
        server(
            "new_message",
            message(4, "carol", "Is the deploy through? I see nothing on my side yet."),
        ),
    );
    type_text(&mut model, "It is, since 08:04");
    let effects = update(&mut model, key(KeyCode::Enter));
    let Some(Effect::Send { id, .. }) = effects.first() else {
        panic!("{effects:?}")
    };
    let own = own_message(5, "It is, since 08:04", id.as_str());
    update(
        &mut model,
        Event::Reply(Reply::Sent(group(), id.clone(), Ok(Box::new(sent(own, 4, 4))))),
    );
    update(
        &mut model,
        server(
            "typing",
            json!({"conversation_id": group(), "user_id": "bob", "typing": true}),
        ),
    );
    model
}

#[test]
fn a_conversation_at_80_by_24() {
    insta::assert_snapshot!(drawn(&chatting(80, 24)));
}

#[test]
fn the_smallest_terminal() {
    insta::assert_snapshot!(drawn(&chatting(60, 15)));
}

#[test]
fn a_wide_terminal_has_one_status_row() {
    insta::assert_snapshot!(drawn(&chatting(140, 16)));
}

#[test]
fn too_small_is_one_clear_line() {
    insta::assert_snapshot!(drawn(&chatting(59, 15)));
}

#[test]
fn wide_joined_right_to_left_and_hostile_text() {
    let mut model = opened(80, 24, 0);
    for (seq, text) in [
        (
            1,
            "日本語のメッセージは二つのセルを使うので、行の折り返しが正しくなければならない。",
        ),
        (2, "👩‍👩‍👧 family, 👍🏽 thumb, 🇩🇪 flag, e\u{301} accent"),
        (3, "שלום עולם, مرحبا بالعالم"),
        (4, "\u{1b}[31m red? \u{7} bell \u{202e}txt.exe\u{0}"),
        (5, "two\nlines\tand a tab"),
    ] {
        update(&mut model, server("new_message", message(seq, "bob", text)));
    }
    type_text(&mut model, "書いて👩‍👩‍👧");
    insta::assert_snapshot!(drawn(&model));
}

#[test]
fn nothing_open_and_unread() {
    let mut model = fresh(80, 24);
    update(&mut model, connected());
    update(&mut model, session(1_200, 1_000));
    insta::assert_snapshot!(drawn(&model));
}

#[test]
fn being_named_shows_also_where_it_is_muted() {
    let mut model = fresh(80, 24);
    update(&mut model, connected());
    update(&mut model, session(3, 0));
    let mut view = serde_json::to_value(model.conversation(&group()).unwrap()).unwrap();
    view["muted"] = true.into();
    update(&mut model, server("conversation_updated", view));
    update(&mut model, server("new_message", message(4, "bob", "all of you")));
    assert!(drawn(&model).to_string().contains("muted 1"));
    update(&mut model, server("new_message", message(5, "bob", "and @Alice!")));
    update(&mut model, server("new_message", message(6, "alice", "me, @alice")));
    assert_eq!(model.conversation(&group()).unwrap().mentions, 1);
    assert!(drawn(&model).to_string().contains("muted @1 2"));
    update(
        &mut model,
        server(
            "receipts",
            json!({"conversation_id": group(), "users": [{"user_id": "alice", "received": 6, "read": 6}]}),
        ),
    );
    assert_eq!(
        model.conversation(&group()).unwrap().mentions,
        0,
        "read on another device"
    );
}

#[test]
fn reconnecting_with_a_message_waiting() {
    let mut model = chatting(80, 24);
    let lost = State::Reconnecting {
        attempt: 3,
        retry_in: Duration::from_millis(4_100),
        reason: DownReason::Unreachable("Connection refused (os error 111)".into()),
    };
    update(&mut model, Event::Client(ClientEvent::State(lost)));
    type_text(&mut model, "still there?");
    update(&mut model, key(KeyCode::Enter));
    update(&mut model, Event::Tick(Millis(100)));
    insta::assert_snapshot!(drawn(&model));
}

#[test]
fn closed_with_a_failed_message() {
    let mut model = chatting(80, 24);
    type_text(&mut model, "too late");
    let effects = update(&mut model, key(KeyCode::Enter));
    let Some(Effect::Send { id, .. }) = effects.first() else {
        panic!("{effects:?}")
    };
    update(
        &mut model,
        Event::Reply(Reply::Sent(group(), id.clone(), Err(CallError::Disconnected))),
    );
    let reason = DownReason::RefusedInWords("token_expired: it ended at 09:00".into());
    update(&mut model, Event::Client(ClientEvent::State(State::Closed { reason })));
    insta::assert_snapshot!(drawn(&model));
}

#[test]
fn help_fits_into_the_smallest_terminal() {
    let mut model = chatting(60, 15);
    update(&mut model, key(KeyCode::F(1)));
    insta::assert_snapshot!(drawn(&model));
}

#[test]
fn scrolled_back() {
    let mut model = opened(80, 24, 60);
    update(&mut model, key(KeyCode::PageUp));
    insta::assert_snapshot!(drawn(&model));
}

#[test]
fn no_size_panics() {
    for width in 0..100 {
        for height in [0, 1, 5, 14, 15, 16, 24, 60] {
            let mut model = chatting(width, height);
            model.help = height == 16;
            type_text(
                &mut model,
                "a long draft that goes on and on, longer than any of these terminals is wide, twice over",
            );
            drawn(&model);
        }
    }
}

#[test]
fn without_colours_nothing_is_coloured() {
    let model = chatting(80, 24);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal
        .draw(|frame| draw(&model, &Theme::without_colours(), frame, frame.area()))
        .unwrap();
    let cells = terminal.backend().buffer().content();
    assert!(
        cells
            .iter()
            .all(|cell| cell.fg == ratatui::style::Color::Reset && cell.bg == ratatui::style::Color::Reset)
    );
}
