//! What became of a message, and why: the roll call as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chat_core::explain::Explanation;
use chat_core::ids::InvalidId;
use chat_core::{ConversationId, MessageId, UserId};
use rollcall_protocol::ShapeError;

use crate::api::{PathIds, Problem, QueryFields};
use crate::chat::Chat;
use crate::chat::explain::DeliveryReport;

/// `messages/{message_id}/delivery`
pub(crate) async fn delivery(State(chat): State<Arc<Chat>>, path: PathIds) -> Result<Json<DeliveryReport>, Problem> {
    let id: MessageId = path.id("message_id")?;
    Ok(Json(chat.delivery_of(&id).await?))
}

/// `explain?message_id=&user_id=`, `explain?conversation_id=&user_id=` (would a message reach this user now?), or
/// `explain?client_message_id=&conversation_id=` (what became of a message that perhaps never was saved?).
pub(crate) async fn explain(State(chat): State<Arc<Chat>>, query: QueryFields) -> Result<Json<Explanation>, Problem> {
    let user: Option<UserId> = id(&query, "user_id")?;
    let conversation: Option<ConversationId> = id(&query, "conversation_id")?;
    if let Some(message) = id::<MessageId>(&query, "message_id")? {
        let user = user.ok_or_else(|| missing("user_id", "the id of the user who should have got it"))?;
        return Ok(Json(chat.explain_message(&message, &user).await?));
    }
    let conversation = conversation.ok_or_else(|| {
        missing(
            "message_id",
            "message_id and user_id, or conversation_id and user_id, or conversation_id and client_message_id",
        )
    })?;
    if let Some(client_message_id) = id(&query, "client_message_id")? {
        return Ok(Json(
            chat.explain_client_message(&conversation, &client_message_id, user.as_ref())
                .await?,
        ));
    }
    let user = user.ok_or_else(|| missing("user_id", "the id of the user whom a message should reach"))?;
    Ok(Json(chat.explain_now(&conversation, &user).await?))
}

fn id<T: std::str::FromStr<Err = InvalidId>>(
    query: &QueryFields,
    field: &'static str,
) -> Result<Option<T>, ShapeError> {
    let parsed = query.text(field).map(|text| {
        text.parse()
            .map_err(|error: InvalidId| ShapeError::new(field, error.to_string(), format!("{text:.40?}")))
    });
    parsed.transpose()
}

fn missing(field: &'static str, expected: &'static str) -> ShapeError {
    ShapeError::new(field, expected, "nothing")
}
