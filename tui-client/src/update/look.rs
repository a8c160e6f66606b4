//! The views beside the chat: roll call, wire, whoami, delivery.

use crossterm::event::{KeyCode, KeyEvent};
use rollcall_client::protocol::chat_core::MessageId;

use super::{popup, scroll};
use crate::effect::Effect;
use crate::model::call::{LATE, MISSING_AFTER, Place};
use crate::model::looking::{Popup, Screen, Told};
use crate::model::{Mode, Model};
use crate::roll::How;

/// Rows that a page key moves by.
const PAGE: usize = 10;

/// Shows a view, and asks for what it needs. The same one again leads back to the chat.
pub(super) fn show(model: &mut Model, screen: Screen) -> Vec<Effect> {
    model.mode = Mode::List;
    model.looking.scrolled = 0;
    if model.screen == screen {
        model.screen = Screen::Chat;
        return Vec::new();
    }
    let from = std::mem::replace(&mut model.screen, screen);
    match screen {
        Screen::Whoami => vec![Effect::Whoami],
        Screen::Delivery => {
            let chosen = if from == Screen::Roll {
                chosen_message(model)
            } else {
                None
            };
            let message = chosen.or_else(|| newest_own(model));
            delivery(model, message)
        }
        Screen::Roll => due(model),
        Screen::Chat | Screen::Wire => Vec::new(),
    }
}

/// Asks the ledger about a message, for the delivery view.
pub(super) fn delivery(model: &mut Model, message: Option<MessageId>) -> Vec<Effect> {
    model.looking.delivery = message.clone().map(|id| (id, None));
    model.screen = Screen::Delivery;
    model.mode = Mode::List;
    message.map(Effect::Delivery).into_iter().collect()
}

fn newest_own(model: &Model) -> Option<MessageId> {
    let (_, timeline) = model.open_timeline()?;
    let mut messages = timeline.messages().rev();
    messages
        .find(|message| model.observes || model.is_me(&message.sender_id))
        .map(|message| message.id.clone())
}

/// The message under the roll call's cursor.
fn chosen_message(model: &Model) -> Option<MessageId> {
    let call = model.call()?;
    MessageId::parse(call.roll().rows().get(call.chosen()?)?.id.as_ref()?).ok()
}

/// While the roll call is looked at, the ledger is asked about what is not settled.
pub(super) fn due(model: &mut Model) -> Vec<Effect> {
    if model.screen != Screen::Roll {
        return Vec::new();
    }
    let (now, name, observes) = (model.now, model.name.clone(), model.observes);
    let Some(call) = model.call_mut() else {
        return Vec::new();
    };
    let ids = call.due(now, |sender| observes || sender == name);
    ids.iter()
        .filter_map(|id| MessageId::parse(id).ok())
        .map(Effect::Delivery)
        .collect()
}

/// The ledger has answered.
pub(super) fn told(model: &mut Model, id: &MessageId, told: Told) {
    if let Ok(delivery) = &told {
        let sids = model.sids.clone();
        let seat_of = |sid: &str| {
            sids.iter()
                .position(|known| known.as_ref().is_some_and(|known| known.as_str() == sid))
        };
        let conversation = delivery["message"]["conversation_id"].as_str();
        let call = model
            .calls
            .iter_mut()
            .find(|(known, _)| Some(known.as_str()) == conversation);
        if let Some((_, call)) = call {
            call.told(id.as_str(), delivery, seat_of);
        }
    }
    if let Some((wanted, answer)) = &mut model.looking.delivery
        && wanted == id
    {
        *answer = Some(told);
    }
}

pub(super) fn key(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc | KeyCode::Char('q') => model.screen = Screen::Chat,
        KeyCode::Tab => {
            model.screen = Screen::Chat;
            model.mode = if model.open.is_some() { Mode::Write } else { Mode::List };
        }
        KeyCode::Char(':') => model.mode = Mode::Command,
        KeyCode::Char('?') => model.help = true,
        KeyCode::Char('/') => model.mode = Mode::Search,
        KeyCode::Char('x') => popup::faults(model),
        KeyCode::Char('c') => return show(model, Screen::Roll),
        KeyCode::Char('w') => return show(model, Screen::Wire),
        KeyCode::Char('i' | 'I') => return show(model, Screen::Whoami),
        KeyCode::Char('d') => return show(model, Screen::Delivery),
        _ => {
            return match model.screen {
                Screen::Roll => roll(model, key),
                Screen::Wire => {
                    wire(model, key);
                    Vec::new()
                }
                Screen::Whoami if key.code == KeyCode::Char('r') => vec![Effect::Whoami],
                Screen::Delivery if key.code == KeyCode::Char('r') => {
                    let message = model.looking.delivery.as_ref().map(|(id, _)| id.clone());
                    message.map(Effect::Delivery).into_iter().collect()
                }
                Screen::Whoami | Screen::Delivery | Screen::Chat => {
                    lines(&mut model.looking.scrolled, key);
                    Vec::new()
                }
            };
        }
    }
    Vec::new()
}

/// Moves among lines that are counted from the first one.
fn lines(scrolled: &mut usize, key: KeyEvent) {
    *scrolled = match key.code {
        KeyCode::Down | KeyCode::Char('j') => *scrolled + 1,
        KeyCode::Up | KeyCode::Char('k') => scrolled.saturating_sub(1),
        KeyCode::PageDown => *scrolled + PAGE,
        KeyCode::PageUp => scrolled.saturating_sub(PAGE),
        KeyCode::Home | KeyCode::Char('g') => 0,
        _ => *scrolled,
    };
}

