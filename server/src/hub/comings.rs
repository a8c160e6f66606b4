//! Coming and going: how a connection becomes a live socket, and all the ways in which it ends.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_core::{Sid, Timestamp};
use tokio::time::Instant;

use super::adapter::SocketRef;
use super::inspect::CHAT_NAMESPACE;
use super::outlet::Outlet;
use super::plain::{PlainLink, PlainRooms};
use super::{Caller, CloseReason, Hub, LiveSocket, transport_label};
use crate::gateway::listener::Line;
use crate::limits::{FAREWELL_LOOK, FAREWELL_PATIENCE};
use crate::telemetry::labels::DisconnectReason;

/// Upgrades that may wait for their socket to be admitted; beyond it the oldest knowledge is dropped, which only costs the means to
/// cut that connection hard.
const EARLY_LINES_MAX: usize = 1_024;

impl Hub {
    /// A connection was admitted: from now on it is among its user's sockets.
    pub fn register(&self, link: SocketRef, caller: Caller, line: Option<Arc<Line>>) -> Option<Arc<LiveSocket>> {
        self.admit(Outlet::SocketIo(link), caller, line)
    }

    /// The same for a plain WebSocket.
    pub fn register_plain(
        &self,
        link: &Arc<PlainLink>,
        caller: Caller,
        line: Option<Arc<Line>>,
    ) -> Option<Arc<LiveSocket>> {
        self.admit(Outlet::Plain(Arc::clone(link)), caller, line)
    }

    /// The rooms of plain WebSockets, for whoever makes one.
    pub fn plain_rooms(&self) -> &Arc<PlainRooms> {
        &self.plain_rooms
    }

    fn admit(&self, outlet: Outlet, caller: Caller, line: Option<Arc<Line>>) -> Option<Arc<LiveSocket>> {
        let sid = Sid::parse(outlet.sid().to_string()).ok()?;
        let mut registry = self.registry.write();
        let early = registry.early_lines.remove(&sid);
        let straight = line.clone().filter(|_| early.is_none());
        let noted = (self.clock.now(), Arc::clone(&self.tap));
        let socket = LiveSocket::new(outlet, sid.clone(), caller, early.or(line), noted).straight(straight);
        let socket = Arc::new(socket.with_faults(self.faults.clone()));
        self.comings_and_goings.fetch_add(1, Ordering::AcqRel);
        registry.sockets.insert(sid, Arc::clone(&socket));
        let of_user = registry.users.entry(socket.user_id().clone()).or_default();
        of_user.push(Arc::clone(&socket));
        if of_user.len() == 1 {
            self.presence.note(socket.user_id());
        }
        drop(registry);
        self.token_ends(socket.expires_at());
        tracing::debug!(sid = %socket.sid, user.id = %socket.user_id(), transport = socket.transport(), "socket opened");
        self.metrics.connections_opened.increment(transport_label(&socket));
        self.happenings.connected(CHAT_NAMESPACE, &socket.sid);
        self.changed();
        Some(socket)
    }

    /// A connection ended, for `reason` unless the server itself closed it for another.
    pub fn unregister(&self, sid: &Sid, reason: DisconnectReason) -> Option<(Arc<LiveSocket>, DisconnectReason)> {
        let mut registry = self.registry.write();
        registry.early_lines.remove(sid);
        let socket = registry.sockets.remove(sid)?;
        self.comings_and_goings.fetch_add(1, Ordering::AcqRel);
        if let Some(of_user) = registry.users.get_mut(socket.user_id()) {
            of_user.retain(|other| other.sid != *sid);
            if of_user.is_empty() {
                registry.users.remove(socket.user_id());
                self.presence.note(socket.user_id());
            }
        }
        // Within the same look at the registry: whoever no longer sees the socket does not count its rooms.
        socket.end_in_rooms(|room| self.room_counts.left(room));
        drop(registry);
        let reason = match socket.closed_because() {
            Some(CloseReason::Slow) => DisconnectReason::Slow,
            Some(CloseReason::Token | CloseReason::Disabled) => DisconnectReason::Token,
            Some(CloseReason::Flood) => DisconnectReason::Protocol,
            Some(CloseReason::Admin) => DisconnectReason::Admin,
            Some(CloseReason::Shutdown) => DisconnectReason::Shutdown,
            Some(CloseReason::Failed) => DisconnectReason::TransportError,
            // A full buffer has no room for the heartbeat either: that it ended this way is its being slow.
            None if reason == DisconnectReason::PingTimeout && socket.is_lagging() => DisconnectReason::Slow,
            None => reason,
        };
        self.metrics.disconnections.increment(reason);
        self.happenings.disconnected(CHAT_NAMESPACE, sid, reason);
        tracing::debug!(sid = %sid, user.id = %socket.user_id(), ?reason, "socket closed");
        self.changed();
        Some((socket, reason))
    }

