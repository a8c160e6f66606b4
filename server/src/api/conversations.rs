//! `conversations`, their participants, and their messages to page through.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chat_core::limits::PARTICIPANTS_MAX;
use chat_core::ports::PageFrom;
use chat_core::{ConversationId, UserId};
use http::StatusCode;
use rollcall_protocol::ConversationView;
use rollcall_protocol::reply::Synced;
use rollcall_protocol::request::CreateConversation;
use serde::Serialize;

use super::ApiMetrics;
use super::caller::Caller;
use super::problem::Problem;
use super::read::{JsonFields, PathIds, QueryFields};
use crate::chat::Chat;

/// `{conversations, more}`: a user's conversations are bounded, so all of them come at once.
#[derive(Serialize)]
pub(super) struct Conversations {
    conversations: Vec<ConversationView>,
    more: bool,
}

/// `GET conversations`
pub(super) async fn list(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
) -> Result<Json<Conversations>, Problem> {
    let conversations = chat.list_conversations(&identity.into()).await?;
    Ok(Json(Conversations {
        conversations,
        more: false,
    }))
}

/// `POST conversations`: `201`, or `200` for one that is there.
pub(super) async fn create(
    State(chat): State<Arc<Chat>>,
    State(metrics): State<ApiMetrics>,
    Caller(identity): Caller,
    JsonFields(mut fields): JsonFields,
) -> Result<(StatusCode, Json<ConversationView>), Problem> {
    let request = CreateConversation::read(&mut fields)?;
    metrics.read_ids(&fields);
    let (conversation, is_new) = chat.create_conversation(&identity.into(), request).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(conversation)))
}

/// `GET conversations/{conversation_id}`
pub(super) async fn one(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
) -> Result<Json<ConversationView>, Problem> {
    let id: ConversationId = path.id("conversation_id")?;
    Ok(Json(chat.conversation(&identity.into(), &id).await?))
}

/// `POST conversations/{conversation_id}/participants`
pub(super) async fn add_participants(
    State(chat): State<Arc<Chat>>,
    State(metrics): State<ApiMetrics>,
    Caller(identity): Caller,
    path: PathIds,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<ConversationView>, Problem> {
    let id: ConversationId = path.id("conversation_id")?;
    let user_ids: Vec<UserId> = fields.ids("user_ids", PARTICIPANTS_MAX)?;
    metrics.read_ids(&fields);
    Ok(Json(chat.add_participants(&identity.into(), &id, &user_ids).await?))
}

/// `DELETE conversations/{conversation_id}/participants/{user_id}`
pub(super) async fn remove_participant(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
) -> Result<StatusCode, Problem> {
    let id: ConversationId = path.id("conversation_id")?;
    let user_id: UserId = path.id("user_id")?;
    chat.remove_participant(&identity.into(), &id, &user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET conversations/{conversation_id}/messages?after_seq=&before_seq=&limit=`: without a bound, the newest page.
pub(super) async fn messages(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
    query: QueryFields,
) -> Result<Json<Synced>, Problem> {
    let id: ConversationId = path.id("conversation_id")?;
    let from = match (query.seq("after_seq")?, query.seq("before_seq")?) {
        (None, None) => PageFrom::Newest,
        (Some(after), None) => PageFrom::After(after),
        (None, Some(before)) => PageFrom::Before(before),
        (Some(_), Some(_)) => return Err(query.contradiction("before_seq", "after_seq")),
    };
    Ok(Json(chat.history(&identity.into(), &id, from, query.limit()?).await?))
}
