//! The adapters of the store's ports.
//!
//! In comes one whole domain operation of [`chat_core::ports`]; out goes what it came to, after it is durable. What an
//! adapter guarantees is written at the ports; one contract suite (`store/contract.rs`) holds every adapter to it.
//!
//! To add an operation: write it at its port, extend the contract suite, then each adapter ([`sqlite`], the in-memory
//! fake). To add a migration: a new numbered file below `migrations/`, listed in `sqlite/open.rs`; never edit an old one.

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
pub(crate) mod memory;
mod metrics;
pub mod sqlite;

pub use metrics::StoreMetrics;
pub use sqlite::{BackupError, OpenError, SqliteStore, backup, migrate, renew_epoch};

use chat_core::UserId;

/// What [`chat_core::ports::ConversationError::TooMany`] says.
const TOO_MANY_PARTICIPANTS: &str = "a group has at most 5000 participants";
/// What [`chat_core::ports::ConversationError::TooMany`] says.
const TOO_MANY_CONVERSATIONS: &str = "a user is in at most 1000 conversations";
/// What [`chat_core::ports::ConversationError::TooMany`] says.
const TOO_MANY_BANS: &str = "a conversation has at most 1000 bans; lift some";

/// What makes a direct conversation unique: both users, in one order. No id contains the bar.
fn direct_key(pair: &[UserId]) -> String {
    let mut ids: Vec<&str> = pair.iter().map(UserId::as_str).collect();
    ids.sort_unstable();
    ids.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_core::limits::{BANS_MAX, CONVERSATIONS_PER_USER_MAX, PARTICIPANTS_MAX};

    #[test]
    fn the_sentences_name_the_limits() {
        assert!(TOO_MANY_PARTICIPANTS.contains(&PARTICIPANTS_MAX.to_string()));
        assert!(TOO_MANY_BANS.contains(&BANS_MAX.to_string()));
        assert!(TOO_MANY_CONVERSATIONS.contains(&CONVERSATIONS_PER_USER_MAX.to_string()));
    }
}
