//! Presence: who came, who went, told to everybody who shares a conversation with them, once per user.
//!
//! A thousand people who come at once to one conversation could be told of a million times. It is less: changes are
//! gathered for a moment and told together, each encoded once; each receiver hears theirs in a row, so that they leave in
//! few writes; and who came before a socket's `session` was made is in that session, and is not said again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chat_core::ports::StoreError;
use chat_core::{ConversationId, Timestamp, UserId};
use parking_lot::Mutex;
use rollcall_protocol::event::{Presence, name};
use tokio::time::Instant;

use super::Chat;
use crate::delivery::notices::{Notice, NoticeKind};
use crate::hub::adapter::EncodedEvent;
use crate::hub::{LiveSocket, Moved};
use crate::limits::{OFFLINE_GRACE, PRESENCE_AT_A_TIME, PRESENCE_GATHERED};

/// What was last told of each user who is online, so that a flicker is told to nobody who did not see it.
#[derive(Debug, Default)]
pub struct Told {
    online: Mutex<HashMap<UserId, bool>>,
}

impl Told {
    /// True when `online` differs from what was told last. Offline users are forgotten: unknown means offline.
    fn differs(&self, user: &UserId, online: bool) -> bool {
        let mut told = self.online.lock();
        let before = if online {
            told.insert(user.clone(), true)
        } else {
            told.remove(user)
        };
        before.unwrap_or(false) != online
    }

    /// What was about to be told was not.
    fn forget(&self, user: &UserId, online: bool) {
        let mut told = self.online.lock();
        if online {
            told.remove(user);
        } else {
            told.insert(user.clone(), true);
        }
    }
}

/// Users who went, until that is told.
#[derive(Debug, Default)]
struct Leaving {
    due: BTreeSet<(Instant, UserId)>,
    /// From each one's first change that was not told to the last, with which they went.
    moved: HashMap<UserId, Moved>,
}

impl Leaving {
    fn add(&mut self, user: UserId, moved: Moved, after: Duration) {
        self.remember(&user, moved);
        self.due.insert((Instant::now() + after, user));
    }

    fn remember(&mut self, user: &UserId, moved: Moved) {
        let so_far = self.moved.entry(user.clone()).or_insert(moved);
        so_far.first = so_far.first.min(moved.first);
        so_far.last = so_far.last.max(moved.last);
    }

    fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next one whose time has come.
    fn pop_due(&mut self) -> Option<UserId> {
        if self.next()? > Instant::now() {
            return None;
        }
        self.due.pop_first().map(|(_, user)| user)
    }
}

/// Something to be told.
#[derive(Debug)]
struct Change {
    presence: Presence,
    /// From the first change that was not told.
    moved: Moved,
    /// It is nothing new: only those whose `session` was made meanwhile did not hear it.
    is_again: bool,
}

impl Change {
    /// It is told to the sockets whose `session` knew of so many changes; of the others it is part, or will be.
    fn told_to(&self) -> Range<u64> {
        let from = if self.is_again { self.moved.first } else { 1 };
        from..self.moved.last
    }
}

/// Which of a run of changes: one bit each.
type Marks = u64;

const _: () = assert!(
    PRESENCE_AT_A_TIME <= Marks::BITS as usize,
    "each change of a run has a bit"
);

/// Receivers that are told without giving way to others.
const RECEIVERS_IN_A_ROW: usize = 16;

impl Chat {
    /// Tells presence until the task is dropped. One run after the other, so that the last word about a user is the truth: whatever
    /// changes while one is told is noted, and told after it.
    pub async fn run_presence(self: Arc<Self>) {
        let told = Told::default();
        let mut leaving = Leaving::default();
        loop {
            let moved = tokio::select! {
                // First what is not looked at yet: nobody's going is told before all of it is known.
                biased;
                moved = self.hub.presence_changes().take() => moved,
                () = sleep_until(leaving.next()) => HashMap::new(),
            };
            let changes = self.changes_to_tell(&told, &mut leaving, moved);
            if changes.is_empty() {
                continue;
            }
            for run in changes.chunks(PRESENCE_AT_A_TIME) {
                if let Err(error) = self.tell_presence(run).await {
                    tracing::warn!(%error, users = run.len(), "presence is told later: the store does not say to whom");
                    for change in run {
                        self.tell_later(&told, &mut leaving, change);
                    }
                }
            }
            tokio::time::sleep(PRESENCE_GATHERED).await;
        }
    }

    /// Nobody was told of this.
    fn tell_later(&self, told: &Told, leaving: &mut Leaving, change: &Change) {
        let (user, online) = (&change.presence.user_id, change.presence.online);
        if !change.is_again {
            told.forget(user, online);
        }
        if online {
            leaving.remember(user, change.moved);
            self.hub.presence_again(user, PRESENCE_RETRY);
        } else {
            leaving.add(user.clone(), change.moved, PRESENCE_RETRY);
        }
    }

