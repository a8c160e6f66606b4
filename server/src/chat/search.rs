//! Searching messages, by whoever may read them.

use std::sync::Arc;
use std::time::Duration;

use chat_core::limits::page_size;
use chat_core::ports::{Reach, SearchQuery};
use chat_core::search::SearchWords;
use chat_core::{ConversationId, Role, Seq};
use rollcall_protocol::reply::{Found, FoundMessage};
use rollcall_protocol::{ErrorCode, WireError};

use super::refusal::from_store;
use super::{Actor, Chat};

/// How often it is looked whether messages are to be prepared for searching: the first search after a busy while has little left to do.
const INDEX_INTERVAL: Duration = Duration::from_secs(2);
/// So many are worth a transaction of their own...
const INDEX_WORTHWHILE: u32 = 100;
/// ... and any at every so many looks: fewer than that a search prepares by itself in no time.
const INDEX_ALL_EVERY: u32 = 5;

impl Chat {
    /// The newest messages that hold every word of `words`, in `within` or in every conversation of the actor. A service looks into
    /// one conversation at a time.
    pub async fn search(
        &self,
        actor: &Actor,
        words: SearchWords,
        within: Option<ConversationId>,
        before: Option<Seq>,
        limit: Option<u32>,
    ) -> Result<Found, WireError> {
        if let Some(id) = &within {
            self.entry_for(actor, id).await?;
        } else if before.is_some() {
            return Err(WireError::new(
                ErrorCode::BadRequest,
                "before_seq: expected a conversation_id beside it, got none",
            )
            .with_hint("message numbers count within one conversation"));
        }
        let reach = match within {
            Some(id) if actor.role == Role::Service => Reach::In(id),
            Some(id) => Reach::OfUserIn(actor.id().clone(), id),
            None => Reach::OfUser(actor.id().clone()),
        };
        let query = SearchQuery {
            reach,
            words,
            before,
            limit: page_size(limit),
        };
        let page = self
            .ports
            .log
            .search(&query)
            .await
            .map_err(|error| from_store(&error))?;
        let shown = page.items.into_iter().map(|message| FoundMessage {
            snippet: query.words.snippet(&message.content),
            message,
        });
        Ok(Found {
            messages: shown.collect(),
            more: page.more,
        })
    }

    /// Prepares messages for searching as they come, beside everything else.
    pub async fn run_search_index(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(INDEX_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for look in (1..=INDEX_ALL_EVERY).cycle() {
            ticks.tick().await;
            let at_least = if look == INDEX_ALL_EVERY { 1 } else { INDEX_WORTHWHILE };
            // A store that refuses is counted and shown elsewhere; the next tick tries again.
            while self.ports.log.index_messages(at_least).await.unwrap_or(false) {
                tokio::task::yield_now().await;
            }
        }
    }
}
