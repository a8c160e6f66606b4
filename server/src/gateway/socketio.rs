//! Namespace `/`: from a CONNECT packet to a live socket, and from its events to the use cases.
//!
//! In: connections and events of socketioxide. Out: calls of [`crate::chat`], and an answer to each. Guarantees: every
//! handler is registered before the client hears that it is connected, so no early event is lost; two events of one
//! socket are carried out in the order in which they were sent; nothing a client sends is met with silence.

mod admission;
pub mod dispatch;
pub mod inbox;
mod intake;
pub mod packet;
mod plain;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::request::Parts as HttpParts;
use rollcall_protocol::WireError;
use rollcall_protocol::request::Hello;
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::DisconnectReason;

use self::admission::ConnectError;
pub(super) use self::admission::answer_its_request_first;
use self::inbox::Inbox;
use self::intake::Intake;
use self::packet::RawAuth;
use super::listener::{ConnInfo, Line};
use super::rejected::{Fault, RejectedRing, Rejection};
use crate::chat::Chat;
use crate::hub::adapter::{SocketIo, SocketRef};
use crate::hub::{Caller, CloseReason, Grant, Hub, LiveSocket};
use crate::identity::{Authority, Identity};
use crate::limits::{SESSION_PATIENCE, SESSION_RETRY_FIRST, USER_AGENT_CHARS_MAX};
use crate::settings::{TrustedProxies, client_address};
use crate::telemetry::GatewayMetrics;
use crate::telemetry::label::Label as _;
use crate::telemetry::labels;
use crate::telemetry::traces::Tracer;

/// Admits connections and carries out their events.
pub struct Gateway {
    chat: Arc<Chat>,
    hub: Arc<Hub>,
    authority: Arc<Authority>,
    rejected: Arc<RejectedRing>,
    proxies: TrustedProxies,
    metrics: GatewayMetrics,
    tracer: Tracer,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gateway")
    }
}

/// What the gateway is made of.
#[derive(Debug)]
pub struct Parts {
    /// The use cases.
    pub chat: Arc<Chat>,
    /// Who somebody is.
    pub authority: Arc<Authority>,
    /// Connections that were refused.
    pub rejected: Arc<RejectedRing>,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: TrustedProxies,
    /// What the gateway counts.
    pub metrics: GatewayMetrics,
    /// Follows messages.
    pub tracer: Tracer,
}

/// A connection between its middleware and its handler.
#[derive(Clone)]
struct Admitted {
    identity: Identity,
    hello: Arc<Hello>,
    inbox: Arc<Inbox>,
}

impl Gateway {
    /// Puts the gateway together.
    pub fn new(parts: Parts) -> Self {
        Self {
            hub: Arc::clone(parts.chat.hub()),
            chat: parts.chat,
            authority: parts.authority,
            rejected: parts.rejected,
            proxies: parts.proxies,
            metrics: parts.metrics,
            tracer: parts.tracer,
        }
    }

    /// Opens namespace `/`, and answers every other one with what is right.
    pub fn open(self: Arc<Self>, io: &SocketIo) -> Result<(), socketioxide::NsInsertError> {
        let (admit, enter) = (Arc::clone(&self), Arc::clone(&self));
        let middleware = move |socket: SocketRef, auth: RawAuth| {
            let gateway = Arc::clone(&admit);
            async move {
                let admitted = gateway.admit(&socket, auth).await;
                if admitted.is_err() {
                    answer_its_request_first(&socket).await;
                }
                admitted.map_err(ConnectError)
            }
        };
        let handler = move |socket: SocketRef| {
            let gateway = Arc::clone(&enter);
            async move { gateway.enter(socket).await }
        };
        io.ns("/", handler.with(middleware));
        self.answer_unknown_namespaces(io)
    }

    fn listen(self: &Arc<Self>, socket: &SocketRef, inbox: &Arc<Inbox>) {
        socket.on_fallback(Intake {
            gateway: Arc::clone(self),
            inbox: Arc::clone(inbox),
        });
        let (gateway, events) = (Arc::clone(self), Arc::clone(inbox));
        socket.on_disconnect(move |socket: SocketRef, reason: DisconnectReason| async move {
            events.close();
            gateway.gone(&socket, reason_label(reason));
        });
    }

    /// The connect handler: the client knows that it is connected; now it becomes a live socket.
    async fn enter(self: Arc<Self>, link: SocketRef) {
        let Some(Admitted { identity, hello, inbox }) = link.extensions.remove::<Admitted>() else {
            return;
        };
        let caller = self.caller(&link, identity, &hello);
        let Some(socket) = self.hub.register(link.clone(), caller, line_of(link.req_parts())) else {
            return;
        };
        self.chat.arrived(&socket);
        // It may have gone before it was registered; then nobody else takes it out again.
        if inbox.is_closed() || !link.connected() {
            self.gone(&link, labels::DisconnectReason::TransportClose);
            return;
        }
        if !self.open_session(&socket, &hello, &inbox).await {
            return;
        }
        if inbox.start(Arc::clone(&socket)) {
            self.run_inbox(&inbox).await;
        }
    }

