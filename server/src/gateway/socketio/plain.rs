//! The doorway for plain WebSockets: what their handshake and their loop need of the gateway.

use std::sync::Arc;

use rollcall_protocol::WireError;

use super::{Gateway, chat_sid};
use crate::gateway::listener::Line;
use crate::hub::plain::{PlainLink, PlainRooms};
use crate::hub::{Caller, LiveSocket};
use crate::identity::{AuthError, Identity};
use crate::telemetry::label::Label as _;
use crate::telemetry::labels;

impl Gateway {
    /// Who somebody is.
    pub(in crate::gateway) async fn authenticate(&self, token: &str) -> Result<Identity, AuthError> {
        self.authority.authenticate(token).await
    }

    /// Nobody new is let in while the server stops.
    pub(in crate::gateway) fn refuse_when_closing(&self) -> Result<(), WireError> {
        self.chat.refuse_when_closing()
    }

    /// A limit was hit.
    pub(in crate::gateway) fn limit_was_hit(&self, limit: labels::Limit) {
        self.metrics.rate_limited.increment(limit);
    }

    /// The rooms of plain WebSockets.
    pub(in crate::gateway) fn plain_rooms(&self) -> Arc<PlainRooms> {
        Arc::clone(self.hub.plain_rooms())
    }

    /// A plain WebSocket becomes a live socket.
    pub(in crate::gateway) fn enter_plain(
        &self,
        link: &Arc<PlainLink>,
        (caller, line): (Caller, Option<Arc<Line>>),
    ) -> Option<Arc<LiveSocket>> {
        let socket = self.hub.register_plain(link, caller, line)?;
        self.chat.arrived(&socket);
        Some(socket)
    }

    /// A plain WebSocket ended.
    pub(in crate::gateway) fn gone_plain(&self, link: &PlainLink, reason: labels::DisconnectReason) {
        if let Some((socket, reason)) = self.hub.unregister(&chat_sid(link.sid()), reason) {
            self.chat.gone(&socket, reason.as_str());
            // Only now: what is remembered of it looks at its rooms.
            socket.leave_rooms();
        }
    }
}
