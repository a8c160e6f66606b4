//! Flags and environment variables.
