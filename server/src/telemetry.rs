//! The metrics catalogue and tracing.
