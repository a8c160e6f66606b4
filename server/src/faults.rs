//! Failures on purpose, for tests: `ROLLCALL_FAULTS=crash_after_commit,drop_handover=0.1,slow_store=200ms`.
//!
//! Only a build with feature `faults` and debug assertions has them. In a release build, whatever its features, the type is
//! empty and asking it costs nothing.
//!
//! | fault | what goes wrong |
//! |---|---|
//! | `crash_after_commit`, `=n` | the process dies between the commit of the first (the nth) message and its broadcast |
//! | `drop_handover=p` | that share of first hand-overs is lost on the way, and the server believes that they were made |
//! | `fail_join`, `=n` | joining a conversation's room fails, always or the first n times |
//! | `slow_store=200ms` | each message takes that much longer to be saved or read |

#[cfg(all(feature = "faults", debug_assertions))]
mod active;
#[cfg(not(all(feature = "faults", debug_assertions)))]
mod none;

#[cfg(all(feature = "faults", debug_assertions))]
pub use self::active::Faults;
#[cfg(not(all(feature = "faults", debug_assertions)))]
pub use self::none::Faults;

/// The variable that asks for faults.
pub const VARIABLE: &str = "ROLLCALL_FAULTS";

/// A wish for faults that cannot be granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{VARIABLE} {0}: it must be a comma list of crash_after_commit[=n], drop_handover=0.1, fail_join[=n], slow_store=200ms"
)]
pub struct InvalidFault(pub String);
