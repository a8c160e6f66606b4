//! `conversations/{id}/mute`, `…/bans` and `…/receipts`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chat_core::{ConversationId, UserId};
use http::StatusCode;
use rollcall_protocol::ConversationView;
use rollcall_protocol::event::{BanView, Receipts};
use rollcall_protocol::request::{BanParticipant, MuteConversation, Receipt, UnbanParticipant};
use serde::Serialize;

use super::ApiMetrics;
use super::caller::Caller;
use super::problem::Problem;
use super::read::{JsonFields, PathIds};
use crate::chat::Chat;

/// `POST conversations/{conversation_id}/mute`
pub(super) async fn mute(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<ConversationView>, Problem> {
    let request = MuteConversation {
        conversation_id: path.id("conversation_id")?,
        muted: fields.boolean("muted")?,
    };
    Ok(Json(chat.mute_conversation(&identity.into(), request).await?))
}

/// `{bans, more}`: they are bounded, so all of them come at once.
#[derive(Serialize)]
pub(super) struct Bans {
    bans: Vec<BanView>,
    more: bool,
}

/// `GET conversations/{conversation_id}/bans`
pub(super) async fn bans(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
) -> Result<Json<Bans>, Problem> {
    let id: ConversationId = path.id("conversation_id")?;
    let bans = chat.bans(&identity.into(), &id).await?;
    Ok(Json(Bans { bans, more: false }))
}

/// `POST conversations/{conversation_id}/bans`
pub(super) async fn ban(
    State(chat): State<Arc<Chat>>,
    State(metrics): State<ApiMetrics>,
    Caller(identity): Caller,
    path: PathIds,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<ConversationView>, Problem> {
    let request = BanParticipant::of(path.id("conversation_id")?, &mut fields)?;
    metrics.read_ids(&fields);
    Ok(Json(chat.ban_participant(&identity.into(), request).await?))
}

/// `DELETE conversations/{conversation_id}/bans/{user_id}`
pub(super) async fn unban(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
) -> Result<StatusCode, Problem> {
    let request = UnbanParticipant {
        conversation_id: path.id("conversation_id")?,
        user_id: path.id("user_id")?,
    };
    chat.unban_participant(&identity.into(), &request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET conversations/{conversation_id}/receipts`
pub(super) async fn receipts(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
) -> Result<Json<Receipts>, Problem> {
    let id: ConversationId = path.id("conversation_id")?;
    Ok(Json(chat.receipts(&identity.into(), &id).await?))
}

/// `POST conversations/{conversation_id}/receipts`
pub(super) async fn read(
    State(chat): State<Arc<Chat>>,
    State(metrics): State<ApiMetrics>,
    Caller(identity): Caller,
    path: PathIds,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<ConversationView>, Problem> {
    let receipt = Receipt::of(path.id("conversation_id")?, &mut fields)?;
    let user: Option<UserId> = fields.optional_id("user_id")?;
    metrics.read_ids(&fields);
    Ok(Json(chat.mark_read(&identity.into(), user, &receipt).await?))
}
