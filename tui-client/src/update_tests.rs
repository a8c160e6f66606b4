use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent};
use rollcall_client::protocol::chat_core::Seq;
use rollcall_client::protocol::event::NotResumed;
use rollcall_client::{CallError, DownReason, Gap, GapOutcome, LostReason, State};
use serde_json::json;

use super::*;
use crate::effect::Reply;
use crate::fixtures::*;
use crate::model::Link;
use crate::rows::{Row, rows};

fn screen_text(model: &Model) -> Vec<String> {
    let rows = rows(model, 70);
    let texts = rows.into_iter().map(|row| match row {
        Row::Rule(words) => words,
        Row::Said { text, .. } => text,
        Row::Fate { fate, .. } => format!("{} {}", fate.mark.shape(), fate.words),
    });
    texts.collect()
}

fn send(model: &mut Model, text: &str) -> (rollcall_client::protocol::chat_core::ids::ClientMessageId, Vec<Effect>) {
    type_text(model, text);
    let effects = update(model, key(KeyCode::Enter));
    let id = effects.iter().find_map(|effect| match effect {
        Effect::Send { id, .. } => Some(id.clone()),
        _ => None,
    });
    (id.expect("something to send"), effects)
}

#[test]
fn opening_enters_the_room_loads_and_reads() {
    let mut model = fresh(80, 24);
    update(&mut model, connected());
    update(&mut model, session(120, 7));
    model.selected = model.conversations.iter().position(|view| view.id == group()).unwrap();
    let effects = update(&mut model, key(KeyCode::Enter));
    let fetch = Effect::Fetch {
        conversation: group(),
        after: Seq(70),
        limit: 50,
    };
    assert_eq!(effects, [Effect::Join(group()), fetch]);
    assert_eq!(model.mode, Mode::Write);
    let effects = update(
        &mut model,
        fetched(&[message(119, "bob", "a"), message(120, "bob", "b")]),
    );
    assert_eq!(effects, [Effect::Read(group(), Seq(120))]);
    assert_eq!(model.conversation(&group()).unwrap().unread, 0);
}

#[test]
fn a_message_is_sending_then_saved_then_read() {
    let mut model = opened(80, 24, 3);
    let (id, effects) = send(&mut model, "hi 👋");
    assert!(matches!(&effects[..], [Effect::Send { content, .. }] if content == "hi 👋"));
    assert_eq!(screen_text(&model).last().unwrap(), "◌ sending");
    let message = own_message(4, "hi 👋", id.as_str());
    update(&mut model, server("new_message", message.clone()));
    assert!(model.open_timeline().unwrap().1.outgoing.is_empty(), "it is there once");
    update(
        &mut model,
        Event::Reply(Reply::Sent(group(), id, Ok(Box::new(sent(message, 3, 4))))),
    );
    assert_eq!(screen_text(&model).last().unwrap(), "▲ saved · handed over 3 of 4");
    let receipts = |received, read| {
        let users = json!([{"user_id": "bob", "received": received, "read": read}]);
        server("receipts", json!({"conversation_id": group(), "users": users}))
    };
    update(&mut model, receipts(4, 3));
    assert_eq!(screen_text(&model).last().unwrap(), "● received by 1 of 2");
    update(&mut model, receipts(4, 4));
    assert_eq!(screen_text(&model).last().unwrap(), "● read by 1 of 2");
}

#[test]
fn what_failed_says_why_and_is_sent_again_under_its_id() {
    let mut model = opened(80, 24, 1);
    let (id, _) = send(&mut model, "lost");
    update(
        &mut model,
        Event::Reply(Reply::Sent(group(), id.clone(), Err(CallError::Disconnected))),
    );
    assert_eq!(
        screen_text(&model).last().unwrap(),
        "■ failed: not connected · Ctrl-R: retry"
    );
    let effects = update(&mut model, ctrl('r'));
    assert!(matches!(&effects[..], [Effect::Send { id: again, .. }] if *again == id));
    assert_eq!(screen_text(&model).last().unwrap(), "◌ sending");
    assert!(update(&mut model, ctrl('r')).is_empty(), "once is enough");
}

#[test]
fn unread_counts_what_is_not_looked_at() {
    let mut model = fresh(80, 24);
    update(&mut model, connected());
    update(&mut model, session(3, 0));
    assert!(update(&mut model, server("new_message", message(4, "bob", "x"))).is_empty());
    assert!(update(&mut model, server("new_message", message(5, "alice", "mine"))).is_empty());
    assert_eq!(model.conversation(&group()).unwrap().unread, 1);
    assert_eq!(model.conversations[0].id, group(), "the newest activity stands first");

    let mut model = opened(80, 24, 3);
    let effects = update(&mut model, server("new_message", message(4, "bob", "x")));
    assert_eq!(effects, [Effect::Read(group(), Seq(4))]);
}

#[test]
fn who_scrolled_back_keeps_the_place_and_reads_on_return() {
    let mut model = opened(80, 24, 60);
    update(&mut model, key(KeyCode::PageUp));
    let before = model.scrolled;
    assert!(before > 0);
    assert!(update(&mut model, server("new_message", message(61, "bob", "x"))).is_empty());
    assert_eq!(model.scrolled, before + 1);
    assert_eq!(update(&mut model, key(KeyCode::End)), [Effect::Read(group(), Seq(61))]);
    assert_eq!(model.scrolled, 0);
}

