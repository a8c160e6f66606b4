//! Conversations: all that there are, whether or not anybody is in their rooms.

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use chat_core::ConversationKind;
use chat_core::ids::conversation_room;
use chat_core::ports::operators::{ConversationFilter, ConversationOrder, ConversationSummary};
use serde::Serialize;

use super::user::rows::Named;
use crate::admin::AdminDeps;
use crate::admin::asked::{Asked, Column, FilterForm, Order, Paged, Pager};
use crate::admin::refusal::Refusal;
use crate::admin::scene::{Chrome, Scene, Tab, html};
use crate::admin::words::{Id, Sentence, Stamp, Status, count, counted};

/// What conversations can be sorted by.
const COLUMNS: [&str; 5] = ["active", "created_at", "title", "participants", "messages"];

/// A conversation as the JSON has it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConversationRow {
    #[serde(flatten)]
    summary: ConversationSummary,
    /// Sockets in its live room.
    sockets: usize,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "conversations.html")]
pub(crate) struct ConversationsPage {
    chrome: Chrome,
    sentence: Sentence,
    columns: Vec<Column>,
    rows: Vec<Row>,
    pager: Option<Pager>,
    form: FilterForm,
    kind: String,
    kinds: [&'static str; 2],
}

#[derive(Debug)]
struct Row {
    id: Id,
    name: String,
    href: String,
    kind: &'static str,
    participants: String,
    messages: String,
    sockets: String,
    active: Stamp,
}

fn order(asked: &Asked) -> Result<Order, Refusal> {
    asked.order(&COLUMNS, Order::falling("active"))
}

fn filter(asked: &Asked) -> Result<ConversationFilter, Refusal> {
    let order = order(asked)?;
    let kind = match asked.get("kind") {
        None => None,
        Some("direct") => Some(ConversationKind::Direct),
        Some("group") => Some(ConversationKind::Group),
        Some(_) => return Err(Refusal::BadRequest("`kind` is one of direct, group".to_owned())),
    };
    Ok(ConversationFilter {
        text: asked.text("q")?,
        kind,
        order: match order.by {
            "created_at" => ConversationOrder::CreatedAt,
            "title" => ConversationOrder::Title,
            "participants" => ConversationOrder::Participants,
            "messages" => ConversationOrder::Messages,
            _ => ConversationOrder::Active,
        },
        falling: order.falling,
    })
}

async fn gather(deps: &AdminDeps, asked: &Asked) -> Result<Paged<ConversationRow>, Refusal> {
    let paging = asked.paging()?;
    let listed = deps.reads.list_conversations(&filter(asked)?, paging.slice()).await?;
    let row = |summary: ConversationSummary| ConversationRow {
        sockets: deps.inspect.sockets_in("/", &conversation_room(&summary.id)),
        summary,
    };
    Ok(paging.listed(listed).map(row))
}

fn compose(scene: &Scene, paged: &Paged<ConversationRow>, in_use: usize) -> Result<ConversationsPage, Refusal> {
    let asked = &scene.asked;
    let order = order(asked)?;
    let row = |row: &ConversationRow| {
        let summary = &row.summary;
        let Named { name, href } = Named::new(&summary.id, summary.title.as_deref(), &summary.names);
        Row {
            id: Id::new(&summary.id),
            name,
            href,
            kind: summary.kind.as_str(),
            participants: count(summary.participants),
            messages: count(summary.last_seq.0),
            sockets: count(row.sockets),
            active: scene.stamp(summary.last_message_at.unwrap_or(summary.created_at)),
        }
    };
    let form = FilterForm::new(asked, &["q", "kind"]);
    Ok(ConversationsPage {
        chrome: scene.chrome(Some(Tab::Conversations), "Conversations"),
        sentence: sentence(paged.total, in_use, form.set),
        columns: vec![
            Column::new(asked, order, "title", "Conversation", false),
            Column::plain("Id"),
            Column::plain("Kind"),
            Column::new(asked, order, "participants", "Participants", true),
            Column::new(asked, order, "messages", "Messages", true),
            Column::plain_figures("Sockets in its room"),
            Column::new(asked, order, "active", "Last message", true),
        ],
        rows: paged.items.iter().map(row).collect(),
        pager: Pager::new(asked, paged),
        form,
        kind: asked.shown("kind"),
        kinds: ["direct", "group"],
    })
}

fn sentence(total: usize, in_use: usize, filtered: bool) -> Sentence {
    let rooms = format!("{} in use now.", counted(in_use, "room is", "rooms are"));
    if filtered {
        let found = counted(total, "conversation matches.", "conversations match.");
        return Sentence::new(Status::Healthy, found).and(rooms);
    }
    let status = if in_use == 0 { Status::Offline } else { Status::Healthy };
    Sentence::new(
        status,
        format!("{} here.", counted(total, "conversation is", "conversations are")),
    )
    .and(rooms)
}

/// `GET /admin/conversations`
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene) -> Result<Response, Refusal> {
    let paged = gather(&deps, &scene.asked).await?;
    html(&compose(&scene, &paged, deps.inspect.conversation_rooms())?)
}

/// `GET /admin/api/conversations`
pub(crate) async fn api(State(deps): State<AdminDeps>, asked: Asked) -> Result<Json<Paged<ConversationRow>>, Refusal> {
    Ok(Json(gather(&deps, &asked).await?))
}

#[cfg(test)]
pub(crate) fn sample(role: chat_core::Role) -> ConversationsPage {
    let scene = Scene::sample("/admin/conversations", role);
    let paged = scene.asked.paging().unwrap().cut(tests::rows());
    compose(&scene, &paged, 1).unwrap()
}

#[cfg(test)]
mod tests {
    use chat_core::{ConversationId, Seq};

    use super::super::tests::HOSTILE;
    use super::*;
    use crate::admin::scene::sample_time;

    pub(super) fn rows() -> Vec<ConversationRow> {
        let row = |id: &str, title: Option<&str>, seq, sockets| ConversationRow {
            summary: ConversationSummary {
                id: ConversationId::parse(id).unwrap(),
                kind: ConversationKind::Group,
                title: title.map(str::to_owned),
                created_at: sample_time(90_000),
                last_seq: Seq(seq),
                last_message_at: (seq > 0).then(|| sample_time(5)),
                participants: 3,
                names: vec!["alice".to_owned(), "bob".to_owned()],
            },
            sockets,
        };
        vec![
            row("42", Some("Ops night shift"), 812, 4),
            row("0197c31f-2b7e-7000-8000-0000000000a1", Some(HOSTILE), 1, 0),
            row("43", None, 0, 0),
        ]
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let asked = |uri: &str| filter(&Asked::of(&uri.parse().unwrap()));
        assert!(asked("/x?kind=broadcast").is_err());
        assert!(asked("/x?sort=secret").is_err());
        let usual = asked("/x?q=Ops&kind=group").unwrap();
        assert_eq!((usual.order, usual.falling), (ConversationOrder::Active, true));
    }
}
