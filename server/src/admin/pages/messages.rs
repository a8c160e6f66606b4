//! Messages: found by id, sender, text, conversation and time; each leads to who got it.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chat_core::ids::CONVERSATION_ROOM_PREFIX;
use chat_core::ports::operators::{FoundMessages, MESSAGES_LOOKED_AT_MAX, MessageFilter, Sought};
use chat_core::{ConversationId, Message, MessageId, Timestamp};

use super::conversation::{MessageRow, message_row};
use super::user;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, FilterForm, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Sentence, Status, count, counted};

/// The page.
#[derive(Debug, Template)]
#[template(path = "messages.html")]
pub(crate) struct MessagesPage {
    chrome: Chrome,
    sentence: Sentence,
    messages: Vec<MessageRow>,
    pager: Option<Pager>,
    form: FilterForm,
    sender: String,
    conversation: String,
    from: String,
    to: String,
}

/// A time as it is typed: `2026-01-31T23:59`, or with seconds, or RFC 3339; without a zone it is UTC.
fn time(asked: &Asked, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = asked.get(name) else { return Ok(None) };
    let tried = [
        text.to_owned(),
        format!("{text}Z"),
        format!("{text}:00Z"),
        format!("{text}T00:00:00Z"),
    ];
    let parsed = tried.iter().find_map(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Refusal::BadRequest(format!(
            "`{name}` is \"{shown}\"; expected is a time such as 2026-01-31T23:59:00Z"
        ))
    })
}

/// What was asked for; `None`: of somebody or somewhere that is not there, so that nothing can be found.
async fn filter(deps: &AdminDeps, asked: &Asked) -> Result<Option<MessageFilter>, Refusal> {
    let sender_id = match asked.text("sender")? {
        None => None,
        Some(text) => match user::find(deps, &text).await {
            Ok(user) => Some(user.id),
            Err(Refusal::NotFound { .. }) => return Ok(None),
            Err(refusal) => return Err(refusal),
        },
    };
    let conversation_id = match asked.text("conversation")? {
        None => None,
        Some(text) => match ConversationId::parse(text.strip_prefix(CONVERSATION_ROOM_PREFIX).unwrap_or(&text)) {
            Ok(id) => Some(id),
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(MessageFilter {
        conversation_id,
        sender_id,
        text: asked.text("q")?,
        from: time(asked, "from")?,
        to: time(asked, "to")?,
    }))
}

async fn gather(deps: &AdminDeps, asked: &Asked) -> Result<(Paged<Message>, Looked), Refusal> {
    let paging = asked.paging()?;
    let Some(filter) = filter(deps, asked).await? else {
        return Ok((paging.of(Vec::new(), 0), Looked::everywhere()));
    };
    let found: FoundMessages = deps.reads.find_messages(&filter, paging.slice()).await?;
    let looked = Looked {
        cut: found.cut,
        sought: found.sought,
    };
    Ok((
        paging.of(found.items, usize::try_from(found.total).unwrap_or(usize::MAX)),
        looked,
    ))
}

/// How it was looked for, and how far.
#[derive(Debug, Clone, Copy)]
struct Looked {
    cut: bool,
    sought: Sought,
}

impl Looked {
    const fn everywhere() -> Self {
        Self {
            cut: false,
            sought: Sought::Words,
        }
    }

    /// What a reader must know of it.
    fn words(self) -> String {
        let how = match self.sought {
            Sought::Words => "",
            Sought::NoWords => "A text without letters or digits is in no index: messages were read. ",
            Sought::WithinWords => {
                "No message has words that begin like this: messages were read for it as it stands. "
            }
            Sought::Common => "Very many messages have these words: the newest were read for the text as it stands. ",
        };
        let far = if self.cut {
            format!(
                "Only the newest {} were looked at: name a conversation or a time to look further back.",
                count(MESSAGES_LOOKED_AT_MAX)
            )
        } else {
            String::new()
        };
        format!("{how}{far}").trim_end().to_owned()
    }
}

/// The message that was meant, when what was typed is the id of one.
async fn by_id(deps: &AdminDeps, asked: &Asked) -> Result<Option<Message>, Refusal> {
    let Some(Ok(id)) = asked.get("q").map(MessageId::parse) else {
        return Ok(None);
    };
    Ok(deps.chat.message_for_operators(&id).await?)
}

fn compose(scene: &Scene, paged: &Paged<Message>, looked: Looked) -> MessagesPage {
    let asked = &scene.asked;
    let form = FilterForm::new(asked, &["q", "sender", "conversation", "from", "to"]);
    MessagesPage {
        chrome: scene.chrome(Some(Tab::Messages), "Messages"),
        sentence: sentence(paged.total, looked, form.set),
        messages: paged.items.iter().map(|message| message_row(scene, message)).collect(),
        pager: Pager::new(asked, paged),
        form,
        sender: asked.shown("sender"),
        conversation: asked.shown("conversation"),
        from: asked.shown("from"),
        to: asked.shown("to"),
    }
}

fn sentence(total: usize, looked: Looked, filtered: bool) -> Sentence {
    let looked = looked.words();
    match (total, filtered) {
        (0, false) => Sentence::new(Status::Offline, "Nothing was said yet."),
        (0, true) => Sentence::new(Status::Offline, "No message matches.").and(looked),
        (_, false) => Sentence::new(
            Status::Healthy,
            format!("{} saved.", counted(total, "message is", "messages are")),
        )
        .and("Each leads to who got it, who did not, and why."),
        (_, true) => Sentence::new(Status::Healthy, counted(total, "message matches.", "messages match.")).and(looked),
    }
}

/// `GET /admin/messages`: the id of a message leads to it.
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    if let Some(message) = by_id(&deps, &scene.asked).await? {
        return Ok(Redirect::to(&super::message_href(&message.id)).into_response());
    }
    let (paged, looked) = gather(&deps, &scene.asked).await?;
    html(&compose(&scene, &paged, looked))
}

