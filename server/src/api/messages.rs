//! `messages`: sending by REST.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use rollcall_protocol::reply::Sent;
use rollcall_protocol::request::SendMessage;

use super::ApiMetrics;
use super::caller::Caller;
use super::problem::Problem;
use super::read::JsonFields;
use crate::chat::Chat;

/// `POST messages`: `201`, or `200` for one that had been sent before.
pub(super) async fn send(
    State(chat): State<Arc<Chat>>,
    State(metrics): State<ApiMetrics>,
    Caller(identity): Caller,
    JsonFields(mut fields): JsonFields,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let request = SendMessage::read(&mut fields)?;
    metrics.read_ids(&fields);
    let sent = chat.send(&identity.into(), request).await?;
    let status = if sent.duplicate {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((status, Json(sent)))
}
