//! The adapters of the store's ports.
