//! Accounts and tokens that lose their standing while their sockets live, and messages that grow too old.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chat_core::UserId;
use chat_core::ports::{Arrival, StoreError};

use super::Chat;
use crate::fanout::sequencer::Sequencer;
use crate::hub::CloseReason;
use crate::limits::TOKENS_KEPT_AFTER_END;

/// How often is asked whether somebody lost their standing: who is disabled by the command line, another process, is out after this.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Looks at everybody after a change. The first may come right after it, and somebody may still be admitted for three seconds: an account
/// is remembered for one ([`ACCOUNT_REMEMBERED`](crate::limits::ACCOUNT_REMEMBERED)), and a session is on its way for two at most.
const LOOKS_AFTER_CHANGE: u32 = 3;

/// Who does not say by then whether anything has changed may have been told to.
const STANDING_PATIENCE: Duration = Duration::from_secs(1);

/// Everybody is looked at once in so many looks without a change too, twice a minute: whoever was longer on the way is found then.
const LOOKS_UNTIL_ALL: u32 = 15;

/// Looks in an hour.
const LOOKS_AN_HOUR: u32 = 1_800;

/// How often messages are looked at for their age.
const FORGET_EVERY: Duration = Duration::from_mins(10);

/// When everybody is looked at.
#[derive(Default)]
pub struct Looks {
    /// What the accounts' standing was at the last look that came to its end.
    standing: Option<i64>,
    /// Looks at everybody that are to follow.
    to_follow: u32,
    since_all: u32,
}

impl Looks {
    /// Closes the sockets of those without standing, where there may be any.
    pub async fn next(&mut self, chat: &Chat) -> Result<(), StoreError> {
        // Before the look: what changes during it is found by the next one.
        let asked = tokio::time::timeout(STANDING_PATIENCE, chat.ports.accounts.standing()).await;
        // The writer is asked, which may be in trouble while what took somebody's standing is long committed and can be read.
        let standing = asked.ok().and_then(Result::ok);
        self.since_all += 1;
        if standing.is_none() || self.standing != standing {
            self.to_follow = LOOKS_AFTER_CHANGE;
        } else if self.to_follow == 0 && self.since_all < LOOKS_UNTIL_ALL {
            return Ok(());
        }
        chat.close_those_without_standing().await?;
        *self = Self {
            standing,
            to_follow: self.to_follow.saturating_sub(1),
            since_all: 0,
        };
        Ok(())
    }
}

impl Chat {
    /// Closes the sockets of accounts that were disabled and of tokens that were taken back, until the task is dropped.
    pub async fn run_standing(self: Arc<Self>) {
        // Beside each other: an import of many conversations, or a writer in trouble, holds up no look.
        tokio::join!(self.look_after_standing(), self.look_after_arrivals());
    }

    async fn look_after_standing(&self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looks = Looks::default();
        loop {
            ticks.tick().await;
            if let Err(error) = looks.next(self).await {
                tracing::debug!(%error, "whether accounts were disabled could not be read");
            }
        }
    }

    /// Conversations that were imported, and tokens that ended long ago.
    async fn look_after_arrivals(&self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for tick in (0..LOOKS_AN_HOUR).cycle() {
            ticks.tick().await;
            if let Err(error) = self.welcome_arrivals().await {
                tracing::debug!(%error, "whether conversations were imported could not be read");
            }
            if tick == 0
                && let Err(error) = self.forget_old_tokens().await
            {
                tracing::debug!(%error, "tokens that ended long ago could not be forgotten");
            }
        }
    }

    /// Tokens of services that ended long ago are listed no more.
    pub(crate) async fn forget_old_tokens(&self) -> Result<(), StoreError> {
        let kept = i64::try_from(TOKENS_KEPT_AFTER_END.as_millis()).unwrap_or(i64::MAX);
        let before = self.ports.clock.now().plus_millis(kept.saturating_neg());
        self.ports.accounts.forget_tokens(before).await
    }

