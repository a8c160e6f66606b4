//! Commands, their completion, searching, drafts and the mouse.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use rollcall_client::protocol::chat_core::Seq;

use crate::effect::Effect;
use crate::fixtures::*;
use crate::model::looking::{Draft, Fault};
use crate::model::{Mode, Model};
use crate::theme::ThemeName;
use crate::update::{Event, update};

fn command(model: &mut Model, text: &str) -> Vec<Effect> {
    model.mode = Mode::List;
    type_text(model, &format!(":{text}"));
    update(model, key(KeyCode::Enter))
}

fn completed(text: &str) -> (String, Option<String>) {
    let mut model = opened(80, 24, 3);
    model.mode = Mode::List;
    type_text(&mut model, &format!(":{text}"));
    update(&mut model, key(KeyCode::Tab));
    let said = model.notice.as_ref().map(|notice| notice.text.clone());
    (model.command.text().to_owned(), said)
}

#[test]
fn commands_are_completed_as_far_as_there_is_no_choice() {
    assert_eq!(completed("who").0, "whoami ");
    assert_eq!(completed("the").0, "theme ");
    assert_eq!(completed("theme ni").0, "theme night ");
    assert_eq!(completed("fault wrong-p").0, "fault wrong-path ");
    let (text, said) = completed("re");
    assert_eq!(text, "re");
    assert_eq!(said.unwrap(), "reconnect  reply  retry");
    assert!(completed("xyz").1.unwrap().contains("no command"));
}

#[test]
fn commands_do_what_they_say() {
    let mut model = opened(80, 24, 3);
    command(&mut model, "theme day");
    assert_eq!(model.theme, ThemeName::Day);
    assert_eq!(command(&mut model, "mouse off"), [Effect::Mouse(false)]);
    assert_eq!(command(&mut model, "reconnect"), [Effect::Reconnect]);
    let left = Effect::Fault(Fault::Leave, Some(group()));
    assert_eq!(command(&mut model, "fault leave"), [left]);
    assert_eq!(command(&mut model, "mute"), [Effect::Mute(group(), true)]);
    assert_eq!(command(&mut model, "unmute"), [Effect::Mute(group(), false)]);
    assert_eq!(command(&mut model, "whoami"), [Effect::Whoami]);
    assert!(command(&mut model, "delivery 99").is_empty());
    assert!(model.notice.as_ref().unwrap().text.contains("not loaded"));
    command(&mut model, "nonsense");
    assert!(model.notice.as_ref().unwrap().text.contains("no command"));
}

#[test]
fn a_message_is_answered_and_another_changed() {
    let mut model = opened(80, 24, 3);
    command(&mut model, "reply #2");
    assert!(matches!(model.draft, Draft::Reply(Seq(2), _)));
    type_text(&mut model, "yes");
    let effects = update(&mut model, key(KeyCode::Enter));
    assert!(
        matches!(effects.first(), Some(Effect::Send { reply_to: Some(id), .. }) if id.as_str() == "m2"),
        "{effects:?}"
    );
    assert_eq!(model.draft, Draft::New);

    update(&mut model, server("new_message", own_message(4, "mine", "k4")));
    let alt_e = Event::Key(KeyEvent::new(KeyCode::Char('e'), KeyModifiers::ALT));
    update(&mut model, alt_e);
    assert_eq!(model.composer.text(), "mine");
    type_text(&mut model, "!");
    let effects = update(&mut model, key(KeyCode::Enter));
    assert!(matches!(&effects[..], [Effect::Edit(id, text)] if id.as_str() == "m4" && text == "mine!"));

    command(&mut model, "edit 2");
    assert_eq!(model.draft, Draft::New, "bob's");
    assert!(command(&mut model, "delete").is_empty());
    assert!(matches!(&command(&mut model, "delete 4")[..], [Effect::Delete(_)]));
}

#[test]
fn a_draft_is_given_up_with_escape() {
    let mut model = opened(80, 24, 3);
    command(&mut model, "reply");
    update(&mut model, key(KeyCode::Esc));
    assert_eq!((model.draft.clone(), model.mode), (Draft::New, Mode::Write));
}

#[test]
fn text_is_found_upwards_and_downwards() {
    let mut model = opened(80, 24, 60);
    model.mode = Mode::List;
    type_text(&mut model, "/message 3");
    update(&mut model, key(KeyCode::Enter));
    let first = model.searched_at.unwrap();
    assert!(model.scrolled > 0, "39 is not among the newest");
    update(&mut model, key(KeyCode::Char('n')));
    let second = model.searched_at.unwrap();
    assert!(second < first);
    update(&mut model, key(KeyCode::Char('N')));
    assert_eq!(model.searched_at, Some(first));
    type_text(&mut model, "/nowhere");
    update(&mut model, key(KeyCode::Enter));
    assert!(model.notice.as_ref().unwrap().text.contains("nowhere"));
}

#[test]
fn the_mouse_scrolls_and_chooses() {
    let mut model = opened(80, 24, 60);
    let mouse = |kind, column, row| {
        Event::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    update(&mut model, mouse(MouseEventKind::ScrollUp, 40, 10));
    assert_eq!(model.scrolled, 3);
    let other = model.conversations.iter().position(|view| view.id != group()).unwrap();
    let row = 3 + u16::try_from(other).unwrap();
    update(&mut model, mouse(MouseEventKind::Down(MouseButton::Left), 4, row));
    assert_ne!(model.open, Some(group()));
}
