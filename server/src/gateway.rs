//! Transports: where connections come in.
//!
//! In: bytes from outside, all of them hostile. Out: typed events for [`crate::chat`]. Guarantee: nothing that is refused
//! is refused in silence.

pub mod admin_ui;
pub mod listener;
pub mod rejected;
pub mod socketio;
pub mod websocket;
