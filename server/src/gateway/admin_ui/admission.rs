//! Who may look: an admin or an observer, by password or by the id of a session that a password began.

use std::net::IpAddr;
use std::sync::Arc;

use chat_core::User;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{AdminUi, Admitted};
use crate::gateway::rejected::OperatorsDoor;
use crate::gateway::socketio::packet::RawAuth;
use crate::hub::adapter::SocketRef;
use crate::identity::LoginError;
use crate::limits::{ADMIN_UI_COMMANDS_WAITING_MAX, ADMIN_UIS_MAX};
use crate::telemetry::labels::Limit;

/// The official UI knows this text: it translates it, and asks for the password again.
const INVALID_CREDENTIALS: &str = "invalid credentials";

/// Why a connection was refused, as `connect_error` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("{INVALID_CREDENTIALS}")]
    Credentials,
    #[error("not_found: namespace /admin is not on this address (it is on that of ROLLCALL_ADMIN_BIND)")]
    Elsewhere,
    #[error("rate_limited: too many Admin UIs are connected (close one that nobody looks at)")]
    TooMany,
    #[error("conflict: this connection is in namespace /admin already")]
    Twice,
    #[error("storage_unavailable: the accounts cannot be read now (try again)")]
    Unavailable,
}

impl AdminUi {
    /// The middleware: runs before the UI hears anything.
    pub(super) async fn admit(self: &Arc<Self>, socket: &SocketRef, auth: RawAuth) -> Result<(), Refused> {
        if self.parts.own_listener && socket.req_parts().extensions.get::<OperatorsDoor>().is_none() {
            return Err(Refused::Elsewhere);
        }
        if self.parts.hub.admin(socket.id.as_str()).is_some() {
            return Err(Refused::Twice);
        }
        let auth = auth.json().map_err(|_| Refused::Credentials)?;
        let address = self.address(socket);
        let (user, session) = match self.by_session(&auth).await? {
            Some(user) => (user, None),
            None => self.by_password(&auth, address).await?,
        };
        if self.parts.hub.admins().len() >= ADMIN_UIS_MAX {
            return Err(Refused::TooMany);
        }
        let (commands, waiting) = mpsc::channel(ADMIN_UI_COMMANDS_WAITING_MAX);
        let (link, gone) = (Arc::default(), CancellationToken::new());
        self.listen(socket, commands, (Arc::clone(&link), gone.clone()));
        socket.extensions.insert(Admitted {
            user: Arc::new(user),
            session,
            commands: Arc::new(parking_lot::Mutex::new(Some(waiting))),
            link,
            gone,
        });
        Ok(())
    }

    /// The account of a session that still stands; `None` when there is none to speak of.
    async fn by_session(&self, auth: &Value) -> Result<Option<User>, Refused> {
        let Some(id) = auth.get("sessionId").and_then(Value::as_str) else {
            return Ok(None);
        };
        let Some((username, hash)) = self.sessions.find(id) else {
            return Ok(None);
        };
        let stored = self.parts.accounts.credentials(&username).await;
        let stored = stored.map_err(|error| unavailable(&error))?;
        match stored {
            Some(stored) if stored.password_hash == hash && may_look(&stored.user) => Ok(Some(stored.user)),
            _ => {
                self.sessions.end(id);
                Ok(None)
            }
        }
    }

    async fn by_password(&self, auth: &Value, address: Option<IpAddr>) -> Result<(User, Option<String>), Refused> {
        let text = |name: &str| auth.get(name).and_then(Value::as_str);
        let (Some(username), Some(password)) = (text("username"), text("password")) else {
            return Err(Refused::Credentials);
        };
        if let Some(address) = address
            && self.parts.limits.check_login(address).is_err()
        {
            self.parts.metrics.rate_limited.increment(Limit::Logins);
            tracing::warn!("too many attempts to sign in to the Admin UI from one address");
            return Err(Refused::Credentials);
        }
        let user = match self.parts.authority.check_password(username.trim(), password).await {
            Ok(user) if may_look(&user) => user,
            Ok(user) => {
                tracing::warn!(user.name = %user.username, "refused at the Admin UI: neither admin nor observer");
                return Err(Refused::Credentials);
            }
            Err(LoginError::Store(error)) => return Err(unavailable(&error)),
            Err(error) => {
                tracing::info!(%error, "refused at the Admin UI");
                return Err(Refused::Credentials);
            }
        };
        let stored = self.parts.accounts.credentials(&user.username).await;
        let stored = stored.map_err(|error| unavailable(&error))?;
        let hash = stored.and_then(|stored| stored.password_hash);
        tracing::info!(user.name = %user.username, "signed in to the Admin UI");
        let session = self.sessions.begin(user.username.clone(), hash);
        Ok((user, Some(session)))
    }
}

/// Whoever may, may until they lose the role or the account.
pub(super) fn may_look(user: &User) -> bool {
    user.disabled_at.is_none() && user.role.sees_admin()
}

fn unavailable(error: &chat_core::ports::StoreError) -> Refused {
    tracing::warn!(%error, "an Admin UI could not be admitted");
    Refused::Unavailable
}
