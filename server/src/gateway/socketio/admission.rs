//! Who may come in: tokens held against accounts, and an answer to everybody who is in the wrong place.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts as HttpParts;
use rollcall_protocol::request::Hello;
use rollcall_protocol::{ErrorCode, WireError};
use socketioxide::TransportType;
use socketioxide::handler::ConnectHandler;

use super::inbox::Inbox;
use super::packet::RawAuth;
use super::{Admitted, Gateway};
use crate::gateway::rejected::{Fault, OperatorsDoor};
use crate::hub::adapter::{SocketIo, SocketRef};
use crate::identity::{AuthError, TokenError, presented_token};
use crate::limits::POLLING_REFUSAL_DELAY;

/// What `connect_error` says: it begins with the code.
#[derive(Debug)]
pub(super) struct ConnectError(pub(super) WireError);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match &self.0.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Called before a CONNECT is refused: see [`POLLING_REFUSAL_DELAY`].
pub(in crate::gateway) async fn answer_its_request_first(socket: &SocketRef) {
    if socket.transport_type() == TransportType::Polling {
        tokio::time::sleep(POLLING_REFUSAL_DELAY).await;
    }
}

impl Gateway {
    /// A namespace that does not exist is made for the moment that it takes to say so, and is gone again.
    pub(super) fn answer_unknown_namespaces(self: Arc<Self>, io: &SocketIo) -> Result<(), socketioxide::NsInsertError> {
        let server = io.clone();
        let middleware = move |socket: SocketRef, auth: RawAuth| {
            let (gateway, server) = (Arc::clone(&self), server.clone());
            async move {
                let error = gateway.unknown_namespace(&socket, &auth);
                answer_its_request_first(&socket).await;
                let namespace = socket.ns().to_owned();
                // Not from within: the namespace is in use until this refusal is on its way.
                tokio::spawn(async move { server.delete_ns(namespace) });
                Err::<(), _>(ConnectError(error))
            }
        };
        io.dyn_ns("/{*namespace}", (|_: SocketRef| async {}).with(middleware))
    }

    fn unknown_namespace(&self, socket: &SocketRef, auth: &RawAuth) -> WireError {
        let token = Hello::decode(auth.json().unwrap_or_default())
            .ok()
            .and_then(|hello| hello.value.token);
        let parts = socket.req_parts();
        let token = presented_token(token.as_deref(), &parts.headers, &parts.uri);
        let fault = Fault::Namespace(socket.ns().to_owned());
        let error = WireError::new(ErrorCode::NotFound, fault.detail()).with_hint(fault.remedy());
        self.reject(parts, self.address(parts), fault, token.as_deref());
        error
    }

    /// The middleware: runs before the client hears anything. Registers every handler, so that an event that comes right
    /// behind CONNECT finds its inbox.
    pub(super) async fn admit(self: &Arc<Self>, socket: &SocketRef, auth: RawAuth) -> Result<(), WireError> {
        self.chat.refuse_when_closing()?;
        if socket.req_parts().extensions.get::<OperatorsDoor>().is_some() {
            let error = WireError::new(ErrorCode::NotFound, "chat is not on this address");
            return Err(error.with_hint("it is on that of ROLLCALL_BIND; here is namespace /admin"));
        }
        let given = auth.json();
        let looks_like_admin_ui = given.as_ref().is_ok_and(is_admin_ui);
        let hello = given
            .and_then(Hello::decode)
            .inspect_err(|error| self.count_error(error))?;
        self.metrics.coerced_ids.increment(u64::from(hello.coerced_ids));
        let hello = hello.value;
        let parts = socket.req_parts();
        let token = presented_token(hello.token.as_deref(), &parts.headers, &parts.uri);
        if token.is_none() && looks_like_admin_ui {
            let error = WireError::new(ErrorCode::Unauthorized, Fault::AdminUi.detail());
            let error = error.with_hint(Fault::AdminUi.remedy());
            self.count_error(&error);
            tracing::info!("the official Admin UI came to namespace / instead of /admin");
            self.reject(parts, self.address(parts), Fault::AdminUi, None);
            return Err(error);
        }
        let identity = match &token {
            Some(token) => self.authority.authenticate(token).await,
            None => Err(AuthError::Missing),
        };
        let identity = identity.map_err(|error| {
            let address = self.address(parts);
            self.refuse_token(parts, address, error, token.as_deref())
        })?;
        let inbox = Arc::new(Inbox::default());
        self.listen(socket, &inbox);
        socket.extensions.insert(Admitted {
            identity,
            hello: Arc::new(hello),
            inbox,
        });
        Ok(())
    }

    /// A token that does not let in: kept among the rejected, and said.
    pub(in crate::gateway) fn refuse_token(
        &self,
        parts: &HttpParts,
        address: Option<IpAddr>,
        error: AuthError,
        token: Option<&str>,
    ) -> WireError {
        let fault = match &error {
            AuthError::Missing => Some(Fault::TokenMissing),
            AuthError::Token(TokenError::Expired) => Some(Fault::TokenExpired),
            AuthError::Token(TokenError::Refused(why)) => Some(Fault::TokenInvalid((*why).to_owned())),
            AuthError::UnknownAccount => Some(Fault::UserUnknown),
            AuthError::Disabled => Some(Fault::UserDisabled),
            // Our own trouble, not the client's.
            AuthError::Store(_) => None,
        };
        let error = WireError::from(error);
        self.count_error(&error);
        if let Some(fault) = fault {
            self.reject(parts, address, fault, token);
        }
        error
    }
}

/// Does this `auth` read as the official Admin UI sends it: a username and a password, or the id of a session?
fn is_admin_ui(auth: &serde_json::Value) -> bool {
    let is_text = |name: &str| auth.get(name).is_some_and(serde_json::Value::is_string);
    auth.get("token").is_none() && ((is_text("username") && is_text("password")) || auth.get("sessionId").is_some())
}
