//! Several identities at one desk, and the views that need them, as frames.

use std::time::Duration;

use crossterm::event::KeyCode;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};

use super::*;
use crate::effect::Reply;
use crate::fixtures::*;
use crate::model::looking::{Fault, Popup, Screen};
use crate::model::{Millis, Mode};
use crate::theme::Theme;
use crate::view::draw_desk;

/// alice and bob, both connected, the group open at both.
fn desk(width: u16, height: u16) -> Desk {
    let mut bob = opened(width, height, 2);
    bob.name = "bob".into();
    let mut desk = Desk::new(vec![opened(width, height, 2), bob]);
    desk.update(DeskEvent::Here(Event::Resize(Size { width, height })));
    desk
}

fn press(desk: &mut Desk, code: KeyCode) -> Vec<(usize, Effect)> {
    desk.update(DeskEvent::Here(key(code)))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn packet(desk: &mut Desk, seat: usize, at: u64, text: &str) {
    desk.update(DeskEvent::Packet {
        seat,
        at: ms(at),
        direction: Direction::In,
        text: text.to_owned(),
    });
}

/// alice sends `seq`; each seat gets it after so many milliseconds, or not.
fn said(desk: &mut Desk, seq: u64, at: u64, after: [Option<u64>; 2]) {
    desk.update(DeskEvent::Sending {
        seat: 0,
        conversation: group(),
        key: format!("k{seq}"),
        at: ms(at),
    });
    let message = own_message(seq, "hello", &format!("k{seq}"));
    for (seat, after) in after.into_iter().enumerate() {
        if let Some(after) = after {
            packet(desk, seat, at + after, &format!("42[\"new_message\",{message}]"));
        }
    }
}

fn ledger(seq: u64) -> Value {
    let socket = |sid: &str, path: &str, ms: Value, attempts: u64| {
        // A server of an older version says nothing of the client.
        let client = (sid != "Zt9doraQ1").then_some("rollcall-page/0.1.0");
        json!({"sid": sid, "node_id": "n", "client": client, "path": path, "handed_off_at": "x", "attempts": attempts,
               "confirmed_at": null, "latency_ms": ms})
    };
    json!({
        "message": message(seq, "alice", "hello"),
        "broadcast": {"at": "x", "room": "conversation:0197c31f-ops", "namespace": "/", "nodes": 1},
        "participants": [
            {"user_id": "alice", "username": "alice", "status": "read", "sockets": [socket("8JxAAAAAQ", "room", json!(9.1), 1)]},
            {"user_id": "carol", "username": "carol", "status": "delivered", "sockets": [socket("0aBcarolX9b", "repair", json!(12.4), 1)]},
            {"user_id": "dora", "username": "dora", "status": "unconfirmed", "cause": "no_receipt",
             "sockets": [socket("Zt9doraQ1", "room", Value::Null, 4)]},
            {"user_id": "erik", "username": "erik", "status": "offline", "cause": "offline", "sockets": []},
        ]
    })
}

fn told(desk: &mut Desk, seq: u64) {
    let id = rollcall_client::protocol::chat_core::MessageId::parse(format!("m{seq}")).unwrap();
    let reply = Reply::Delivery(id, Ok(Box::new(ledger(seq))));
    desk.update(DeskEvent::Seat(0, Event::Reply(reply)));
}

/// A roll call with one of each: on time, late, out of order, missing; and what the ledger says of others.
fn calling(width: u16, height: u16) -> Desk {
    let mut desk = desk(width, height);
    said(&mut desk, 3, 1_000, [Some(9), Some(31)]);
    said(&mut desk, 5, 1_100, [Some(8), Some(12)]);
    said(&mut desk, 4, 1_200, [Some(11), Some(20)]);
    said(&mut desk, 6, 1_300, [Some(7), Some(1_850)]);
    said(&mut desk, 7, 1_400, [Some(10), None]);
    packet(&mut desk, 1, 1_500, "0{}");
    packet(&mut desk, 1, 2_000, "0{}");
    said(&mut desk, 8, 1_600, [Some(9), Some(900)]);
    desk.update(DeskEvent::Here(Event::Tick(Millis(9_000))));
    press(&mut desk, KeyCode::F(2));
    for seq in [3, 6, 7] {
        told(&mut desk, seq);
    }
    desk
}

fn frame(desk: &Desk, width: u16, height: u16) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw_desk(desk, &Theme::colours(), frame))
        .unwrap();
    terminal.backend().clone()
}

