//! A message's delivery: who got it, over which socket, when; who did not, and why.

pub(crate) mod timeline;

use askama::Template;
use axum::extract::State;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use chat_core::explain::{SocketDelivery, Status as Delivery};
use chat_core::{MessageId, Timestamp};

use self::timeline::Timeline;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Part, Table, holds};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted, excerpt, millis, visible};
use crate::chat::explain::{DeliveryReport, ParticipantReport};

/// Characters of the text that are shown.
const CONTENT_CHARS: usize = 400;

/// The page.
#[derive(Debug, Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    chrome: Chrome,
    sentence: Sentence,
    id: Id,
    seq: String,
    sender: String,
    sender_href: String,
    conversation: Id,
    conversation_href: String,
    at: Stamp,
    content: String,
    deleted: bool,
    broadcast: Option<Broadcast>,
    trace: Option<Id>,
    totals: Vec<Total>,
    /// Each with a row for each of its sockets.
    participants: Part<Vec<Row>>,
    timeline: Option<Timeline>,
}

#[derive(Debug)]
struct Broadcast {
    words: String,
    status: Status,
    room_href: String,
    room: Id,
    similar: String,
}

#[derive(Debug)]
struct Total {
    status: Status,
    word: &'static str,
    count: String,
}

/// One socket of one participant; a participant without any has one row too.
#[derive(Debug)]
struct Row {
    key: String,
    /// `None` in the rows after a participant's first.
    who: Option<Who>,
    sid: Option<Id>,
    path: &'static str,
    handed: String,
    handed_at: String,
    confirmed: String,
    confirmed_at: String,
    /// Confirmed so long ago that when is not remembered.
    confirmed_earlier: bool,
    attempts: String,
    error: String,
}

#[derive(Debug)]
struct Who {
    username: String,
    href: String,
    status: Status,
    word: &'static str,
    cause: &'static str,
    explain: String,
}

fn compose(scene: &Scene, report: &DeliveryReport) -> Result<MessagePage, Refusal> {
    let message = &report.message;
    let participants = participants(&scene.asked, report).cut()?;
    Ok(MessagePage {
        chrome: scene.chrome(Some(Tab::Messages), format!("Message {}", Id::new(&message.id).short)),
        sentence: sentence(report),
        id: Id::new(&message.id),
        seq: count(message.seq.0),
        sender: visible(&message.sender_name).into_owned(),
        sender_href: super::user_href(&message.sender_id),
        conversation: Id::new(&message.conversation_id),
        conversation_href: super::conversation_href(&message.conversation_id),
        at: scene.stamp(message.created_at),
        content: excerpt(&message.content, CONTENT_CHARS),
        deleted: message.deleted_at.is_some(),
        broadcast: broadcast(report),
        trace: report
            .broadcast
            .as_ref()
            .and_then(|record| record.trace_id.as_ref())
            .map(Id::new),
        totals: totals(report),
        participants: participants.map(|participant| rows(report, participant)),
        timeline: Timeline::of(report),
    })
}

fn participants<'a>(asked: &Asked, report: &'a DeliveryReport) -> Table<&'a ParticipantReport> {
    fn delay(who: &ParticipantReport, at: fn(&SocketDelivery) -> Option<Timestamp>) -> Option<Timestamp> {
        who.sockets.iter().filter_map(at).min()
    }
    Table::new(asked, "participants", report.participants.iter().collect())
        .sorted("username", "User", |a, b| a.username.cmp(&b.username))
        .sorted("status", "Status", |a, b| a.status.as_str().cmp(b.status.as_str()))
        .plain("Socket")
        .plain("Way")
        .figures("handed", "Handed over", |a, b| {
            delay(a, |socket| socket.handed_off_at).cmp(&delay(b, |socket| socket.handed_off_at))
        })
        .figures("confirmed", "Confirmed", |a, b| {
            delay(a, |socket| socket.confirmed_at).cmp(&delay(b, |socket| socket.confirmed_at))
        })
        .plain("Remark")
        .unseen("Evidence")
        .found(|who, text| {
            let cause = who.cause.map(chat_core::explain::Cause::as_str).unwrap_or_default();
            holds(text, &[&who.username, who.user_id.as_str(), who.status.as_str(), cause])
                || who.sockets.iter().any(|socket| holds(text, &[socket.sid.as_str()]))
        })
}

fn totals(report: &DeliveryReport) -> Vec<Total> {
    let number = |status: &Delivery| report.totals.get(status.as_str()).copied().unwrap_or(0);
    let present = Delivery::ALL.into_iter().filter(|status| number(status) > 0);
    let total = |status: Delivery| Total {
        status: status.into(),
        word: status.as_str(),
        count: count(number(&status)),
    };
    present.map(total).collect()
}

fn broadcast(report: &DeliveryReport) -> Option<Broadcast> {
    let record = report.broadcast.as_ref()?;
    let delay = delay(record.at, report.message.created_at);
    let words = if record.room_existed {
        format!("announced {delay} to the room")
    } else {
        format!("announced {delay}; nobody was in the room")
    };
    Some(Broadcast {
        words,
        status: if record.room_existed {
            Status::Healthy
        } else {
            Status::Late
        },
        room_href: super::room_href(&record.namespace, &record.room),
        room: Id::new(&record.room),
        similar: visible(&record.similar_rooms.join(", ")).into_owned(),
    })
}

