//! REST below /api/v1, and health.
