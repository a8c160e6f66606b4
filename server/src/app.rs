//! The composition root: ordered start and shutdown.