#[test]
fn at_the_top_older_messages_are_loaded_once() {
    let mut model = opened(80, 24, 70);
    let mut effects = Vec::new();
    for _ in 0..10 {
        effects.extend(update(&mut model, key(KeyCode::PageUp)));
    }
    let fetch = Effect::Fetch {
        conversation: group(),
        after: Seq(0),
        limit: 20,
    };
    assert_eq!(effects, [fetch]);
    let older: Vec<_> = (1..=20).map(|seq| message(seq, "bob", "old")).collect();
    update(&mut model, fetched(&older));
    for _ in 0..10 {
        assert!(
            update(&mut model, key(KeyCode::PageUp)).is_empty(),
            "nothing is before the first"
        );
    }
}

#[test]
fn typing_is_told_at_first_and_when_it_ends() {
    let mut model = opened(80, 24, 1);
    assert_eq!(type_text(&mut model, "abc"), [Effect::Typing(group(), true)]);
    update(&mut model, Event::Tick(Millis(3_000)));
    assert_eq!(type_text(&mut model, "d"), [Effect::Typing(group(), true)]);
    assert_eq!(update(&mut model, ctrl('u')), [Effect::Typing(group(), false)]);
}

#[test]
fn others_typing_ends_with_their_message_or_with_time() {
    let notice = || {
        server(
            "typing",
            json!({"conversation_id": group(), "user_id": "bob", "typing": true}),
        )
    };
    let mut model = opened(80, 24, 1);
    update(&mut model, notice());
    assert_eq!(model.typing.len(), 1);
    update(&mut model, server("new_message", message(2, "bob", "x")));
    assert!(model.typing.is_empty());
    update(&mut model, notice());
    update(&mut model, Event::Tick(Millis(7_000)));
    assert!(model.typing.is_empty());
}

#[test]
fn a_lost_connection_counts_down_and_the_next_session_enters_again() {
    let mut model = opened(80, 24, 1);
    update(&mut model, Event::Tick(Millis(1_000)));
    let lost = State::Reconnecting {
        attempt: 2,
        retry_in: Duration::from_secs(3),
        reason: DownReason::DisconnectedByServer,
    };
    update(&mut model, Event::Client(ClientEvent::State(lost)));
    assert!(matches!(
        model.link,
        Link::Reconnecting {
            attempt: 2,
            retry_at: Millis(4_000),
            ..
        }
    ));
    assert_eq!(model.room, None);
    update(&mut model, Event::Client(ClientEvent::State(State::Connecting)));
    assert!(
        matches!(model.link, Link::Reconnecting { .. }),
        "why stays readable during the attempt"
    );
    update(&mut model, connected());
    assert_eq!(update(&mut model, session(1, 0)), [Effect::Join(group())]);
}

#[test]
fn a_lost_gap_loads_anew() {
    let mut model = opened(80, 24, 3);
    let gap = Gap {
        conversation_id: group(),
        after: Seq(3),
        until: Seq(3),
        outcome: GapOutcome::Lost(LostReason::NotResumed(NotResumed::EpochChanged)),
    };
    let effects = update(&mut model, Event::Client(ClientEvent::Gap(gap)));
    assert!(matches!(&effects[..], [Effect::Fetch { .. }]));
    assert_eq!(screen_text(&model), ["loading …"]);
}

#[test]
fn presence_changes_marks_and_asks_for_the_room_once() {
    let mut model = opened(80, 24, 1);
    for user in ["bob", "carol"] {
        update(
            &mut model,
            server("presence", json!({"user_id": user, "online": false, "last_seen": null})),
        );
    }
    assert!(!model.is_online(model.conversation(&group()).unwrap()));
    assert!(update(&mut model, Event::Tick(Millis(100))).is_empty());
    assert_eq!(update(&mut model, Event::Tick(Millis(500))), [Effect::Join(group())]);
    assert!(update(&mut model, Event::Tick(Millis(900))).is_empty());
}

#[test]
fn being_removed_closes_the_conversation() {
    let mut model = opened(80, 24, 1);
    update(
        &mut model,
        server("conversation_removed", json!({"conversation_id": group()})),
    );
    assert_eq!((model.open.clone(), model.mode), (None, Mode::List));
    assert!(model.notice.unwrap().text.contains("Ops night shift"));
    let mut model = opened(80, 24, 1);
    let banned = json!({"conversation_id": group(), "reason": "banned", "by": "bob", "note": "spam"});
    update(&mut model, server("conversation_removed", banned));
    assert!(
        model
            .notice
            .unwrap()
            .text
            .ends_with("banned from this conversation: spam")
    );
}

#[test]
fn every_way_to_quit() {
    for events in [
        vec![ctrl('c')],
        vec![key(KeyCode::F(1)), ctrl('c')],
        vec![key(KeyCode::Char('q'))],
        vec![key(KeyCode::Char(':')), key(KeyCode::Char('q')), key(KeyCode::Enter)],
    ] {
        let mut model = fresh(80, 24);
        for event in events {
            update(&mut model, event);
        }
        assert!(model.quit);
    }
    let mut model = opened(80, 24, 1);
    type_text(&mut model, "q");
    assert!(!model.quit, "q is a letter while writing");
    update(&mut model, ctrl('u'));
    type_text(&mut model, ":q");
    update(&mut model, key(KeyCode::Enter));
    assert!(model.quit);
}

#[test]
fn help_takes_the_next_key() {
    let mut model = opened(80, 24, 1);
    update(&mut model, key(KeyCode::F(1)));
    assert!(model.help);
    type_text(&mut model, "x");
    assert!(!model.help && model.composer.is_empty());
}

#[test]
fn a_pasted_text_is_one_draft() {
    let mut model = opened(80, 24, 1);
    update(&mut model, Event::Paste("one\r\ntwo\u{1b}[2J".into()));
    assert_eq!(model.composer.text(), "one\ntwo[2J");
    let newline = KeyEvent::new(KeyCode::Enter, KeyModifiers::ALT);
    update(&mut model, Event::Key(newline));
    assert!(model.composer.text().ends_with('\n'));
}