#[test]
fn the_roll_call_at_80_by_24() {
    insta::assert_snapshot!(frame(&calling(80, 24), 80, 24));
}

#[test]
fn the_roll_call_in_the_smallest_terminal() {
    insta::assert_snapshot!(frame(&calling(60, 15), 60, 15));
}

#[test]
fn the_roll_call_in_a_wide_terminal_with_wide_names() {
    let mut desk = calling(130, 20);
    for seat in &mut desk.seats {
        let view = seat.conversation_mut(&group()).unwrap();
        view.title = Some("夜勤 \u{1b}[31m運用".into());
    }
    insta::assert_snapshot!(frame(&desk, 130, 20));
}

#[test]
fn while_it_is_looked_at_the_ledger_is_asked_and_not_too_often() {
    let mut desk = desk(80, 24);
    said(&mut desk, 3, 1_000, [Some(9), Some(31)]);
    assert!(press(&mut desk, KeyCode::F(2)).is_empty() || desk.seats[0].screen == Screen::Roll);
    let tick = |desk: &mut Desk, at| desk.update(DeskEvent::Here(Event::Tick(Millis(at))));
    let asked = |effects: Vec<(usize, Effect)>| {
        effects
            .iter()
            .filter(|(_, effect)| matches!(effect, Effect::Delivery(_)))
            .count()
    };
    assert_eq!(
        asked(tick(&mut desk, 1_100)),
        0,
        "it was asked when the view was opened"
    );
    assert_eq!(asked(tick(&mut desk, 2_100)), 1);
    told(&mut desk, 3);
    assert_eq!(asked(tick(&mut desk, 9_000)), 1, "dora has not confirmed");
}

#[test]
fn a_missing_cell_opens_both_sides() {
    let mut desk = calling(80, 24);
    // bob's column, and the row before the newest.
    press(&mut desk, KeyCode::Right);
    press(&mut desk, KeyCode::Up);
    let effects = press(&mut desk, KeyCode::Enter);
    let explain = Effect::Explain {
        message: "m7".into(),
        user: "bob".into(),
    };
    assert_eq!(effects, [(0, explain)]);
    let answer = json!({
        "verdict": "missed", "cause": "disconnected_during", "summary": "bob was handed message #7 over socket x, which ended.",
        "remedy": "Does the client reconnect?", "steps": [
            {"step": "saved", "status": "ok", "detail": "#7"}, {"step": "confirmed", "status": "failed", "detail": "no receipt came"}]
    });
    desk.update(DeskEvent::Seat(0, Event::Reply(Reply::Explained(Ok(Box::new(answer))))));
    insta::assert_snapshot!(frame(&desk, 80, 24));
    press(&mut desk, KeyCode::Char('z'));
    assert!(desk.seats[0].popup.is_none() && desk.seats[0].screen == Screen::Roll);
}

#[test]
fn the_cursor_stays_on_its_message_when_new_ones_come() {
    let mut desk = calling(80, 24);
    press(&mut desk, KeyCode::Up);
    let chosen = |desk: &Desk| {
        let call = desk.seats[0].call().unwrap();
        call.roll().rows()[call.chosen().unwrap()].key.clone()
    };
    assert_eq!(chosen(&desk), "k7");
    said(&mut desk, 9, 9_100, [Some(3), Some(4)]);
    assert_eq!(chosen(&desk), "k7");
    press(&mut desk, KeyCode::Char('G'));
    said(&mut desk, 10, 9_200, [Some(3), Some(4)]);
    assert_eq!(chosen(&desk), "k10", "at the end it follows");
}

#[test]
fn side_by_side_each_has_its_half() {
    let mut desk = desk(121, 20);
    press(&mut desk, KeyCode::F(9));
    assert!(desk.beside);
    let effects = press(&mut desk, KeyCode::Char('z'));
    assert_eq!(effects.first().map(|(seat, _)| *seat), Some(0));
    press(&mut desk, KeyCode::F(8));
    press(&mut desk, KeyCode::Char('y'));
    assert_eq!(
        (desk.seats[0].composer.text(), desk.seats[1].composer.text()),
        ("z", "y")
    );
    insta::assert_snapshot!(frame(&desk, 121, 20));
    desk.update(DeskEvent::Here(Event::Resize(Size { width: 80, height: 24 })));
    assert!(!desk.beside, "too narrow for two");
}

