//! `search`: messages by their words.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chat_core::search::SearchWords;
use rollcall_protocol::ShapeError;
use rollcall_protocol::reply::Found;

use super::caller::Caller;
use super::problem::Problem;
use super::read::QueryFields;
use crate::chat::Chat;

/// `GET search?q=&conversation_id=&before_seq=&limit=`: the newest first.
pub(super) async fn search(
    State(chat): State<Arc<Chat>>,
    Caller(identity): Caller,
    query: QueryFields,
) -> Result<Json<Found>, Problem> {
    let typed = query.text("q").unwrap_or_default();
    let words = SearchWords::parse(typed).map_err(|none| {
        let got = if typed.is_empty() {
            "nothing".to_owned()
        } else {
            format!("{typed:.40?}")
        };
        ShapeError::new("q", none.to_string(), got)
    })?;
    let within = query.id("conversation_id")?;
    let before = query.seq("before_seq")?;
    Ok(Json(
        chat.search(&identity.into(), words, within, before, query.limit()?)
            .await?,
    ))
}
