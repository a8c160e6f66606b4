//! The table of cases, the words that go with them, and what holds for any evidence.

mod arbitrary;
mod cases;
mod healthy;
mod properties;
mod scene;
mod words;
