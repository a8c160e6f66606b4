//! Nothing fails on purpose.

use std::sync::Arc;

use chat_core::ports::MessageLog;

use super::{InvalidFault, VARIABLE};

/// No faults.
#[derive(Debug, Clone, Default)]
pub struct Faults(());

impl Faults {
    /// Whatever is asked for: this build has none, and says so.
    pub fn parse(text: &str) -> Result<Self, InvalidFault> {
        if !text.is_empty() {
            tracing::warn!("{VARIABLE} is set, but this build has no faults: it does nothing");
        }
        Ok(Self(()))
    }

    /// A message was committed.
    pub fn after_commit(&self) {}

    /// Are any hand-overs to be lost?
    pub fn may_drop_handovers(&self) -> bool {
        false
    }

    /// Is this hand-over to be lost?
    pub fn drops_handover(&self) -> bool {
        false
    }

    /// Is joining this room to fail?
    pub fn fails_join(&self, _room: &str) -> bool {
        false
    }

    /// The log, as fast as it is.
    pub fn slowed(&self, log: Arc<dyn MessageLog>) -> Arc<dyn MessageLog> {
        log
    }
}
