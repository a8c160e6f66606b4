//! Explain: one box that takes a message, a socket, a user or a conversation, and leads to the answer.

mod choices;
mod closed;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chat_core::delivery::ConnectionEvent;
use chat_core::explain::{Cause, Explanation, Step, StepName, StepStatus};
use chat_core::ids::{CONVERSATION_ROOM_PREFIX, ClientMessageId, InvalidId, USER_ROOM_PREFIX};
use chat_core::{ConversationId, MessageId, UserId};

use self::choices::Choices;
use self::closed::Past;
pub(crate) use self::closed::{past_of, words_about};
use super::user;
use crate::admin::AdminDeps;
use crate::admin::asked::Asked;
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, visible};

/// The page.
#[derive(Debug, Template)]
#[template(path = "explain.html")]
pub(crate) struct ExplainPage {
    chrome: Chrome,
    sentence: Sentence,
    asked: Typed,
    subject: Vec<Link>,
    remedy: Option<String>,
    trace: Option<Id>,
    cause: &'static str,
    steps: Vec<StepRow>,
    choices: Option<Choices>,
    /// Of a socket that is closed.
    past: Vec<Past>,
}

/// What stands in the box again.
#[derive(Debug, Default)]
struct Typed {
    what: String,
    who: String,
}

/// Something that the answer is about.
#[derive(Debug)]
struct Link {
    kind: &'static str,
    name: String,
    href: String,
}

#[derive(Debug)]
struct StepRow {
    name: &'static str,
    status: Status,
    word: &'static str,
    at: Option<Stamp>,
    detail: String,
}

/// What was asked.
#[derive(Debug)]
enum Question {
    /// Nothing yet.
    Empty,
    /// Why has this user, or has not, this message?
    Message(MessageId, UserId),
    /// Would a message of this conversation reach this user now?
    Now(ConversationId, UserId),
    /// What became of a message of which only the sender's id is known?
    Client(ConversationId, ClientMessageId, Option<UserId>),
    /// Which of a message's participants is meant?
    OfMessage(MessageId),
    /// Which of a user's conversations is meant?
    OfUser(UserId),
    /// Which of a conversation's participants is meant?
    OfConversation(ConversationId),
    /// What was this socket, which is closed, and would a message reach its user now?
    OfClosedSocket(Vec<ConnectionEvent>),
}

fn id<T: std::str::FromStr<Err = InvalidId>>(asked: &Asked, field: &str) -> Result<Option<T>, Refusal> {
    let parsed = asked.get(field).map(str::parse).transpose();
    parsed.map_err(|error: InvalidId| Refusal::BadRequest(format!("`{field}`: {error}")))
}

/// Finds out what was meant.
async fn question(deps: &AdminDeps, asked: &Asked) -> Result<Question, Refusal> {
    let conversation: Option<ConversationId> = id(asked, "conversation_id")?;
    let user: Option<UserId> = id(asked, "user_id")?;
    if let Some(message) = id::<MessageId>(asked, "message_id")? {
        return Ok(match user {
            Some(user) => Question::Message(message, user),
            None => Question::OfMessage(message),
        });
    }
    if let (Some(conversation), Some(client)) = (&conversation, id(asked, "client_message_id")?) {
        return Ok(Question::Client(conversation.clone(), client, user));
    }
    match (conversation, user) {
        (Some(conversation), Some(user)) => return Ok(Question::Now(conversation, user)),
        (Some(conversation), None) => return Ok(Question::OfConversation(conversation)),
        (None, Some(user)) => return Ok(Question::OfUser(user)),
        (None, None) => {}
    }
    let who = match asked.text("who")? {
        Some(text) => Some(user_of(deps, &text).await?),
        None => None,
    };
    match (asked.text("q")?, who) {
        (None, None) => Ok(Question::Empty),
        (None, Some(user)) => Ok(Question::OfUser(user)),
        (Some(text), who) => meant(deps, &text, who).await,
    }
}

/// A user by SID, id or name.
async fn user_of(deps: &AdminDeps, text: &str) -> Result<UserId, Refusal> {
    if let Some(socket) = deps.inspect.socket(text) {
        return Ok(socket.user_id);
    }
    match user::find(deps, text.strip_prefix(USER_ROOM_PREFIX).unwrap_or(text)).await {
        Ok(user) => Ok(user.id),
        Err(refusal) => match past_of(deps, text).await?.first() {
            Some(event) => Ok(event.user_id.clone()),
            None => Err(refusal),
        },
    }
}

