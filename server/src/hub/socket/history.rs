//! History that comes in beside a live conversation.

use chat_core::{ConversationId, Seq};

use super::LiveSocket;
use crate::hub::lane::{Lane, Mode};

impl LiveSocket {
    /// The messages after `before`, up to `upto`, were brought in as history: a lane that was handed all before them goes on behind them,
    /// and its client loads them when it wants them. One that is still being fed is fed them, too.
    pub(crate) fn passes_over(&self, conversation: &ConversationId, (before, upto): (Seq, Seq)) {
        if self.is_opening() {
            // Its session is made from what is stored.
            return;
        }
        let mut lanes = self.lanes.lock();
        let Some(lane) = lanes.get_mut(conversation) else {
            return;
        };
        if lane.mode == Mode::Left || lane.handed < before || lane.handed >= upto {
            return;
        }
        let head = lane.head.max(upto);
        let mode = match lane.mode {
            Mode::Behind if head == upto => Mode::Live,
            mode => mode,
        };
        let behind = Lane {
            mode,
            head,
            left_at: lane.left_at,
            ..Lane::held(upto)
        };
        let ended = std::mem::replace(lane, behind);
        // What it was handed before stays true.
        self.remember_lane(conversation, Some(ended));
    }
}