/// `+71 ms` after the message was saved.
fn delay(at: Timestamp, saved: Timestamp) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds, for people")]
    let after = at.millis_since(saved) as f64;
    if after < 10.0 {
        format!("+{after:.0} ms")
    } else {
        format!("+{}", millis(after))
    }
}

fn rows(report: &DeliveryReport, participant: &ParticipantReport) -> Vec<Row> {
    let who = Who {
        username: visible(&participant.username).into_owned(),
        href: super::user_href(&participant.user_id),
        status: participant.status.into(),
        word: participant.status.as_str(),
        cause: super::cause_beside(participant.status.as_str(), participant.cause),
        explain: super::explain_message_href(&report.message.id, &participant.user_id),
    };
    let key = participant.user_id.as_str();
    if participant.sockets.is_empty() {
        return vec![Row {
            key: key.to_owned(),
            who: Some(who),
            sid: None,
            path: "",
            handed: String::new(),
            handed_at: String::new(),
            confirmed: String::new(),
            confirmed_at: String::new(),
            confirmed_earlier: false,
            attempts: String::new(),
            error: String::new(),
        }];
    }
    let mut who = Some(who);
    let sockets = participant.sockets.iter();
    sockets
        .map(|socket| socket_row(report, key, who.take(), socket))
        .collect()
}

fn socket_row(report: &DeliveryReport, key: &str, who: Option<Who>, socket: &SocketDelivery) -> Row {
    let saved = report.message.created_at;
    let after = |at: Option<Timestamp>| at.map(|at| delay(at, saved)).unwrap_or_default();
    let whole = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    Row {
        key: format!("{key} {}", socket.sid),
        who,
        sid: Some(Id::new(&socket.sid)),
        path: socket.path.map(chat_core::explain::Path::as_str).unwrap_or_default(),
        handed: after(socket.handed_off_at),
        handed_at: whole(socket.handed_off_at),
        confirmed: after(socket.confirmed_at),
        confirmed_at: whole(socket.confirmed_at),
        confirmed_earlier: socket.confirmed_earlier,
        attempts: if socket.attempts > 1 {
            format!("{} attempts", count(socket.attempts))
        } else {
            String::new()
        },
        error: socket.error.as_deref().map(visible).unwrap_or_default().into_owned(),
    }
}

fn sentence(report: &DeliveryReport) -> Sentence {
    let number = |status: Delivery| report.totals.get(status.as_str()).copied().unwrap_or(0);
    let all = report.participants.len();
    let have = number(Delivery::Delivered) + number(Delivery::Read);
    let (failed, sent, offline) = (
        number(Delivery::Unconfirmed) + number(Delivery::Missed),
        number(Delivery::Sent),
        number(Delivery::Offline),
    );
    // A service that sends is nobody's participant.
    let with_sender = report
        .participants
        .iter()
        .any(|who| who.user_id == report.message.sender_id);
    let everybody = counted(all, "participant", "participants");
    let (among, sender) = if with_sender {
        (", the sender included,", ", the sender included")
    } else {
        ("", "")
    };
    let have_words = match (have, all) {
        (have, all) if have == all => format!("Everybody has it: {everybody}{sender}."),
        _ => format!("{} of {everybody}{among} confirmed it.", count(have)),
    };
    let mut rest = Vec::new();
    if sent > 0 {
        rest.push(format!(
            "{} handed over without a receipt yet, or by a client that gives none.",
            count(sent)
        ));
    }
    if offline > 0 {
        rest.push(format!("{} offline: it comes on return.", count(offline)));
    }
    match (all, failed) {
        (0, _) => Sentence::new(
            Status::Offline,
            "It was meant for nobody: the conversation had no participants.",
        ),
        (_, 0) if have == all => Sentence::new(Status::Healthy, have_words),
        (_, 0) if have + sent == 0 => Sentence::new(Status::Offline, have_words).and(rest.join(" ")),
        (_, 0) => Sentence::new(Status::Healthy, have_words).and(rest.join(" ")),
        _ => {
            rest.insert(0, have_words);
            let missed = number(Delivery::Missed);
            // Handed over and never confirmed: it may be on the screen all the same.
            let lead = if missed > 0 {
                format!(
                    "It did not arrive at {}.",
                    counted(missed, "participant", "participants")
                )
            } else {
                format!("{} never confirmed it.", counted(failed, "participant", "participants"))
            };
            Sentence::new(Status::Failed, lead).and(rest.join(" "))
        }
    }
}

/// `GET /admin/messages/{id}`
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    scene: Scene,
    path: Result<axum::extract::Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let text = super::last_segment(path)?;
    let nothing = || {
        Refusal::not_found(
            "message",
            text.as_str(),
            "No message has this id. One that was refused has none: ask Explain for the sender's own client_message_id.",
        )
    };
    let id = MessageId::parse(text.as_str()).map_err(|_| nothing())?;
    if deps.chat.message_for_operators(&id).await?.is_none() {
        return Err(nothing());
    }
    html(&compose(&scene, &deps.chat.delivery_of(&id).await?)?)
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> MessagePage {
    compose(&Scene::sample("/admin/messages/x", role), &tests::report()).unwrap()
}

#[cfg(test)]
pub(crate) mod tests;
