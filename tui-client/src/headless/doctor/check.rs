//! What is checked, in which order, and what came of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::duration::in_words;

/// A check. The order is that of a connection's way; later ones need earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Dns,
    Tcp,
    Tls,
    Http,
    Clock,
    Path,
    EngineIo,
    Polling,
    Sticky,
    WebSocket,
    Upgrade,
    Cors,
    Namespace,
    Token,
    Accepted,
    Signature,
    AutoJoin,
    Echo,
    Heartbeat,
}

impl Check {
    pub(super) const ALL: [Check; 19] = [
        Check::Dns,
        Check::Tcp,
        Check::Tls,
        Check::Http,
        Check::Clock,
        Check::Path,
        Check::EngineIo,
        Check::Polling,
        Check::Sticky,
        Check::WebSocket,
        Check::Upgrade,
        Check::Cors,
        Check::Namespace,
        Check::Token,
        Check::Accepted,
        Check::Signature,
        Check::AutoJoin,
        Check::Echo,
        Check::Heartbeat,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Check::Dns => "dns",
            Check::Tcp => "tcp",
            Check::Tls => "tls",
            Check::Http => "http",
            Check::Clock => "clock",
            Check::Path => "path",
            Check::EngineIo => "engine_io",
            Check::Polling => "polling",
            Check::Sticky => "sticky",
            Check::WebSocket => "websocket",
            Check::Upgrade => "upgrade",
            Check::Cors => "cors",
            Check::Namespace => "namespace",
            Check::Token => "token",
            Check::Accepted => "accepted",
            Check::Signature => "signature",
            Check::AutoJoin => "auto_join",
            Check::Echo => "echo",
            Check::Heartbeat => "heartbeat",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.name() == name)
    }

    /// Without these it cannot be made.
    pub(super) fn needs(self) -> &'static [Check] {
        match self {
            Check::Dns | Check::Token => &[],
            Check::Tcp => &[Check::Dns],
            Check::Tls => &[Check::Tcp],
            Check::Http => &[Check::Tcp, Check::Tls],
            // A wrong path is looked past, once the right one is found; `path` itself has failed then.
            Check::Clock | Check::Path | Check::EngineIo => &[Check::Http],
            Check::Polling | Check::WebSocket | Check::Cors => &[Check::EngineIo],
            Check::Sticky => &[Check::Polling],
            Check::Upgrade => &[Check::Polling, Check::WebSocket],
            Check::Namespace | Check::Heartbeat => &[Check::WebSocket],
            Check::Accepted | Check::Signature => &[Check::Namespace, Check::Token],
            Check::AutoJoin | Check::Echo => &[Check::Accepted],
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Good,
    Warning,
    Failed,
    /// Nothing to look at, or not asked for.
    Skipped,
    /// One that it needs has failed.
    Blocked,
}

/// What was found, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) check: Check,
    pub(super) state: State,
    pub(super) found: String,
    pub(super) remedy: Option<String>,
}

impl Finding {
    fn new(check: Check, state: State, found: impl Into<String>) -> Self {
        Self {
            check,
            state,
            found: found.into(),
            remedy: None,
        }
    }

    pub(super) fn good(check: Check, found: impl Into<String>) -> Self {
        Self::new(check, State::Good, found)
    }

    pub(super) fn skipped(check: Check, why: impl Into<String>) -> Self {
        Self::new(check, State::Skipped, why)
    }

    pub(super) fn blocked(check: Check, need: Check) -> Self {
        Self::new(
            check,
            State::Blocked,
            format!("not looked at, because {:?} failed", need.name()),
        )
    }

    pub(super) fn warning(check: Check, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, State::Warning, found)
        }
    }

    pub(super) fn failed(check: Check, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, State::Failed, found)
        }
    }

    /// The documented shape.
    pub(super) fn json(&self) -> Value {
        let state = match self.state {
            State::Good => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
            State::Skipped => "skipped",
            State::Blocked => "blocked",
        };
        json!({"check": self.check.name(), "status": state, "found": self.found, "remedy": self.remedy})
    }
}

/// ` in 12 ms`
pub(super) fn took(time: Duration) -> String {
    format!("in {}", in_words(time))
}
