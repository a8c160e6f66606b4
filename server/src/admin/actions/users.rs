//! What an admin can do to an account: disable it, enable it, close all of its sockets.

use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use chat_core::User;
use serde_json::Value;

use super::{Address, Order, address, done, no_action};
use crate::admin::AdminDeps;
use crate::admin::audit::note;
use crate::admin::pages::{user, user_href};
use crate::admin::refusal::Refusal;
use crate::admin::words::counted;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Disable,
    Enable,
    Disconnect,
}

impl Action {
    fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "disable" => Ok(Action::Disable),
            "enable" => Ok(Action::Enable),
            "disconnect" => Ok(Action::Disconnect),
            other => Err(no_action(other, "There are disable, enable and disconnect.")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Action::Disable => "disable",
            Action::Enable => "enable",
            Action::Disconnect => "disconnect",
        }
    }
}

async fn carry_out(
    deps: &AdminDeps,
    order: &Order,
    (id, action): &(String, String),
) -> Result<(Action, User), Refusal> {
    let action = Action::parse(action)?;
    let user = user::find(deps, id).await?;
    if action == Action::Disable && user.id == order.viewer.account.user_id {
        return Err(Refusal::Conflict(
            "this is your own account: another admin must disable it".to_owned(),
        ));
    }
    let open = deps.inspect.sockets_of(&user.id).len();
    let detail = match action {
        Action::Enable => String::new(),
        Action::Disable | Action::Disconnect => format!("{} closed", counted(open, "socket is", "sockets are")),
    };
    note(deps, &order.viewer, action.name(), user.username.as_str(), detail).await?;
    match action {
        Action::Disable => {
            deps.authority.set_disabled(&user, true).await?;
            deps.sessions.end_all_of(&user.id);
            deps.inspect.expel(&user.id).await;
        }
        Action::Enable => deps.authority.set_disabled(&user, false).await?,
        Action::Disconnect => {
            for socket in deps.inspect.sockets_of(&user.id) {
                deps.inspect.disconnect(socket.sid.as_str()).await;
            }
        }
    }
    Ok((action, user))
}

/// `POST /admin/api/users/{id}/{disable|enable|disconnect}`
pub(crate) async fn api(
    State(deps): State<AdminDeps>,
    path: Address<(String, String)>,
    order: Order,
) -> Result<Json<Value>, Refusal> {
    carry_out(&deps, &order, &address(path)?).await?;
    Ok(done())
}

/// `POST /admin/users/{id}/{disable|enable|disconnect}`: the same from a form.
pub(crate) async fn page(
    State(deps): State<AdminDeps>,
    path: Address<(String, String)>,
    order: Order,
) -> Result<Redirect, Refusal> {
    let (action, user) = carry_out(&deps, &order, &address(path)?).await?;
    let done = match action {
        Action::Disable => "disabled",
        Action::Enable => "enabled",
        Action::Disconnect => "user-disconnected",
    };
    Ok(Redirect::to(&format!("{}?done={done}", user_href(&user.id))))
}