/// What the text in the box is: a message, a conversation, a SID, a user, in this order.
async fn meant(deps: &AdminDeps, text: &str, who: Option<UserId>) -> Result<Question, Refusal> {
    if let Ok(id) = MessageId::parse(text)
        && deps.chat.message_for_operators(&id).await?.is_some()
    {
        return Ok(match who {
            Some(user) => Question::Message(id, user),
            None => Question::OfMessage(id),
        });
    }
    let bare = text.strip_prefix(CONVERSATION_ROOM_PREFIX).unwrap_or(text);
    if let Ok(id) = ConversationId::parse(bare)
        && deps.chat.conversation_for_operators(&id).await?.is_some()
    {
        return Ok(match who {
            Some(user) => Question::Now(id, user),
            None => Question::OfConversation(id),
        });
    }
    if deps.inspect.socket(text).is_none() {
        let past = past_of(deps, text).await?;
        if !past.is_empty() {
            return Ok(Question::OfClosedSocket(past));
        }
    }
    match user_of(deps, text).await {
        Ok(user) => Ok(Question::OfUser(user)),
        Err(Refusal::NotFound { .. }) => Err(Refusal::not_found(
            "message, conversation, socket or user",
            text,
            "Ids are looked up as they are, usernames in small letters. What happened to connections is kept for seven days; \
             a message that was refused has no id, only its sender's client_message_id: \
             /admin/explain?conversation_id=…&client_message_id=….",
        )),
        Err(refusal) => Err(refusal),
    }
}

fn step_words(step: StepName) -> &'static str {
    match step {
        StepName::Saved => "Saved",
        StepName::Participant => "Meant for them",
        StepName::Connected => "Connected",
        StepName::InRoom => "In the room",
        StepName::Broadcast => "Announced",
        StepName::HandedOver => "Handed over",
        StepName::Confirmed => "Confirmed",
        StepName::Read => "Read",
    }
}

fn step_row(scene: &Scene, step: &Step) -> StepRow {
    let (status, word) = match step.status {
        StepStatus::Ok => (Status::Healthy, "yes"),
        StepStatus::Failed => (Status::Failed, "no"),
        StepStatus::Unknown => (Status::Unknown, "not known"),
        StepStatus::Skipped => (Status::Offline, "not reached"),
    };
    StepRow {
        name: step_words(step.step),
        status,
        word,
        at: step.at.map(|at| scene.stamp(at)),
        detail: visible(&step.detail).into_owned(),
    }
}

fn page_of(scene: &Scene, sentence: Sentence) -> ExplainPage {
    ExplainPage {
        chrome: scene.chrome(Some(Tab::Explain), "Explain"),
        sentence,
        asked: Typed {
            what: scene.asked.shown("q"),
            who: scene.asked.shown("who"),
        },
        subject: Vec::new(),
        remedy: None,
        trace: None,
        cause: "",
        steps: Vec::new(),
        choices: None,
        past: Vec::new(),
    }
}

/// The answer: the verdict as a sentence, then the message's way with its evidence, then what to do.
fn answer(scene: &Scene, subject: Vec<Link>, explained: &Explanation) -> ExplainPage {
    let status = match (explained.verdict.into(), explained.cause) {
        // A message that is sent now and would arrive has no receipt to show.
        (Status::Unknown, None) => Status::Healthy,
        (status, _) => status,
    };
    ExplainPage {
        subject,
        remedy: explained.remedy.as_deref().map(|remedy| visible(remedy).into_owned()),
        trace: explained.trace_id.as_ref().map(Id::new),
        cause: explained.cause.map(Cause::as_str).unwrap_or_default(),
        steps: explained.steps.iter().map(|step| step_row(scene, step)).collect(),
        ..page_of(scene, Sentence::new(status, visible(&explained.summary)))
    }
}

fn choose(scene: &Scene, sentence: Sentence, choices: Choices) -> ExplainPage {
    ExplainPage {
        choices: Some(choices),
        ..page_of(scene, sentence)
    }
}

fn nothing_asked(scene: &Scene) -> ExplainPage {
    let sentence = Sentence::new(Status::Unknown, "Why did they not get it?")
        .and("Name a message to see who has it; a user, a socket or a conversation to see whether a message would arrive now.");
    page_of(scene, sentence)
}