    pub(crate) async fn close_those_without_standing(&self) -> Result<(), StoreError> {
        let sockets = self.hub.sockets();
        let users: HashSet<&UserId> = sockets.iter().map(|socket| socket.user_id()).collect();
        if users.is_empty() {
            return Ok(());
        }
        let users: Vec<UserId> = users.into_iter().cloned().collect();
        let disabled: HashSet<UserId> = self.ports.accounts.disabled_among(&users).await?.into_iter().collect();
        let held: Vec<Option<String>> = sockets.iter().map(|socket| socket.kept_token()).collect();
        let kept: HashSet<&String> = held.iter().flatten().collect();
        let kept: Vec<String> = kept.into_iter().cloned().collect();
        let good: HashSet<String> = if kept.is_empty() {
            HashSet::new()
        } else {
            self.ports
                .accounts
                .good_tokens_among(&kept)
                .await?
                .into_iter()
                .collect()
        };
        for (socket, held) in sockets.iter().zip(held) {
            // One that brought a fresh token meanwhile is judged by that, the next time.
            let revoked = held.is_some_and(|id| !good.contains(&id) && socket.kept_token() == Some(id));
            if disabled.contains(socket.user_id()) {
                tracing::info!(sid = %socket.sid, user.id = %socket.user_id(), "closed: its account was disabled");
                self.hub.disconnect(socket, CloseReason::Disabled);
            } else if revoked {
                tracing::info!(sid = %socket.sid, user.id = %socket.user_id(), "closed: its token was taken back");
                self.hub.disconnect(socket, CloseReason::Token);
            }
        }
        Ok(())
    }

    /// Conversations that were imported beside us: their participants' sockets enter the rooms, and are told. What could not be read now
    /// is tried again, and nothing waits for it.
    pub(crate) async fn welcome_arrivals(&self) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for arrival in self.ports.conversations.arrivals().await? {
            let welcomed = match self.welcome(&arrival).await {
                // Twice does no harm, should we end here.
                Ok(()) => self.ports.conversations.welcomed(&arrival).await,
                failed => failed,
            };
            outcome = outcome.and(welcomed);
        }
        outcome
    }

    async fn welcome(&self, arrival: &Arrival) -> Result<(), StoreError> {
        let id = &arrival.conversation_id;
        let Some(entry) = self.directory.get(id).await? else {
            return Ok(());
        };
        let change = self.directory.change(&entry).await;
        // Read again: it may have been in use while it was still coming in.
        let Some(whole) = self.ports.conversations.conversation(id).await? else {
            return Ok(());
        };
        let announce = |sequencer: &mut Sequencer| self.fanout.announce_all(&entry, sequencer);
        change.take_over_history(whole, arrival.upto, announce, |whole, history| {
            let everybody: Vec<UserId> = whole.participants.iter().map(|p| p.user_id.clone()).collect();
            for socket in self.hub.sockets_of_all(everybody.iter()).iter().flatten() {
                socket.passes_over(&whole.id, history);
            }
            // It is announced to nobody: should this process die, nobody missed it.
            self.roll_call.announces(&whole.id, history.1, self.ports.clock.now());
            self.bring_in(whole, &everybody, history.1);
        });
        self.announce_change(&entry).await;
        drop(change);
        tracing::info!(conversation.id = %id, "an imported conversation is in use");
        Ok(())
    }

    /// Empties messages that are older than `kept`, until the task is dropped.
    pub async fn run_retention(self: Arc<Self>, kept: Duration) {
        let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        let mut ticks = tokio::time::interval(FORGET_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.ports.clock.now();
            let before = now.plus_millis(kept.saturating_neg());
            // A store that refuses is counted and shown elsewhere; the next tick tries again.
            while self.ports.log.forget_messages(before, now).await.unwrap_or(false) {
                tokio::task::yield_now().await;
            }
        }
    }
}