/// `GET /admin/api/messages`: `q` may be an id as well.
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<Message>>, Refusal> {
    if let Some(message) = by_id(&deps, &asked).await? {
        return Ok(Json(asked.paging()?.cut(vec![message])));
    }
    Ok(Json(gather(&deps, &asked).await?.0))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> MessagesPage {
    use super::conversation::tests::message;
    use super::tests::HOSTILE;
    let scene = Scene::sample("/admin/messages?q=script&page_size=2", role);
    let all = vec![message(812, HOSTILE), message(811, ""), message(810, "third")];
    let paged = scene.asked.paging().unwrap().cut(all);
    let looked = Looked {
        cut: true,
        sought: Sought::WithinWords,
    };
    compose(&scene, &paged, looked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_people_and_browsers_write_them() {
        let of = |text: &str| time(&Asked::of(&format!("/x?from={text}").parse().unwrap()), "from");
        let expected = "2026-01-31T23:59:00.000Z";
        for text in ["2026-01-31T23:59", "2026-01-31T23:59:00", "2026-01-31T23:59:00Z"] {
            assert_eq!(of(text).unwrap().unwrap().to_string(), expected, "{text}");
        }
        assert_eq!(
            of("2026-01-31").unwrap().unwrap().to_string(),
            "2026-01-31T00:00:00.000Z"
        );
        assert!(of("yesterday").is_err());
        assert_eq!(of("").unwrap(), None);
    }

    #[test]
    fn a_search_that_was_cut_says_so() {
        let cut = |sought| Looked { cut: true, sought };
        assert!(sentence(0, cut(Sought::Common), true).rest.contains("10\u{202f}000"));
        assert!(
            sentence(0, cut(Sought::NoWords), true)
                .rest
                .starts_with("A text without letters")
        );
        let everywhere = Looked::everywhere();
        assert_eq!(sentence(3, everywhere, true).lead, "3 messages match.");
        assert_eq!(sentence(3, everywhere, true).rest, "");
        assert_eq!(sentence(0, everywhere, false).status, Status::Offline);
    }
}
