//! Making and taking back tokens of services. A token is shown once, to whoever made it, and kept nowhere.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chat_core::Role;
use serde_json::{Value, json};

use super::{Address, Order, address, done};
use crate::admin::AdminDeps;
use crate::admin::audit::note;
use crate::admin::pages::tokens::{self, Fresh};
use crate::admin::refusal::Refusal;
use crate::admin::scene::Scene;
use crate::identity::{IssuedToken, KeepError};

/// What a token is for, in characters.
const NAME_CHARS_MAX: usize = 64;
/// Ten years: longer is for ever, and nothing that is given away should be.
const DAYS_MAX: u32 = 3_650;

struct Wanted {
    username: String,
    name: String,
    days: u32,
}

impl Wanted {
    fn of(order: &Order) -> Result<Self, Refusal> {
        let bad = |what: String| Err(Refusal::BadRequest(what));
        let body = &order.body;
        let username = body.username.as_deref().unwrap_or_default().trim().to_lowercase();
        if username.is_empty() {
            return bad("`username` is missing; expected is the username of a service's account".to_owned());
        }
        let name = body.name.as_deref().unwrap_or_default().trim();
        if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
            return bad(format!(
                "`name` says what the token is for, in 1 to {NAME_CHARS_MAX} characters"
            ));
        }
        match body.days {
            Some(days) if (1..=DAYS_MAX).contains(&days) => Ok(Self {
                username,
                name: name.to_owned(),
                days,
            }),
            _ => bad(format!("`days` is a whole number from 1 to {DAYS_MAX}")),
        }
    }
}

async fn make(deps: &AdminDeps, order: &Order) -> Result<(String, IssuedToken), Refusal> {
    let wanted = Wanted::of(order)?;
    let missing = || {
        Refusal::not_found(
            "account",
            wanted.username.clone(),
            "Make it with `rollcall user add NAME --role service`.",
        )
    };
    let stored = deps.accounts.credentials(&wanted.username).await?;
    let user = stored.ok_or_else(missing)?.user;
    if user.role != Role::Service {
        return Err(Refusal::Conflict(format!(
            "{} is a {}, and only services have tokens that can be taken back",
            user.username,
            user.role.as_str()
        )));
    }
    let detail = format!("for {}, {} days", wanted.name, wanted.days);
    note(deps, &order.viewer, "make-token", user.username.as_str(), detail).await?;
    let lifetime = Duration::from_hours(u64::from(wanted.days) * 24);
    let issued = deps
        .authority
        .issue_kept(&user, user.role, lifetime, &wanted.name)
        .await;
    let issued = issued.map_err(|error| match error {
        KeepError::Store(error) => Refusal::Store(error),
        KeepError::Token(error) => {
            tracing::error!(%error, "a token could not be made");
            Refusal::Internal
        }
    })?;
    Ok((user.username, issued))
}

async fn revoke(deps: &AdminDeps, order: &Order, id: &str) -> Result<(), Refusal> {
    note(deps, &order.viewer, "revoke-token", id, "").await?;
    if deps.authority.revoke(id).await? {
        return Ok(());
    }
    Err(Refusal::not_found(
        "token to take back",
        id,
        "It may have been taken back before: the list says so.",
    ))
}

/// `POST /admin/api/tokens`
pub(crate) async fn api(State(deps): State<AdminDeps>, order: Order) -> Result<Json<Value>, Refusal> {
    let (username, issued) = make(&deps, &order).await?;
    Ok(Json(json!({
        "ok": true, "id": issued.id, "username": username, "token": issued.token, "expires_at": issued.expires_at,
    })))
}

/// `POST /admin/tokens`: the same from a form; the answer is the page with the token on it.
pub(crate) async fn page(State(deps): State<AdminDeps>, scene: Scene, order: Order) -> Result<Response, Refusal> {
    let (username, issued) = make(&deps, &order).await?;
    let fresh = Fresh {
        id: issued.id,
        username,
        token: issued.token,
    };
    tokens::with(&deps, &scene, Some(fresh)).await
}

/// `POST /admin/api/tokens/{id}/revoke`
pub(crate) async fn revoke_api(
    State(deps): State<AdminDeps>,
    path: Address<String>,
    order: Order,
) -> Result<Json<Value>, Refusal> {
    revoke(&deps, &order, &address(path)?).await?;
    Ok(done())
}

/// `POST /admin/tokens/{id}/revoke`: the same from a form.
pub(crate) async fn revoke_page(
    State(deps): State<AdminDeps>,
    path: Address<String>,
    order: Order,
) -> Result<Response, Refusal> {
    revoke(&deps, &order, &address(path)?).await?;
    Ok(Redirect::to("/admin/tokens?done=revoked").into_response())
}