    fn changes_to_tell(&self, told: &Told, leaving: &mut Leaving, moved: HashMap<UserId, Moved>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (user, moved) in moved {
            if !self.hub.is_online(&user) {
                leaving.add(user, moved, OFFLINE_GRACE);
                continue;
            }
            // Of somebody who was away for less than anybody was told, only those must hear whose session was made meanwhile.
            let first = leaving.moved.remove(&user).map_or(moved.first, |gone| gone.first);
            changes.push(Change {
                is_again: !told.differs(&user, true),
                presence: Presence {
                    user_id: user,
                    online: true,
                    last_seen: None,
                },
                moved: Moved { first, ..moved },
            });
        }
        while let Some(user) = leaving.pop_due() {
            // Back again meanwhile: there is nothing to tell, or it was told.
            if self.hub.is_online(&user) {
                continue;
            }
            // Told already, or gone anew: that is told in its own time.
            let Some(moved) = leaving.moved.remove(&user) else {
                continue;
            };
            // Of somebody who came and went before the coming was told, only those must hear whose session was made between: it
            // shows them here. Whose session was made later saw that they had gone, or that they are back.
            changes.push(Change {
                is_again: !told.differs(&user, false),
                presence: Presence {
                    user_id: user,
                    online: false,
                    last_seen: Some(self.ports.clock.now()),
                },
                moved,
            });
        }
        changes.retain(|change| !change.told_to().is_empty() || !change.is_again);
        changes
    }

    /// Tells a run of changes to everybody whom they concern.
    async fn tell_presence(&self, run: &[Change]) -> Result<(), StoreError> {
        let left = |change: &Change| Some((change.presence.user_id.clone(), change.presence.last_seen?));
        let left: Vec<(UserId, Timestamp)> = run.iter().filter_map(left).collect();
        if !left.is_empty()
            && let Err(error) = self.ports.accounts.note_last_seen(&left).await
        {
            tracing::warn!(users = left.len(), %error, "last_seen was not stored");
        }
        let receivers = self.receivers_of(run).await?;
        let encode = |change: &Change| self.fanout.encode(name::PRESENCE, &change.presence);
        let encoded: Vec<Option<EncodedEvent>> = run.iter().map(encode).collect();
        for (at, (user, marks)) in receivers.iter().enumerate() {
            for socket in &self.hub.sockets_of(user) {
                self.tell_socket(socket, run, &encoded, *marks);
            }
            if at % RECEIVERS_IN_A_ROW == RECEIVERS_IN_A_ROW - 1 {
                // Those who write to the connections get their turn before buffers are full.
                tokio::task::yield_now().await;
            }
        }
        for change in run.iter().filter(|change| !change.is_again) {
            self.notice(NoticeKind::Presence, || Notice::Presence(change.presence.clone()));
        }
        Ok(())
    }

    fn tell_socket(
        &self,
        socket: &Arc<LiveSocket>,
        run: &[Change],
        encoded: &[Option<EncodedEvent>],
        mut marks: Marks,
    ) {
        // 0, its session is not made yet, is in nobody's range.
        let saw = socket.saw_presence();
        while marks != 0 {
            let at = marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if run[at].told_to().contains(&saw)
                && let Some(payload) = &encoded[at]
            {
                self.fanout.say_encoded(socket, payload);
            }
        }
    }

    /// Whom these changes concern, and which of them: everybody who shares a conversation with whoever came or went.
    async fn receivers_of(&self, run: &[Change]) -> Result<HashMap<UserId, Marks>, StoreError> {
        let users: Vec<UserId> = run.iter().map(|change| change.presence.user_id.clone()).collect();
        let mark: HashMap<&UserId, Marks> = users.iter().enumerate().map(|(at, user)| (user, 1 << at)).collect();
        let mut by_conversation: HashMap<ConversationId, Marks> = HashMap::new();
        for (user, conversation) in self.ports.conversations.conversation_ids_of(&users).await? {
            *by_conversation.entry(conversation).or_default() |= mark.get(&user).copied().unwrap_or_default();
        }
        let mut receivers: HashMap<UserId, Marks> = HashMap::new();
        for (id, marks) in by_conversation {
            let Some(entry) = self.directory.get(&id).await? else {
                continue;
            };
            for participant in entry.conversation().participants.iter() {
                *receivers.entry(participant.user_id.clone()).or_default() |= marks;
            }
        }
        for (user, mark) in mark {
            // Not to themself.
            receivers.entry(user.clone()).and_modify(|marks| *marks &= !mark);
        }
        Ok(receivers)
    }

    /// Notes for everybody who is online now that they were seen: the server stops.
    pub async fn note_everybody_seen(&self) {
        let now = self.ports.clock.now();
        let users: HashSet<UserId> = self
            .hub
            .sockets()
            .iter()
            .map(|socket| socket.user_id().clone())
            .collect();
        let seen: Vec<(UserId, Timestamp)> = users.into_iter().map(|user| (user, now)).collect();
        if let Err(error) = self.ports.accounts.note_last_seen(&seen).await {
            tracing::warn!(%error, "last_seen was not stored");
        }
    }
}

/// How long presence that could not be told waits for the store.
const PRESENCE_RETRY: Duration = Duration::from_secs(1);

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told() {
        let (told, user) = (Told::default(), UserId::parse("u").unwrap());
        assert!(!told.differs(&user, false), "unknown is offline");
        assert!(told.differs(&user, true));
        assert!(!told.differs(&user, true));
        assert!(told.differs(&user, false));
    }
}
