//! Hands messages over again that were not confirmed in time, to sockets that promised receipts.
//!
//! At 5, 15 and 35 s after the first hand-over, from the store; at 45 s a message is called unconfirmed. A client knows a
//! message that it has by its seq.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chat_core::delivery::ExceptionKind;
use chat_core::ports::Clock;
use chat_core::{ConversationId, Seq, Timestamp};
use rollcall_protocol::event::name;

use super::{Fanout, encode};
use crate::delivery::notices::{Notice, NoticeKind};
use crate::hub::lane::Outstanding;
use crate::hub::{EmitError, LiveSocket};
use crate::limits::{RETRY_AFTER, RETRY_LOOK_INTERVAL, UNCONFIRMED_AFTER};
use crate::telemetry::labels::{DeliveryOutcome, RetryResult};

/// What is due for one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Nothing,
    Again,
    GiveUp,
}

/// The schedule: what is due for a message that still waits for its receipt.
fn due(waits: &Outstanding, now: Timestamp) -> Due {
    if waits.given_up {
        return Due::Nothing;
    }
    let age = Duration::from_millis(now.millis_since(waits.first_at));
    if age >= UNCONFIRMED_AFTER {
        return Due::GiveUp;
    }
    if age >= next_after(waits) {
        Due::Again
    } else {
        Due::Nothing
    }
}

/// How long after the first hand-over something is due for it.
fn next_after(waits: &Outstanding) -> Duration {
    let retry = RETRY_AFTER.get(usize::from(waits.attempts.saturating_sub(1)));
    retry.copied().unwrap_or(UNCONFIRMED_AFTER)
}

impl Fanout {
    /// Looks for overdue messages until the task is dropped.
    pub async fn run_retries(self: Arc<Self>, clock: Arc<dyn Clock>) {
        let mut ticks = tokio::time::interval(RETRY_LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.retry_what_is_due(clock.now()).await;
        }
    }

    /// Looks once.
    pub(crate) async fn retry_what_is_due(&self, now: Timestamp) {
        let mut unconfirmed = 0;
        for socket in self.hub.sockets_where(|socket| socket.wants_retries(now)) {
            unconfirmed += self.look_at(&socket, now).await;
        }
        self.roll_call.unconfirmed_now(unconfirmed);
    }

    /// Deals with what is due at one socket; returns how many messages it has given up.
    async fn look_at(&self, socket: &Arc<LiveSocket>, now: Timestamp) -> usize {
        let (mut again, mut given_up, mut total) = (Vec::new(), Vec::new(), 0);
        // Nothing that is handed over from now on is due sooner, whatever moment it was said to be.
        let mut next = now.plus(RETRY_AFTER[0].saturating_sub(RETRY_LOOK_INTERVAL));
        socket.with_waiting_lanes(|conversation, lane| {
            for waits in &mut lane.outstanding {
                match due(waits, now) {
                    // Counted at each look, as a receipt may take it back.
                    Due::Nothing if waits.given_up => next = now,
                    Due::Nothing => next = next.min(waits.first_at.plus(next_after(waits))),
                    Due::Again => again.push((conversation.clone(), waits.seq)),
                    Due::GiveUp => {
                        waits.given_up = true;
                        given_up.push((conversation.clone(), waits.seq));
                    }
                }
                total += usize::from(waits.given_up);
            }
        });
        if again.is_empty() && given_up.is_empty() {
            socket.wants_retries_from(next);
        }
        for (conversation, seq) in given_up {
            self.metrics.deliveries.increment(DeliveryOutcome::Unconfirmed);
            self.metrics.retries.increment(RetryResult::Unconfirmed);
            self.roll_call
                .exception(socket, &conversation, (seq, seq), ExceptionKind::Unconfirmed, now);
            self.roll_call
                .notices
                .note(NoticeKind::Undelivered, now, || Notice::Undelivered {
                    conversation_id: conversation.clone(),
                    seq,
                    user_id: socket.user_id().clone(),
                    sid: socket.sid.clone(),
                });
        }
        for (conversation, seqs) in by_conversation(again) {
            self.hand_over_again(socket, &conversation, &seqs, now).await;
        }
        total
    }

    async fn hand_over_again(
        &self,
        socket: &Arc<LiveSocket>,
        conversation: &ConversationId,
        seqs: &BTreeSet<Seq>,
        now: Timestamp,
    ) {
        let Some(first) = seqs.first() else { return };
        let page = match self
            .feeder
            .read_after(conversation, Seq(first.0.saturating_sub(1)))
            .await
        {
            Ok(page) => page,
            Err(error) => {
                tracing::debug!(sid = %socket.sid, %error, "a retry waits for the store");
                return;
            }
        };
        for message in page.iter().filter(|message| seqs.contains(&message.seq)) {
            let Some(payload) = encode(message) else { continue };
            let payload = self.hub.encode(name::NEW_MESSAGE, payload);
            // Looked at again under the lane's lock: the receipt may have come while the store was read.
            match socket.again(conversation, message.seq, &payload) {
                Some(Ok(())) => {
                    self.metrics.deliveries.increment(DeliveryOutcome::Retried);
                    self.tally.retried();
                    let seqs = (message.seq, message.seq);
                    self.roll_call
                        .exception(socket, conversation, seqs, ExceptionKind::Retried, now);
                }
                // The rest in its next turn.
                Some(Err(EmitError::Full | EmitError::Closed)) => return,
                None => {}
            }
        }
    }
}

fn by_conversation(due: Vec<(ConversationId, Seq)>) -> std::collections::BTreeMap<ConversationId, BTreeSet<Seq>> {
    let mut sorted: std::collections::BTreeMap<ConversationId, BTreeSet<Seq>> = std::collections::BTreeMap::new();
    for (conversation, seq) in due {
        sorted.entry(conversation).or_default().insert(seq);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::lane::Path;

    #[test]
    fn the_schedule_of_the_contract() {
        let waits = |attempts, given_up| Outstanding {
            seq: Seq(1),
            first_at: Timestamp::from_millis(0),
            path: Path::Room,
            attempts,
            given_up,
        };
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        for (attempts, seconds, expected) in [
            (1, 4, Due::Nothing),
            (1, 5, Due::Again),
            (2, 14, Due::Nothing),
            (2, 15, Due::Again),
            (3, 34, Due::Nothing),
            (3, 35, Due::Again),
            (4, 44, Due::Nothing),
            (4, 45, Due::GiveUp),
            (1, 45, Due::GiveUp),
        ] {
            assert_eq!(
                due(&waits(attempts, false), at(seconds)),
                expected,
                "{attempts} attempts at {seconds} s"
            );
        }
        assert_eq!(due(&waits(4, true), at(99)), Due::Nothing);
    }
}
