//! The harness of the black-box tests: the real server as a process, and what a test asks it.
//!
//! [`Server`] is one running `rollcall` with a port and a data folder of its own; it ends with the test, however the test
//! ends. [`Rest`] speaks to its REST and admin API. [`Terminal`] is a real terminal with a program in it. [`eventually()`]
//! waits without guessing how long something takes.
//!
//! Run by `tests/run`, which builds the server first. By hand: `cargo build && cargo nextest run -p rollcall-tests`.

mod eventually;
mod rest;
mod server;
mod terminal;

pub use eventually::{PATIENCE, eventually};
pub use rest::{Answer, PASSWORD, Rest, User};
pub use server::{Server, Setup, beside_the_test};
pub use terminal::Terminal;