#[test]
fn the_wire_is_read_filtered_and_held() {
    let mut desk = desk(80, 24);
    packet(&mut desk, 0, 5, r#"0{"sid":"Xy","pingInterval":25000}"#);
    packet(&mut desk, 0, 6, r#"42["new_message",{"content":"日本語 \u001b[31m"}]"#);
    packet(&mut desk, 0, 7, "2");
    packet(&mut desk, 1, 8, "43[\"of another connection\"]");
    packet(&mut desk, 0, 9, r#"437[{"ok":true}]"#);
    press(&mut desk, KeyCode::F(3));
    insta::assert_snapshot!(frame(&desk, 80, 24));
    press(&mut desk, KeyCode::Char('/'));
    for c in "new_".chars() {
        press(&mut desk, KeyCode::Char(c));
    }
    press(&mut desk, KeyCode::Enter);
    assert_eq!(desk.seats[0].wire.shown().count(), 1);
    assert_eq!(desk.seats[0].mode, Mode::List);
    press(&mut desk, KeyCode::Char('h'));
    packet(&mut desk, 0, 10, "42[\"new_x\"]");
    assert_eq!(desk.seats[0].wire.shown().count(), 1, "held");
}

#[test]
fn whoami_shows_where_the_two_sides_disagree() {
    let mut desk = desk(80, 24);
    assert_eq!(press(&mut desk, KeyCode::F(4)), [(0, Effect::Whoami)]);
    let whoami = json!({
        "sid": "other", "namespace": "/", "node_id": "n", "transport": "websocket", "rooms": ["user:alice"],
        "user": {"id": "alice", "username": "alice", "display_name": "Alice", "role": "user"},
        "conversations": [{"id": "0197c31f-ops", "in_room": false, "last_seq": 2, "received_seq": 1}]
    });
    let whoami = serde_json::from_value(whoami).unwrap();
    desk.update(DeskEvent::Seat(0, Event::Reply(Reply::Whoami(Ok(Box::new(whoami))))));
    insta::assert_snapshot!(frame(&desk, 80, 24));
}

#[test]
fn the_delivery_of_a_message() {
    let mut desk = desk(80, 24);
    desk.update(DeskEvent::Seat(0, server("new_message", own_message(3, "hello", "k3"))));
    let effects = press(&mut desk, KeyCode::F(5));
    assert!(
        matches!(&effects[..], [(0, Effect::Delivery(id))] if id.as_str() == "m3"),
        "{effects:?}"
    );
    told(&mut desk, 3);
    insta::assert_snapshot!(frame(&desk, 80, 24));
}

#[test]
fn faults_are_a_key_away_and_shown_while_they_last() {
    let mut desk = desk(80, 24);
    press(&mut desk, KeyCode::F(6));
    assert_eq!(desk.seats[0].popup, Some(Popup::Faults));
    insta::assert_snapshot!(frame(&desk, 80, 24));
    let effects = press(&mut desk, KeyCode::Char('3'));
    assert_eq!(effects, [(0, Effect::Fault(Fault::Confirming(false), Some(group())))]);
    assert!(frame(&desk, 80, 24).to_string().contains("■ fault on"));
    press(&mut desk, KeyCode::F(6));
    let effects = press(&mut desk, KeyCode::Char('3'));
    assert_eq!(effects, [(0, Effect::Fault(Fault::Confirming(true), Some(group())))]);
    press(&mut desk, KeyCode::F(6));
    assert!(press(&mut desk, KeyCode::Esc).is_empty());
    assert!(!frame(&desk, 80, 24).to_string().contains("■ fault on"));
}

#[test]
fn no_size_panics_in_any_view() {
    for (width, height) in [(0, 0), (60, 15), (61, 16), (80, 24), (109, 17), (110, 40), (200, 50)] {
        let mut desk = calling(width, height);
        for screen in Screen::ALL {
            for seat in &mut desk.seats {
                seat.screen = screen;
            }
            frame(&desk, width, height);
            desk.seats[0].popup = Some(Popup::Faults);
            frame(&desk, width, height);
            desk.seats[0].popup = Some(Popup::Why {
                seen: vec!["x".repeat(200)],
                server: Some(Err("no".into())),
            });
            frame(&desk, width, height);
            desk.seats[0].popup = None;
        }
    }
}
