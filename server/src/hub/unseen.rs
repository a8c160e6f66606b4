//! Sockets of the canary: admitted like anybody's, found by the fan-out like anybody's, and in no list, count or figure.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chat_core::UserId;

use super::outlet::Outlet;
use super::plain::PlainLink;
use super::tap::Tap;
use super::{Caller, Hub, LiveSocket};

impl Hub {
    /// Admits one and joins it to `room`, which only its own link knows of.
    pub fn register_unseen(&self, link: &Arc<PlainLink>, caller: Caller, room: &str) -> Option<Arc<LiveSocket>> {
        let sid = chat_core::Sid::parse(link.sid().to_string()).ok()?;
        let now = self.clock.now();
        // A tap of its own, that nobody watches.
        let tap = Arc::new(Tap::new(Arc::clone(&self.clock)));
        let socket = Arc::new(LiveSocket::new(
            Outlet::Plain(Arc::clone(link)),
            sid,
            caller,
            None,
            (now, tap),
        ));
        let joined = socket.join_rooms(&[room], now, |_| {}).is_empty();
        let mut registry = self.registry.write();
        let of_user = registry.unseen.entry(socket.user_id().clone()).or_default();
        of_user.push(Arc::clone(&socket));
        self.comings_and_goings.fetch_add(1, Ordering::AcqRel);
        joined.then_some(socket)
    }

    /// Takes it out again.
    pub fn unregister_unseen(&self, user: &UserId) {
        let mut registry = self.registry.write();
        registry.unseen.remove(user);
        self.comings_and_goings.fetch_add(1, Ordering::AcqRel);
    }

    /// Nobody is looked up while this is held: a fan-out that hangs.
    #[cfg(test)]
    pub(crate) fn hang(&self) -> impl Drop + '_ {
        self.registry.write()
    }
}
