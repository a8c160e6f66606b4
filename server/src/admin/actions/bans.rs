//! What an admin can do to a ban: lift it.

use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use chat_core::{ConversationId, UserId};
use rollcall_protocol::request::UnbanParticipant;
use serde_json::Value;

use super::{Address, Order, address, done, no_action};
use crate::admin::AdminDeps;
use crate::admin::audit::note;
use crate::admin::pages::conversation_href;
use crate::admin::refusal::Refusal;

async fn lift(
    deps: &AdminDeps,
    order: &Order,
    (conversation, user, action): &(String, String, String),
) -> Result<ConversationId, Refusal> {
    if action != "lift" {
        return Err(no_action(action, "There is lift."));
    }
    let nothing = || {
        let hint = "Nobody with this id is banned from this conversation. Its page lists who is.";
        Refusal::not_found("ban", user, hint)
    };
    let conversation_id = ConversationId::parse(conversation.as_str()).map_err(|_| nothing())?;
    let user_id = UserId::parse(user.as_str()).map_err(|_| nothing())?;
    let bans = deps.chat.bans_for_operators(&conversation_id).await?;
    let ban = bans
        .into_iter()
        .find(|ban| ban.user_id == user_id)
        .ok_or_else(nothing)?;
    let why = ban
        .reason
        .map(|reason| format!(", banned for: {reason}"))
        .unwrap_or_default();
    let words = format!("of {}{why}", ban.username);
    note(deps, &order.viewer, "lift ban", conversation_id.as_str(), words).await?;
    let request = UnbanParticipant {
        conversation_id: conversation_id.clone(),
        user_id,
    };
    deps.chat.unban_participant(&order.viewer.actor(), &request).await?;
    Ok(conversation_id)
}

/// `POST /admin/api/conversations/{id}/bans/{user_id}/lift`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Address<(String, String, String)>,
    order: Order,
) -> Result<Json<Value>, Refusal> {
    lift(&deps, &order, &address(path)?).await?;
    Ok(done())
}

/// `POST /admin/conversations/{id}/bans/{user_id}/lift`: the same from a form.
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    path: Address<(String, String, String)>,
    order: Order,
) -> Result<Redirect, Refusal> {
    let id = lift(&deps, &order, &address(path)?).await?;
    Ok(Redirect::to(&format!("{}?done=ban-lifted", conversation_href(&id))))
}
