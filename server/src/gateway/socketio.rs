//! Namespace `/`.
