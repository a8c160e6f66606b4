//! What an admin can do to a room: put everybody into it who is online and should be in it.

use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use serde_json::{Value, json};

use super::{Address, Order, address, no_action};
use crate::admin::AdminDeps;
use crate::admin::audit::note;
use crate::admin::pages::{room, room_href};
use crate::admin::refusal::Refusal;
use crate::admin::words::counted;

/// Joins every socket that is missing; how many were, and how many are in it now.
async fn repair(
    deps: &AdminDeps,
    order: &Order,
    (namespace, name, action): &(String, String, String),
) -> Result<(usize, usize), Refusal> {
    if action != "repair" {
        return Err(no_action(action, "There is repair."));
    }
    let detail = room::find(deps.inspect.as_ref(), namespace, name).await?;
    let sids: Vec<_> = detail.missing.iter().flat_map(|missing| &missing.sids).collect();
    if sids.is_empty() {
        return Err(Refusal::Conflict(
            "nobody is missing from this room: everybody who is online and should be in it is".to_owned(),
        ));
    }
    let who: Vec<&str> = detail.missing.iter().map(|missing| missing.username.as_str()).collect();
    let words = format!("{} of {}", counted(sids.len(), "socket", "sockets"), who.join(", "));
    note(deps, &order.viewer, "repair", name.as_str(), words).await?;
    let mut joined = 0;
    for sid in &sids {
        joined += usize::from(deps.inspect.join(sid.as_str(), name).await);
    }
    if joined == 0 {
        let failed = "the live room shows none of the sockets after the join";
        note(
            deps,
            &order.viewer,
            "repair",
            name.as_str(),
            format!("failed: {failed}"),
        )
        .await?;
        return Err(Refusal::Conflict(failed.to_owned()));
    }
    Ok((sids.len(), joined))
}

/// `POST /admin/api/rooms/{namespace}/{room}/repair`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Address<(String, String, String)>,
    order: Order,
) -> Result<Json<Value>, Refusal> {
    let (missing, joined) = repair(&deps, &order, &address(path)?).await?;
    Ok(Json(json!({ "ok": true, "missing": missing, "joined": joined })))
}

/// `POST /admin/rooms/{namespace}/{room}/repair`: the same from a form.
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    path: Address<(String, String, String)>,
    order: Order,
) -> Result<Redirect, Refusal> {
    let address = address(path)?;
    repair(&deps, &order, &address).await?;
    Ok(Redirect::to(&format!(
        "{}?done=repaired",
        room_href(&address.0, &address.1)
    )))
}
