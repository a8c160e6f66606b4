//! The demo data of `rollcall serve --demo`.
