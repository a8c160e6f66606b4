//! Pages and JSON for operators, below /admin.
