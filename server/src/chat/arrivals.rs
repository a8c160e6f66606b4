//! Coming and going, for the record: a user's connection history is the first thing that explains a message that was not seen.

use std::sync::Arc;

use chat_core::UserId;
use chat_core::delivery::ConnectionEventKind;

use super::Chat;
use crate::delivery::remembered;
use crate::hub::LiveSocket;

impl Chat {
    /// A socket was admitted.
    pub fn arrived(&self, socket: &LiveSocket) {
        let caller = socket.caller();
        let detail = remembered::arrival(caller.client.as_deref(), caller.receipts);
        let kind = ConnectionEventKind::Connected;
        self.roll_call
            .connection(socket.user_id(), Some(&socket.sid), kind, detail, socket.connected_at);
    }

    /// A socket is gone, for this reason.
    pub fn gone(&self, socket: &Arc<LiveSocket>, reason: &'static str) {
        self.typing_gone(&socket.sid);
        self.watches_no_more(&socket.sid);
        self.roll_call.closed(socket, reason, self.ports.clock.now());
    }

    /// A known user's connection was refused.
    pub fn turned_away(&self, user: &UserId, reason: &str, detail: &str, remedy: &str) {
        let words = format!("{reason}|{}|{}", detail.replace('|', "/"), remedy.replace('|', "/"));
        self.roll_call
            .connection(user, None, ConnectionEventKind::Rejected, words, self.ports.clock.now());
    }

    /// Writes down what is known and not stored yet: the server is about to stop.
    pub async fn write_down(&self) {
        self.save_all_cursors().await;
        self.roll_call
            .announcements
            .save(&*self.ports.deliveries, self.ports.clock.now())
            .await;
        self.roll_call.recorder.flush().await;
    }
}
