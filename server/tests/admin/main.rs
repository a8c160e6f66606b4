//! The admin over HTTP: who gets in, what they see, what they may change.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fake;
mod stage;

mod access;
mod bans;
mod changes;
mod lists;
mod people;
mod requests;
mod tokens;