    /// Opens the session; while the store does not answer, tries again: the client is connected, and everything that is said to
    /// it meanwhile waits. True when it is open.
    pub(super) async fn open_session(&self, socket: &Arc<LiveSocket>, hello: &Hello, inbox: &Inbox) -> bool {
        let mut pause = SESSION_RETRY_FIRST;
        let deadline = tokio::time::Instant::now() + SESSION_PATIENCE;
        loop {
            let Err(error) = self.chat.open_session(socket, hello).await else {
                return true;
            };
            if inbox.is_closed() {
                return false;
            }
            tracing::warn!(sid = %socket.sid, %error, "a session could not be opened yet");
            if tokio::time::Instant::now() + pause > deadline {
                self.chat.say_error_if_room(socket, "session", error);
                self.hub.disconnect(socket, CloseReason::Failed);
                return false;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    fn caller(&self, link: &SocketRef, identity: Identity, hello: &Hello) -> Caller {
        let user_agent = link.req_parts().headers.get(http::header::USER_AGENT);
        Caller {
            grant: Grant::from(&identity).into(),
            user: Arc::new(identity.user),
            receipts: hello.receipts,
            client: hello.client.clone(),
            address: self
                .address(link.req_parts())
                .map_or_else(|| "unknown".to_owned(), |address| address.to_string()),
            user_agent: user_agent.map(|value| {
                String::from_utf8_lossy(value.as_bytes())
                    .chars()
                    .take(USER_AGENT_CHARS_MAX)
                    .collect()
            }),
        }
    }

    fn gone(&self, link: &SocketRef, reason: labels::DisconnectReason) {
        if let Some((socket, reason)) = self.hub.unregister(&chat_sid(link.id), reason) {
            self.chat.gone(&socket, reason.as_str());
        }
    }

    /// Says event `error`.
    pub(super) async fn say_refused(&self, socket: &Arc<LiveSocket>, event: &str, error: WireError) {
        socket.event_refused();
        self.count_error(&error);
        self.chat.say_error(socket, event, error).await;
    }

    pub(super) fn address(&self, parts: &HttpParts) -> Option<IpAddr> {
        let peer = line_of(parts)?.peer().ip();
        Some(client_address(peer, &parts.headers, &self.proxies))
    }

    /// Keeps a refused connection, with whose token it was.
    pub(super) fn reject(&self, parts: &HttpParts, address: Option<IpAddr>, fault: Fault, token: Option<&str>) {
        let user = token.and_then(|token| self.authority.owner(token));
        let rejection = Rejection::of(parts, address, fault);
        self.rejected.note(match user {
            Some(user) => {
                let fault = &rejection.fault;
                self.chat
                    .turned_away(&user, fault.reason().as_str(), &fault.detail(), fault.remedy());
                rejection.by(user)
            }
            None => rejection,
        });
    }

    fn count_error(&self, error: &WireError) {
        self.metrics.event_errors.increment(labels::ErrorCode::from(error.code));
    }
}

/// The connection that a request came on.
pub(super) fn line_of(parts: &HttpParts) -> Option<Arc<Line>> {
    parts
        .extensions
        .get::<ConnectInfo<ConnInfo>>()
        .map(|info| Arc::clone(&info.0.line))
}

#[expect(clippy::expect_used, reason = "socketioxide's ids are 16 characters of base64url")]
fn chat_sid(sid: socketioxide_core::Sid) -> chat_core::Sid {
    chat_core::Sid::parse(sid.as_str()).expect("a SID is an id")
}

pub(super) fn reason_label(reason: DisconnectReason) -> labels::DisconnectReason {
    match reason {
        DisconnectReason::ClientNSDisconnect => labels::DisconnectReason::Client,
        DisconnectReason::TransportClose => labels::DisconnectReason::TransportClose,
        DisconnectReason::HeartbeatTimeout => labels::DisconnectReason::PingTimeout,
        DisconnectReason::ServerNSDisconnect => labels::DisconnectReason::Admin,
        DisconnectReason::ClosingServer => labels::DisconnectReason::Shutdown,
        DisconnectReason::PacketParsingError | DisconnectReason::MultipleHttpPollingError => {
            labels::DisconnectReason::Protocol
        }
        DisconnectReason::TransportError => labels::DisconnectReason::TransportError,
    }
}

#[cfg(test)]
mod tests;