fn wire(model: &mut Model, key: KeyEvent) {
    let most = model.wire.shown().count().saturating_sub(1);
    let log = &mut model.wire;
    log.scrolled = match key.code {
        // Counted from the newest, at the bottom.
        KeyCode::Up | KeyCode::Char('k') => log.scrolled + 1,
        KeyCode::Down | KeyCode::Char('j') => log.scrolled.saturating_sub(1),
        KeyCode::PageUp => log.scrolled + PAGE,
        KeyCode::PageDown => log.scrolled.saturating_sub(PAGE),
        KeyCode::Home | KeyCode::Char('g') => most,
        KeyCode::End | KeyCode::Char('G') => 0,
        _ => log.scrolled,
    }
    .min(most);
    match key.code {
        KeyCode::Char('b') => log.heartbeats = !log.heartbeats,
        KeyCode::Char('h') => log.held = !log.held,
        _ => {}
    }
}

fn roll(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    if key.code == KeyCode::Char('r') {
        let room = model.room.as_ref().map(|room| room.name.clone());
        return room.map(Effect::Probe).into_iter().collect();
    }
    let Some(call) = model.call_mut() else {
        return Vec::new();
    };
    let (rows, columns) = (call.roll().rows().len(), call.places().len());
    let (row, column) = &mut call.cursor;
    match key.code {
        KeyCode::Up | KeyCode::Char('k') => *row += 1,
        KeyCode::Down | KeyCode::Char('j') => *row = row.saturating_sub(1),
        KeyCode::PageUp => *row += PAGE,
        KeyCode::PageDown => *row = row.saturating_sub(PAGE),
        KeyCode::End | KeyCode::Char('G') => *row = 0,
        KeyCode::Home | KeyCode::Char('g') => *row = rows,
        KeyCode::Left | KeyCode::Char('h') => *column = column.saturating_sub(1),
        KeyCode::Right | KeyCode::Char('l') => *column += 1,
        KeyCode::Enter => return why(model),
        _ => {}
    }
    *row = (*row).min(rows.saturating_sub(1));
    *column = (*column).min(columns.saturating_sub(1));
    Vec::new()
}

/// Opens what was seen of a cell here, and asks the server for its side.
pub(super) fn why(model: &mut Model) -> Vec<Effect> {
    let Some(call) = model.call() else { return Vec::new() };
    let (Some(at), column) = (call.chosen(), call.cursor.1) else {
        return Vec::new();
    };
    let (Some(row), Some(place)) = (call.roll().rows().get(at), call.places().get(column)) else {
        return Vec::new();
    };
    let who = call
        .roll()
        .columns()
        .get(column)
        .map(|column| column.who.clone())
        .unwrap_or_default();
    let cell = call.cell(at, column, model.elapsed());
    let mut seen = vec![
        format!(
            "#{} from {} to {who}",
            row.seq.map_or_else(|| "?".into(), |seq| seq.to_string()),
            row.sender
        ),
        cell.words,
    ];
    if matches!(place, Place::Seat(_)) {
        let over = row
            .sent_at
            .is_some_and(|sent| model.elapsed().saturating_sub(sent) > MISSING_AFTER);
        seen.push(format!("state here: {}", row.mark(column, LATE, over).word()));
        for arrival in row.arrivals(column) {
            let how = match arrival.how {
                How::Live => "came live",
                How::Replayed => "came after a reconnect",
                How::Fetched => "was fetched",
            };
            let order = if arrival.disordered { ", after a later one" } else { "" };
            seen.push(format!("{how} at +{:.3} s{order}", arrival.at.as_secs_f64()));
        }
    }
    if let Some(told) = call.told_of(&row.key, column) {
        let cause = told.cause.as_deref().unwrap_or("-");
        seen.push(format!(
            "ledger: {}, cause {cause}, attempts {}",
            told.status, told.attempts
        ));
        let client = told.client.as_ref().map(|client| format!(" ({client})"));
        let client = client.unwrap_or_default();
        seen.extend(told.sid.as_ref().map(|sid| format!("socket {sid}{client}")));
    }
    let user = match place {
        Place::Socket { user, .. } | Place::User(user) => Some(user.clone()),
        Place::Seat(_) => {
            let view = model.open.as_ref().and_then(|open| model.conversation(open));
            let participant = view.and_then(|view| view.participants.iter().find(|one| one.username == who));
            participant.map(|one| one.id.to_string())
        }
    };
    let asked = row.id.clone().zip(user);
    model.popup = Some(Popup::Why { seen, server: None });
    let Some((message, user)) = asked else {
        return Vec::new();
    };
    vec![Effect::Explain { message, user }]
}

/// The wheel of a mouse.
pub(super) fn wheel(model: &mut Model, up: bool) -> Vec<Effect> {
    const ROWS: usize = 3;
    match (model.screen, up) {
        (Screen::Chat, true) => return scroll::up(model, ROWS),
        (Screen::Chat, false) => return scroll::down(model, ROWS),
        _ => {
            let code = if up { KeyCode::Up } else { KeyCode::Down };
            for _ in 0..ROWS {
                key(model, KeyEvent::from(code));
            }
        }
    }
    Vec::new()
}
