//! What fails when it is asked to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chat_core::ids::ClientMessageId;
use chat_core::ports::{Appending, MessageLog, Page, PageFrom, SearchQuery, StoreError};
use chat_core::{ConversationId, Draft, Message, MessageId, Timestamp, UserId};

use super::InvalidFault;

/// The faults that were asked for.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Asked>>);

#[derive(Debug, Default)]
struct Asked {
    /// The process dies at the commit that brings this to 0; 0 from the start: never.
    commits_until_crash: AtomicU64,
    drop_handover: f64,
    joins_to_fail: AtomicU64,
    slow_store: Duration,
}

impl Faults {
    /// Reads a comma list; an empty one asks for nothing.
    pub fn parse(text: &str) -> Result<Self, InvalidFault> {
        let mut asked = Asked::default();
        let mut any = false;
        for fault in text.split(',').map(str::trim).filter(|fault| !fault.is_empty()) {
            asked.take(fault).ok_or_else(|| InvalidFault(fault.to_owned()))?;
            any = true;
        }
        Ok(Self(any.then(|| Arc::new(asked))))
    }

    /// A message was committed and is not announced yet: this may be the end.
    pub fn after_commit(&self) {
        let counted = self.0.as_ref().map(|asked| &asked.commits_until_crash);
        if counted.is_some_and(|left| left.load(Ordering::Relaxed) > 0 && left.fetch_sub(1, Ordering::Relaxed) == 1) {
            tracing::error!("dying between commit and broadcast, as it was asked for");
            std::process::abort();
        }
    }

    /// Are any hand-overs to be lost?
    pub fn may_drop_handovers(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| asked.drop_handover > 0.0)
    }

    /// Is this hand-over to be lost?
    pub fn drops_handover(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|asked| rand::random::<f64>() < asked.drop_handover)
    }

    /// Is joining this room to fail?
    pub fn fails_join(&self, room: &str) -> bool {
        let conversations = room.starts_with(CONVERSATION);
        let Some(asked) = self.0.as_ref().filter(|_| conversations) else {
            return false;
        };
        let one_less = |left: u64| match left {
            u64::MAX => Some(left),
            left => left.checked_sub(1),
        };
        asked
            .joins_to_fail
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    /// The log, as slow as it was asked for.
    pub fn slowed(&self, log: Arc<dyn MessageLog>) -> Arc<dyn MessageLog> {
        match &self.0 {
            Some(asked) if !asked.slow_store.is_zero() => Arc::new(Slow {
                log,
                delay: asked.slow_store,
            }),
            _ => log,
        }
    }
}

const CONVERSATION: &str = "conversation:";

impl Asked {
    fn take(&mut self, fault: &str) -> Option<()> {
        let (name, value) = fault
            .split_once('=')
            .map_or((fault, None), |(name, value)| (name, Some(value)));
        let times = |unset: u64| value.map_or(Some(unset), |value| value.parse().ok().filter(|times| *times > 0));
        match name {
            "crash_after_commit" => self.commits_until_crash = AtomicU64::new(times(1)?),
            "fail_join" => self.joins_to_fail = AtomicU64::new(times(u64::MAX)?),
            "drop_handover" => self.drop_handover = value?.parse().ok().filter(|share| (0.0..=1.0).contains(share))?,
            "slow_store" => self.slow_store = Duration::from_millis(value?.strip_suffix("ms")?.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

/// A log whose every answer comes late.
struct Slow {
    log: Arc<dyn MessageLog>,
    delay: Duration,
}

impl Slow {
    async fn late<T>(&self, answer: impl Future<Output = T>) -> T {
        tokio::time::sleep(self.delay).await;
        answer.await
    }
}

#[async_trait]
impl MessageLog for Slow {
    async fn queue(&self, draft: Draft) -> Appending {
        // The place in the queue is taken at once: a slow disk does not change the order.
        let (appending, delay) = (self.log.queue(draft).await, self.delay);
        Box::pin(async move {
            let appended = appending.await;
            tokio::time::sleep(delay).await;
            appended
        })
    }

    async fn page(&self, id: &ConversationId, from: PageFrom, limit: u32) -> Result<Page<Message>, StoreError> {
        self.late(self.log.page(id, from, limit)).await
    }

    async fn edit(&self, id: &MessageId, content: &str, at: Timestamp) -> Result<Option<Message>, StoreError> {
        self.late(self.log.edit(id, content, at)).await
    }

    async fn delete(&self, id: &MessageId, at: Timestamp) -> Result<Option<Message>, StoreError> {
        self.late(self.log.delete(id, at)).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Page<Message>, StoreError> {
        self.late(self.log.search(query)).await
    }

    async fn forget_messages(&self, before: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
        self.late(self.log.forget_messages(before, at)).await
    }

    async fn index_messages(&self, at_least: u32) -> Result<bool, StoreError> {
        self.late(self.log.index_messages(at_least)).await
    }

    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        self.late(self.log.message(id)).await
    }

    async fn message_by_client_id(
        &self,
        conversation: &ConversationId,
        sender: &UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>, StoreError> {
        let found = self.log.message_by_client_id(conversation, sender, client_message_id);
        self.late(found).await
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::conversation_room;

    use super::*;

    #[test]
    fn what_is_asked_for_goes_wrong_and_nothing_else() {
        let room = conversation_room(&ConversationId::parse("a").unwrap());
        let faults = Faults::parse(" drop_handover=1 , fail_join=2,slow_store=200ms").unwrap();
        assert!(faults.drops_handover() && !faults.fails_join("user:a"));
        let joins = [(); 3].map(|()| faults.fails_join(&room));
        assert_eq!(joins, [true, true, false]);
        faults.after_commit();
        let none = Faults::parse("").unwrap();
        assert!(!none.drops_handover() && !none.fails_join(&room));
        let always = Faults::parse("fail_join").unwrap();
        assert!((0..99).all(|_| always.fails_join(&room)));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for wrong in [
            "crash",
            "crash_after_commit=0",
            "drop_handover",
            "drop_handover=2",
            "slow_store=5",
            "fail_join=x",
        ] {
            let error = Faults::parse(&format!("slow_store=1ms,{wrong}")).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("ROLLCALL_FAULTS {wrong}: it must be")),
                "{error}"
            );
        }
    }
}