fn message_link(id: &MessageId) -> Link {
    Link {
        kind: "message",
        name: Id::new(id).short,
        href: super::message_href(id),
    }
}

fn conversation_link(id: &ConversationId) -> Link {
    Link {
        kind: "conversation",
        name: Id::new(id).short,
        href: super::conversation_href(id),
    }
}

async fn user_link(deps: &AdminDeps, id: &UserId) -> Result<Link, Refusal> {
    let user = user::find(deps, id.as_str()).await?;
    Ok(Link {
        kind: "user",
        name: visible(&user.username).into_owned(),
        href: super::user_href(id),
    })
}

async fn compose(deps: &AdminDeps, scene: &Scene) -> Result<ExplainPage, Refusal> {
    let chat = &deps.chat;
    Ok(match question(deps, &scene.asked).await? {
        Question::Empty => nothing_asked(scene),
        Question::Message(message, user) => {
            let subject = vec![message_link(&message), user_link(deps, &user).await?];
            answer(scene, subject, &chat.explain_message(&message, &user).await?)
        }
        Question::Now(conversation, user) => {
            let subject = vec![conversation_link(&conversation), user_link(deps, &user).await?];
            answer(scene, subject, &chat.explain_now(&conversation, &user).await?)
        }
        Question::Client(conversation, client, user) => {
            let explained = chat
                .explain_client_message(&conversation, &client, user.as_ref())
                .await?;
            answer(scene, vec![conversation_link(&conversation)], &explained)
        }
        Question::OfMessage(id) => {
            let (sentence, choices) = choices::of_message(&chat.delivery_of(&id).await?);
            choose(scene, sentence, choices)
        }
        Question::OfUser(id) => {
            let (sentence, choices) = choices::of_user(deps, &id).await?;
            choose(scene, sentence, choices)
        }
        Question::OfClosedSocket(past) => closed::answer(deps, scene, &past).await?,
        Question::OfConversation(id) => {
            let (sentence, choices) = choices::of_conversation(deps, &id).await?;
            choose(scene, sentence, choices)
        }
    })
}

/// `GET /admin/explain`: by `q` and `who` from the box, or by ids as in the JSON. A single choice is the answer.
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    let page = compose(&deps, &scene).await?;
    if page.past.is_empty()
        && let Some([only]) = page.choices.as_ref().map(|choices| choices.rows.as_slice())
    {
        return Ok(Redirect::to(&only.href).into_response());
    }
    html(&page)
}

#[cfg(test)]
pub(crate) fn sample_empty(role: chat_core::Role) -> ExplainPage {
    nothing_asked(&Scene::sample("/admin/explain", role))
}

#[cfg(test)]
pub(crate) fn sample_choices(role: chat_core::Role) -> ExplainPage {
    let (sentence, choices) = choices::of_message(&super::message::tests::report());
    choose(&Scene::sample("/admin/explain?q=x", role), sentence, choices)
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> ExplainPage {
    use chat_core::ids::TraceId;

    use super::tests::HOSTILE;
    use crate::admin::scene::sample_time;
    let step = |step, status, detail: &str| Step {
        step,
        status,
        at: (status == StepStatus::Ok).then(|| sample_time(5)),
        detail: detail.to_owned(),
    };
    let explained = Explanation {
        verdict: chat_core::explain::Status::Unconfirmed,
        cause: Some(Cause::NoReceipt),
        summary: "bob was handed the message on one socket and never confirmed it.".to_owned(),
        steps: vec![
            step(StepName::Saved, StepStatus::Ok, "message 812 was committed"),
            step(StepName::Connected, StepStatus::Ok, HOSTILE),
            step(StepName::HandedOver, StepStatus::Ok, "4 attempts"),
            step(
                StepName::Confirmed,
                StepStatus::Failed,
                "no receipt came, the connection is alive",
            ),
            step(StepName::Read, StepStatus::Skipped, "not reached"),
        ],
        remedy: Some("Look whether the client listens for new_message and sends receipt.".to_owned()),
        trace_id: TraceId::parse("4bf92f3577b34da6a3ce929d0e0e4736").ok(),
    };
    let subject = vec![message_link(&MessageId::parse("m812").unwrap())];
    answer(
        &Scene::sample("/admin/explain?message_id=m812&user_id=bob", role),
        subject,
        &explained,
    )
}
