//! The use cases: send, join, leave, sync, conversations.
