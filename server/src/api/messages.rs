//! `messages`: sending, editing and deleting by REST, and what became of a message.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use chat_core::{Message, UserId};
use http::StatusCode;
use rollcall_protocol::reply::Delivery;
use rollcall_protocol::request::{EditMessage, SendMessage, content};
use serde::Serialize;

use super::ApiMetrics;
use super::caller::Caller;
use super::problem::Problem;
use super::read::{JsonFields, PathIds, QueryFields};
use crate::chat::explain::DeliveryReport;
use crate::chat::{Actor, Chat};
use crate::telemetry::traces::{Ongoing, Step, Way};

/// How long a sender may wait for receipts at most: below every proxy's patience.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The answer of `POST messages`; with `?wait_ms=` it also says who confirmed.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    message: Message,
    duplicate: bool,
    delivery: Numbers,
}

#[derive(Debug, Serialize)]
struct Numbers {
    #[serde(flatten)]
    delivery: Delivery,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<UserId>>,
}

/// `POST messages?wait_ms=`: `201`, or `200` for one that had been sent before.
pub(super) async fn send(
    State(chat): State<Arc<Chat>>,
    State(metrics): State<ApiMetrics>,
    Caller(identity): Caller,
    ongoing: Option<Extension<Ongoing>>,
    query: QueryFields,
    JsonFields(mut fields): JsonFields,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    let wait = query
        .millis("wait_ms")?
        .map(|millis| Duration::from_millis(millis).min(WAIT_MAX));
    let request = SendMessage::read(&mut fields)?;
    metrics.read_ids(&fields);
    let (actor, mut way) = (
        Actor::from(identity),
        ongoing.map_or_else(Way::default, |Extension(ongoing)| ongoing.message()),
    );
    way.sender(actor.id(), actor.via, None);
    way.through(Step::Receive);
    let sent = chat.send(&actor, request, way).await?;
    let waited = match wait {
        Some(wait) => Some(chat.confirmations(&sent.message, wait).await?),
        None => None,
    };
    let status = if sent.duplicate {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let (confirmed, missing) = waited.map(|waited| (waited.confirmed, waited.missing)).unzip();
    let delivery = Numbers {
        delivery: sent.delivery,
        confirmed,
        missing,
    };
    Ok((
        status,
        Json(Answer {
            message: sent.message,
            duplicate: sent.duplicate,
            delivery,
        }),
    ))
}

/// `PATCH messages/{message_id}`
pub(super) async fn edit(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
    JsonFields(mut fields): JsonFields,
) -> Result<Json<Message>, Problem> {
    let edit = EditMessage {
        message_id: path.id("message_id")?,
        content: content(&mut fields)?,
    };
    Ok(Json(chat.edit_message(&identity.into(), edit).await?))
}

/// `DELETE messages/{message_id}`: `204`
pub(super) async fn delete(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
) -> Result<StatusCode, Problem> {
    chat.delete_message(&identity.into(), &path.id("message_id")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET messages/{message_id}/delivery`
pub(super) async fn delivery(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    path: PathIds,
) -> Result<Json<DeliveryReport>, Problem> {
    Ok(Json(
        chat.delivery_for(&identity.into(), &path.id("message_id")?).await?,
    ))
}