    /// The WebSocket of an upgrade: the line that can be cut, in place of the polling request's.
    pub fn upgraded(&self, sid: &str, line: Arc<Line>) {
        let Ok(sid) = Sid::parse(sid) else { return };
        let mut registry = self.registry.write();
        if let Some(socket) = registry.sockets.get(&sid) {
            socket.set_line(line);
        } else {
            if registry.early_lines.len() >= EARLY_LINES_MAX {
                registry.early_lines.retain(|_, line| !line.is_closed());
            }
            if registry.early_lines.len() < EARLY_LINES_MAX {
                registry.early_lines.insert(sid, line);
            }
        }
    }

    /// Ends a connection. A slow one is cut, so that its client comes back by itself and resumes; any other is told to go.
    pub fn disconnect(&self, socket: &LiveSocket, reason: CloseReason) {
        socket.close_because(reason);
        if let Some(plain) = socket.plain() {
            // Its close code says why; what it does not take in time is cut by whoever writes to it.
            plain.close(reason);
            return;
        }
        let line = socket.line();
        // Its session never opened: told to go, since over long polling nothing but that ends it.
        let told = reason != CloseReason::Slow && socket.outlet().dismiss(reason);
        if told {
            return;
        }
        match line {
            Some(line) if socket.transport() == "websocket" => line.cut(),
            // Long polling has no line of its own. A full buffer is closed by the next heartbeat; one with room takes the
            // farewell.
            _ => {
                let _full = socket.outlet().dismiss(reason);
            }
        }
    }

    /// Ends every connection, transports included, and returns those that had not ended by themselves.
    pub async fn close_all(&self) -> Vec<Arc<LiveSocket>> {
        for socket in self.sockets() {
            socket.close_because(CloseReason::Shutdown);
        }
        for plain in self.sockets().iter().filter_map(|socket| socket.plain()) {
            plain.close(CloseReason::Shutdown);
        }
        self.io.close().await;
        let until = Instant::now() + FAREWELL_PATIENCE;
        while self.plain_rooms.sockets() > 0 && Instant::now() < until {
            tokio::time::sleep(FAREWELL_LOOK).await;
        }
        // The library forgets its namespaces first, so that no disconnect handler runs any more.
        let left = self.sockets();
        for socket in &left {
            self.unregister(&socket.sid, DisconnectReason::Shutdown);
        }
        left
    }

    /// A live socket's token ends then: it has come, or brought another one.
    pub(crate) fn token_ends(&self, at: Timestamp) {
        self.tokens_end_from.fetch_min(at.as_millis(), Ordering::AcqRel);
    }

    /// The live sockets whose tokens end by `by`. Where none can, which is nearly always, none is looked at.
    pub(crate) fn with_tokens_ending_by(&self, by: Timestamp) -> Vec<Arc<LiveSocket>> {
        if self.tokens_end_from.load(Ordering::Acquire) > by.as_millis() {
            return Vec::new();
        }
        // Before the look: whoever comes, or is given another token, while it lasts lowers this again.
        self.tokens_end_from.store(i64::MAX, Ordering::Release);
        let earliest = Cell::new(Timestamp::from_millis(i64::MAX));
        let ending = self.sockets_where(|socket| {
            let ends = socket.expires_at();
            earliest.set(earliest.get().min(ends));
            ends <= by
        });
        self.token_ends(earliest.get());
        ending
    }

    /// Sockets that were written to and have taken nothing for `patience`: their clients are gone without a word, or stopped reading.
    /// The library cannot close them, its writer waits in the kernel.
    pub fn stalled(&self, patience: std::time::Duration) -> Vec<Arc<LiveSocket>> {
        self.sockets_where(|socket| {
            socket
                .line()
                .is_some_and(|line| line.stalled_for().is_some_and(|stalled| stalled > patience))
        })
    }
}
